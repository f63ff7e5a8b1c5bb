/*
 * flow/walfetch.h over a pool that is played here: which segments are asked
 * for and when, what is taken for a segment, and what is missing in the end
 * (faults.md B29).
 */
#include "base/std.h"
#include "base/buf.h"
#include "core/lsn.h"
#include "core/path.h"
#include "core/pgver.h"
#include "core/wire.h"
#include "flow/walfetch.h"
#include "flow/walk.h"

#include <ftw.h>
#include <setjmp.h>

#include <cmocka.h>

#define SEG (1u << 20)
#define PGVERSION 150000
#define FIRST_ID 1000

enum content {
	GOOD,
	RECYCLED, /* the pages of another segment */
	SHORT,
	VANISHED,
	CHANGED, /* while it was read */
	BLANK
};
struct wal_file {
	const char *name;
	enum content content;
};

struct rig {
	char top[64];
	struct tree *t;
	struct walfetch *w;
	const struct wal_file *files; /* of the source, until name is NULL */
	struct buf asked;
	struct err e;
};

/* The pool: one listing under way at most, delivered by the next wait. */
static struct {
	struct rig *g;
	bool listing, asking; /* asking: something else */
	int (*cb)(void *arg, const struct manifest *m, struct err *e);
	void *arg;
	unsigned listings;
} fake;

bool
pool_listing(const struct pool *p)
{
	(void)p;
	return fake.listing;
}

bool
pool_asking(const struct pool *p)
{
	(void)p;
	return fake.listing || fake.asking;
}

int
pool_list_async(struct pool *p, const char *dir,
    int (*cb)(void *arg, const struct manifest *m, struct err *e), void *arg,
    struct err *e)
{
	(void)p;
	(void)e;
	assert_false(pool_asking(p));
	assert_string_equal(dir, "pg_wal");
	fake.listing = true;
	fake.cb = cb;
	fake.arg = arg;
	fake.listings++;
	return 0;
}

/* What lies in pg_wal, as the agent lists it. */
static void
fill(struct manifest *m)
{
	struct err e = {0};
	char path[96];

	for (const struct wal_file *f = fake.g->files; f->name != NULL; f++) {
		struct entry en = {.type = 'f', .path = path, .size = SEG};

		(void)snprintf(path, sizeof(path), "pg_wal/%s", f->name);
		en.type = strcmp(f->name, "archive_status") == 0 ? 'd' : 'f';
		assert_int_equal(manifest_add(m, &en, &e), 0);
	}
}

static int
deliver(struct err *e)
{
	struct manifest m = {0};
	int rc;

	fill(&m);
	fake.listing = false;
	rc = fake.cb(fake.arg, &m, e);
	manifest_free(&m);
	return rc;
}

int
pool_manifest(struct pool *p, const struct wire_manifest *req,
    const char *const *patterns, struct manifest *m, uint64_t *specials,
    struct err *e)
{
	(void)p;
	(void)patterns;
	(void)specials;
	(void)e;
	assert_memory_equal(req->dir.s, "pg_wal", req->dir.len);
	fill(m);
	return 0;
}

int
pool_wait(struct pool *p, int64_t deadline, bool (*until)(void *arg), void *arg,
    struct err *e)
{
	(void)p;
	(void)deadline;
	while (!until(arg)) {
		assert_true(fake.listing);
		if (deliver(e) == -1)
			return -1;
	}
	return 0;
}

static const struct wal_file *
find(const char *name)
{
	const struct wal_file *f = fake.g->files;

	while (f->name != NULL && strcmp(f->name, name) != 0)
		f++;
	assert_non_null(f->name);
	return f;
}

/* As the worker does it: the file is in the target when the result comes. */
static void
write_file(const struct fetch_job *job, enum content content)
{
	char page[64] = {0};
	uint16_t info = 2;
	uint16_t magic = pgver_wal_magic(PGVERSION);
	uint32_t tli = 0, segsize = SEG;
	uint64_t segno = 0, lsn;
	int fd;

	fd = tree_openat(
	    fake.g->t, job->path, O_WRONLY | O_CREAT | O_TRUNC, job->mode);
	assert_true(fd != -1);
	if (wal_parse_name(
		path_base(job->path), SEG, PGVERSION, &tli, &segno) == 0 &&
	    content != BLANK) {
		if (content == RECYCLED)
			segno -= 3;
		lsn = wal_segment_start(segno, SEG, PGVERSION);
		memcpy(page, &magic, 2);
		memcpy(page + 2, &info, 2);
		memcpy(page + 4, &tli, 4);
		memcpy(page + 8, &lsn, 8);
		memcpy(page + 32, &segsize, 4);
	}
	assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	(void)close(fd);
}

