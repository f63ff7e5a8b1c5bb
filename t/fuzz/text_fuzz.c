/* Sizes, times and escaping over any bytes. */
#include "base/std.h"
#include "core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is escaped is printable, and escaping it again changes the
 * backslashes only. */
static void
check_escaped(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if ((unsigned char)b->data[i] < 0x20 || b->data[i] == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT, s = BUF_INIT;
	uint64_t bytes;
	int64_t ms = 0;
	char slot[64];

	buf_add(&s, data, size);
	text_add_escaped(&b, data, size);
	check_escaped(&b);
	buf_reset(&b);
	text_add_tail(&b, data, size, 3, "x");
	buf_reset(&b);
	if (text_size(buf_str(&s), &bytes) == 0) {
		text_add_size(&b, bytes);
		check_escaped(&b);
	}
	if (text_time(buf_str(&s), &ms) == 0) {
		if (ms < 0)
			abort();
		text_add_duration(&b, ms);
	}
	text_slot_name(buf_str(&s), slot);
	if (strlen(slot) < 1 || strlen(slot) > 63)
		abort();
	(void)text_nearest(buf_str(&s),
	    (const char *const[]){"jobs", "max-rate", "exclude"}, 3);
	buf_free(&b);
	buf_free(&s);
	return 0;
}
