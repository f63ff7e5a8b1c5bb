/* Payloads: what is encoded comes back, anything else is refused. */
#include "base/std.h"
#include "core/wire.h"

#include <setjmp.h>
#include <cmocka.h>

#define STR(text)                                                              \
	{                                                                      \
		.s = (text), .len = sizeof(text) - 1                           \
	}

static bool
is(struct wire_str s, const char *want)
{
	return s.len == strlen(want) && memcmp(s.s, want, s.len) == 0;
}

/* ---- one valid payload of each kind ---- */

static void
make_hello(struct buf *b)
{
	wire_encode_hello(b, "0.1.0");
}

static const struct wire_open open_value = {
    .system_identifier = UINT64_C(0x1122334455667788),
    .seed = UINT64_MAX,
    .block_size = 8192,
    .max_rate = 1000000,
    .compress = 255,
    .pgdata = STR("/srv/pg data"),
};

static void
make_open(struct buf *b)
{
	wire_encode_open(b, &open_value);
}

static const struct wire_opened opened_value = {
    .system_identifier = 7,
    .control_version = 1300,
    .catalog_version = 202209061,
    .mode = 0700,
    .dev = 1,
    .ino = 2,
    .real_ns = 3,
    .boot_ns = 4,
    .cores = 6,
    .boot_id = STR("b"),
    .pg_version = STR("15"),
    .resolved = STR("/srv"),
    .libc = STR(""),
    .wal_link = STR("/wal"),
};

static void
make_opened(struct buf *b)
{
	wire_encode_opened(b, &opened_value);
}

static void
make_manifest(struct buf *b)
{
	static const char *const patterns[] = {"*.log", "", "core"};
	static const struct wire_manifest m = {
	    .flags = WIRE_MANIFEST_RECURSE,
	    .dir = STR(""),
	    .log_dir = STR("log"),
	    .stats_temp = STR("pg_stat_tmp"),
	    .trigger = STR(""),
	    .npatterns = 3,
	};

	wire_encode_manifest(b, &m, patterns);
}

static void
make_end(struct buf *b)
{
	static const struct wire_end m = {1, {2}, 3};

	wire_encode_end(b, &m);
}

static void
make_batch(struct buf *b)
{
	static const struct wire_file files[] = {
	    {0, 0, 10, STR("base/1/10")},
	    {1, WIRE_FILE_TO_EOF | WIRE_FILE_SAME, UINT64_MAX, STR("a")},
	};

	buf_add_u32(b, NELEM(files));
	for (size_t i = 0; i < NELEM(files); i++)
		wire_encode_file(b, &files[i]);
}

static const uint8_t hashes[2 * WIRE_HASH] = {1, 2, 3};

static void
make_pages(struct buf *b)
{
	static const struct wire_pages p = {
	    .id = 5,
	    .flags = WIRE_FIRST,
	    .limit = 81920,
	    .path = STR("base/1/11"),
	    .block = 0,
	    .count = 10,
	    .nhash = 2,
	    .hash = hashes,
	};

	wire_encode_pages(b, &p);
}

static void
make_more_pages(struct buf *b)
{
	static const struct wire_pages p = {
	    .id = 5,
	    .flags = WIRE_LAST,
	    .block = 10,
	    .count = WIRE_PAGES_MAX,
	};

	wire_encode_pages(b, &p);
}

static void
make_file_end(struct buf *b)
{
	static const struct wire_file_end f = {
	    9, WIRE_FILE_OK, 16384, {4}, 2, 131072, true, {5, -6, 7, 8, 9}};

	wire_encode_file_end(b, &f);
}

static void
make_done(struct buf *b)
{
	static const struct wire_done m = {1, 2, {3}};

	wire_encode_done(b, &m);
}

static void
make_rate(struct buf *b)
{
	wire_encode_rate(b, UINT64_C(80000000));
}

static void
make_verify(struct buf *b)
{
	wire_encode_verify(b, UINT64_C(0x500000028));
}

static const struct wire_operate operate_value = {
    .verb = 5,
    .system_identifier = UINT64_MAX,
    .timeline = 3,
    .from = UINT64_C(0x1600000028),
    .timeout_ms = 60000,
    .pgdata = STR("/srv/pg data"),
    .self = STR("node1"),
    .node = STR(""),
};

