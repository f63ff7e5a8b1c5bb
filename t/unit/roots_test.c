/* flow/roots.h: where tablespaces go, and where they may not. */
#include "base/std.h"
#include "base/buf.h"
#include "flow/roots.h"

#include <ftw.h>
#include <setjmp.h>

#include <cmocka.h>

#define SUB "PG_15_202209061"
#define NOT_OURS                                                               \
	"tablespace 16385: directory \"@/used\" is not empty, and not of "     \
	"this "                                                                \
	"standby"

/* --- "OLD=NEW" ------------------------------------------------------------
 */

static void
a_mapping_is_two_absolute_directories(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} t[] = {
	    {"/a=/b", "/a|/b"},
	    {"/a/=/b/", "/a|/b"},
	    {"/a//=/b//", "/a|/b"},
	    {"/=/b", "/|/b"},
	    {"/a=/", "/a|/"},
	    {"/a\\=b=/c", "/a=b|/c"},
	    {"/a=/b\\=c", "/a|/b=c"},
	    {"/a\\b=/c\\d", "/a\\b|/c\\d"},
	    {"/a\\\\=b=/c", "/a\\=b|/c"},
	    {"/a b=/c d", "/a b|/c d"},
	    {"", NULL},
	    {"=", NULL},
	    {"/a", NULL},
	    {"/a=", NULL},
	    {"=/b", NULL},
	    {"a=/b", NULL},
	    {"/a=b", NULL},
	    {"/a\\=/b", NULL},
	};
	char old[PATH_MAX], new_dir[PATH_MAX], got[2 * PATH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct err e = ERR_INIT;
		int rc = roots_parse_mapping(t[i].text, old, new_dir, &e);

		if (rc == -1) {
			if (t[i].want != NULL || e.code != ERR_USAGE)
				fail_msg("%s: %s", t[i].text, e.text);
			continue;
		}
		(void)snprintf(got, sizeof(got), "%s|%s", old, new_dir);
		if (t[i].want == NULL || strcmp(got, t[i].want) != 0)
			fail_msg("%s: %s", t[i].text, got);
	}
}

static void
a_mapping_has_a_length(void **state)
{
	static char text[3 * PATH_MAX];
	static char old[PATH_MAX], new_dir[PATH_MAX];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t cut = PATH_MAX - 3; cut < PATH_MAX + 3; cut++)
		for (int second = 0; second < 2; second++) {
			size_t n = second ? 3 : 0;

			memset(text, 'a', sizeof(text));
			memcpy(text, second ? "/x=" : "", n);
			text[n] = '/';
			text[n + cut] = '\0';
			if (!second)
				memcpy(text + cut, "=/y", 4);
			err_clear(&e);
			assert_int_equal(
			    roots_parse_mapping(text, old, new_dir, &e),
			    cut < PATH_MAX ? 0 : -1);
			if (cut >= PATH_MAX)
				assert_int_equal(e.code, ERR_USAGE);
		}
}

/* --- roots_plan -----------------------------------------------------------
 */

struct dirs {
	char top[64], data[96];
	struct target t;
	struct manifest src;
	struct roots r;
	struct err e;
	const char *tblspc_dir; /* of the source */
	bool keep_links;
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static const char *
under(struct dirs *d, const char *name, char *buf /* 256 */)
{
	(void)snprintf(buf, 256, "%s/%s", d->top, name);
	return buf;
}

static void
make_dir(struct dirs *d, const char *name)
{
	char path[256];

	assert_int_equal(mkdir(under(d, name, path), 0700), 0);
}

static int
setup(void **state)
{
	struct dirs *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	(void)snprintf(d->top, sizeof(d->top), "/tmp/roots_test.XXXXXX");
	assert_non_null(mkdtemp(d->top));
	(void)snprintf(d->data, sizeof(d->data), "%s/data", d->top);
	make_dir(d, "data");
	make_dir(d, "data/pg_tblspc");
	d->t.kind = TARGET_PGDATA;
	d->t.path = d->data;
	d->t.tree = tree_open(d->data, &d->e);
	assert_non_null(d->t.tree);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct dirs *d = *state;

	roots_free(&d->r);
	roots_free(&d->r);
	manifest_free(&d->src);
	tree_close(d->t.tree);
	(void)nftw(d->top, remove_one, 20, FTW_DEPTH | FTW_PHYS);
	free(d);
	return 0;
}

static void
source(struct dirs *d, const char *prefix, const char *link)
{
	struct entry en = {.type = 'l', .path = prefix, .link = link};

	assert_int_equal(manifest_add(&d->src, &en, &d->e), 0);
}

/* "16385:/old->/new ..." or the message, with the top directory as @. */
static const char *
plan(struct dirs *d, const char *const *mapping, size_t n, bool same_host,
    struct buf *b)
{
	struct roots_opts o = {.mapping = mapping,
	    .nmapping = n,
	    .same_host = same_host,
	    .keep_links = d->keep_links,
	    .tblspc_dir = d->tblspc_dir};
	struct buf raw = BUF_INIT;
	size_t len = strlen(d->top);

