/* flow/apply.h: removals and directories of a plan, on a real tree. */
#include "base/std.h"
#include "base/buf.h"
#include "flow/apply.h"
#include "flow/walk.h"

#include <ftw.h>
#include <setjmp.h>

#include <cmocka.h>

struct dirs {
	char top[64], data[96];
	struct tree *t;
	struct manifest src, dst;
	struct plan p;
	struct buf done;
	int ticks;
	struct err e;
};

static const struct exclude excludes = {.tblspc_dir = "PG_15_1"};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void
make(struct dirs *d, char kind, const char *name)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", d->data, name);
	switch (kind) {
	case 'd':
		assert_int_equal(mkdir(path, 0700), 0);
		break;
	case 'l':
		assert_int_equal(symlink(d->top, path), 0);
		break;
	case 's':
		assert_int_equal(mkfifo(path, 0600), 0);
		break;
	default:
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd == -1)
			fail_msg("%s: %s", path, strerror(errno));
		(void)close(fd);
	}
}

static int
setup(void **state)
{
	struct dirs *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	(void)snprintf(d->top, sizeof(d->top), "/tmp/apply_test.XXXXXX");
	assert_non_null(mkdtemp(d->top));
	(void)snprintf(d->data, sizeof(d->data), "%s/data", d->top);
	assert_int_equal(mkdir(d->data, 0700), 0);
	d->t = tree_open(d->data, &d->e);
	assert_non_null(d->t);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct dirs *d = *state;

	plan_free(&d->p);
	manifest_free(&d->src);
	manifest_free(&d->dst);
	tree_close(d->t);
	buf_free(&d->done);
	(void)nftw(d->top, remove_one, 20, FTW_DEPTH | FTW_PHYS);
	free(d);
	return 0;
}

static void
source(struct dirs *d, char kind, const char *path)
{
	struct entry en = {.type = (uint8_t)kind, .path = path, .mode = 0700};

	assert_int_equal(manifest_add(&d->src, &en, &d->e), 0);
}

static void
plan_it(struct dirs *d, bool group)
{
	struct plan_opts o = {.exclude = &excludes,
	    .wal_dir = "pg_wal",
	    .block_size = 8192,
	    .group = group};

	assert_int_equal(walk_manifest(d->t, NULL, &d->dst, &d->e), 0);
	assert_int_equal(plan_build(&d->p, &d->src, &d->dst, &o, &d->e), 0);
}

static void
did(void *arg, const struct action *a)
{
	struct dirs *d = arg;

	buf_addf(&d->done, "%s%c%s", d->done.len > 0 ? " " : "", plan_letter(a),
	    a->src != NULL ? a->src->path : a->dst->path);
}

static int
tick(void *arg, struct err *e)
{
	struct dirs *d = arg;

	if (++d->ticks == 3)
		return err_set_signal(e, 15);
	return 0;
}

static struct apply_opts
options(struct dirs *d)
{
	return (struct apply_opts){
	    .tree = d->t, .did = did, .tick = tick, .arg = d};
}

/* What is there now: "dbase fbase/1". */
static const char *
now(struct dirs *d, struct buf *b)
{
	struct manifest m = {0};

	assert_int_equal(walk_manifest(d->t, NULL, &m, &d->e), 0);
	buf_reset(b);
	for (size_t i = 0; i < m.n; i++)
		buf_addf(
		    b, "%s%c%s", i > 0 ? " " : "", m.v[i].type, m.v[i].path);
	manifest_free(&m);
	return buf_str(b);
}

static void
what_has_no_counterpart_goes_and_directories_come(void **state)
{
	struct dirs *d = *state;
	struct apply_opts o = options(d);
	struct buf b = BUF_INIT;

	make(d, 'd', "old");
	make(d, 'd', "old/sub");
	make(d, 'f', "old/sub/file");
	make(d, 'l', "old/link");
	make(d, 's', "pipe");
	make(d, 'd', "was");
	make(d, 'f', "was/in");
	make(d, 'd', "stays");
	make(d, 'f', "stays/f");
	source(d, 'd', "new");
	source(d, 'd', "new/sub");
	source(d, 'd', "stays");
	source(d, 'f', "stays/f");
	source(d, 'f', "was");
	plan_it(d, false);
	if (apply_removals(&d->p, &o, &d->e) == -1 ||
	    apply_directories(&d->p, &o, &d->e) == -1)
		fail_msg("%s", d->e.text);
	assert_string_equal(buf_str(&d->done),
	    "Rwas/in Rwas Rpipe Rold/sub/file Rold/sub Rold/link Rold Mnew "
	    "Mnew/sub");
	assert_string_equal(now(d, &b), "dnew dnew/sub dstays fstays/f");
	/* What the link led to is as it was. */
	assert_int_equal(access(d->top, F_OK), 0);
	buf_free(&b);
}