static void
make_operate(struct buf *b)
{
	wire_encode_operate(b, &operate_value);
}

static const struct wire_operated operated_value = {
    .running = WIRE_RUNS_UNKNOWN,
    .pid = 4711,
    .status = 143,
    .wal_end = UINT64_C(0x1600000060),
    .timeline = 4,
    .state = 5,
    .standby = true,
    .text = STR(""),
};

static void
make_operated(struct buf *b)
{
	wire_encode_operated(b, &operated_value);
}

static const struct wire_config_file config_value = {
    .kind = WIRE_CONFIG_HBA,
    .mode = 0640,
    .path = STR("/etc/postgresql/15/main/pg_hba.conf"),
    .data = STR("local all all peer\n"),
};

static void
make_config(struct buf *b)
{
	struct wire_config_file v = config_value;

	v.data.len = 0;
	wire_encode_config_file(b, &v);
}

static void
make_pong(struct buf *b)
{
	wire_encode_pong(b, 12345);
}

/* ---- decoders behind one signature ---- */

static int
hello(const void *d, size_t n, struct err *e)
{
	struct wire_hello v;

	return wire_decode_hello(d, n, &v, e);
}

static int
open_(const void *d, size_t n, struct err *e)
{
	struct wire_open v;

	return wire_decode_open(d, n, &v, e);
}

static int
opened(const void *d, size_t n, struct err *e)
{
	struct wire_opened v;

	return wire_decode_opened(d, n, &v, e);
}

static int
manifest(const void *d, size_t n, struct err *e)
{
	struct wire_manifest v;

	return wire_decode_manifest(d, n, &v, e);
}

static int
end(const void *d, size_t n, struct err *e)
{
	struct wire_end v;

	return wire_decode_end(d, n, &v, e);
}

static int
batch(const void *d, size_t n, struct err *e)
{
	struct wire_str rest;
	uint32_t count;

	return wire_decode_batch(d, n, &count, &rest, e);
}

static int
pages(const void *d, size_t n, struct err *e)
{
	struct wire_pages v;

	return wire_decode_pages(d, n, &v, e);
}

static int
file_end(const void *d, size_t n, struct err *e)
{
	struct wire_file_end v;

	return wire_decode_file_end(d, n, &v, e);
}

static int
done(const void *d, size_t n, struct err *e)
{
	struct wire_done v;

	return wire_decode_done(d, n, &v, e);
}

static int
pong(const void *d, size_t n, struct err *e)
{
	uint64_t v;

	return wire_decode_pong(d, n, &v, e);
}

static int
operate(const void *d, size_t n, struct err *e)
{
	struct wire_operate v;

	return wire_decode_operate(d, n, &v, e);
}

static int
operated(const void *d, size_t n, struct err *e)
{
	struct wire_operated v;

	return wire_decode_operated(d, n, &v, e);
}

static int
config(const void *d, size_t n, struct err *e)
{
	struct wire_config_file v;

	return wire_decode_config_file(d, n, &v, e);
}

static int
sig(const void *d, size_t n, struct err *e)
{
	struct wire_sig v;

	return wire_decode_sig(d, n, &v, e);
}

static int
rate(const void *d, size_t n, struct err *e)
{
	uint64_t v;

	return wire_decode_rate(d, n, &v, e);
}

static int
verify(const void *d, size_t n, struct err *e)
{
	uint64_t v;

	return wire_decode_verify(d, n, &v, e);
}

static const struct kind {
	const char *name;
	void (*make)(struct buf *b);
	int (*decode)(const void *d, size_t n, struct err *e);
} kinds[] = {
    {"hello", make_hello, hello},
    {"open", make_open, open_},
    {"opened", make_opened, opened},
    {"manifest", make_manifest, manifest},
    {"end", make_end, end},
    {"batch", make_batch, batch},
    {"pages", make_pages, pages},
    {"more pages", make_more_pages, pages},
    {"file end", make_file_end, file_end},
    {"done", make_done, done},
    {"operate", make_operate, operate},
    {"operated", make_operated, operated}, /* the byte more is a NUL */
    {"verify", make_verify, verify},
    {"rate", make_rate, rate},
    {"config file", make_config, config}, /* likewise */
    {"pong", make_pong, pong},
};

