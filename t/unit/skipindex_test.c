/* core/skipindex.h: each condition alone makes the index, or the record, worth
 * nothing; and a file of it that was tampered with is not read. */
#include "base/std.h"
#include "core/pgcontrol.h"
#include "core/skipindex.h"
#include "core/wire.h"

#include <setjmp.h>

#include <cmocka.h>

#define OLD INT64_C(1700000000123456789)

static const struct skip_header good = {
    .system_identifier = 7281936400112233445,
    .seed = 42,
    .block_size = 8192,
    .verified = true,
    .source_host = "db1",
    .source_pgdata = "/srv/pg",
    .source_boot = "aaaa",
    .source_dev = 65025,
    .source_ino = 2,
    .target_boot = "bbbb",
    .target_dev = 65026,
    .target_ino = 3,
    .control = {8192, OLD, OLD + 1, 17, 65026},
    .control_crc = 0xdeadbeef,
};

static struct skip_now
now_good(void)
{
	return (struct skip_now){.is = good,
	    .control_state = PGSTATE_SHUTDOWNED_IN_RECOVERY,
	    .keeps = true};
}

/* --- the whole ------------------------------------------------------------ */

/* What is different in "now", and the answer. */
struct whole {
	const char *what;
	void (*change)(struct skip_now *n);
	enum skip_void want;
};

static void
nothing(struct skip_now *n)
{
	(void)n;
}
static void
cluster(struct skip_now *n)
{
	n->is.system_identifier++;
}
static void
host(struct skip_now *n)
{
	n->is.source_host = "db2";
}
static void
source_path(struct skip_now *n)
{
	n->is.source_pgdata = "/srv/pg2";
}
static void
source_dev(struct skip_now *n)
{
	n->is.source_dev++;
}
static void
source_ino(struct skip_now *n)
{
	n->is.source_ino++;
}
static void
source_boot(struct skip_now *n)
{
	n->is.source_boot = "cccc";
}
static void
source_no_boot(struct skip_now *n)
{
	n->is.source_boot = "";
}
static void
target_dev(struct skip_now *n)
{
	n->is.target_dev++;
}
static void
target_ino(struct skip_now *n)
{
	n->is.target_ino++;
}
static void
target_boot(struct skip_now *n)
{
	n->is.target_boot = "aaaa";
}
static void
target_no_boot(struct skip_now *n)
{
	n->is.target_boot = "";
}
static void
block_size(struct skip_now *n)
{
	n->is.block_size = 16384;
}
static void
not_kept(struct skip_now *n)
{
	n->keeps = false;
}
static void
not_verifying(struct skip_now *n)
{
	n->is.verified = false;
}
static void
other_seed(struct skip_now *n)
{
	n->is.seed++;
}
static void
running(struct skip_now *n)
{
	n->control_state = PGSTATE_IN_ARCHIVE_RECOVERY;
	n->is.control.ctime_ns++;
}
static void
shutting_down(struct skip_now *n)
{
	n->control_state = PGSTATE_SHUTDOWNING;
	n->is.control.ctime_ns++;
}
static void
crashed(struct skip_now *n)
{
	n->control_state = PGSTATE_IN_PRODUCTION;
	n->is.control.ino++;
}
static void
starting(struct skip_now *n)
{
	n->control_state = PGSTATE_STARTUP;
	n->is.control_crc++;
}
static void
recovering(struct skip_now *n)
{
	n->control_state = PGSTATE_IN_CRASH_RECOVERY;
	n->is.control.mtime_ns++;
}
static void
unknown_state(struct skip_now *n)
{
	n->control_state = 7;
	n->is.control.dev++;
}
static void
clean_primary(struct skip_now *n)
{
	n->control_state = PGSTATE_SHUTDOWNED;
	n->is.control.ctime_ns++;
	n->is.control_crc++;
}
static void
never_ran(struct skip_now *n)
{
	n->control_state = PGSTATE_IN_PRODUCTION;
}