static int
fetch_one(const struct fetch_job *job, struct fetch_result *r)
{
	enum content content = find(path_base(job->path))->content;

	*r = (struct fetch_result){.id = job->id, .size = SEG};
	assert_true(job->flags & FETCH_SAME);
	assert_true(job->flags & ACT_ASIDE);
	if (content == VANISHED || content == CHANGED) {
		r->status = content == VANISHED ? WIRE_FILE_VANISHED
						: WIRE_FILE_CHANGED;
		return 0;
	}
	if (content == SHORT)
		r->size = SEG - 1;
	write_file(job, content);
	return 0;
}

int
pool_run(struct pool *p, const struct pool_work *w, struct err *e)
{
	struct fetch_result r;
	struct fetch_job job;
	int rc;

	(void)p;
	while ((rc = w->next(w->arg, &job, e)) == 1) {
		assert_int_equal(fetch_one(&job, &r), 0);
		if (w->done(w->arg, &r, e) == -1)
			return -1;
	}
	return rc;
}

/* --- the tests ------------------------------------------------------------
 */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static int
setup(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));
	struct walfetch_opts o;

	assert_non_null(g);
	(void)snprintf(g->top, sizeof(g->top), "/tmp/walfetch_test.XXXXXX");
	assert_non_null(mkdtemp(g->top));
	g->t = tree_open(g->top, &g->e);
	assert_non_null(g->t);
	assert_int_equal(tree_mkdir(g->t, "pg_wal", 0700), 0);
	assert_int_equal(tree_mkdir(g->t, "pg_wal/archive_status", 0700), 0);
	o = (struct walfetch_opts){.tree = g->t,
	    .wal_dir = "pg_wal",
	    .version = PGVERSION,
	    .segsize = SEG,
	    .timeline = 2,
	    .start_lsn = 5 * (uint64_t)SEG + 40,
	    .file_mode = 0600,
	    .first_id = FIRST_ID};
	g->w = walfetch_new(&o, &g->e);
	assert_non_null(g->w);
	fake.g = g;
	fake.listing = false;
	fake.listings = 0;
	*state = g;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *g = *state;

	walfetch_free(g->w);
	walfetch_free(NULL);
	tree_close(g->t);
	buf_free(&g->asked);
	(void)nftw(g->top, remove_one, 20, FTW_DEPTH | FTW_PHYS);
	free(g);
	return 0;
}

/* What is in pg_wal now, last digits of the segments; those that are marked as
 * archived with a "+". */
static const char *
have(struct rig *g, struct buf *b)
{
	struct manifest m = {0};
	char done[96];

	assert_int_equal(walk_manifest(g->t, NULL, &m, &g->e), 0);
	buf_reset(b);
	for (size_t i = 0; i < m.n; i++) {
		const char *name = path_base(m.v[i].path);

		if (m.v[i].type != 'f' ||
		    !path_below(m.v[i].path, "pg_wal", false) ||
		    strstr(m.v[i].path, "archive_status") != NULL)
			continue;
		(void)snprintf(
		    done, sizeof(done), "pg_wal/archive_status/%s.done", name);
		buf_addf(b, "%s%s%s", b->len > 0 ? " " : "",
		    strlen(name) == 24 ? name + 20 : name,
		    manifest_find(&m, done) != NULL ? "+" : "");
	}
	manifest_free(&m);
	return buf_str(b);
}

#define S(n) "0000000200000000000000" n

