#include "base/std.h"
#include "base/bytes.h"
#include "core/lsn.h"
#include "core/pgver.h"

#define MB (UINT32_C(1) << 20)

/* Segments of servers whose history files hold segment names (< 9.3). */
static const uint32_t old_segsize = 16 * MB;

static int
hex_value(char c, bool lower_too)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (lower_too && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* One to eight hex digits; returns what is behind them, or NULL. */
static const char *
parse_hex(const char *s, uint32_t *value)
{
	int n, digit;

	*value = 0;
	for (n = 0; (digit = hex_value(s[n], true)) != -1; n++) {
		if (n == 8)
			return NULL;
		*value = *value << 4 | (uint32_t)digit;
	}
	return n == 0 ? NULL : s + n;
}

/* "16/B374D848" with anything behind it; returns that, or NULL. */
static const char *
parse_lsn(const char *s, uint64_t *lsn)
{
	uint32_t high, low;

	if ((s = parse_hex(s, &high)) == NULL || *s != '/')
		return NULL;
	if ((s = parse_hex(s + 1, &low)) == NULL)
		return NULL;
	*lsn = (uint64_t)high << 32 | low;
	return s;
}

int
lsn_parse(const char *text, uint64_t *lsn)
{
	uint64_t value;
	const char *end = text == NULL ? NULL : parse_lsn(text, &value);

	if (end == NULL || *end != '\0')
		return -1;
	*lsn = value;
	return 0;
}

const char *
lsn_format(uint64_t lsn, char *buf)
{
	snprintf(buf, LSN_TEXT, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32),
	    (uint32_t)lsn);
	return buf;
}

uint64_t
lsn_load(const void *p, bool lsn64)
{
	const uint8_t *b = p;

	return lsn64 ? bytes_u64(b)
		     : (uint64_t)bytes_u32(b) << 32 | bytes_u32(b + 4);
}

/* Bytes of WAL before lsn, without the hole at the end of each log id. */
static uint64_t
linear(uint64_t lsn, int version)
{
	return (lsn >> 32) * pgver_xlogid_bytes(version) + (uint32_t)lsn;
}

int64_t
lsn_diff(uint64_t a, uint64_t b, int version)
{
	return (int64_t)(linear(a, version) - linear(b, version));
}

bool
wal_segsize_valid(uint32_t segsize)
{
	return segsize >= MB && segsize <= 1024 * MB &&
	       (segsize & (segsize - 1)) == 0;
}

uint64_t
wal_segno(uint64_t lsn, uint32_t segsize, int version)
{
	if (!wal_segsize_valid(segsize))
		return 0;
	return (lsn >> 32) * pgver_segments_per_xlogid(version, segsize) +
	       (uint32_t)lsn / segsize;
}

uint64_t
wal_segment_start(uint64_t segno, uint32_t segsize, int version)
{
	uint32_t per_id;

	if (!wal_segsize_valid(segsize))
		return 0;
	per_id = pgver_segments_per_xlogid(version, segsize);
	return (segno / per_id) << 32 | (segno % per_id) * segsize;
}

const char *
wal_name(uint32_t tli, uint64_t segno, uint32_t segsize, int version, char *buf)
{
	uint32_t per_id;

	buf[0] = '\0';
	if (!wal_segsize_valid(segsize))
		return buf;
	per_id = pgver_segments_per_xlogid(version, segsize);
	snprintf(buf, WAL_NAME, "%08" PRIX32 "%08" PRIX32 "%08" PRIX32, tli,
	    (uint32_t)(segno / per_id), (uint32_t)(segno % per_id));
	return buf;
}

/* Exactly eight upper-case hex digits. */
static bool
name_part(const char *s, uint32_t *value)
{
	int i, digit;

	*value = 0;
	for (i = 0; i < 8; i++) {
		if ((digit = hex_value(s[i], false)) == -1)
			return false;
		*value = *value << 4 | (uint32_t)digit;
	}
	return true;
}

