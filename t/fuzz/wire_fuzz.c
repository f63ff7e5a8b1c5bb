/* Every decoder of core/wire.c and core/parts.c: the first byte says which. */
#include "base/std.h"
#include "core/parts.h"
#include "core/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

/* Texts become C strings sooner or later. */
static void
no_nul(struct wire_str s)
{
	if (s.len > 0 && memchr(s.s, '\0', s.len) != NULL)
		abort();
}

static void
walk_lists(const uint8_t *d, size_t n)
{
	struct wire_manifest m;
	struct wire_file f;
	struct wire_str rest, s;
	uint32_t count;

	if (wire_decode_manifest(d, n, &m, NULL) == 0)
		for (uint32_t i = 0; i < m.npatterns; i++) {
			if (wire_next_str(&m.patterns, &s) == -1)
				abort();
			no_nul(s);
		}
	if (wire_decode_batch(d, n, &count, &rest, NULL) == 0)
		for (uint32_t i = 0; i < count; i++) {
			if (wire_next_file(&rest, &f, NULL) == -1)
				abort();
			no_nul(f.path);
		}
}

/* What is found of pages must be readable to its end. */
static void
walk_parts(const uint8_t *d, size_t n)
{
	uint8_t page[1024] = {0};
	uint32_t id, last = 0;
	struct parts_peek peek;
	struct parts_want want;
	struct parts_patch patch;
	struct wire_str rest;

	if (parts_decode_peek(d, n, &peek, NULL) == 0)
		for (uint32_t i = 0; i < peek.n; i++) {
			(void)parts_differ(parts_peek_sums(&peek, i),
			    parts_peek_sums(&peek, peek.n - 1));
			if (i > 0 && parts_peek_block(&peek, i) <= last)
				abort();
			last = parts_peek_block(&peek, i);
		}
	if (parts_decode_want(d, n, &want, NULL) == 0)
		for (uint32_t i = 0; i < want.n; i++)
			(void)parts_want_map(&want, i);
	if (parts_decode_patch(d, n, &id, &rest, NULL) == 0)
		while (rest.len > 0 &&
		       parts_next_patch(&rest, sizeof(page), &patch, NULL) == 0)
			parts_fill(page, sizeof(page), &patch);
}

/* What a decoder accepts, the encoder must write again, byte for byte. */
static void
same(struct buf *b, const uint8_t *d, size_t n)
{
	if (b->len != n || (n > 0 && memcmp(b->data, d, n) != 0))
		abort();
	buf_free(b);
}

static void
decode_requests(const uint8_t *d, size_t n)
{
	struct buf b = BUF_INIT;
	struct wire_open o;
	struct wire_pages p;
	struct wire_sig s;
	struct wire_operate v;
	uint64_t lsn;

	if (wire_decode_operate(d, n, &v, NULL) == 0) {
		no_nul(v.pgdata);
		no_nul(v.self);
		no_nul(v.node);
		wire_encode_operate(&b, &v);
		same(&b, d, n);
	}
	if (wire_decode_open(d, n, &o, NULL) == 0) {
		wire_encode_open(&b, &o);
		same(&b, d, n);
	}
	(void)wire_decode_verify(d, n, &lsn, NULL);
	if (wire_decode_pages(d, n, &p, NULL) == 0) {
		wire_encode_pages(&b, &p);
		same(&b, d, n);
	}
	if (wire_decode_sig(d, n, &s, NULL) == 0) {
		wire_encode_sig(&b, &s);
		same(&b, d, n);
	}
}

static void
decode_answers(const uint8_t *d, size_t n)
{
	struct buf b = BUF_INIT;
	struct wire_opened o;
	struct wire_end m;
	struct wire_file_end f;
	struct wire_done done;
	struct wire_operated v;
	struct wire_config_file c;
	uint64_t bytes;

	if (wire_decode_config_file(d, n, &c, NULL) == 0) {
		no_nul(c.path);
		no_nul(c.data);
		wire_encode_config_file(&b, &c);
		same(&b, d, n);
	}

	if (wire_decode_operated(d, n, &v, NULL) == 0) {
		no_nul(v.text);
		wire_encode_operated(&b, &v);
		same(&b, d, n);
	}
	if (wire_decode_opened(d, n, &o, NULL) == 0) {
		wire_encode_opened(&b, &o);
		same(&b, d, n);
	}
	if (wire_decode_end(d, n, &m, NULL) == 0) {
		wire_encode_end(&b, &m);
		same(&b, d, n);
	}
	if (wire_decode_file_end(d, n, &f, NULL) == 0) {
		wire_encode_file_end(&b, &f);
		same(&b, d, n);
	}
	if (wire_decode_done(d, n, &done, NULL) == 0) {
		wire_encode_done(&b, &done);
		same(&b, d, n);
	}
	(void)wire_decode_pong(d, n, &bytes, NULL);
}

static void
decode_error(const uint8_t *d, size_t n)
{
	struct err e = ERR_INIT;
	uint32_t id;

	if (wire_decode_err(d, n, &id, &e) != -1 || !err_is_set(&e))
		abort();
	for (const char *p = e.text; *p != '\0'; p++)
		if ((uint8_t)*p < 0x20 || *p == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct wire_hello h;

	if (n == 0)
		return 0;
	switch (d[0] % 5) {
	case 0:
		(void)wire_decode_hello(d + 1, n - 1, &h, NULL);
		break;
	case 1:
		walk_lists(d + 1, n - 1);
		walk_parts(d + 1, n - 1);
		break;
	case 2:
		decode_requests(d + 1, n - 1);
		break;
	case 3:
		decode_answers(d + 1, n - 1);
		break;
	default:
		decode_error(d + 1, n - 1);
	}
	return 0;
}