/* A copy of exactly n bytes, so that the sanitizer sees a read behind it. */
static int
decode_copy(const struct kind *k, const char *d, size_t n, struct err *e)
{
	char *copy = malloc(n == 0 ? 1 : n);
	int rc;

	assert_non_null(copy);
	memcpy(copy, d, n);
	rc = k->decode(copy, n, e);
	free(copy);
	return rc;
}

static void
every_payload_is_accepted_whole_and_refused_cut_or_longer(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(kinds); i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;

		kinds[i].make(&b);
		if (decode_copy(&kinds[i], b.data, b.len, &e) == -1)
			fail_msg("%s: %s", kinds[i].name, e.text);
		for (size_t n = 0; n < b.len; n++) {
			err_clear(&e);
			if (decode_copy(&kinds[i], b.data, n, &e) == 0)
				fail_msg("%s cut to %zu was accepted",
				    kinds[i].name, n);
			assert_int_equal(e.code, ERR_PROTOCOL);
		}
		buf_addc(&b, 0);
		if (decode_copy(&kinds[i], b.data, b.len, NULL) == 0)
			fail_msg(
			    "%s with a byte more was accepted", kinds[i].name);
		buf_free(&b);
	}
}

static void
header_holds_type_and_length_up_to_the_limit(void **state)
{
	uint8_t h[WIRE_HEADER], type;
	uint32_t len;

	(void)state;
	wire_encode_header(h, WIRE_DATA | WIRE_ZIPPED, WIRE_MAX);
	assert_int_equal(wire_decode_header(h, &type, &len), 0);
	assert_int_equal(type, WIRE_DATA | WIRE_ZIPPED);
	assert_int_equal(len, WIRE_MAX);
	assert_memory_equal(h + 1, "\0\x10\0\0", 4);
	wire_encode_header(h, WIRE_DATA, WIRE_MAX + 1);
	assert_int_equal(wire_decode_header(h, &type, &len), -1);
	wire_encode_header(h, WIRE_DATA, UINT32_MAX);
	assert_int_equal(wire_decode_header(h, &type, &len), -1);
}

static void
open_comes_back(void **state)
{
	struct buf b = BUF_INIT;
	struct wire_open o;

	(void)state;
	make_open(&b);
	assert_int_equal(wire_decode_open(b.data, b.len, &o, NULL), 0);
	assert_true(o.system_identifier == open_value.system_identifier);
	assert_true(o.seed == UINT64_MAX);
	assert_int_equal(o.block_size, 8192);
	assert_int_equal(o.max_rate, 1000000);
	assert_int_equal(o.compress, 255);
	assert_true(is(o.pgdata, "/srv/pg data"));
	buf_free(&b);
}

static void
open_with_values_out_of_range_is_refused(void **state)
{
	struct wire_open t[10];

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		t[i] = open_value;
	t[0].block_size = 0;
	t[1].block_size = 512;
	t[2].block_size = 8193;
	t[3].block_size = 131072;
	t[4].compress = 23;
	t[5].compress = 254;
	t[6].pgdata = (struct wire_str)STR("");
	t[7].pgdata = (struct wire_str)STR("srv");
	t[8].pgdata = (struct wire_str)STR("/s\0v");
	t[9].block_size = 24576;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;
		struct wire_open o;

		wire_encode_open(&b, &t[i]);
		if (wire_decode_open(b.data, b.len, &o, &e) == 0)
			fail_msg("case %zu was accepted", i);
		assert_int_equal(e.code, ERR_PROTOCOL);
		buf_free(&b);
	}
}

static void
operate_comes_back(void **state)
{
	struct buf b = BUF_INIT;
	struct wire_operate o;

	(void)state;
	make_operate(&b);
	assert_int_equal(wire_decode_operate(b.data, b.len, &o, NULL), 0);
	assert_int_equal(o.verb, 5);
	assert_true(o.system_identifier == UINT64_MAX);
	assert_int_equal(o.timeline, 3);
	assert_true(o.from == operate_value.from);
	assert_int_equal(o.timeout_ms, 60000);
	assert_true(is(o.pgdata, "/srv/pg data") && is(o.self, "node1"));
	assert_true(is(o.node, ""));
	buf_free(&b);
}

