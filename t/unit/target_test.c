/* flow/target.h on temporary directories: refusals, the judgement from
 * literals, and the states, killed before each system call. */
#include "base/std.h"
#include "core/pgver.h"
#include "flow/target.h"

#include <ftw.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#define NOBODY 65534
#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"
#define SYSID UINT64_C(7281936400112233445)
#define CONTROL_BYTES 8192

static enum err_code code_as_root = ERR_NONE;

/* --- a directory ---------------------------------------------------------- */

struct place {
	char base[64];
	char dir[96];
};

static void
put(const char *dir, const char *name, const void *data, size_t n)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static bool
there(const char *dir, const char *name)
{
	char path[256];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

static void
put_u32(unsigned char *p, int at, uint32_t v)
{
	if (at >= 0)
		memcpy(p + at, &v, sizeof(v));
}

static void
put_u64(unsigned char *p, int at, uint64_t v)
{
	memcpy(p + at, &v, sizeof(v));
}

/* pg_control of a 15 that was shut down. */
static void
make_control(unsigned char *p, uint64_t sysid, uint64_t checkpoint)
{
	const struct pgver_control *o = pgver_control(1300, 202209061);

	assert_non_null(o);
	memset(p, 0, CONTROL_BYTES);
	put_u64(p, 0, sysid);
	put_u32(p, 8, 1300);
	put_u32(p, 12, 202209061);
	put_u32(p, o->state, PGSTATE_SHUTDOWNED);
	put_u64(p, o->checkpoint, checkpoint);
	put_u64(p, o->redo, checkpoint);
	put_u32(p, o->timeline, 1);
	put_u32(p, o->max_connections, 100);
	put_u32(p, o->blcksz, 8192);
	put_u32(p, o->relseg_size, 131072);
	put_u32(p, o->xlog_blcksz, 8192);
	put_u32(p, o->xlog_seg_size, 16 << 20);
	put_u32(p, o->crc, pgcontrol_crc32c(p, (size_t)o->crc));
}

static void
make_marker(struct marker *m)
{
	*m = (struct marker){
	    .uuid = UUID,
	    .system_identifier = SYSID,
	    .timeline = 1,
	    .phase = "transfer",
	    .pid = getpid(),
	};
	assert_non_null(m->source = strdup("db1:5432"));
}

/* One file or directory ("name/") of a word: what it holds is by its name. */
static void
make_item(const char *dir, const char *name)
{
	unsigned char control[CONTROL_BYTES];
	size_t n = strlen(name);
	struct marker m;
	struct buf b = BUF_INIT;
	char path[256];

	if (name[n - 1] == '/') {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
		assert_int_equal(mkdir(path, 0700), 0);
	} else if (strcmp(name, "PG_VERSION") == 0) {
		put(dir, name, "15\n", 3);
	} else if (strncmp(name, TARGET_CONTROL, strlen(TARGET_CONTROL)) == 0) {
		make_control(control, SYSID, 0x3000028);
		put(dir, name, control, sizeof(control));
	} else if (strcmp(name, TARGET_MARKER) == 0) {
		make_marker(&m);
		marker_render(&m, &b);
		put(dir, name, b.data, b.len);
		marker_free(&m);
		buf_free(&b);
	} else {
		put(dir, name, "x", 1);
	}
}

static void
make_items(const char *dir, const char *items)
{
	char *copy = strdup(items), *save = NULL, *w;

	assert_non_null(copy);
	for (w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		make_item(dir, w);
	free(copy);
}

static int
remove_one(const char *p, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(p);
}

/* A command on that directory, as it stands, up to the end of its line. */
static void
typed(const struct err *e, const char *command, const char *dir)
{
	char want[300], hint[sizeof(e->hint) + 1];

	(void)snprintf(want, sizeof(want), "%s'%s'\n", command, dir);
	(void)snprintf(hint, sizeof(hint), "%s\n", e->hint);
	if (strstr(hint, want) == NULL)
		fail_msg("%s: %s", command, e->hint);
}

static void
place_make(struct place *p, const char *items)
{
	(void)snprintf(p->base, sizeof(p->base), "/tmp/target_test.XXXXXX");
	assert_non_null(mkdtemp(p->base));
	(void)snprintf(p->dir, sizeof(p->dir), "%s/data", p->base);
	if (items == NULL)
		return;
	assert_int_equal(mkdir(p->dir, 0700), 0);
	make_items(p->dir, items);
}

static void
place_remove(struct place *p)
{
	assert_int_equal(
	    nftw(p->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static const struct target_want plain = {.sync = false};
static const struct target_want delta = {.delta = true};
static const struct target_want dry = {.dry_run = true};

/* --- A1 to A4 ------------------------------------------------------------- */

static void
root_is_refused(void **state)
{
	(void)state;
	if (code_as_root == ERR_NONE)
		skip();
	assert_int_equal(code_as_root, ERR_ROOT);
}

#define WHOLE "PG_VERSION global/ " TARGET_CONTROL
#define UNFINISHED "PG_VERSION global/ base/ " TARGET_MARKER

static void
what_a_directory_holds_decides(void **state)
{
	static const struct {
		const char *items;
		enum err_code code, with_delta;
		enum target_kind kind;
	} t[] = {
	    {"", 0, 0, TARGET_NEW},
	    {"lost+found/", 0, 0, TARGET_NEW},
	    {".4711.standby-clone.tmp", 0, 0, TARGET_NEW},
	    {"x", ERR_TARGET_NOT_EMPTY, ERR_TARGET_NOT_PGDATA, 0},
	    {".x.standby-clone.tmp", ERR_TARGET_NOT_EMPTY,
		ERR_TARGET_NOT_PGDATA, 0},
	    {"lost+found/ x", ERR_TARGET_NOT_EMPTY, ERR_TARGET_NOT_PGDATA, 0},
	    {"PG_VERSION", ERR_TARGET_NOT_PGDATA, ERR_TARGET_NOT_PGDATA, 0},
	    {"PG_VERSION global/ base/ global/x", ERR_TARGET_NOT_PGDATA,
		ERR_TARGET_NOT_PGDATA, 0},
	    {"PG_VERSION global/ " TARGET_CONTROL_OLD, ERR_TARGET_NOT_PGDATA,
		ERR_TARGET_NOT_PGDATA, 0},
	    {"PG_VERSION global", ERR_TARGET_NOT_PGDATA, ERR_TARGET_NOT_PGDATA,
		0},
	    {"PG_VERSION global/ " TARGET_CONTROL "/", ERR_TARGET_NOT_PGDATA,
		ERR_TARGET_NOT_PGDATA, 0},
	    {"global/ " TARGET_CONTROL, ERR_TARGET_NOT_PGDATA,
		ERR_TARGET_NOT_PGDATA, 0},
	    {WHOLE, ERR_TARGET_NOT_EMPTY, 0, TARGET_PGDATA},
	    {WHOLE " " TARGET_MARKER, ERR_TARGET_NOT_EMPTY, 0, TARGET_PGDATA},
	    {UNFINISHED, 0, 0, TARGET_MARKED},
	    {TARGET_MARKER, 0, 0, TARGET_MARKED},
	    {UNFINISHED " " TARGET_CONTROL_OLD, 0, 0, TARGET_MARKED},
	    {TARGET_MARKER "/", ERR_TARGET_NOT_PGDATA, ERR_TARGET_NOT_PGDATA,
		0},
	};

	(void)state;
	for (size_t i = 0; i < 2 * NELEM(t); i++) {
		bool d = i >= NELEM(t);
		size_t k = d ? i - NELEM(t) : i;
		enum err_code want = d ? t[k].with_delta : t[k].code;
		struct err e = ERR_INIT;
		struct target g;
		struct place p;
		int rc;

		place_make(&p, t[k].items);
		rc = target_open(&g, p.dir, d ? &delta : &plain, &e);
		if (e.code != want || (rc == 0) != (want == ERR_NONE))
			fail_msg("\"%s\" %d: %s, %s", t[k].items, (int)d,
			    err_name(e.code), e.text);
		if (rc == 0)
			assert_int_equal(g.kind, t[k].kind);
		else if (e.hint[0] == '\0' && want == ERR_TARGET_NOT_EMPTY)
			fail_msg("\"%s\": no hint", t[k].items);
		target_close(&g);
		place_remove(&p);
	}
}

static void
the_refusal_of_a_data_directory_says_what_it_is_and_names_delta(void **state)
{
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, WHOLE);
	assert_int_equal(target_open(&g, p.dir, &plain, &e), -1);
	assert_non_null(strstr(e.hint, "use --delta"));
	assert_non_null(strstr(e.detail, "system 7281936400112233445"));
	assert_non_null(strstr(e.detail, "0/3000028"));
	place_remove(&p);
}

static void
damaged_files_are_refused_with_the_status_of_a_refusal(void **state)
{
	static const char *const damaged[] = {
	    "PG_VERSION", TARGET_CONTROL, TARGET_MARKER};

	(void)state;
	for (size_t i = 0; i < NELEM(damaged); i++) {
		struct err e = ERR_INIT;
		struct target g;
		struct place p;

		place_make(&p, strcmp(damaged[i], TARGET_MARKER) == 0
				   ? UNFINISHED
				   : WHOLE);
		put(p.dir, damaged[i], "11x", 3);
		assert_int_equal(target_open(&g, p.dir, &delta, &e), -1);
		assert_int_equal(e.status, STATUS_REFUSED);
		assert_non_null(strstr(e.text, p.dir));
		place_remove(&p);
	}
}

static void
the_version_of_pg_control_must_fit_pg_version(void **state)
{
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, WHOLE);
	put(p.dir, "PG_VERSION", "14\n", 3);
	assert_int_equal(target_open(&g, p.dir, &delta, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_NOT_PGDATA);
	place_remove(&p);
}

static void
the_mode_counts_where_the_directory_is_not_empty(void **state)
{
	static const struct {
		const char *items;
		const char *version;
		mode_t mode;
		enum err_code code;
	} t[] = {
	    {"", NULL, 0755, 0},
	    {WHOLE, "15\n", 0700, 0},
	    {WHOLE, "15\n", 0750, 0},
	    {WHOLE, "15\n", 02700, 0},
	    {WHOLE, "15\n", 0755, ERR_TARGET_MODE},
	    {WHOLE, "15\n", 0770, ERR_TARGET_MODE},
	    {UNFINISHED, "10\n", 0750, ERR_TARGET_MODE},
	    {UNFINISHED, "9.6\n", 0700, 0},
	    {UNFINISHED, "11\n", 0750, 0},
	    {UNFINISHED, "11\n", 0755, ERR_TARGET_MODE},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct err e = ERR_INIT;
		struct target g;
		struct place p;

		place_make(&p, t[i].items);
		if (t[i].version != NULL)
			put(p.dir, "PG_VERSION", t[i].version,
			    strlen(t[i].version));
		assert_int_equal(chmod(p.dir, t[i].mode), 0);
		(void)target_open(&g, p.dir, &delta, &e);
		if (e.code != t[i].code)
			fail_msg("%zu: %s", i, e.text);
		if (e.code == ERR_TARGET_MODE)
			typed(&e, "chmod 0700 ", p.dir);
		target_close(&g);
		place_remove(&p);
	}
}

static void
an_absent_directory_is_made_and_removed_again(void **state)
{
	struct err e = ERR_INIT;
	struct target g;
	struct stat st;
	struct place p;

	(void)state;
	place_make(&p, NULL);
	assert_int_equal(target_open(&g, p.dir, &plain, &e), 0);
	assert_true(g.created && g.locked);
	assert_int_equal(stat(p.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_string_equal(g.path, p.dir);
	target_close(&g);
	assert_false(there(p.base, "data"));
	target_close(&g);
	place_remove(&p);
}

static void
a_dry_run_makes_nothing_and_refuses_what_could_not_be_made(void **state)
{
	char below[128];
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, NULL);
	assert_int_equal(target_open(&g, p.dir, &dry, &e), 0);
	assert_null(g.tree);
	assert_int_equal(g.kind, TARGET_NEW);
	assert_string_equal(g.path, p.dir);
	target_close(&g);
	assert_false(there(p.base, "data"));

	(void)snprintf(below, sizeof(below), "%s/a/b", p.dir);
	assert_int_equal(target_open(&g, below, &dry, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_PATH);
	*strrchr(below, '/') = '\0';
	typed(&e, "mkdir -p ", below);

	err_clear(&e);
	assert_int_equal(chmod(p.base, 0500), 0);
	assert_int_equal(target_open(&g, p.dir, &dry, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_PATH);
	assert_non_null(strstr(e.hint, "install -d -o"));
	typed(&e, " -m 0700 ", p.dir);

	err_clear(&e);
	(void)snprintf(below, sizeof(below), "%s/none/b", p.base);
	assert_int_equal(target_open(&g, below, &dry, &e), -1);
	*strrchr(below, '/') = '\0';
	assert_non_null(strstr(e.hint, "As root"));
	typed(&e, " -m 0700 ", below);
	assert_int_equal(chmod(p.base, 0700), 0);
	place_remove(&p);
}

static void
a_symbolic_link_is_resolved_once_and_a_dangling_one_refused(void **state)
{
	char link[128];
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, "");
	(void)snprintf(link, sizeof(link), "%s/link", p.base);
	assert_int_equal(symlink(p.dir, link), 0);
	assert_int_equal(target_open(&g, link, &plain, &e), 0);
	assert_string_equal(g.path, p.dir);
	target_close(&g);
	assert_int_equal(rmdir(p.dir), 0);
	assert_int_equal(target_open(&g, link, &plain, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_PATH);
	assert_non_null(strstr(e.text, "leads nowhere"));
	place_remove(&p);
}

static void
some_places_are_never_a_target(void **state)
{
	static const struct {
		const char *path;
		enum err_code code;
	} t[] = {
	    {"/", ERR_TARGET_PATH},
	    {"//", ERR_TARGET_PATH},
	    {"", ERR_TARGET_PATH},
	    {NULL, ERR_TARGET_PATH},
	    {"/usr", ERR_TARGET_OWNER},
	    {"/etc/passwd", ERR_TARGET_PATH},
	    {"/etc/passwd/x", ERR_TARGET_PATH},
	    {"/nonexistent-dir/x", ERR_TARGET_PATH},
	};
	struct target g;
	struct place p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		err_clear(&e);
		assert_int_equal(target_open(&g, t[i].path, &delta, &e), -1);
		if (e.code != t[i].code)
			fail_msg("%zu: %s", i, e.text);
	}
	place_make(&p, "");
	err_clear(&e);
	assert_int_equal(setenv("HOME", p.dir, 1), 0);
	assert_int_equal(target_open(&g, p.dir, &plain, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_PATH);
	assert_non_null(strstr(e.text, "home directory"));
	assert_int_equal(setenv("HOME", "/", 1), 0);
	place_remove(&p);
}

static void
a_second_run_is_refused_and_names_the_first(void **state)
{
	char pid[32];
	struct err e = ERR_INIT;
	struct target g, h;
	struct place p;

	(void)state;
	place_make(&p, "");
	assert_int_equal(target_open(&g, p.dir, &plain, &e), 0);
	assert_int_equal(target_open(&h, p.dir, &plain, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_LOCKED);
	(void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	if (strstr(e.text, "pid") != NULL) /* /proc/locks may be hidden */
		assert_non_null(strstr(e.text, pid));
	target_close(&g);
	err_clear(&e);
	assert_int_equal(target_open(&h, p.dir, &plain, &e), 0);
	target_close(&h);
	place_remove(&p);
}

/* A process as server processes are: of that name, working there. */
static pid_t
fake_server(const char *dir)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		/* A test that fails must not wait for it. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
		    prctl(PR_SET_NAME, "postgres") == -1 || chdir(dir) == -1 ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		(void)close(STDOUT_FILENO);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

static void
a_running_server_is_refused_at_the_start_and_before_the_mark(void **state)
{
	struct err e = ERR_INIT;
	struct marker m;
	struct target g;
	struct place p;
	pid_t pid;

	(void)state;
	place_make(&p, WHOLE);
	pid = fake_server(p.dir);
	assert_int_equal(target_open(&g, p.dir, &delta, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_RUNNING);
	typed(&e, "pg_ctl stop -m fast -D ", p.dir);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	err_clear(&e);
	assert_int_equal(target_open(&g, p.dir, &delta, &e), 0);
	pid = fake_server(p.dir);
	make_marker(&m);
	assert_int_equal(target_mark(&g, &m, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_RUNNING);
	assert_false(there(p.dir, TARGET_MARKER));
	assert_true(there(p.dir, TARGET_CONTROL));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	marker_free(&m);
	target_close(&g);
	place_remove(&p);
}

/* --- A5 to A7, from literals ---------------------------------------------- */

#define H2 "1\t0/5000000\tno recovery target specified\n"
#define H3 H2 "2\t0/6000000\tno recovery target specified\n"

static void
the_judgement_from_facts(void **state)
{
	static const struct {
		const char *name;
		enum target_kind kind;
		uint64_t sysid, checkpoint, min_recovery;
		uint32_t tli, min_tli;
		uint64_t s_sysid, s_lsn;
		uint32_t s_tli;
		const char *history;
		bool force;
		enum err_code code;
		bool diverged;
		uint64_t fork, lost;
	} t[] = {
	    {"stale standby", TARGET_PGDATA, 7, 0x3000028, 0x4000000, 1, 1, 7,
		0x5000000, 1, NULL, false, 0, false, 0, 0},
	    {"as far as the source", TARGET_PGDATA, 7, 0x3000028, 0x5000000, 1,
		1, 7, 0x5000000, 1, NULL, false, 0, false, 0, 0},
	    {"one byte ahead", TARGET_PGDATA, 7, 0x3000028, 0x5000001, 1, 1, 7,
		0x5000000, 1, NULL, false, ERR_TARGET_AHEAD, false, 0, 0},
	    {"checkpoint ahead", TARGET_PGDATA, 7, 0x7000028, 0, 1, 0, 7,
		0x5000000, 1, NULL, false, ERR_TARGET_AHEAD, false, 0, 0},
	    {"ahead, forced", TARGET_PGDATA, 7, 0x5000028, 0, 1, 0, 7,
		0x5000000, 1, NULL, true, 0, true, 0x5000000, 0x28},
	    {"position of the source unknown", TARGET_PGDATA, 7, 0x7000028, 0,
		1, 0, 7, 0, 1, NULL, false, 0, false, 0, 0},
	    {"newer timeline", TARGET_PGDATA, 7, 0x3000028, 0, 2, 0, 7,
		0x5000000, 1, NULL, false, ERR_TARGET_AHEAD, false, 0, 0},
	    {"newer timeline, reached in recovery", TARGET_PGDATA, 7, 0x3000028,
		0x4000000, 1, 2, 7, 0x5000000, 1, NULL, false, ERR_TARGET_AHEAD,
		false, 0, 0},
	    {"newer timeline, forced", TARGET_PGDATA, 7, 0x3000028, 0, 2, 0, 7,
		0x5000000, 1, NULL, true, 0, true, 0, 0},
	    {"timeline beside the history", TARGET_PGDATA, 7, 0x3000028, 0, 3,
		0, 7, 0x7000000, 4, H2, false, ERR_TARGET_AHEAD, false, 0, 0},
	    {"ancestor before the fork", TARGET_PGDATA, 7, 0x3000028, 0x4000000,
		1, 1, 7, 0x6000000, 2, H2, false, 0, false, 0, 0},
	    {"ancestor up to the fork", TARGET_PGDATA, 7, 0x3000028, 0x5000000,
		1, 1, 7, 0x6000000, 2, H2, false, 0, false, 0, 0},
	    {"ancestor behind the fork", TARGET_PGDATA, 7, 0x3000028, 0x5000100,
		1, 1, 7, 0x6000000, 2, H2, false, 0, true, 0x5000000, 0x100},
	    {"checkpoint begins at the fork", TARGET_PGDATA, 7, 0x5000000, 0, 1,
		0, 7, 0x6000000, 2, H2, false, 0, true, 0x5000000, 0},
	    {"grandparent", TARGET_PGDATA, 7, 0x5000028, 0, 1, 0, 7, 0x7000000,
		3, H3, false, 0, true, 0x5000000, 0x28},
	    {"parent", TARGET_PGDATA, 7, 0x5000028, 0, 2, 0, 7, 0x7000000, 3,
		H3, false, 0, false, 0, 0},
	    {"history not had", TARGET_PGDATA, 7, 0x3000028, 0, 1, 0, 7,
		0x7000000, 3, NULL, false, ERR_TARGET_AHEAD, false, 0, 0},
	    {"history is none", TARGET_PGDATA, 7, 0x3000028, 0, 1, 0, 7,
		0x7000000, 3, "x\n", false, ERR_SOURCE, false, 0, 0},
	    {"other cluster", TARGET_PGDATA, 8, 0x3000028, 0, 1, 0, 7,
		0x5000000, 1, NULL, false, ERR_TARGET_OTHER_CLUSTER, false, 0,
		0},
	    {"other cluster, forced", TARGET_PGDATA, 8, 0x9000028, 0, 9, 0, 7,
		0x5000000, 1, NULL, true, 0, false, 0, 0},
	    {"source unknown", TARGET_PGDATA, 7, 0x3000028, 0, 1, 0, 0,
		0x5000000, 1, NULL, false, ERR_TARGET_OTHER_CLUSTER, false, 0,
		0},
	    {"both unknown", TARGET_PGDATA, 0, 0x3000028, 0, 1, 0, 0, 0x5000000,
		1, NULL, false, ERR_TARGET_OTHER_CLUSTER, false, 0, 0},
	    {"new", TARGET_NEW, 0, 0, 0, 0, 0, 7, 0x5000000, 1, NULL, false, 0,
		false, 0, 0},
	    {"unfinished", TARGET_MARKED, 7, 0, 0, 0, 0, 7, 0x5000000, 1, NULL,
		false, 0, false, 0, 0},
	    {"unfinished of another", TARGET_MARKED, 8, 0, 0, 0, 0, 7,
		0x5000000, 1, NULL, false, ERR_TARGET_OTHER_CLUSTER, false, 0,
		0},
	    {"unfinished, what it displaced is ahead", TARGET_MARKED, 7,
		0x7000028, 0, 1, 0, 7, 0x5000000, 1, NULL, false,
		ERR_TARGET_AHEAD, false, 0, 0},
	};
	char path[] = "/pgdata", source[] = "db1";

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct target g = {.path = path, .kind = t[i].kind};
		struct target_source s = {.system_identifier = t[i].s_sysid,
		    .timeline = t[i].s_tli,
		    .lsn = t[i].s_lsn,
		    .history = t[i].history,
		    .dev = 1,
		    .ino = 2};
		struct target_verdict v;
		struct err e = ERR_INIT;

		g.have_control = t[i].checkpoint != 0;
		g.version = s.version = 150000;
		g.control.system_identifier = t[i].sysid;
		g.control.checkpoint = t[i].checkpoint;
		g.control.timeline = t[i].tli;
		g.control.min_recovery = t[i].min_recovery;
		g.control.min_recovery_tli = t[i].min_tli;
		g.marker.system_identifier = t[i].sysid;
		g.marker.source = source;
		(void)target_judge(&g, 1, 2, &s, t[i].force, &v, &e);
		if (e.code != t[i].code ||
		    (v.loss != TARGET_LOSES_NOTHING) != t[i].diverged ||
		    v.fork_lsn != t[i].fork || v.lost_bytes != t[i].lost)
			fail_msg("%s: %s \"%s\" %d %" PRIx64 " %" PRIu64,
			    t[i].name, err_name(e.code), e.text, (int)v.loss,
			    v.fork_lsn, v.lost_bytes);
		if (e.code == ERR_TARGET_AHEAD)
			assert_non_null(
			    strstr(e.text, "this may be the primary"));
	}
}

static void
what_the_wal_on_disk_says_counts_too(void **state)
{
	static const struct {
		const char *name;
		uint64_t end;
		uint32_t end_tli;
		bool primary, in_recovery;
		uint32_t s_tli;
		bool force;
		enum err_code code;
		enum target_loss loss;
		uint64_t lost;
	} t[] = {
	    {"not known", 0, 0, false, true, 1, false, 0, 0, 0},
	    {"a standby that is behind", 0x5000000, 1, false, true, 1, false, 0,
		0, 0},
	    {"a standby that is ahead", 0x5000010, 1, false, true, 1, false,
		ERR_TARGET_AHEAD, 0, 0},
	    {"a standby that is ahead, forced", 0x5000010, 1, false, true, 1,
		true, 0, TARGET_LOSES_AHEAD, 0x10},
	    {"a primary that has no more", 0x5000000, 1, true, true, 1, false,
		ERR_TARGET_IS_PRIMARY, 0, 0},
	    {"a primary that has no more, forced", 0x5000000, 1, true, true, 1,
		true, 0, 0, 0},
	    {"a primary that has more, forced", 0x5000010, 1, true, true, 1,
		true, 0, TARGET_LOSES_AHEAD, 0x10},
	    {"a primary, and so is the source", 0x5000000, 1, true, false, 1,
		false, 0, 0, 0},
	    {"an old primary up to the fork", 0x5000000, 1, true, true, 2,
		false, 0, 0, 0},
	    {"an old primary behind the fork", 0x5000010, 1, true, true, 2,
		false, 0, TARGET_LOSES_FORK, 0x10},
	    {"it went on to a timeline of its own", 0x4000000, 3, true, true, 2,
		false, ERR_TARGET_AHEAD, 0, 0},
	    {"its own timeline, forced", 0x4000000, 3, true, true, 2, true, 0,
		TARGET_LOSES_TIMELINE, 0},
	};
	char path[] = "/pgdata";

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct target g = {.path = path,
		    .kind = TARGET_PGDATA,
		    .have_control = true,
		    .version = 150000,
		    .control = {.system_identifier = 7,
			.checkpoint = 0x3000028,
			.timeline = 1},
		    .wal_end = t[i].end,
		    .wal_timeline = t[i].end_tli,
		    .was_primary = t[i].primary};
		struct target_source s = {.system_identifier = 7,
		    .timeline = t[i].s_tli,
		    .lsn = 0x5000000,
		    .history = t[i].s_tli == 1 ? NULL : H2,
		    .version = 150000,
		    .in_recovery = t[i].in_recovery};
		struct target_verdict v;
		struct err e = ERR_INIT;

		(void)target_judge(&g, 1, 2, &s, t[i].force, &v, &e);
		if (e.code != t[i].code || v.loss != t[i].loss ||
		    v.lost_bytes != t[i].lost)
			fail_msg("%s: %s \"%s\" %d %" PRIu64, t[i].name,
			    err_name(e.code), e.text, (int)v.loss,
			    v.lost_bytes);
	}
}

static void
the_source_itself_is_refused_even_with_force(void **state)
{
	static const struct {
		uint64_t dev, ino;
		bool same_host, refused;
	} t[] = {{1, 2, true, true}, {1, 2, false, false}, {1, 3, true, false},
	    {2, 2, true, false}, {0, 0, true, false}};
	struct target g = {.kind = TARGET_NEW};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct target_source s = {.dev = t[i].dev == 0 ? 0 : 1,
		    .ino = t[i].ino == 0 ? 0 : 2,
		    .same_host = t[i].same_host};
		struct target_verdict v;
		struct err e = ERR_INIT;
		int rc = target_judge(&g, t[i].dev, t[i].ino, &s, true, &v, &e);

		assert_int_equal(rc, t[i].refused ? -1 : 0);
		assert_int_equal(
		    e.code, t[i].refused ? ERR_TARGET_IS_SOURCE : ERR_NONE);
	}
}

static void
another_major_is_refused_even_with_force(void **state)
{
	char path[] = "/pgdata";
	struct target g = {
	    .path = path, .kind = TARGET_PGDATA, .version = 140000};
	struct target_source s = {.version = 150018};
	struct target_verdict v;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(target_judge(&g, 1, 1, &s, true, &v, &e), -1);
	assert_int_equal(e.code, ERR_VERSION);
}

/* --- the states ----------------------------------------------------------- */

enum state_of {
	GONE, /* the directory has no pg_control */
	OLD,
	FRESH
};

/* What pg_control is; fails the test when it is neither. */
static enum state_of
control_state(const char *dir)
{
	unsigned char want[CONTROL_BYTES], got[CONTROL_BYTES + 1];
	char path[256];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/" TARGET_CONTROL, dir);
	if ((f = fopen(path, "r")) == NULL)
		return GONE;
	n = fread(got, 1, sizeof(got), f);
	(void)fclose(f);
	assert_int_equal(n, CONTROL_BYTES);
	make_control(want, SYSID, 0x3000028);
	if (memcmp(got, want, sizeof(want)) == 0)
		return OLD;
	make_control(want, SYSID, 0x9000028);
	assert_memory_equal(got, want, sizeof(want));
	return FRESH;
}

static int
step_mark(struct target *g, struct err *e)
{
	struct marker m;
	int rc;

	make_marker(&m);
	rc = target_mark(g, &m, e);
	marker_free(&m);
	return rc;
}

static int
step_files(struct target *g, struct err *e)
{
	return tree_write_file(
	    g->tree, "backup_label", "START WAL\n", 10, 0600, false, e);
}

static int
step_put(struct target *g, struct err *e)
{
	unsigned char control[CONTROL_BYTES];

	make_control(control, SYSID, 0x9000028);
	return target_put_control(g, control, sizeof(control), e);
}

static const struct step {
	const char *name;
	int (*run)(struct target *, struct err *);
	enum state_of control; /* after it */
	enum target_kind kind; /* that the next run finds */
} steps[] = {
    {"mark", step_mark, GONE, TARGET_MARKED},
    {"touch", target_touch, GONE, TARGET_MARKED},
    {"files", step_files, GONE, TARGET_MARKED},
    {"sync", target_sync, GONE, TARGET_MARKED},
    {"put", step_put, GONE, TARGET_MARKED},
    {"recheck", target_recheck, GONE, TARGET_MARKED},
    {"seal", target_seal, FRESH, TARGET_PGDATA},
    {"drop", target_drop_marker, FRESH, TARGET_PGDATA},
};

static void
after_each_step_pg_control_is_absent_or_complete(void **state)
{
	(void)state;
	for (size_t stop = 1; stop <= NELEM(steps); stop++) {
		struct target_want want = {.delta = true, .sync = true};
		struct err e = ERR_INIT;
		struct target g;
		struct place p;

		place_make(&p, WHOLE " " TARGET_INDEX);
		assert_int_equal(target_open(&g, p.dir, &want, &e), 0);
		for (size_t i = 0; i < stop; i++) {
			if (steps[i].run(&g, &e) == -1)
				fail_msg("%s: %s", steps[i].name, e.text);
			assert_int_equal(
			    control_state(p.dir), steps[i].control);
			assert_int_equal(
			    there(p.dir, TARGET_CONTROL_OLD), g.displaced);
			assert_false(there(p.dir, TARGET_INDEX));
		}
		target_close(&g);
		if (target_open(&g, p.dir, &delta, &e) == -1)
			fail_msg("%s: %s", steps[stop - 1].name, e.text);
		assert_int_equal(g.kind, steps[stop - 1].kind);
		if (g.kind == TARGET_MARKED) {
			assert_int_equal(g.marker.old_system_identifier, SYSID);
			assert_int_equal(g.marker.old_checkpoint, 0x3000028);
			assert_int_equal(g.touched, stop > 1);
			assert_int_equal(step_mark(&g, &e), 0);
			assert_int_equal(control_state(p.dir), GONE);
			assert_int_equal(g.marker.old_checkpoint, 0x3000028);
		}
		target_close(&g);
		place_remove(&p);
	}
}

static void
unmark_restores_what_was_and_only_then(void **state)
{
	static const struct {
		const char *items;
		bool touch, reopen;
		enum state_of control;
		bool marker;
	} t[] = {
	    {WHOLE, false, false, OLD, false},
	    {WHOLE, false, true, OLD, false},
	    {WHOLE, true, false, GONE, true},
	    {WHOLE, true, true, GONE, true},
	    {"", false, false, GONE, false},
	    {"lost+found/", false, false, GONE, false},
	    {"", true, false, GONE, true},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct err e = ERR_INIT;
		struct target g;
		struct place p;

		place_make(&p, t[i].items);
		assert_int_equal(target_open(&g, p.dir, &delta, &e), 0);
		assert_int_equal(step_mark(&g, &e), 0);
		if (t[i].touch)
			assert_int_equal(target_touch(&g, &e), 0);
		if (t[i].reopen) {
			target_close(&g);
			assert_int_equal(target_open(&g, p.dir, &delta, &e), 0);
		}
		assert_int_equal(target_unmark(&g, &e), 0);
		assert_int_equal(g.marked, t[i].marker);
		assert_int_equal(control_state(p.dir), t[i].control);
		assert_int_equal(there(p.dir, TARGET_MARKER), t[i].marker);
		assert_false(there(p.dir, TARGET_CONTROL_OLD));
		target_close(&g);
		place_remove(&p);
	}
}

static void
a_new_directory_with_files_stays_marked_and_an_empty_one_goes(void **state)
{
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, NULL);
	assert_int_equal(target_open(&g, p.dir, &plain, &e), 0);
	assert_int_equal(step_mark(&g, &e), 0);
	make_item(p.dir, "base/");
	assert_int_equal(target_unmark(&g, &e), 0);
	assert_true(g.marked);
	target_close(&g);
	assert_true(there(p.dir, TARGET_MARKER));
	place_remove(&p);

	place_make(&p, NULL);
	assert_int_equal(target_open(&g, p.dir, &plain, &e), 0);
	assert_int_equal(step_mark(&g, &e), 0);
	assert_int_equal(target_unmark(&g, &e), 0);
	target_close(&g);
	assert_false(there(p.base, "data"));
	place_remove(&p);
}

static void
an_empty_directory_gets_its_mode_with_the_mark(void **state)
{
	struct err e = ERR_INIT;
	struct target g;
	struct stat st;
	struct place p;

	(void)state;
	place_make(&p, "");
	assert_int_equal(chmod(p.dir, 0755), 0);
	assert_int_equal(target_open(&g, p.dir, &plain, &e), 0);
	assert_int_equal(stat(p.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(step_mark(&g, &e), 0);
	assert_int_equal(stat(p.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	target_close(&g);
	place_remove(&p);
}

static void
a_target_that_someone_changed_is_not_marked(void **state)
{
	unsigned char control[CONTROL_BYTES];
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, WHOLE);
	assert_int_equal(target_open(&g, p.dir, &delta, &e), 0);
	make_control(control, SYSID, 0x9000028);
	put(p.dir, TARGET_CONTROL, control, sizeof(control));
	assert_int_equal(step_mark(&g, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_CHANGED);
	assert_int_equal(e.status, STATUS_REFUSED);
	assert_false(there(p.dir, TARGET_MARKER));
	target_close(&g);
	place_remove(&p);
}

static void
a_bad_pg_control_is_never_put(void **state)
{
	unsigned char control[CONTROL_BYTES + 1];
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, WHOLE);
	assert_int_equal(target_open(&g, p.dir, &delta, &e), 0);
	make_control(control, SYSID, 0x9000028);
	assert_int_equal(target_put_control(&g, control, 8192, &e), -1);
	err_clear(&e);
	assert_int_equal(step_mark(&g, &e), 0);

	control[40]++;
	assert_int_equal(target_put_control(&g, control, 8192, &e), -1);
	assert_int_equal(e.code, ERR_SOURCE);
	err_clear(&e);
	make_control(control, SYSID + 1, 0x9000028);
	assert_int_equal(target_put_control(&g, control, 8192, &e), -1);
	assert_int_equal(e.code, ERR_SOURCE);
	err_clear(&e);
	make_control(control, SYSID, 0x9000028);
	control[CONTROL_BYTES] = 0;
	assert_int_equal(target_put_control(&g, control, 8193, &e), -1);
	err_clear(&e);
	put(p.dir, "PG_VERSION", "14\n", 3);
	assert_int_equal(target_put_control(&g, control, 8192, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_CHANGED);
	assert_true(g.displaced && !g.touched);
	assert_false(there(p.dir, TARGET_CONTROL_NEW));
	target_close(&g);
	place_remove(&p);
}

static void
once_pg_control_is_put_there_is_no_way_back(void **state)
{
	struct err e = ERR_INIT;
	struct target g;
	struct place p;

	(void)state;
	place_make(&p, WHOLE);
	assert_int_equal(target_open(&g, p.dir, &delta, &e), 0);
	assert_int_equal(step_mark(&g, &e), 0);
	assert_int_equal(step_put(&g, &e), 0);
	assert_true(g.touched);
	assert_false(there(p.dir, TARGET_CONTROL_OLD));
	assert_int_equal(target_unmark(&g, &e), 0);
	assert_true(g.marked);
	/* A label of no length is none. */
	put(p.dir, "backup_label", "", 0);
	assert_int_equal(target_seal(&g, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_CHANGED);
	target_close(&g);
	place_remove(&p);
}

static void
the_seal_is_refused_when_the_directory_is_not_as_we_left_it(void **state)
{
	static const struct {
		const char *item;
		const char *missing;
	} t[] = {{"postmaster.pid", NULL}, {TARGET_CONTROL, NULL},
	    {NULL, "backup_label"}, {NULL, TARGET_CONTROL_NEW}, {NULL, NULL}};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		char path[256], away[128];
		struct err e = ERR_INIT;
		struct target g;
		struct place p;

		place_make(&p, WHOLE);
		assert_int_equal(target_open(&g, p.dir, &delta, &e), 0);
		assert_int_equal(step_mark(&g, &e), 0);
		assert_int_equal(step_files(&g, &e), 0);
		assert_int_equal(step_put(&g, &e), 0);
		if (t[i].item != NULL) {
			make_item(p.dir, t[i].item);
		} else if (t[i].missing != NULL) {
			(void)snprintf(
			    path, sizeof(path), "%s/%s", p.dir, t[i].missing);
			assert_int_equal(unlink(path), 0);
		} else { /* moved away, another one in its place */
			(void)snprintf(away, sizeof(away), "%s/away", p.base);
			assert_int_equal(rename(p.dir, away), 0);
			assert_int_equal(mkdir(p.dir, 0700), 0);
		}
		assert_int_equal(target_seal(&g, &e), -1);
		assert_false(g.sealed);
		assert_int_equal(
		    e.code, i == 3 ? ERR_TARGET_IO : ERR_TARGET_CHANGED);
		target_close(&g);
		place_remove(&p);
	}
}

/* --- the order of system calls -------------------------------------------- */

/*
 * Run the steps in a child under ptrace.  kill_at: before which of its system
 * calls that change files (1 ...) it is killed; 0: never, and what it did to
 * files is told in log.  Returns 1 when it came to its end, 0 when it was
 * killed, -1: no ptrace here.
 */
static void
child_steps(const char *dir, bool sync, size_t nsteps)
{
	struct target_want want = {.delta = true, .sync = sync};
	struct err e = ERR_INIT;
	struct target g;

	if (ptrace(PTRACE_TRACEME, 0, 0, 0) == -1)
		_exit(77);
	if (target_open(&g, dir, &want, &e) == -1)
		_exit(1);
	(void)raise(SIGSTOP);
	for (size_t i = 0; i < nsteps; i++)
		if (steps[i].run(&g, &e) == -1)
			_exit(1);
	_exit(0);
}

static void
read_text(pid_t pid, uint64_t at, char *to, size_t size)
{
	size_t n = 0;
	long word;

	while (n + sizeof(word) < size) {
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, (void *)(at + n), 0);
		if (errno != 0)
			break;
		memcpy(to + n, &word, sizeof(word));
		if (memchr(&word, '\0', sizeof(word)) != NULL)
			return;
		n += sizeof(word);
	}
	to[n] = '\0';
}

/* The last component; a temporary name without its pid. */
static const char *
short_name(const char *path)
{
	const char *s = strrchr(path, '/');

	s = s == NULL ? path : s + 1;
	return strstr(s, ".standby-clone.tmp") != NULL ? "tmp" : s;
}

static void
fd_name(pid_t pid, uint64_t fd, char *to, size_t size)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)fd);
	n = readlink(path, to, size - 1);
	to[n < 0 ? 0 : n] = '\0';
}

static void
tell(pid_t pid, const struct __ptrace_syscall_info *si, struct buf *log)
{
	char a[256], b[256];
	const uint64_t *arg = si->entry.args;

	switch (si->entry.nr) {
	case SYS_fsync:
	case SYS_syncfs:
		fd_name(pid, arg[0], a, sizeof(a));
		buf_addf(log, "%s %s\n",
		    si->entry.nr == SYS_fsync ? "fsync" : "syncfs",
		    short_name(a));
		break;
	case SYS_unlinkat:
		read_text(pid, arg[1], a, sizeof(a));
		buf_addf(log, "unlink %s\n", short_name(a));
		break;
	case SYS_renameat2:
#ifdef SYS_renameat
	case SYS_renameat:
#endif
		read_text(pid, arg[1], a, sizeof(a));
		read_text(pid, arg[3], b, sizeof(b));
		buf_addf(log, "rename %s %s\n", short_name(a), short_name(b));
		break;
	default:
		break;
	}
}

/* May it change a file?  A kill before any other call is one before the next
 * of these. */
static bool
changes(const struct __ptrace_syscall_info *si)
{
	switch (si->entry.nr) {
	case SYS_openat:
		return (si->entry.args[2] & O_CREAT) != 0;
	case SYS_write:
	case SYS_fchmod:
	case SYS_unlinkat:
	case SYS_renameat2:
#ifdef SYS_renameat
	case SYS_renameat:
#endif
	case SYS_exit_group:
		return true;
	default:
		return false;
	}
}

static int
traced_steps(
    const char *dir, bool sync, size_t nsteps, size_t kill_at, struct buf *log)
{
	struct __ptrace_syscall_info si;
	size_t n = 0;
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		child_steps(dir, sync, nsteps);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 77);
		return -1;
	}
	(void)ptrace(PTRACE_SETOPTIONS, pid, 0,
	    PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, 0, 0), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return 1;
		}
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(si), &si) <= 0)
			fail_msg("no PTRACE_GET_SYSCALL_INFO");
		if (si.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (changes(&si) && ++n == kill_at) {
			(void)kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			return 0;
		}
		if (log != NULL)
			tell(pid, &si, log);
	}
}

