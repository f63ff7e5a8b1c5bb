#include "base/std.h"
#include "base/utf8.h"

size_t
utf8_char(const unsigned char *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len;

	if (p[0] < 0x80)
		len = 1;
	else
		len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
	*code = p[0];
	if (len == 1)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4 || len > n)
		return 0;
	*code = p[0] & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3Fu);
	}
	if (*code < least[len] || *code > 0x10FFFF ||
	    (*code >= 0xD800 && *code <= 0xDFFF))
		return 0;
	return len;
}

bool
utf8_is_unsafe(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} range[] = {
	    {0x00, 0x1F}, {'\\', '\\'}, {0x7F, 0x9F},
	    {0x061C, 0x061C}, /* Arabic letter mark */
	    {0x200E, 0x200F}, /* left-to-right, right-to-left mark */
	    {0x2028, 0x202E}, /* line, paragraph; embeddings, overrides */
	    {0x2066, 0x2069}, /* isolates */
	};

	for (size_t i = 0; i < NELEM(range); i++)
		if (code >= range[i].first && code <= range[i].last)
			return true;
	return false;
}
