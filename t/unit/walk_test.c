/* flow/walk.h: what is found, in which order, and what is left out. */
#include "base/std.h"
#include "core/path.h"
#include "flow/walk.h"

#include <ftw.h>
#include <setjmp.h>

#include <cmocka.h>

/* What to make, in any order: 'd' directory, 'f' file, 'p' FIFO, 'l' link to
 * the outside directory, 'x' dangling link. */
static const struct {
	char kind;
	const char *path;
} things[] = {
    {'d', "base"},
    {'d', "base/1"},
    {'f', "base/1/10"},
    {'f', "base/1/10_init"},
    {'f', "base/1/10.1"},
    {'d', "base.d"},
    {'f', "base.d/a"},
    {'d', "base/1/sub"},
    {'f', "PG_VERSION"},
    {'f', "postmaster.pid"},
    {'p', "fifo"},
    {'f', "new\nline"},
    {'f', "\xff\xfe"},
    {'d', "pg_wal"},
    {'f', "pg_wal/000000010000000000000001"},
    {'d', "pg_tblspc"},
    {'l', "pg_tblspc/16385"},
    {'x', "pg_tblspc/16386"},
    {'l', "log"},
    {'l', "stray"},
};

struct dirs {
	char base[64], data[96], side[96];
	struct tree *t;
};

static void
make(const char *dir, char kind, const char *name, const char *target)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	switch (kind) {
	case 'd':
		assert_int_equal(mkdir(path, 0700), 0);
		break;
	case 'f':
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		assert_true(fd != -1);
		assert_int_equal(write(fd, "12345", 5), 5);
		assert_int_equal(close(fd), 0);
		break;
	case 'p':
		assert_int_equal(mkfifo(path, 0600), 0);
		break;
	default:
		assert_int_equal(
		    symlink(kind == 'l' ? target : "/nonexistent/x", path), 0);
	}
}

static int
setup(void **state)
{
	struct dirs *d = calloc(1, sizeof(*d));
	struct err e = ERR_INIT;

	assert_non_null(d);
	(void)snprintf(d->base, sizeof(d->base), "/tmp/walk_test.XXXXXX");
	assert_non_null(mkdtemp(d->base));
	(void)snprintf(d->data, sizeof(d->data), "%s/data", d->base);
	(void)snprintf(d->side, sizeof(d->side), "%s/side", d->base);
	make(d->base, 'd', "data", NULL);
	make(d->base, 'd', "side", NULL);
	make(d->side, 'd', "PG_15_202209061", NULL);
	make(d->side, 'f', "PG_15_202209061/7", NULL);
	make(d->side, 'd', "PG_14_202107181", NULL);
	make(d->side, 'f', "PG_14_202107181/8", NULL);
	for (size_t i = 0; i < NELEM(things); i++)
		make(d->data, things[i].kind, things[i].path, d->side);
	d->t = tree_open(d->data, &e);
	assert_non_null(d->t);
	assert_int_equal(tree_add_links(d->t, "pg_wal", &e), 0);
	*state = d;
	return 0;
}

static int
gone(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st, (void)flag, (void)at;
	return remove(path);
}

