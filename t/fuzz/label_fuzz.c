/* backup_label and tablespace_map, as a hostile server may send them. */
#include "core/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
map_odd(void *arg, uint32_t oid, const char *path)
{
	(void)arg;
	(void)path;
	return (oid & 1) != 0 ? "/new\\path\nwith everything" : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int versions[] = {130000, 180000};
	const char *text = (const char *)data;
	struct err e = ERR_INIT;
	struct buf out = BUF_INIT;
	struct label l;
	size_t i;

	(void)label_parse(text, size, &l, &e);
	for (i = 0; i < NELEM(versions); i++) {
		err_clear(&e);
		buf_reset(&out);
		(void)label_map_rewrite(
		    text, size, versions[i], map_odd, NULL, &out, &e);
	}
	buf_free(&out);
	return 0;
}