	roots_free(&d->r);
	err_clear(&d->e);
	if (roots_plan(&d->r, &d->src, &d->t, &o, &d->e) == -1) {
		assert_int_equal(d->e.code, ERR_TABLESPACE);
		buf_adds(&raw, d->e.text);
	}
	for (size_t i = 0; !err_is_set(&d->e) && i < d->r.n; i++)
		buf_addf(&raw, "%s%u:%s->%s", i > 0 ? " " : "", d->r.v[i].oid,
		    d->r.v[i].source, d->r.v[i].dir);
	buf_reset(b);
	for (const char *p = buf_str(&raw); *p != '\0'; p++) {
		if (strncmp(p, d->top, len) == 0) {
			buf_addc(b, '@');
			p += len - 1;
		} else {
			buf_addc(b, *p);
		}
	}
	buf_free(&raw);
	return buf_str(b);
}

/* For these, the same path on another host. */
static void
expect_at(struct dirs *d, const char *name, const char *want)
{
	struct buf b = BUF_INIT;
	char path[256];

	manifest_free(&d->src);
	source(d, "pg_tblspc/16385", under(d, name, path));
	assert_string_equal(plan(d, NULL, 0, false, &b), want);
	if (err_is_set(&d->e))
		assert_non_null(strstr(d->e.hint, "--tablespace-mapping="));
	buf_free(&b);
}

static void
links_become_roots_mapped_or_not(void **state)
{
	static const char *const maps[] = {"/s/one=/t/first", "/s/one=/t/one",
	    "/s/none=/t/none", "/s/three/=/t/3"};
	struct dirs *d = *state;
	struct buf b = BUF_INIT;

	source(d, "pg_log", "/var/log");
	source(d, "pg_tblspc/1", "/s/one");
	source(d, "pg_tblspc/2", "/s/two");
	source(d, "pg_tblspc/3", "/s/three");
	source(d, "pg_tblspc/x", "/s/x");
	source(d, "pg_wal", "/wal");
	assert_string_equal(plan(d, NULL, 0, false, &b),
	    "1:/s/one->/s/one 2:/s/two->/s/two 3:/s/three->/s/three");
	/* The last one counts. */
	assert_string_equal(plan(d, maps, NELEM(maps), false, &b),
	    "1:/s/one->/t/one 2:/s/two->/s/two 3:/s/three->/t/3");
	assert_string_equal(roots_map(&d->r, 1), "/t/one");
	assert_string_equal(roots_map(&d->r, 3), "/t/3");
	assert_null(roots_map(&d->r, 4));
	assert_string_equal(d->r.v[0].prefix, "pg_tblspc/1");
	buf_free(&b);
}

static void
on_one_host_the_source_is_not_written_over(void **state)
{
	static const char *const map[] = {"/s/one=/t/one"};
	static const char *const self[] = {"/s/one=/s/one/"};
	struct dirs *d = *state;
	struct buf b = BUF_INIT;

	source(d, "pg_tblspc/1", "/s/one");
	assert_string_equal(plan(d, NULL, 0, true, &b),
	    "tablespace 1: directory \"/s/one\" is the source's own (same "
	    "host, same path)");
	assert_string_equal(d->e.hint, "Choose another one: "
				       "--tablespace-mapping=/s/one=NEWDIR");
	assert_non_null(
	    strstr(plan(d, self, 1, true, &b), "is the source's own"));
	assert_string_equal(plan(d, map, 1, true, &b), "1:/s/one->/t/one");
	buf_free(&b);
}

static void
directories_that_are_refused(void **state)
{
	struct dirs *d = *state;
	char path[256], to[256];
	struct buf b = BUF_INIT;
	int fd;

	expect_at(d, "new", "16385:@/new->@/new");
	make_dir(d, "empty");
	expect_at(d, "empty", "16385:@/empty->@/empty");
	expect_at(d, "data/ts",
	    "tablespace 16385: directory \"@/data/ts\" lies inside the data "
	    "directory");
	expect_at(d, "data",
	    "tablespace 16385: directory \"@/data\" lies inside the data "
	    "directory");
	expect_at(d, "data2", "16385:@/data2->@/data2");
	fd = open(under(d, "file", path), O_WRONLY | O_CREAT, 0600);
	assert_true(fd != -1);
	(void)close(fd);
	expect_at(d, "file",
	    "tablespace 16385: directory \"@/file\" is not a directory");
	assert_int_equal(symlink("nowhere", under(d, "broken", path)), 0);
	expect_at(d, "broken",
	    "tablespace 16385: directory \"@/broken\" is a broken symbolic "
	    "link");
	assert_int_equal(
	    symlink(under(d, "empty", to), under(d, "link", path)), 0);
	expect_at(d, "link", "16385:@/link->@/link");
	make_dir(d, "used");
	make_dir(d, "used/lost+found");
	expect_at(d, "used", "16385:@/used->@/used");
	make_dir(d, "used/" SUB);
	expect_at(d, "used", NOT_OURS);
	manifest_free(&d->src);
	source(d, "pg_tblspc/16385", "relative/dir");
	assert_string_equal(plan(d, NULL, 0, false, &b),
	    "tablespace 16385: directory \"relative/dir\" is not absolute");
	manifest_free(&d->src);
	source(d, "pg_tblspc/16385", "");
	assert_string_equal(plan(d, NULL, 0, false, &b),
	    "tablespace 16385: directory \"\" is not absolute");
	buf_free(&b);
}

/* As pg_upgrade leaves it, or two servers that share a disk. */
static void
directories_of_other_versions_may_be_there(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} t[] = {{"used/PG_13_202007201", true},
	    {"used/PG_9.6_201608131", true}, {"used/PG_15_202209060", true},
	    {"used/PG_", false}, {"used/PG_13", false}, {"used/PG_13_", false},
	    {"used/PG__202007201", false}, {"used/PG_13_2020x", false},
	    {"used/pg_13_202007201", false}, {"used/PG", false},
	    {"used/16384", false}, {"used/" SUB, false}};
	struct dirs *d = *state;
	char path[256];
	int fd;