int
wal_parse_name(const char *name, uint32_t segsize, int version, uint32_t *tli,
    uint64_t *segno)
{
	uint32_t part[3], per_id;

	if (!wal_segsize_valid(segsize) || !name_part(name, &part[0]) ||
	    !name_part(name + 8, &part[1]) || !name_part(name + 16, &part[2]) ||
	    name[24] != '\0')
		return -1;
	per_id = pgver_segments_per_xlogid(version, segsize);
	if (part[0] == 0 || part[2] >= per_id)
		return -1;
	*tli = part[0];
	*segno = (uint64_t)part[1] * per_id + part[2];
	return 0;
}

bool
wal_is_history(const char *name)
{
	uint32_t tli;

	return name_part(name, &tli) && tli != 0 &&
	       strcmp(name + 8, ".history") == 0;
}

/* XLogLongPageHeaderData (xlog_internal.h): the first page of a segment. */
struct page_header {
	uint16_t magic;
	uint16_t info;
	uint32_t tli;
	uint64_t lsn;
	uint32_t segsize;
};
#define PAGE_HEADER_MAX 40
#define XLP_LONG_HEADER 0x0002

static void
page_header(const unsigned char *p, bool lsn64, struct page_header *h)
{
	h->magic = bytes_u16(p);
	h->info = bytes_u16(p + 2);
	h->tli = bytes_u32(p + 4);
	h->lsn = lsn_load(p + 8, lsn64);
	/* Before it: from 9.3 xlp_rem_len and padding, and the system
	 * identifier. */
	h->segsize = bytes_u32(p + (lsn64 ? 32 : 24));
}

bool
wal_page_matches(const void *page, size_t len, uint16_t magic, uint32_t tli,
    uint64_t segno, uint32_t segsize, int version)
{
	struct page_header h;

	if (len < PAGE_HEADER_MAX || !wal_segsize_valid(segsize))
		return false;
	page_header(page, pgver_lsn64(version), &h);
	return (magic == 0 || h.magic == magic) &&
	       (h.info & XLP_LONG_HEADER) != 0 && h.segsize == segsize &&
	       h.tli != 0 && h.tli <= tli &&
	       h.lsn == wal_segment_start(segno, segsize, version);
}

static const char *
skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\r')
		s++;
	return s;
}

/* Where a timeline was left: an LSN, or a segment name (< 9.3), as a word. */
static int
parse_switch(const char *s, uint64_t *lsn)
{
	uint32_t part[3];
	const char *end = parse_lsn(s, lsn);

	if (end == NULL) {
		if (!name_part(s, &part[0]) || !name_part(s + 8, &part[1]) ||
		    !name_part(s + 16, &part[2]) || part[2] > 0xFE)
			return -1;
		*lsn = (uint64_t)part[1] << 32 | part[2] * old_segsize;
		end = s + 24;
	}
	return strchr(" \t\r\n", *end) == NULL ? -1 : 0;
}

/* "tli <white space> where <white space> reason"; s is at the number. */
static int
parse_history_line(const char *s, uint32_t *tli, uint64_t *lsn)
{
	uint64_t value = 0;
	const char *start = s;

	for (; *s >= '0' && *s <= '9'; s++) {
		value = value * 10 + (uint64_t)(*s - '0');
		if (value > UINT32_MAX)
			return -1;
	}
	if (s == start || value == 0 || (*s != '\t' && *s != ' '))
		return -1;
	*tli = (uint32_t)value;
	return parse_switch(skip_blanks(s), lsn);
}

int
tli_switch_point(const char *text, uint32_t tli, uint64_t *switch_lsn)
{
	uint32_t line_tli, last_tli = 0;
	uint64_t lsn, found_lsn = 0;
	bool found = false;
	const char *s, *end;

	if (strnlen(text, TLI_HISTORY_MAX + 1) > TLI_HISTORY_MAX)
		return -1;
	for (s = text; *s != '\0'; s = *end == '\0' ? end : end + 1) {
		end = s + strcspn(s, "\n");
		s = skip_blanks(s);
		if (s == end || *s == '#')
			continue;
		/* As the server: ancestors are in increasing order. */
		if (parse_history_line(s, &line_tli, &lsn) == -1 ||
		    line_tli <= last_tli)
			return -1;
		last_tli = line_tli;
		if (line_tli == tli) {
			found = true;
			found_lsn = lsn;
		}
	}
	if (found)
		*switch_lsn = found_lsn;
	return found ? 1 : 0;
}