static void
every_step_is_durable_before_the_next(void **state)
{
	static const char want[] =
	    /* S1: marker, index, pg_control */
	    "fsync tmp\n"
	    "rename tmp .standby-clone.state\n"
	    "fsync data\n"
	    "unlink .standby-clone.index\n"
	    "fsync data\n"
	    "unlink pg_control.standby-clone.new\n"
	    "rename pg_control pg_control.standby-clone\n"
	    "fsync global\n"
	    /* the first change */
	    "unlink pg_control.standby-clone\n"
	    "fsync global\n"
	    /* the test's own backup_label */
	    "rename tmp backup_label\n"
	    /* S3 */
	    "syncfs data\n"
	    "fsync tmp\n"
	    "rename tmp pg_control.standby-clone.new\n"
	    "fsync global\n"
	    /* S4 */
	    "rename pg_control.standby-clone.new pg_control\n"
	    "fsync global\n"
	    "unlink .standby-clone.state\n"
	    "fsync data\n";
	struct buf log = BUF_INIT;
	struct place p;

	(void)state;
	place_make(&p, WHOLE " " TARGET_INDEX);
	if (traced_steps(p.dir, true, NELEM(steps), 0, &log) == 1)
		assert_string_equal(buf_str(&log), want);
	buf_free(&log);
	place_remove(&p);
}