static void
each_condition_alone_makes_the_index_void(void **state)
{
	static const struct whole t[] = {
	    {"nothing", nothing, SKIP_USABLE},
	    {"the seed: the run takes it over", other_seed, SKIP_USABLE},
	    {"a clean stop of a primary", clean_primary, SKIP_USABLE},
	    {"sealed and never started", never_ran, SKIP_USABLE},
	    {"no look at checksums now", not_verifying, SKIP_USABLE},
	    {"another cluster", cluster, SKIP_CLUSTER},
	    {"another host", host, SKIP_HOST},
	    {"another directory there", source_path, SKIP_SOURCE},
	    {"another device there", source_dev, SKIP_SOURCE},
	    {"another inode there", source_ino, SKIP_SOURCE},
	    {"another boot there", source_boot, SKIP_SOURCE_BOOT},
	    {"no boot id there", source_no_boot, SKIP_SOURCE_BOOT},
	    {"another device here", target_dev, SKIP_TARGET},
	    {"another inode here", target_ino, SKIP_TARGET},
	    {"another boot here", target_boot, SKIP_TARGET_BOOT},
	    {"no boot id here", target_no_boot, SKIP_TARGET_BOOT},
	    {"another block size", block_size, SKIP_BLOCK_SIZE},
	    {"a file system that is not known", not_kept, SKIP_FILE_SYSTEM},
	    {"killed as a standby", running, SKIP_NOT_CLEAN},
	    {"killed while it stopped", shutting_down, SKIP_NOT_CLEAN},
	    {"killed as a primary", crashed, SKIP_NOT_CLEAN},
	    {"pg_control was written", starting, SKIP_NOT_CLEAN},
	    {"killed in recovery", recovering, SKIP_NOT_CLEAN},
	    {"a state that is not known", unknown_state, SKIP_NOT_CLEAN},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct skip_now now = now_good();
		enum skip_void got;

		t[i].change(&now);
		if ((got = skipindex_usable(&good, &now)) != t[i].want)
			fail_msg("%s: %d, not %d", t[i].what, got, t[i].want);
	}
}

static void
what_is_not_known_on_both_sides_is_not_the_same(void **state)
{
	struct skip_header h = good;
	struct skip_now now = now_good();

	(void)state;
	h.system_identifier = now.is.system_identifier = 0;
	assert_int_equal(skipindex_usable(&h, &now), SKIP_CLUSTER);
	h = now.is = good;
	h.source_boot = now.is.source_boot = "";
	assert_int_equal(skipindex_usable(&h, &now), SKIP_SOURCE_BOOT);
	h = now.is = good;
	h.target_boot = now.is.target_boot = "";
	assert_int_equal(skipindex_usable(&h, &now), SKIP_TARGET_BOOT);
	h = now.is = good;
	h.verified = false;
	assert_int_equal(skipindex_usable(&h, &now), SKIP_UNVERIFIED);
	now.is.verified = false;
	assert_int_equal(skipindex_usable(&h, &now), SKIP_USABLE);
}

static void
every_reason_has_its_words(void **state)
{
	(void)state;
	assert_string_equal(skipindex_why(SKIP_USABLE), "");
	for (int i = SKIP_USABLE + 1; i <= SKIP_NOT_CLEAN; i++)
		for (int k = SKIP_USABLE; k < i; k++)
			assert_string_not_equal(
			    skipindex_why((enum skip_void)i),
			    skipindex_why((enum skip_void)k));
}

/* --- one file ------------------------------------------------------------- */