static void
operate_with_values_out_of_range_is_refused(void **state)
{
	struct wire_operate t[9];

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		t[i] = operate_value;
	t[0].verb = 0;
	t[1].verb = WIRE_VERB_MAX + 1;
	t[2].timeout_ms = 0;
	t[3].timeout_ms = WIRE_OPERATE_MS_MAX + 1;
	t[4].pgdata = (struct wire_str)STR("");
	t[5].pgdata = (struct wire_str)STR("srv");
	t[6].pgdata = (struct wire_str)STR("/s\0v");
	t[7].self = (struct wire_str)STR("a\0b");
	t[8].node = (struct wire_str)STR("\0");
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;
		struct wire_operate o;

		wire_encode_operate(&b, &t[i]);
		if (wire_decode_operate(b.data, b.len, &o, &e) == 0)
			fail_msg("case %zu was accepted", i);
		assert_int_equal(e.code, ERR_PROTOCOL);
		buf_free(&b);
	}
}

static void
a_config_file_comes_back_and_is_bounded(void **state)
{
	static char much[WIRE_CONFIG_MAX + 1];
	static const struct wire_str none = STR("");
	struct wire_config_file t[8], o;
	struct buf b = BUF_INIT;

	(void)state;
	wire_encode_config_file(&b, &config_value);
	assert_int_equal(wire_decode_config_file(b.data, b.len, &o, NULL), 0);
	assert_int_equal(o.kind, WIRE_CONFIG_HBA);
	assert_int_equal(o.mode, 0640);
	assert_memory_equal(o.path.s, "/etc/postgresql", 15);
	assert_int_equal(o.data.len, 19);
	memset(much, 'x', sizeof(much));
	for (size_t i = 0; i < NELEM(t); i++)
		t[i] = config_value;
	t[0].kind = WIRE_CONFIG_NAMED + 1;
	t[1].mode = 010000;
	t[2].path = (struct wire_str)STR("etc/p");
	t[3].path = none;
	t[4].data = (struct wire_str){much, sizeof(much)};
	t[5].data = (struct wire_str){"a\0b", 3};
	t[6].kind = WIRE_CONFIG_END;
	t[7] = (struct wire_config_file){
	    .kind = WIRE_CONFIG_END, .path = none, .data = STR("x")};
	for (size_t i = 0; i < NELEM(t); i++) {
		buf_reset(&b);
		wire_encode_config_file(&b, &t[i]);
		if (wire_decode_config_file(b.data, b.len, &o, NULL) == 0)
			fail_msg("case %zu was accepted", i);
	}
	t[4].data.len--;
	buf_reset(&b);
	wire_encode_config_file(&b, &t[4]);
	assert_int_equal(wire_decode_config_file(b.data, b.len, &o, NULL), 0);
	assert_true(b.len <= WIRE_MAX);
	buf_free(&b);
}

static void
operated_comes_back_and_is_bounded(void **state)
{
	static char much[WIRE_OUTPUT_MAX + 1];
	struct wire_operated v = operated_value, o;
	struct buf b = BUF_INIT;

	(void)state;
	memset(much, 'x', sizeof(much));
	v.text = (struct wire_str){much, WIRE_OUTPUT_MAX};
	wire_encode_operated(&b, &v);
	assert_int_equal(wire_decode_operated(b.data, b.len, &o, NULL), 0);
	assert_int_equal(o.running, WIRE_RUNS_UNKNOWN);
	assert_int_equal(o.pid, 4711);
	assert_int_equal(o.status, 143);
	assert_true(o.wal_end == v.wal_end);
	assert_int_equal(o.timeline, 4);
	assert_int_equal(o.state, 5);
	assert_true(o.standby);
	assert_int_equal(o.text.len, WIRE_OUTPUT_MAX);
	buf_addc(&b, 'x');
	assert_int_equal(wire_decode_operated(b.data, b.len, &o, NULL), -1);
	buf_reset(&b);
	v = operated_value;
	v.running = 3;
	wire_encode_operated(&b, &v);
	assert_int_equal(wire_decode_operated(b.data, b.len, &o, NULL), -1);
	buf_reset(&b);
	v = operated_value;
	v.status = 256;
	wire_encode_operated(&b, &v);
	assert_int_equal(wire_decode_operated(b.data, b.len, &o, NULL), -1);
	buf_reset(&b);
	v = operated_value;
	v.state = WIRE_STATE_MAX + 1;
	wire_encode_operated(&b, &v);
	assert_int_equal(wire_decode_operated(b.data, b.len, &o, NULL), -1);
	buf_reset(&b);
	v = operated_value;
	wire_encode_operated(&b, &v);
	b.data[26] = 2; /* standby */
	assert_int_equal(wire_decode_operated(b.data, b.len, &o, NULL), -1);
	buf_free(&b);
}