/* What a run that was killed anywhere leaves. */
static void
check_left(const char *dir, size_t at)
{
	enum state_of control = control_state(dir);
	struct err e = ERR_INIT;
	struct target g;

	if (target_open(&g, dir, &delta, &e) == -1)
		fail_msg("killed at %zu: %s", at, e.text);
	assert_int_equal(
	    g.kind, control == GONE ? TARGET_MARKED : TARGET_PGDATA);
	if (control == FRESH)
		assert_true(there(dir, "backup_label"));
	else if (control == OLD) /* S0: as it was */
		assert_false(there(dir, "backup_label"));
	else
		assert_false(there(dir, TARGET_INDEX));
	/* And the next run comes to its end. */
	if (control != FRESH)
		for (size_t i = 0; i < NELEM(steps); i++)
			if (steps[i].run(&g, &e) == -1)
				fail_msg("killed at %zu, then %s: %s", at,
				    steps[i].name, e.text);
	assert_int_equal(control_state(dir), FRESH);
	target_close(&g);
}

static void
killed_before_any_system_call_it_starts_never_half_done(void **state)
{
	struct place p;
	int rc = 0;

	(void)state;
	for (size_t at = 1; rc == 0; at++) {
		place_make(&p, WHOLE " " TARGET_INDEX);
		rc = traced_steps(p.dir, false, NELEM(steps), at, NULL);
		if (rc != -1)
			check_left(p.dir, at);
		place_remove(&p);
		if (rc == 1)
			assert_true(at > 15);
	}
}