static void
a_directory_that_holds_protected_files_stays(void **state)
{
	struct dirs *d = *state;
	struct apply_opts o = options(d);
	struct buf b = BUF_INIT;

	make(d, 'd', "old");
	make(d, 'd', "old/lost+found");
	make(d, 'f', "old/x");
	plan_it(d, false);
	if (apply_removals(&d->p, &o, &d->e) == -1)
		fail_msg("%s", d->e.text);
	assert_string_equal(now(d, &b), "dold dold/lost+found");
	buf_free(&b);
}

static void
what_went_or_came_meanwhile_is_no_error(void **state)
{
	struct dirs *d = *state;
	struct apply_opts o = options(d);
	struct buf b = BUF_INIT;

	make(d, 'd', "old");
	make(d, 'f', "old/x");
	source(d, 'd', "new");
	plan_it(d, false);
	assert_int_equal(tree_unlink(d->t, "old/x"), 0);
	make(d, 'd', "new");
	if (apply_removals(&d->p, &o, &d->e) == -1 ||
	    apply_directories(&d->p, &o, &d->e) == -1)
		fail_msg("%s", d->e.text);
	assert_string_equal(now(d, &b), "dnew");
	buf_free(&b);
}

static void
modes_are_set_whatever_the_umask(void **state)
{
	struct dirs *d = *state;
	struct apply_opts o = options(d);
	struct stat st;
	mode_t old;

	make(d, 'd', "a");
	source(d, 'd', "a");
	source(d, 'd', "b");
	plan_it(d, true);
	o.group = true;
	old = umask(0077);
	assert_int_equal(apply_directories(&d->p, &o, &d->e), 0);
	(void)umask(old);
	assert_int_equal(tree_stat(d->t, "a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(tree_stat(d->t, "b", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

/* faults.md B19: nothing is made or removed through a link. */
static void
B19_links_on_the_way_are_not_followed(void **state)
{
	struct dirs *d = *state;
	struct apply_opts o = options(d);
	char path[256];

	make(d, 'd', "old");
	make(d, 'f', "old/data2");
	source(d, 'd', "new");
	source(d, 'd', "new/sub");
	plan_it(d, false);
	/* The directory becomes a link to where such a file is, too. */
	(void)snprintf(path, sizeof(path), "%s/data2", d->top);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(tree_unlink(d->t, "old/data2"), 0);
	assert_int_equal(tree_rmdir(d->t, "old"), 0);
	make(d, 'l', "old");
	make(d, 'l', "new");
	assert_int_equal(apply_removals(&d->p, &o, &d->e), -1);
	assert_int_equal(d->e.code, ERR_TARGET_IO);
	assert_int_equal(access(path, F_OK), 0);
	err_clear(&d->e);
	assert_int_equal(apply_directories(&d->p, &o, &d->e), -1);
	assert_int_equal(d->e.code, ERR_TARGET_IO);
	(void)snprintf(path, sizeof(path), "%s/sub", d->top);
	assert_int_equal(access(path, F_OK), -1);
}

static void
ticks_come_now_and_then_and_may_end_it(void **state)
{
	struct dirs *d = *state;
	struct apply_opts o = options(d);
	char name[32];

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "f%03d", i);
		make(d, 'f', name);
	}
	plan_it(d, false);
	assert_int_equal(d->p.nremove, 1000);
	assert_int_equal(apply_removals(&d->p, &o, &d->e), -1);
	assert_int_equal(d->e.status, 143);
	assert_int_equal(d->ticks, 3);
	o.did = NULL;
	o.tick = NULL;
	err_clear(&d->e);
	assert_int_equal(apply_removals(&d->p, &o, &d->e), 0);
}

#define DIRS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    DIRS(what_has_no_counterpart_goes_and_directories_come),
	    DIRS(a_directory_that_holds_protected_files_stays),
	    DIRS(what_went_or_came_meanwhile_is_no_error),
	    DIRS(modes_are_set_whatever_the_umask),
	    DIRS(B19_links_on_the_way_are_not_followed),
	    DIRS(ticks_come_now_and_then_and_may_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