static void
opened_comes_back(void **state)
{
	struct buf b = BUF_INIT;
	struct wire_opened o;

	(void)state;
	make_opened(&b);
	assert_int_equal(wire_decode_opened(b.data, b.len, &o, NULL), 0);
	assert_int_equal(o.system_identifier, 7);
	assert_int_equal(o.control_version, 1300);
	assert_int_equal(o.catalog_version, 202209061);
	assert_int_equal(o.mode, 0700);
	assert_int_equal(o.dev, 1);
	assert_int_equal(o.ino, 2);
	assert_int_equal(o.real_ns, 3);
	assert_int_equal(o.boot_ns, 4);
	assert_int_equal(o.cores, 6);
	assert_true(is(o.boot_id, "b") && is(o.pg_version, "15"));
	assert_true(is(o.resolved, "/srv") && is(o.libc, ""));
	assert_true(is(o.wal_link, "/wal"));
	buf_free(&b);
}

static void
manifest_gives_its_patterns_one_by_one(void **state)
{
	struct buf b = BUF_INIT;
	struct wire_manifest m;
	struct wire_str s;

	(void)state;
	make_manifest(&b);
	assert_int_equal(wire_decode_manifest(b.data, b.len, &m, NULL), 0);
	assert_int_equal(m.flags, WIRE_MANIFEST_RECURSE);
	assert_true(is(m.log_dir, "log") && is(m.trigger, ""));
	assert_int_equal(m.npatterns, 3);
	assert_int_equal(wire_next_str(&m.patterns, &s), 0);
	assert_true(is(s, "*.log"));
	assert_int_equal(wire_next_str(&m.patterns, &s), 0);
	assert_true(is(s, ""));
	assert_int_equal(wire_next_str(&m.patterns, &s), 0);
	assert_true(is(s, "core"));
	assert_int_equal(wire_next_str(&m.patterns, &s), -1);
	buf_free(&b);
}