static void
free_space_is_told(void **state)
{
	uint64_t bytes = 0, inodes = 0;
	struct err e = ERR_INIT;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(target_space(fd, &bytes, &inodes, &e), 0);
	assert_true(bytes > 0 && inodes > 0);
	(void)close(fd);
	assert_int_equal(target_space(fd, &bytes, &inodes, &e), -1);
}

/* Root may do what an ordinary user is refused, so be one. */
static int
become_nobody(void)
{
	struct target g;
	struct err e = ERR_INIT;

	if (geteuid() != 0)
		return 0;
	(void)target_open(&g, "/tmp", &dry, &e);
	code_as_root = e.code == ERR_NONE ? ERR_INTERNAL : e.code;
	if (setgroups(0, NULL) == -1 || setgid(NOBODY) == -1 ||
	    setuid(NOBODY) == -1)
		return -1;
	/* Else the leak checker and ptrace may not look at us. */
	return prctl(PR_SET_DUMPABLE, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(root_is_refused),
	    cmocka_unit_test(what_a_directory_holds_decides),
	    cmocka_unit_test(
		the_refusal_of_a_data_directory_says_what_it_is_and_names_delta),
	    cmocka_unit_test(
		damaged_files_are_refused_with_the_status_of_a_refusal),
	    cmocka_unit_test(the_version_of_pg_control_must_fit_pg_version),
	    cmocka_unit_test(the_mode_counts_where_the_directory_is_not_empty),
	    cmocka_unit_test(an_absent_directory_is_made_and_removed_again),
	    cmocka_unit_test(
		a_dry_run_makes_nothing_and_refuses_what_could_not_be_made),
	    cmocka_unit_test(
		a_symbolic_link_is_resolved_once_and_a_dangling_one_refused),
	    cmocka_unit_test(some_places_are_never_a_target),
	    cmocka_unit_test(a_second_run_is_refused_and_names_the_first),
	    cmocka_unit_test(
		a_running_server_is_refused_at_the_start_and_before_the_mark),
	    cmocka_unit_test(the_judgement_from_facts),
	    cmocka_unit_test(what_the_wal_on_disk_says_counts_too),
	    cmocka_unit_test(the_source_itself_is_refused_even_with_force),
	    cmocka_unit_test(another_major_is_refused_even_with_force),
	    cmocka_unit_test(after_each_step_pg_control_is_absent_or_complete),
	    cmocka_unit_test(unmark_restores_what_was_and_only_then),
	    cmocka_unit_test(
		a_new_directory_with_files_stays_marked_and_an_empty_one_goes),
	    cmocka_unit_test(an_empty_directory_gets_its_mode_with_the_mark),
	    cmocka_unit_test(a_target_that_someone_changed_is_not_marked),
	    cmocka_unit_test(a_bad_pg_control_is_never_put),
	    cmocka_unit_test(once_pg_control_is_put_there_is_no_way_back),
	    cmocka_unit_test(
		the_seal_is_refused_when_the_directory_is_not_as_we_left_it),
	    cmocka_unit_test(every_step_is_durable_before_the_next),
	    cmocka_unit_test(
		killed_before_any_system_call_it_starts_never_half_done),
	    cmocka_unit_test(free_space_is_told),
	};

	if (become_nobody() == -1) {
		perror("become nobody");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