static void
B29_all_from_start_to_stop_and_history_files_come(void **state)
{
	static const struct wal_file files[] = {
	    {"000000010000000000000005", GOOD},
	    {"00000002.history", GOOD},
	    {S("04"), GOOD},
	    {S("05"), GOOD},
	    {S("05") ".00000028.backup", GOOD},
	    {S("06"), GOOD},
	    {S("07"), GOOD},
	    {S("08"), RECYCLED},
	    {S("09"), RECYCLED},
	    {"000000030000000000000006", GOOD},
	    {"archive_status", GOOD},
	    {"xlogtemp.123", GOOD},
	    {NULL, GOOD},
	};
	struct rig *g = *state;
	struct buf b = BUF_INIT;

	g->files = files;
	/* A stop position on a boundary belongs to the segment before. */
	if (walfetch_finish(g->w, 8 * (uint64_t)SEG, &g->e) == -1)
		fail_msg("%s", g->e.text);
	assert_string_equal(have(g, &b), "00000002.history+ 0005+ 0006+ 0007+");
	assert_int_equal(walfetch_count(g->w), 4);
	buf_free(&b);
}

static void
B29_a_segment_that_is_not_proven_is_missing(void **state)
{
	static const struct {
		enum content content;
		const char *want;
	} t[] = {
	    {RECYCLED, "0005+ 0007+"},
	    {SHORT, "0005+ 0007+"},
	    {BLANK, "0005+ 0007+"},
	    {VANISHED, "0005+ 0007+"},
	    {CHANGED, "0005+ 0007+"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct wal_file files[] = {{S("05"), GOOD},
		    {S("06"), t[i].content}, {S("07"), GOOD}, {NULL, GOOD}};
		struct buf b = BUF_INIT;
		struct rig *g;
		void *own;

		assert_int_equal(setup(&own), 0);
		g = own;
		g->files = files;
		assert_int_equal(
		    walfetch_finish(g->w, 7 * (uint64_t)SEG + 9, &g->e), -1);
		assert_int_equal(g->e.code, ERR_WAL_MISSING);
		assert_string_equal(g->e.text,
		    "WAL segment " S("06") ", needed by this copy, is no "
					   "longer on the source");
		assert_string_equal(have(g, &b), t[i].want);
		buf_free(&b);
		assert_int_equal(teardown(&own), 0);
	}
}

static void
B29_the_first_and_the_last_are_needed(void **state)
{
	static const struct {
		const char *have, *missing;
		uint64_t stop;
	} t[] = {
	    {S("06"), S("05"), 6 * (uint64_t)SEG + 1},
	    {S("05"), S("06"), 6 * (uint64_t)SEG + 1},
	    {S("05"), NULL, 6 * (uint64_t)SEG},
	    {S("05"), NULL, 5 * (uint64_t)SEG + 100},
	    {S("04"), S("05"), 5 * (uint64_t)SEG + 100},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct wal_file files[] = {{t[i].have, GOOD}, {NULL, GOOD}};
		struct rig *g;
		void *own;

		assert_int_equal(setup(&own), 0);
		g = own;
		g->files = files;
		assert_int_equal(walfetch_finish(g->w, t[i].stop, &g->e),
		    t[i].missing == NULL ? 0 : -1);
		if (t[i].missing != NULL &&
		    strstr(g->e.text, t[i].missing) == NULL)
			fail_msg("%zu: %s", i, g->e.text);
		assert_int_equal(teardown(&own), 0);
	}
}

/* The names asked for so far; each is fetched at once. */
static const char *
step(struct rig *g, struct buf *b)
{
	struct fetch_result r;
	struct fetch_job job;

	buf_reset(b);
	if (fake.listing)
		assert_int_equal(deliver(&g->e), 0);
	while (walfetch_next(g->w, &job, &g->e) == 1) {
		buf_addf(
		    b, "%s%s", b->len > 0 ? " " : "", path_base(job.path) + 20);
		assert_true(job.id >= FIRST_ID);
		assert_int_equal(job.size, SEG);
		assert_int_equal(fetch_one(&job, &r), 0);
		if (walfetch_done(g->w, &r, &g->e) == -1)
			fail_msg("%s", g->e.text);
	}
	return buf_str(b);
}

static void
B29_finished_segments_are_followed_during_the_copy(void **state)
{
	static const struct wal_file files[] = {{S("05"), GOOD},
	    {S("06"), GOOD}, {S("07"), GOOD}, {S("08"), RECYCLED},
	    {NULL, GOOD}};
	struct rig *g = *state;
	struct buf b = BUF_INIT;

	g->files = files;
	/* Not while the pool waits for another answer. */
	fake.asking = true;
	assert_int_equal(walfetch_tick(g->w, 5 * (uint64_t)SEG, &g->e), 0);
	assert_int_equal(fake.listings, 0);
	fake.asking = false;
	/* Still in the first one: nothing is finished. */
	assert_int_equal(walfetch_tick(g->w, 5 * (uint64_t)SEG + 99, &g->e), 0);
	assert_int_equal(fake.listings, 1);
	assert_string_equal(step(g, &b), "");
	/* Not listed again before its time, nor while one is under way. */
	assert_int_equal(walfetch_tick(g->w, 7 * (uint64_t)SEG, &g->e), 0);
	assert_int_equal(fake.listings, 1);
	assert_string_equal(step(g, &b), "");
	/* A position that is older changes nothing. */
	assert_int_equal(walfetch_tick(g->w, SEG, &g->e), 0);
	assert_int_equal(
	    walfetch_finish(g->w, 7 * (uint64_t)SEG + 9, &g->e), 0);
	assert_string_equal(have(g, &b), "0005+ 0006+ 0007+");
	buf_free(&b);
}

static void
B29_what_is_ahead_of_the_position_is_not_asked_for(void **state)
{
	static const struct wal_file files[] = {{S("05"), GOOD},
	    {S("06"), GOOD}, {S("07"), GOOD}, {S("08"), RECYCLED},
	    {NULL, GOOD}};
	struct rig *g = *state;
	struct buf b = BUF_INIT;

	g->files = files;
	assert_int_equal(walfetch_tick(g->w, 7 * (uint64_t)SEG, &g->e), 0);
	assert_string_equal(step(g, &b), "0005 0006");
	assert_string_equal(step(g, &b), "");
	/* Fetched once: the last listing brings only what is new. */
	fake.g->files = files;
	assert_int_equal(
	    walfetch_finish(g->w, 7 * (uint64_t)SEG + 9, &g->e), 0);
	assert_int_equal(walfetch_count(g->w), 3);
	buf_free(&b);
}

static void
many_segments_and_foreign_results(void **state)
{
	static struct wal_file files[301];
	static char names[300][WAL_NAME];
	struct rig *g = *state;
	struct fetch_result r = {.id = FIRST_ID};

	for (unsigned i = 0; i < 300; i++) {
		(void)wal_name(2, 5 + i, SEG, PGVERSION, names[i]);
		files[i] = (struct wal_file){names[i], GOOD};
	}
	g->files = files;
	assert_int_equal(walfetch_done(g->w, &r, &g->e), -1);
	assert_int_equal(g->e.code, ERR_INTERNAL);
	err_clear(&g->e);
	r.id = 3;
	assert_int_equal(walfetch_done(g->w, &r, &g->e), -1);
	err_clear(&g->e);
	if (walfetch_finish(g->w, 305 * (uint64_t)SEG, &g->e) == -1)
		fail_msg("%s", g->e.text);
	assert_int_equal(walfetch_count(g->w), 300);
}

static void
what_the_source_keeps_for_later_is_counted_from_the_start_on(void **state)
{
	static const struct wal_file files[] = {{"00000002.history", GOOD},
	    {S("04"), GOOD}, {S("05"), GOOD}, {S("06"), RECYCLED},
	    {S("07.partial"), GOOD}, {"archive_status", GOOD}, {NULL, GOOD}};
	struct rig *g = *state;
	struct walfetch_opts o = {.wal_dir = "pg_wal",
	    .version = PGVERSION,
	    .segsize = SEG,
	    .start_lsn = 5 * (uint64_t)SEG + 40};
	uint64_t n = 0;

	g->files = files;
	assert_int_equal(walfetch_ahead(&o, &n, &g->e), 0);
	assert_int_equal(n, 2);
}

#define RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RIG(B29_all_from_start_to_stop_and_history_files_come),
	    cmocka_unit_test(B29_a_segment_that_is_not_proven_is_missing),
	    cmocka_unit_test(B29_the_first_and_the_last_are_needed),
	    RIG(B29_finished_segments_are_followed_during_the_copy),
	    RIG(B29_what_is_ahead_of_the_position_is_not_asked_for),
	    RIG(many_segments_and_foreign_results),
	    RIG(what_the_source_keeps_for_later_is_counted_from_the_start_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