static void
batch_gives_its_files_one_by_one(void **state)
{
	struct buf b = BUF_INIT;
	struct wire_file f;
	struct wire_str rest;
	uint32_t n;

	(void)state;
	make_batch(&b);
	assert_int_equal(wire_decode_batch(b.data, b.len, &n, &rest, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(wire_next_file(&rest, &f, NULL), 0);
	assert_true(f.id == 0 && f.limit == 10 && is(f.path, "base/1/10"));
	assert_int_equal(wire_next_file(&rest, &f, NULL), 0);
	assert_true(f.limit == UINT64_MAX && is(f.path, "a"));
	assert_int_equal(f.flags, WIRE_FILE_TO_EOF | WIRE_FILE_SAME);
	assert_int_equal(wire_next_file(&rest, &f, NULL), -1);
	buf_free(&b);
}

static void
batch_with_bad_files_is_refused_before_any_is_served(void **state)
{
	static char path[1026];
	static const struct wire_file bad[] = {
	    {WIRE_NO_ID, 0, 1, STR("a")},
	    {1, 4, 1, STR("a")},
	    {1, 0, 1, STR("")},
	    {1, 0, 1, STR("a\0b")},
	    {1, 0, 1, {.s = path, .len = 1025}},
	};
	static const struct wire_file good = {0, 0, 1, STR("a")};

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	for (size_t i = 0; i < NELEM(bad); i++) {
		struct buf b = BUF_INIT;

		buf_add_u32(&b, 2);
		wire_encode_file(&b, &good);
		wire_encode_file(&b, &bad[i]);
		if (batch(b.data, b.len, NULL) == 0)
			fail_msg("case %zu was accepted", i);
		buf_free(&b);
	}
	assert_int_equal(batch("\0\0\0\0", 4, NULL), -1); /* no file */
	assert_int_equal(batch("\xff\xff\xff\xff", 4, NULL), -1);
}

static void
pages_come_back(void **state)
{
	struct buf b = BUF_INIT;
	struct wire_pages p;

	(void)state;
	make_pages(&b);
	assert_int_equal(wire_decode_pages(b.data, b.len, &p, NULL), 0);
	assert_true(p.id == 5 && p.flags == WIRE_FIRST && p.limit == 81920);
	assert_true(is(p.path, "base/1/11") && p.block == 0 && p.count == 10);
	assert_int_equal(p.nhash, 2);
	assert_memory_equal(p.hash, hashes, sizeof(hashes));
	buf_reset(&b);
	make_more_pages(&b);
	assert_int_equal(wire_decode_pages(b.data, b.len, &p, NULL), 0);
	assert_true(p.flags == WIRE_LAST && p.path.len == 0 && p.block == 10);
	assert_true(p.count == WIRE_PAGES_MAX && p.nhash == 0);
	buf_free(&b);
}

static void
pages_out_of_range_are_refused(void **state)
{
	static const struct {
		uint32_t block, count, nhash;
		uint8_t flags;
	} t[] = {
	    {0, WIRE_PAGES_MAX + 1, 0, 0}, {0, UINT32_MAX, 0, 0}, {0, 1, 2, 0},
	    {0, 1, UINT32_MAX, 0}, {UINT32_MAX, 1, 0, 0}, {0, 1, 0, 4},
	    {0, 1, 0, WIRE_FIRST}, /* and no path */
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		buf_add_u32(&b, 5);
		buf_add_u8(&b, t[i].flags);
		if (t[i].flags & WIRE_FIRST) {
			buf_add_u64(&b, 0);
			wire_add_str(&b, "", 0);
		}
		buf_add_u32(&b, t[i].block);
		buf_add_u32(&b, t[i].count);
		buf_add_u32(&b, t[i].nhash);
		for (int k = 0; k < 2 * WIRE_HASH; k++)
			buf_addc(&b, 0);
		b.len -=
		    2 * WIRE_HASH - WIRE_HASH * (size_t)MIN_OF(t[i].nhash, 2);
		if (pages(b.data, b.len, NULL) == 0)
			fail_msg("case %zu was accepted", i);
		buf_free(&b);
	}
}

static void
sig_holds_the_rest_of_the_frame(void **state)
{
	struct wire_sig in = {
	    .id = 1,
	    .flags = WIRE_FIRST,
	    .limit = 2,
	    .basis = 3,
	    .path = STR("pg_hba.conf"),
	    .data = hashes,
	    .len = 20,
	};
	struct wire_sig s;
	struct buf b = BUF_INIT;

	(void)state;
	wire_encode_sig(&b, &in);
	assert_int_equal(wire_decode_sig(b.data, b.len, &s, NULL), 0);
	assert_true(s.id == 1 && s.limit == 2 && s.basis == 3);
	assert_true(is(s.path, "pg_hba.conf"));
	assert_int_equal(s.len, 20);
	assert_memory_equal(s.data, hashes, 20);
	for (size_t n = 0; n < b.len - 20; n++)
		assert_int_equal(sig(b.data, n, NULL), -1);
	buf_reset(&b);
	in.flags = WIRE_LAST;
	in.len = 0;
	wire_encode_sig(&b, &in);
	assert_int_equal(b.len, 5);
	assert_int_equal(wire_decode_sig(b.data, b.len, &s, NULL), 0);
	assert_true(s.flags == WIRE_LAST && s.path.len == 0 && s.len == 0);
	buf_free(&b);
}

static void
records_with_digests_come_back(void **state)
{
	struct buf b = BUF_INIT;
	struct wire_end m;
	struct wire_file_end f;
	struct wire_done d;
	uint64_t bytes;

	(void)state;
	make_end(&b);
	assert_int_equal(wire_decode_end(b.data, b.len, &m, NULL), 0);
	assert_true(m.entries == 1 && m.digest[0] == 2 && m.specials == 3);
	buf_reset(&b);
	make_file_end(&b);
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), 0);
	assert_true(f.id == 9 && f.status == 0 && f.size == 16384);
	assert_true(f.settled && f.stamp.size == 5 && f.stamp.mtime_ns == -6);
	assert_true(f.stamp.ctime_ns == 7 && f.stamp.ino == 8);
	assert_int_equal(f.stamp.dev, 9);
	assert_true(f.digest[0] == 4 && f.bad == 2 && f.first_bad == 131072);
	b.data[32] = 16; /* as many bad pages as the file can have */
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), 0);
	b.data[32] = 17; /* and one more */
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), -1);
	b.data[32] = 0; /* a first one of none */
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), -1);
	b.data[32] = 1;
	b.data[4] = 4; /* a status that does not exist */
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), -1);
	b.data[4] = 2; /* one that is at rest, and was replaced */
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), -1);
	b.data[37] = 0;
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), 0);
	assert_false(f.settled);
	b.data[37] = 2; /* neither yes nor no */
	assert_int_equal(wire_decode_file_end(b.data, b.len, &f, NULL), -1);
	buf_reset(&b);
	make_done(&b);
	assert_int_equal(wire_decode_done(b.data, b.len, &d, NULL), 0);
	assert_true(d.files == 1 && d.bytes == 2 && d.digest[0] == 3);
	buf_reset(&b);
	make_verify(&b);
	assert_int_equal(wire_decode_verify(b.data, b.len, &bytes, NULL), 0);
	assert_true(bytes == UINT64_C(0x500000028));
	buf_reset(&b);
	make_pong(&b);
	assert_int_equal(wire_decode_pong(b.data, b.len, &bytes, NULL), 0);
	assert_int_equal(bytes, 12345);
	buf_free(&b);
}