static int
teardown(void **state)
{
	struct dirs *d = *state;

	tree_close(d->t);
	assert_int_equal(nftw(d->base, gone, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(d);
	return 0;
}

/* One line: type and path of each entry. */
struct seen {
	struct buf b;
	char last[PATH_LIMIT + 1];
	unsigned n, stop_at;
	const char *remove; /* this file when the first entry comes */
};

static int
note(void *arg, const struct entry *en, struct err *e)
{
	struct seen *s = arg;

	if (s->n > 0)
		assert_true(path_cmp(s->last, en->path) < 0);
	(void)snprintf(s->last, sizeof(s->last), "%s", en->path);
	if (en->type == ENTRY_FILE)
		assert_int_equal(en->size, 5);
	buf_addf(&s->b, "%s%c:%s", s->n == 0 ? "" : " ", en->type, en->path);
	if (s->n++ == 0 && s->remove != NULL)
		assert_int_equal(remove(s->remove), 0);
	if (s->n == s->stop_at)
		return err_set(e, ERR_AGENT, "enough");
	return 0;
}

static const char *
run(struct dirs *d, struct seen *s, struct walk_opts o, struct walk_result *r)
{
	struct err e = ERR_INIT;

	o.entry = note;
	o.arg = s;
	if (walk(d->t, &o, r, &e) == -1)
		buf_addf(&s->b, " error %s", e.text);
	return buf_str(&s->b);
}

static void
everything_comes_in_order(void **state)
{
	struct seen s = {.b = BUF_INIT};
	struct walk_result r;

	assert_string_equal(
	    run(*state, &s, (struct walk_opts){.recurse = true}, &r),
	    "f:PG_VERSION d:base d:base/1 f:base/1/10 f:base/1/10.1 "
	    "f:base/1/10_init d:base/1/sub d:base.d f:base.d/a s:fifo "
	    "l:log f:new\nline d:pg_tblspc l:pg_tblspc/16385 "
	    "d:pg_tblspc/16385/PG_14_202107181 "
	    "f:pg_tblspc/16385/PG_14_202107181/8 "
	    "d:pg_tblspc/16385/PG_15_202209061 "
	    "f:pg_tblspc/16385/PG_15_202209061/7 l:pg_tblspc/16386 d:pg_wal "
	    "f:pg_wal/000000010000000000000001 f:postmaster.pid l:stray "
	    "f:\xff\xfe");
	assert_int_equal(r.specials, 1);
	buf_free(&s.b);
}

static void
what_is_excluded_is_not_entered(void **state)
{
	struct exclude x = {.log_dir = "log", .tblspc_dir = "PG_15_202209061"};
	struct seen s = {.b = BUF_INIT};

	assert_string_equal(
	    run(*state, &s, (struct walk_opts){.recurse = true, .exclude = &x},
		NULL),
	    "f:PG_VERSION d:base d:base/1 f:base/1/10 f:base/1/10.1 "
	    "f:base/1/10_init d:base/1/sub d:base.d f:base.d/a s:fifo "
	    "d:log f:new\nline d:pg_tblspc l:pg_tblspc/16385 "
	    "d:pg_tblspc/16385/PG_15_202209061 "
	    "f:pg_tblspc/16385/PG_15_202209061/7 l:pg_tblspc/16386 d:pg_wal "
	    "l:stray f:\xff\xfe");
	buf_free(&s.b);
}

static void
one_directory_and_init_forks(void **state)
{
	static const struct {
		const char *dir;
		bool recurse, init;
		const char *want;
	} rows[] = {
	    {"pg_wal", false, false, "f:pg_wal/000000010000000000000001"},
	    {"base", false, false, "d:base/1"},
	    {"base/1", false, false,
		"f:base/1/10 f:base/1/10.1 f:base/1/10_init d:base/1/sub"},
	    {"", true, true, "f:base/1/10_init"},
	    {"pg_tblspc/16385", false, false,
		"d:pg_tblspc/16385/PG_14_202107181 "
		"d:pg_tblspc/16385/PG_15_202209061"},
	    {"none", true, false, ""},
	    {"stray", true, false, ""}, /* a link is no directory */
	    {"stray/PG_15_202209061", true, false, ""},
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		struct seen s = {.b = BUF_INIT};

		assert_string_equal(run(*state, &s,
					(struct walk_opts){.dir = rows[i].dir,
					    .recurse = rows[i].recurse,
					    .init_only = rows[i].init},
					NULL),
		    rows[i].want);
		buf_free(&s.b);
	}
}

static void
what_vanishes_is_left_out(void **state)
{
	struct dirs *d = *state;
	struct seen s = {.b = BUF_INIT};
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/base/1/10.1", d->data);
	s.remove = path;
	assert_null(strstr(
	    run(d, &s, (struct walk_opts){.recurse = true}, NULL), "10.1"));
	buf_free(&s.b);
}

static void
an_error_of_the_callback_stops_it(void **state)
{
	struct seen s = {.b = BUF_INIT, .stop_at = 3};

	assert_string_equal(
	    run(*state, &s, (struct walk_opts){.recurse = true}, NULL),
	    "f:PG_VERSION d:base d:base/1 error enough");
	buf_free(&s.b);
}

static void
a_manifest_holds_all_with_links_counted(void **state)
{
	struct dirs *d = *state;
	struct manifest m = {.n = 0};
	struct err e = ERR_INIT;
	const struct entry *en;
	char from[256], to[256];

	(void)snprintf(from, sizeof(from), "%s/base/1/10", d->data);
	(void)snprintf(to, sizeof(to), "%s/hard", d->base);
	assert_int_equal(link(from, to), 0);
	assert_int_equal(walk_manifest(d->t, NULL, &m, &e), 0);
	assert_int_equal(m.n, 24);
	assert_non_null(en = manifest_find(&m, "base/1/10"));
	assert_int_equal(en->nlink, 2);
	assert_int_equal(en->mode, 0600);
	assert_true(en->mtime_ns > INT64_C(1600000000) * 1000000000);
	assert_non_null(en = manifest_find(&m, "stray"));
	assert_string_equal(en->link, d->side);
	manifest_free(&m);
}

static int
count(void *arg, struct err *e)
{
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

static int
ignore(void *arg, const struct entry *en, struct err *e)
{
	(void)arg, (void)en, (void)e;
	return 0;
}

static void
large_directories_tick(void **state)
{
	struct dirs *d = *state;
	struct walk_opts o = {.dir = "base.d", .entry = ignore, .tick = count};
	struct err e = ERR_INIT;
	unsigned ticks = 0;
	char name[32];

	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "base.d/f%d", i);
		make(d->data, 'f', name, NULL);
	}
	o.arg = &ticks;
	assert_int_equal(walk(d->t, &o, NULL, &e), 0);
	assert_int_equal(ticks, 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(everything_comes_in_order),
	    T(what_is_excluded_is_not_entered),
	    T(one_directory_and_init_forks),
	    T(what_vanishes_is_left_out),
	    T(an_error_of_the_callback_stops_it),
	    T(a_manifest_holds_all_with_links_counted),
	    T(large_directories_tick),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