static void
only_what_the_server_alone_writes_is_covered(void **state)
{
	static const char *const yes[] = {"base/1/10", "base/1/10.1",
	    "base/1/10_fsm", "base/1/PG_VERSION", "base/1/pg_filenode.map",
	    "global/1260", "global/pg_filenode.map",
	    "pg_tblspc/16385/PG_15_202209061/1/10", "pg_xact/0000",
	    "pg_clog/0000", "pg_multixact/members/0000", "pg_commit_ts/0000"};
	static const char *const no[] = {"PG_VERSION", "postgresql.conf",
	    "postgresql.auto.conf", "pg_hba.conf", "conf.d/a.conf", "base",
	    "global/pg_control", "pg_wal/000000010000000000000001",
	    "pg_twophase/1", "pg_logical/x", "pg_stat/x", "basement/1",
	    "server.key", "backup_label", "standby.signal", "recovery.conf"};

	(void)state;
	for (size_t i = 0; i < NELEM(yes); i++)
		if (!skipindex_covers(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < NELEM(no); i++)
		if (skipindex_covers(no[i]))
			fail_msg("%s", no[i]);
}

static const uint8_t digest[SKIP_DIGEST] = {1, 2, 3};
static const struct skip_record record = {.path = "base/1/10",
    .src = {8192, OLD, OLD + 1, 17, 65025},
    .dst = {8192, OLD + 2, OLD + 3, 18, 65026},
    .digest = digest};

static struct entry
entry_of(const struct filestamp *s)
{
	return (struct entry){.path = "base/1/10",
	    .size = s->size,
	    .mtime_ns = s->mtime_ns,
	    .ctime_ns = s->ctime_ns,
	    .ino = s->ino,
	    .dev = s->dev,
	    .mode = 0600,
	    .nlink = 1,
	    .type = ENTRY_FILE};
}

static void
a_file_is_the_same_only_if_all_is_on_both_sides(void **state)
{
	struct entry s, d;

	(void)state;
#define CHANGED(change)                                                        \
	s = entry_of(&record.src);                                             \
	d = entry_of(&record.dst);                                             \
	assert_true(skipindex_same(&record, &s, &d));                          \
	change;                                                                \
	if (skipindex_same(&record, &s, &d))                                   \
	fail_msg("%s", #change)

	CHANGED(s.mtime_ns++);
	CHANGED(s.ctime_ns++);
	CHANGED(s.ctime_ns--);
	CHANGED(s.ino++);
	CHANGED(s.dev++);
	CHANGED(s.size += 8192);
	CHANGED(d.mtime_ns++);
	CHANGED(d.ctime_ns++);
	CHANGED(d.ctime_ns--);
	CHANGED(d.ino++);
	CHANGED(d.dev++);
	CHANGED(d.size -= 8192);
	CHANGED(d.nlink = 2);
	CHANGED(s.type = ENTRY_LINK);
	CHANGED(d.type = ENTRY_DIR);
	CHANGED(s.path = "base/1/11");
	CHANGED(d.path = "base/1/11");
}

static void
a_record_of_two_sizes_is_none(void **state)
{
	struct skip_record r = record;
	struct entry s, d;

	(void)state;
	r.dst.size = 16384;
	s = entry_of(&r.src);
	d = entry_of(&r.dst);
	assert_false(skipindex_same(&r, &s, &d));
}

static void
a_record_of_what_is_not_covered_is_none(void **state)
{
	struct skip_record r = record;
	struct entry s = entry_of(&r.src), d = entry_of(&r.dst);

	(void)state;
	r.path = s.path = d.path = "postgresql.auto.conf";
	assert_false(skipindex_same(&r, &s, &d));
}

static void
what_was_sent_is_recorded_only_if(void **state)
{
	struct skip_read r;
	struct entry s;

	(void)state;
#define NOT_TAKEN(change)                                                      \
	s = entry_of(&record.src);                                             \
	r = (struct skip_read){                                                \
	    .settled = true, .size = 8192, .stamp = record.src};               \
	assert_true(skipindex_taken(&s, &r));                                  \
	change;                                                                \
	if (skipindex_taken(&s, &r))                                           \
	fail_msg("%s", #change)

	NOT_TAKEN(r.settled = false);
	NOT_TAKEN(r.status = WIRE_FILE_VANISHED);
	NOT_TAKEN(r.status = WIRE_FILE_CHANGED);
	NOT_TAKEN(r.bad = 1);
	NOT_TAKEN(r.size = 8191);    /* became shorter while it was read */
	NOT_TAKEN(r.stamp.size = 9); /* longer than the list says: the limit */
	NOT_TAKEN(r.stamp.ctime_ns++); /* written since the list was made */
	NOT_TAKEN(r.stamp.mtime_ns++);
	NOT_TAKEN(r.stamp.ino++);
	NOT_TAKEN(r.stamp.dev++);
	NOT_TAKEN(s.path = "postgresql.conf");
	NOT_TAKEN(s.path = "global/pg_control");
	NOT_TAKEN(s.type = ENTRY_DIR);
	NOT_TAKEN(s.ctime_ns = r.stamp.ctime_ns = INT64_C(1700000000000000000));
}

static void
our_copy_is_recorded_only_if(void **state)
{
	const struct filestamp whole_second = {
	    8192, OLD, INT64_C(1700000000000000000), 17, 65025};

	(void)state;
	assert_true(skipindex_ours(&record.dst, 1, true, 8192));
	assert_false(skipindex_ours(&record.dst, 2, true, 8192));
	assert_false(skipindex_ours(&record.dst, 0, true, 8192));
	assert_false(skipindex_ours(&record.dst, 1, false, 8192));
	assert_false(skipindex_ours(&record.dst, 1, true, 8191));
	assert_false(skipindex_ours(&whole_second, 1, true, 8192));
}

/* --- the file ------------------------------------------------------------- */

static const char *const paths[] = {
    "base/1/10", "base/1/10.1", "base/1/10_fsm", "base/2/10", "global/1260"};

static void
make(struct buf *b)
{
	skipindex_begin(b, &good);
	for (size_t i = 0; i < NELEM(paths); i++) {
		struct skip_record r = record;

		r.path = paths[i];
		r.src.ino = 100 + i;
		r.dst.ctime_ns = -(int64_t)i;
		skipindex_add(b, &r);
	}
	skipindex_end(b, NELEM(paths));
	assert_true(buf_ok(b));
}

/* In memory of exactly that size: ASan sees a byte too many. */
static enum skip_void
decode(const void *data, size_t n, struct skipindex *ix, void **copy)
{
	*copy = malloc(n == 0 ? 1 : n);
	assert_non_null(*copy);
	if (n > 0)
		memcpy(*copy, data, n);
	return skipindex_decode(*copy, n, ix);
}

static void
what_was_written_is_read(void **state)
{
	struct buf b = BUF_INIT;
	struct skipindex ix;
	struct skip_record r;
	struct skip_now now = now_good();
	void *copy;

	(void)state;
	make(&b);
	assert_int_equal(decode(b.data, b.len, &ix, &copy), SKIP_USABLE);
	assert_int_equal(ix.n, NELEM(paths));
	assert_int_equal(skipindex_usable(&ix.h, &now), SKIP_USABLE);
	assert_int_equal(ix.h.seed, 42);
	for (size_t i = 0; i < NELEM(paths); i++) {
		assert_true(skipindex_find(&ix, paths[i], &r));
		assert_string_equal(r.path, paths[i]);
		assert_int_equal(r.src.ino, 100 + i);
		assert_int_equal(r.dst.ctime_ns, -(int64_t)i);
		assert_int_equal(r.src.size, 8192);
		assert_memory_equal(r.digest, digest, SKIP_DIGEST);
	}
	assert_false(skipindex_find(&ix, "base/1/1", &r));
	assert_false(skipindex_find(&ix, "base/1/100", &r));
	assert_false(skipindex_find(&ix, "a", &r));
	assert_false(skipindex_find(&ix, "z", &r));
	skipindex_free(&ix);
	skipindex_free(&ix);
	assert_false(skipindex_find(&ix, "base/1/10", &r));
	free(copy);
	buf_free(&b);
}

static void
an_empty_index_is_one(void **state)
{
	struct buf b = BUF_INIT;
	struct skipindex ix;

	(void)state;
	skipindex_begin(&b, &good);
	skipindex_end(&b, 0);
	assert_int_equal(skipindex_decode(b.data, b.len, &ix), SKIP_USABLE);
	assert_int_equal(ix.n, 0);
	skipindex_free(&ix);
	buf_free(&b);
}

static void
a_file_that_is_cut_anywhere_is_damaged(void **state)
{
	struct buf b = BUF_INIT;
	struct skipindex ix;
	void *copy;

	(void)state;
	make(&b);
	for (size_t n = 0; n < b.len; n++) {
		assert_int_equal(decode(b.data, n, &ix, &copy), SKIP_DAMAGED);
		assert_int_equal(ix.n, 0);
		free(copy);
	}
	buf_addc(&b, 'x'); /* and one that is too long */
	assert_int_equal(decode(b.data, b.len, &ix, &copy), SKIP_DAMAGED);
	free(copy);
	buf_free(&b);
}

static void
no_byte_that_is_turned_over_crashes_us(void **state)
{
	struct buf b = BUF_INIT;
	struct skipindex ix;
	void *copy;

	(void)state;
	make(&b);
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			enum skip_void got;

			b.data[i] = (char)(b.data[i] ^ 1 << bit);
			got = decode(b.data, b.len, &ix, &copy);
			/* The magic, and each length and path. */
			if (i < 8)
				assert_int_equal(got, SKIP_DAMAGED);
			else if (i < 12)
				assert_int_equal(got, SKIP_OTHER_FORMAT);
			skipindex_free(&ix);
			free(copy);
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
		}
	}
	buf_free(&b);
}

static void
records_that_lie_are_damage(void **state)
{
	static const struct {
		const char *what, *first, *second;
		uint32_t n;
	} t[] = {
	    {"twice", "base/1/10", "base/1/10", 2},
	    {"out of order", "base/1/11", "base/1/10", 2},
	    {"a count too many", "base/1/10", "base/1/11", 3},
	    {"a count too few", "base/1/10", "base/1/11", 1},
	    {"a path that leads up", "base/1/10", "base/../x", 2},
	    {"an absolute path", "/etc/x", "base/1/10", 2},
	    {"an empty path", "", "base/1/10", 2},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;
		struct skip_record r = record;
		struct skipindex ix;

		skipindex_begin(&b, &good);
		r.path = t[i].first;
		skipindex_add(&b, &r);
		r.path = t[i].second;
		skipindex_add(&b, &r);
		skipindex_end(&b, t[i].n);
		if (skipindex_decode(b.data, b.len, &ix) != SKIP_DAMAGED)
			fail_msg("%s", t[i].what);
		buf_free(&b);
	}
}

static void
a_text_with_a_NUL_inside_is_damage(void **state)
{
	static const char *const texts[] = {"base/1/10.1", "db1", "/srv/pg"};

	(void)state;
	for (size_t i = 0; i < NELEM(texts); i++) {
		struct buf b = BUF_INIT;
		struct skipindex ix;
		char *p;

		make(&b);
		p = memmem(b.data, b.len, texts[i], strlen(texts[i]) + 1);
		assert_non_null(p);
		p[2] = '\0';
		assert_int_equal(
		    skipindex_decode(b.data, b.len, &ix), SKIP_DAMAGED);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_condition_alone_makes_the_index_void),
	    cmocka_unit_test(what_is_not_known_on_both_sides_is_not_the_same),
	    cmocka_unit_test(every_reason_has_its_words),
	    cmocka_unit_test(only_what_the_server_alone_writes_is_covered),
	    cmocka_unit_test(a_file_is_the_same_only_if_all_is_on_both_sides),
	    cmocka_unit_test(a_record_of_two_sizes_is_none),
	    cmocka_unit_test(a_record_of_what_is_not_covered_is_none),
	    cmocka_unit_test(what_was_sent_is_recorded_only_if),
	    cmocka_unit_test(our_copy_is_recorded_only_if),
	    cmocka_unit_test(what_was_written_is_read),
	    cmocka_unit_test(an_empty_index_is_one),
	    cmocka_unit_test(a_file_that_is_cut_anywhere_is_damaged),
	    cmocka_unit_test(no_byte_that_is_turned_over_crashes_us),
	    cmocka_unit_test(records_that_lie_are_damage),
	    cmocka_unit_test(a_text_with_a_NUL_inside_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