static void
hello_of_another_version_gives_its_number(void **state)
{
	struct wire_hello h;

	(void)state;
	assert_int_equal(
	    wire_decode_hello("STBYWIRE\0\x07new things", 20, &h, NULL), 0);
	assert_int_equal(h.version, 7);
	assert_int_equal(h.package.len, 0);
	assert_int_equal(
	    wire_decode_hello("STBYWIRX\0\1\0\0", 12, &h, NULL), -1);
	assert_int_equal(wire_decode_hello("GET / HTTP/1.1", 14, &h, NULL), -1);
}

static void
error_travels_with_its_code_and_texts(void **state)
{
	struct err e = ERR_INIT, got = ERR_INIT;
	struct buf b = BUF_INIT;
	uint32_t id;

	(void)state;
	(void)err_set(&e, ERR_SOURCE_IO, "could not read \"%s\"", "base/1/10");
	(void)err_detail(&e, "Detail.");
	(void)err_hint(&e, "Hint.");
	wire_encode_err(&b, 42, &e);
	assert_int_equal(wire_decode_err(b.data, b.len, &id, &got), -1);
	assert_int_equal(id, 42);
	assert_int_equal(got.code, ERR_SOURCE_IO);
	assert_int_equal(got.status, STATUS_TRANSFER);
	assert_string_equal(got.text, "could not read \"base/1/10\"");
	assert_string_equal(got.detail, "Detail.");
	assert_string_equal(got.hint, "Hint.");
	buf_free(&b);
}

static void
add_error(struct buf *b, const char *code, const char *text)
{
	buf_add_u32(b, WIRE_NO_ID);
	wire_add_str(b, code, strlen(code));
	wire_add_str(b, text, strlen(text));
	wire_add_str(b, "", 0);
	wire_add_str(b, "", 0);
}

