/* io/tree.h, with openat2(2) and without it. */
#include "base/std.h"
#include "io/tree.h"

#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cmocka.h>

struct dirs {
	char base[64]; /* mkdtemp */
	char data[96]; /* base/data */
	char side[96]; /* base/side: outside */
	struct tree *t;
};

static void
put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
make(const char *dir, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
lead(const char *target, const char *dir, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(symlink(target, path), 0);
}

static int
setup(void **state)
{
	struct dirs *d = calloc(1, sizeof(*d));
	struct err e = ERR_INIT;

	assert_non_null(d);
	(void)snprintf(d->base, sizeof(d->base), "/tmp/tree_test.XXXXXX");
	assert_non_null(mkdtemp(d->base));
	(void)snprintf(d->data, sizeof(d->data), "%s/data", d->base);
	(void)snprintf(d->side, sizeof(d->side), "%s/side", d->base);
	make(d->base, "data");
	make(d->base, "side");
	put(d->side, "secret", "secret");
	make(d->data, "base");
	make(d->data, "base/1");
	make(d->data, "pg_tblspc");
	put(d->data, "base/1/10", "ten");
	lead(d->side, d->data, "out");
	lead("../side/secret", d->data, "file");
	lead("base", d->data, "in");
	d->t = tree_open(d->data, &e);
	assert_non_null(d->t);
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

static void
opens_what_is_beneath(void **state)
{
	struct dirs *d = *state;
	struct buf b = BUF_INIT;

	assert_int_equal(tree_read_file(d->t, "base/1/10", 100, &b), 0);
	assert_string_equal(buf_str(&b), "ten");
	assert_int_equal(tree_read_file(d->t, "base/1/10", 3, &b), 0);
	assert_int_equal(tree_read_file(d->t, "base/1/10", 2, &b), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(tree_read_file(d->t, "base/1/11", 2, &b), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(tree_read_file(d->t, "base", 2, &b), -1);
	assert_int_equal(errno, EISDIR);
	buf_free(&b);
}

static void
refuses_every_way_out(void **state)
{
	static const char *const names[] = {"out", "out/secret", "file",
	    "in/1/10", "..", "../side/secret", "base/../../side/secret",
	    "base/../base/1/10", "/etc/passwd", ".", "base/./1/10",
	    "base//1/10", "base/"};
	struct dirs *d = *state;
	struct stat st;
	int fd;

	for (size_t i = 0; i < NELEM(names); i++) {
		fd = tree_openat(d->t, names[i], O_RDONLY, 0);
		if (fd != -1)
			print_error("opened \"%s\"\n", names[i]);
		assert_int_equal(fd, -1);
		fd = tree_openat(d->t, names[i], O_WRONLY | O_CREAT, 0600);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(tree_stat(d->t, "file", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(tree_stat(d->t, "out/secret", &st), -1);
	assert_int_equal(tree_unlink(d->t, "out/secret"), -1);
	assert_int_equal(tree_mkdir(d->t, "out/new", 0700), -1);
	assert_int_equal(tree_rename(d->t, "out/secret", "out/x"), -1);
	assert_int_equal(tree_fsync_dir(d->t, "out"), -1);
}

static void
too_long_names_are_refused(void **state)
{
	struct dirs *d = *state;
	char name[1100];

	memset(name, 'x', sizeof(name));
	name[1025] = '\0';
	assert_int_equal(tree_openat(d->t, name, O_RDONLY, 0), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	name[300] = '\0';
	name[290] = '/';
	assert_int_equal(tree_openat(d->t, name, O_RDONLY, 0), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void
a_fifo_does_not_hold_us_up(void **state)
{
	struct dirs *d = *state;
	char path[128];
	struct buf b = BUF_INIT;

	(void)snprintf(path, sizeof(path), "%s/fifo", d->data);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(tree_read_file(d->t, "fifo", 10, &b), -1);
	assert_int_equal(tree_openat(d->t, "fifo", O_WRONLY, 0), -1);
	buf_free(&b);
}

static void
writes_whole_files_with_the_mode_asked_for(void **state)
{
	struct dirs *d = *state;
	struct buf b = BUF_INIT;
	struct stat st;
	struct err e = ERR_INIT;
	mode_t old = umask(077);

	assert_int_equal(
	    tree_write_file(d->t, "base/new", "one", 3, 0640, true, &e), 0);
	assert_int_equal(
	    tree_write_file(d->t, "base/new", "three", 5, 0640, false, &e), 0);
	assert_int_equal(tree_read_file(d->t, "base/new", 100, &b), 0);
	assert_string_equal(buf_str(&b), "three");
	assert_int_equal(tree_stat(d->t, "base/new", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(
	    tree_write_file(d->t, "none/new", "x", 1, 0600, true, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_IO);
	assert_string_equal(e.text,
	    "could not write file \"none/new\": No such file or directory");
	/* a link of that name is replaced, not followed */
	err_clear(&e);
	assert_int_equal(
	    tree_write_file(d->t, "file", "mine", 4, 0600, true, &e), 0);
	assert_int_equal(tree_stat(d->t, "file", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	(void)umask(old);
	buf_free(&b);
}

static void
renames_within_one_directory_only(void **state)
{
	struct dirs *d = *state;
	struct stat st;

	assert_int_equal(tree_rename(d->t, "base/1/10", "base/1/20"), 0);
	assert_int_equal(tree_stat(d->t, "base/1/20", &st), 0);
	assert_int_equal(tree_rename(d->t, "base/1/20", "base/20"), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(tree_rename(d->t, "base/1/20", "base/1/.."), -1);
	assert_int_equal(tree_fsync_dir(d->t, ""), 0);
	assert_int_equal(tree_fsync_dir(d->t, "base/1"), 0);
	assert_int_equal(tree_unlink(d->t, "base/1/20"), 0);
	assert_int_equal(tree_rmdir(d->t, "base/1"), 0);
}

static void
a_root_is_entered_and_its_link_kept(void **state)
{
	struct dirs *d = *state;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct stat st;
	char path[160];

	lead(d->side, d->data, "pg_tblspc/16385");
	lead("/nonexistent/there", d->data, "pg_tblspc/16386");
	make(d->data, "pg_tblspc/16387");
	lead(d->side, d->data, "pg_wal");
	assert_int_equal(tree_add_links(d->t, "pg_wal", &e), 0);
	assert_int_equal(tree_add_links(d->t, "pg_wal", &e), 0);
	assert_int_equal(tree_nroots(d->t), 2);
	assert_string_equal(tree_root_prefix(d->t, 0), "pg_wal");
	assert_string_equal(tree_root_prefix(d->t, 1), "pg_tblspc/16385");
	assert_string_equal(tree_root_dir(d->t, 1), d->side);
	assert_int_equal(
	    tree_read_file(d->t, "pg_tblspc/16385/secret", 10, &b), 0);
	assert_string_equal(buf_str(&b), "secret");
	assert_int_equal(tree_stat(d->t, "pg_tblspc/16385", &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(tree_read_file(d->t, "pg_tblspc/163850", 10, &b), -1);
	assert_int_equal(
	    tree_openat(d->t, "pg_tblspc/16385/../data/base/1/10", O_RDONLY, 0),
	    -1);
	assert_int_equal(
	    tree_openat(d->t, "pg_tblspc/16386/secret", O_RDONLY, 0), -1);
	assert_int_equal(tree_syncfs(d->t, &e), 0);
	assert_int_equal(tree_unlink(d->t, "pg_tblspc/16385"), 0);
	(void)snprintf(path, sizeof(path), "%s/secret", d->side);
	assert_int_equal(access(path, F_OK), 0);
	buf_free(&b);
}

static void
bad_tablespace_links_are_refused(void **state)
{
	struct dirs *d = *state;
	struct err e = ERR_INIT;
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/base", d->data);
	lead(path, d->data, "pg_tblspc/20000");
	assert_int_equal(tree_add_links(d->t, NULL, &e), -1);
	assert_int_equal(e.code, ERR_TABLESPACE);
	assert_int_equal(tree_unlink(d->t, "pg_tblspc/20000"), 0);
	lead(d->side, d->base, "hop");
	(void)snprintf(path, sizeof(path), "%s/hop", d->base);
	lead(path, d->data, "pg_tblspc/20001");
	err_clear(&e);
	assert_int_equal(tree_add_links(d->t, NULL, &e), -1);
	assert_int_equal(e.code, ERR_SYMLINK);
	assert_int_equal(tree_nroots(d->t), 0);
}

static void
a_missing_directory_is_an_error(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_null(tree_open("/nonexistent/data", &e));
	assert_int_equal(e.code, ERR_IO);
	assert_string_equal(e.text,
	    "could not open directory \"/nonexistent/data\": No such file or "
	    "directory");
	tree_close(NULL);
}

/* From now on this process has a kernel without openat2(2). */
static int
setup_old(void **state)
{
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = NELEM(code), .filter = code};

	if (syscall(SYS_openat2, -1, "", NULL, 0) == -1 && errno != ENOSYS)
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == -1)
			return -1;
	return setup(state);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define OLD(f)                                                                 \
	{                                                                      \
#f "_without_openat2", f, setup_old, teardown, NULL            \
	}
	const struct CMUnitTest tests[] = {
	    T(opens_what_is_beneath),
	    T(refuses_every_way_out),
	    T(too_long_names_are_refused),
	    T(a_fifo_does_not_hold_us_up),
	    T(writes_whole_files_with_the_mode_asked_for),
	    T(renames_within_one_directory_only),
	    T(a_root_is_entered_and_its_link_kept),
	    T(bad_tablespace_links_are_refused),
	    T(a_missing_directory_is_an_error),
	    /* the filter stays: these come last */
	    OLD(opens_what_is_beneath),
	    OLD(refuses_every_way_out),
	    OLD(too_long_names_are_refused),
	    OLD(a_fifo_does_not_hold_us_up),
	    OLD(renames_within_one_directory_only),
	    OLD(a_root_is_entered_and_its_link_kept),
	    OLD(bad_tablespace_links_are_refused),
	};

	(void)umask(022);
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
