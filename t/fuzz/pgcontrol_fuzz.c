/* pg_control, as it comes and with its CRC made right. */
#include "core/pgcontrol.h"
#include "core/pgver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Most inputs would end at the CRC. */
static void
fix_crc(unsigned char *p, size_t size)
{
	const struct pgver_control *o;
	uint32_t control, catalog, crc;

	if (size < 16)
		return;
	memcpy(&control, p + 8, 4);
	memcpy(&catalog, p + 12, 4);
	o = pgver_control(control, catalog);
	if (o == NULL || size < (size_t)o->crc + 4)
		return;
	crc = o->crc32c ? pgcontrol_crc32c(p, (size_t)o->crc)
			: pgcontrol_crc32(p, (size_t)o->crc);
	memcpy(p + o->crc, &crc, 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pgcontrol c;
	unsigned char *p;
	uint32_t tli;

	(void)pgcontrol_check(data, size, NULL);
	if (size == 0 || size > PGCONTROL_MAX || (p = malloc(size)) == NULL)
		return 0;
	memcpy(p, data, size);
	fix_crc(p, size);
	if (pgcontrol_parse(p, size, &c, NULL) == 0) {
		(void)pgcontrol_reached(&c, &tli);
		(void)pgcontrol_state_name(c.state);
	}
	free(p);
	return 0;
}