	d->tblspc_dir = SUB;
	make_dir(d, "used");
	for (size_t i = 0; i < NELEM(t); i++) {
		make_dir(d, t[i].name);
		expect_at(
		    d, "used", t[i].ok ? "16385:@/used->@/used" : NOT_OURS);
		if (!t[i].ok)
			assert_int_equal(rmdir(under(d, t[i].name, path)), 0);
	}
	/* Of which version it is that comes is not known: any is in the way. */
	d->tblspc_dir = NULL;
	expect_at(d, "used", NOT_OURS);
	d->tblspc_dir = SUB;
	expect_at(d, "used", "16385:@/used->@/used");
	fd = open(
	    under(d, "used/PG_12_201909212", path), O_WRONLY | O_CREAT, 0600);
	assert_true(fd != -1);
	(void)close(fd);
	expect_at(d, "used", NOT_OURS);
}

static void
another_users_directory_is_refused(void **state)
{
	struct dirs *d = *state;
	char path[256];

	if (geteuid() != 0)
		skip();
	make_dir(d, "theirs");
	assert_int_equal(chown(under(d, "theirs", path), 1, 1), 0);
	expect_at(d, "theirs",
	    "tablespace 16385: directory \"@/theirs\" belongs to another "
	    "user");
}

static void
no_two_tablespaces_share_a_directory(void **state)
{
	static const struct {
		const char *one, *two;
		bool ok;
	} t[] = {{"/t/a", "/t/a", false}, {"/t/a", "/t/a/b", false},
	    {"/t/a/b", "/t/a", false}, {"/t/a", "/t/ab", true},
	    {"/t/ab", "/t/a", true}};
	struct dirs *d = *state;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < NELEM(t); i++) {
		const char *got;

		manifest_free(&d->src);
		source(d, "pg_tblspc/1", t[i].one);
		source(d, "pg_tblspc/2", t[i].two);
		got = plan(d, NULL, 0, false, &b);
		if ((strstr(got, "is used for another") == NULL) != t[i].ok)
			fail_msg("%s, %s: %s", t[i].one, t[i].two, got);
	}
	buf_free(&b);
}

/* What is there is fine when it is this standby's. */
static void
the_targets_own_tablespace_is_taken(void **state)
{
	struct dirs *d = *state;
	char path[256], dir[256], line[300], *lines[1] = {line};

	make_dir(d, "used");
	make_dir(d, "used/" SUB);
	assert_int_equal(symlink(under(d, "used", dir),
			     under(d, "data/pg_tblspc/16385", path)),
	    0);
	expect_at(d, "used", "16385:@/used->@/used");

	/* Its link leads elsewhere: not ours. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/elsewhere", path), 0);
	expect_at(d, "used", NOT_OURS);

	/* An unfinished run of ours made it. */
	(void)snprintf(line, sizeof(line), "16385 %s", dir);
	d->t.marker.roots = lines;
	d->t.marker.nroots = 1;
	expect_at(d, "used", NOT_OURS);
	d->t.kind = TARGET_MARKED;
	expect_at(d, "used", "16385:@/used->@/used");
	line[4] = '6'; /* 16386: for another one */
	expect_at(d, "used", NOT_OURS);

	/* A dry run of a directory that is not there. */
	tree_close(d->t.tree);
	d->t.tree = NULL;
	expect_at(d, "new", "16385:@/new->@/new");
}