static void
codes_a_peer_may_not_choose_are_changed(void **state)
{
	static const struct {
		const char *code;
		enum err_code want;
	} t[] = {
	    {"none", ERR_INTERNAL},
	    {"", ERR_INTERNAL},
	    {"no-such-code", ERR_INTERNAL},
	    {"interrupted", ERR_AGENT},
	    {"source", ERR_SOURCE},
	    {"1234567890123456789012345678901234567890123456789012345678901234",
		ERR_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;

		add_error(&b, t[i].code, "x");
		assert_int_equal(wire_decode_err(b.data, b.len, NULL, &e), -1);
		assert_int_equal(e.code, t[i].want);
		assert_true(e.status != STATUS_OK && e.status < STATUS_SIGNAL);
		buf_free(&b);
	}
}

static void
texts_of_a_peer_are_escaped_and_cut(void **state)
{
	struct buf b = BUF_INIT, text = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	add_error(&b, "source",
	    "a\x1b[2Jb\nc\x7f\xc2\x9b"
	    "31m\xff");
	assert_int_equal(wire_decode_err(b.data, b.len, NULL, &e), -1);
	assert_int_equal(e.code, ERR_SOURCE);
	for (const char *p = e.text; *p != '\0'; p++)
		assert_true(
		    (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
	assert_non_null(strstr(e.text, "a\\033[2Jb\\012c\\177"));
	/* 1022 letters and a character of two bytes: 1023 fit. */
	for (int i = 0; i < 1022; i++)
		buf_addc(&text, 'x');
	buf_adds(&text, "\xc3\xa9z");
	buf_reset(&b);
	err_clear(&e);
	add_error(&b, "source", buf_str(&text));
	assert_int_equal(wire_decode_err(b.data, b.len, NULL, &e), -1);
	assert_int_equal(strlen(e.text), 1022);
	buf_free(&text);
	buf_free(&b);
}

static void
malformed_error_is_a_protocol_error(void **state)
{
	struct buf b = BUF_INIT;
	uint32_t id;

	(void)state;
	add_error(&b, "source", "x");
	for (size_t n = 0; n < b.len; n++) {
		struct err e = ERR_INIT;

		assert_int_equal(wire_decode_err(b.data, n, &id, &e), -1);
		assert_int_equal(e.code, ERR_PROTOCOL);
		assert_true(id == WIRE_NO_ID);
	}
	buf_reset(&b);
	buf_add_u32(&b, 0);
	for (int i = 0; i < 4; i++)
		wire_add_str(&b, "", 0);
	assert_int_equal(wire_decode_err(b.data, b.len, NULL, NULL), -1);
	buf_free(&b);
}

static void
a_string_too_long_for_its_length_fails_the_buffer(void **state)
{
	struct buf b = BUF_INIT;
	char *s = calloc(1, 65536);

	(void)state;
	assert_non_null(s);
	wire_add_str(&b, s, 65535);
	assert_true(buf_ok(&b));
	wire_add_str(&b, s, 65536);
	assert_false(buf_ok(&b));
	free(s);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(header_holds_type_and_length_up_to_the_limit),
	    cmocka_unit_test(
		every_payload_is_accepted_whole_and_refused_cut_or_longer),
	    cmocka_unit_test(open_comes_back),
	    cmocka_unit_test(open_with_values_out_of_range_is_refused),
	    cmocka_unit_test(operate_comes_back),
	    cmocka_unit_test(operate_with_values_out_of_range_is_refused),
	    cmocka_unit_test(a_config_file_comes_back_and_is_bounded),
	    cmocka_unit_test(operated_comes_back_and_is_bounded),
	    cmocka_unit_test(opened_comes_back),
	    cmocka_unit_test(manifest_gives_its_patterns_one_by_one),
	    cmocka_unit_test(batch_gives_its_files_one_by_one),
	    cmocka_unit_test(
		batch_with_bad_files_is_refused_before_any_is_served),
	    cmocka_unit_test(pages_come_back),
	    cmocka_unit_test(pages_out_of_range_are_refused),
	    cmocka_unit_test(sig_holds_the_rest_of_the_frame),
	    cmocka_unit_test(records_with_digests_come_back),
	    cmocka_unit_test(hello_of_another_version_gives_its_number),
	    cmocka_unit_test(error_travels_with_its_code_and_texts),
	    cmocka_unit_test(codes_a_peer_may_not_choose_are_changed),
	    cmocka_unit_test(texts_of_a_peer_are_escaped_and_cut),
	    cmocka_unit_test(malformed_error_is_a_protocol_error),
	    cmocka_unit_test(a_string_too_long_for_its_length_fails_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
