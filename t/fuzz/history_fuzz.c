/* Timeline history files, LSNs, segment names and first pages. */
#include "core/lsn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int versions[] = {90200, 180000};
	uint64_t lsn, segno;
	uint32_t tli;
	char *text = malloc(size + 1);
	size_t i;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)tli_switch_point(text, 1, &lsn);
	(void)lsn_parse(text, &lsn);
	(void)wal_is_history(text);
	for (i = 0; i < NELEM(versions); i++) {
		(void)wal_parse_name(text, 16 << 20, versions[i], &tli, &segno);
		(void)wal_page_matches(
		    data, size, 0, 1, 1, 16 << 20, versions[i]);
	}
	free(text);
	return 0;
}