static void
directories_and_links_are_made(void **state)
{
	struct dirs *d = *state;
	char path[256], dir[256], old[256];
	struct buf b = BUF_INIT;
	struct stat st;
	ssize_t n;

	source(d, "pg_tblspc/1", under(d, "a/b/c", dir));
	make_dir(d, "there");
	source(d, "pg_tblspc/2", under(d, "there", path));
	assert_string_equal(plan(d, NULL, 0, false, &b),
	    "1:@/a/b/c->@/a/b/c 2:@/there->@/there");
	/* One link is right, one leads elsewhere. */
	assert_int_equal(symlink(path, under(d, "data/pg_tblspc/2", old)), 0);
	assert_int_equal(
	    symlink("/elsewhere", under(d, "data/pg_tblspc/1", old)), 0);
	if (roots_enter(&d->r, d->t.tree, &d->e) == -1)
		fail_msg("%s", d->e.text);
	assert_true(d->r.v[0].made);
	assert_false(d->r.v[1].made);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(tree_nroots(d->t.tree), 2);
	assert_int_equal(tree_mkdir(d->t.tree, "pg_tblspc/1/x", 0700), 0);
	assert_int_equal(stat(under(d, "a/b/c/x", path), &st), 0);
	for (int i = 0; i < 2; i++) { /* again: nothing to do */
		if (roots_link(&d->r, d->t.tree, &d->e) == -1)
			fail_msg("%s", d->e.text);
		n = readlink(
		    under(d, "data/pg_tblspc/1", path), old, sizeof(old) - 1);
		assert_true(n > 0);
		old[n] = '\0';
		assert_string_equal(old, dir);
	}
	buf_free(&b);
}

static void
a_directory_that_cannot_be_made_is_an_error(void **state)
{
	struct dirs *d = *state;
	char path[256];
	struct buf b = BUF_INIT;
	int fd = open(under(d, "file", path), O_WRONLY | O_CREAT, 0600);

	assert_true(fd != -1);
	(void)close(fd);
	source(d, "pg_tblspc/1", under(d, "late", path));
	(void)plan(d, NULL, 0, false, &b);
	/* Something else made a file of it since. */
	assert_int_equal(rename(under(d, "file", path), d->r.v[0].dir), 0);
	assert_int_equal(roots_enter(&d->r, d->t.tree, &d->e), -1);
	buf_free(&b);
}

/* Not on one host: there the target may be a copy of another standby, whose
 * directory its link names. */
static void
from_another_host_a_tablespace_stays_where_it_was(void **state)
{
	static const char *const maps[] = {"/s/one=/t/first"};
	struct dirs *d = *state;
	char have[256], link[256];
	struct buf b = BUF_INIT;

	make_dir(d, "have");
	assert_int_equal(
	    symlink(under(d, "have", have), under(d, "data/pg_tblspc/1", link)),
	    0);
	assert_int_equal(
	    symlink("/nowhere/at/all", under(d, "data/pg_tblspc/2", link)), 0);
	source(d, "pg_tblspc/1", "/s/one");
	source(d, "pg_tblspc/2", "/s/two");
	d->keep_links = true;
	assert_string_equal(
	    plan(d, NULL, 0, false, &b), "1:/s/one->@/have 2:/s/two->/s/two");
	assert_string_equal(
	    plan(d, maps, 1, false, &b), "1:/s/one->/t/first 2:/s/two->/s/two");
	assert_string_equal(plan(d, NULL, 0, true, &b),
	    "tablespace 1: directory \"/s/one\" is the source's own (same "
	    "host, same path)");
	assert_string_equal(d->e.hint + strlen(d->e.hint) - strlen(have), have);
	d->keep_links = false;
	assert_string_equal(
	    plan(d, NULL, 0, false, &b), "1:/s/one->/s/one 2:/s/two->/s/two");
	buf_free(&b);
}

#define DIRS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mapping_is_two_absolute_directories),
	    cmocka_unit_test(a_mapping_has_a_length),
	    DIRS(links_become_roots_mapped_or_not),
	    DIRS(on_one_host_the_source_is_not_written_over),
	    DIRS(from_another_host_a_tablespace_stays_where_it_was),
	    DIRS(directories_that_are_refused),
	    DIRS(directories_of_other_versions_may_be_there),
	    DIRS(another_users_directory_is_refused),
	    DIRS(no_two_tablespaces_share_a_directory),
	    DIRS(the_targets_own_tablespace_is_taken),
	    DIRS(directories_and_links_are_made),
	    DIRS(a_directory_that_cannot_be_made_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
