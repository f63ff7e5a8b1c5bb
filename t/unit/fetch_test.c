/*
 * flow/fetch.h against the real agent, in a child, over a socketpair; and
 * against answers that no agent of ours gives.
 */
#include "base/std.h"
#include "base/clock.h"
#include "core/exclude.h"
#include "core/path.h"
#include "core/pgcontrol.h"
#include "core/pgver.h"
#include "core/wire.h"
#include "flow/agent.h"
#include "flow/agent_int.h"
#include "flow/fetch_int.h"
#include "flow/hello.h"
#include "io/pagedelta.h"
#include "io/rsdelta.h"
#include "io/zip.h"

#include <dirent.h>
#include <ftw.h>
#include <grp.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define BS 1024u
#define SEED UINT64_C(42)
#define SYSID UINT64_C(7281936400112233445)
#define NOBODY 65534
#define TIME_MS 60000

struct rig {
	char top[64], src[96], dst[96];
	struct tree *tree;
	struct chan c;
	int peer;    /* without an agent: its end of the pair */
	pid_t agent; /* 0: none */
	struct zip *zip;
	struct buf raw, log, content;
	struct fetch *f;
	struct err e;
};

/* --- files ----------------------------------------------------------------
 */

static void
put(const char *dir, const char *name, const void *data, size_t n)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(write(fd, data, n), n);
	assert_int_equal(close(fd), 0);
}

/* The content, or "(none)", "(link)". */
static void
get(const char *dir, const char *name, struct buf *b)
{
	char path[256];
	struct stat st;
	int fd;

	buf_reset(b);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lstat(path, &st) == -1) {
		buf_adds(b, "(none)");
	} else if (!S_ISREG(st.st_mode)) {
		buf_adds(b, "(link)");
	} else if (st.st_size > 0) {
		fd = open(path, O_RDONLY);
		assert_true(fd != -1);
		assert_non_null(buf_reserve(b, (size_t)st.st_size));
		assert_int_equal(
		    read(fd, b->data, (size_t)st.st_size), st.st_size);
		b->len = (size_t)st.st_size;
		b->data[b->len] = '\0';
		(void)close(fd);
	}
}

static void
assert_content(struct rig *g, const char *name, const void *want, size_t n)
{
	struct buf b = BUF_INIT;

	get(g->dst, name, &b);
	if (b.len != n || (n > 0 && memcmp(b.data, want, n) != 0))
		fail_msg("%s: %zu bytes, not the %zu wanted (%.40s)", name,
		    b.len, n, buf_str(&b));
	buf_free(&b);
}

/* "abc": three blocks of that letter; a digit is a tenth of a block each. */
static size_t
blocks(const char *spec, char *to)
{
	size_t n = 0;

	for (; *spec != '\0'; spec++) {
		size_t len = *spec >= '1' && *spec <= '9'
				 ? BS / 10 * (size_t)(*spec - '0')
				 : BS;

		memset(to + n, *spec, len);
		n += len;
	}
	return n;
}

static void
make_dir(const char *top, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void
put_u32(unsigned char *p, int at, uint32_t v)
{
	memcpy(p + at, &v, sizeof(v));
}

/* pg_control of a 15. */
static void
put_control(const char *dir)
{
	const struct pgver_control *o = pgver_control(1300, 202209061);
	unsigned char p[8192] = {0};
	uint64_t id = SYSID;

	assert_non_null(o);
	memcpy(p, &id, sizeof(id));
	put_u32(p, 8, 1300);
	put_u32(p, 12, 202209061);
	put_u32(p, o->state, PGSTATE_IN_PRODUCTION);
	put_u32(p, o->timeline, 1);
	put_u32(p, o->blcksz, 8192);
	put_u32(p, o->relseg_size, 131072);
	put_u32(p, o->xlog_blcksz, 8192);
	put_u32(p, o->xlog_seg_size, 16 << 20);
	put_u32(p, o->crc, pgcontrol_crc32c(p, (size_t)o->crc));
	put(dir, "global/pg_control", p, sizeof(p));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

/* --- the two sides --------------------------------------------------------
 */

/* The agent refuses root: it runs as somebody else then. */
static void
run_agent(int fd)
{
	struct err e = ERR_INIT;
	struct transport *t;
	struct chan c;

	if (geteuid() == 0 && (setgroups(0, NULL) == -1 ||
				  setresgid(NOBODY, NOBODY, NOBODY) == -1 ||
				  setresuid(NOBODY, NOBODY, NOBODY) == -1))
		_exit(3);
	if ((t = transport_fds(fd, fd, "client", &e)) == NULL)
		_exit(2);
	chan_init(&c, t);
	_exit(agent_serve(&c, NULL, &e) == 0 ? 0 : 1);
}

static int
done(void *arg, const struct fetch_result *r, struct err *e)
{
	static const char *const status[] = {
	    "ok", "vanished", "changed", "not regular"};
	struct rig *g = arg;

	(void)e;
	buf_addf(&g->log, "%s%" PRIu32 " %s %" PRIu64 "/%" PRIu64,
	    g->log.len > 0 ? ", " : "", r->id, status[r->status], r->changed,
	    r->size);
	return 0;
}

static int
sink(void *arg, uint32_t id, const void *p, size_t n, struct err *e)
{
	struct rig *g = arg;

	(void)id;
	(void)e;
	buf_add(&g->content, p, n);
	return 0;
}

/* Send requests, wait for the type of frame, handle the others. */
static void
expect(struct rig *g, uint8_t type, struct frame *f)
{
	int64_t deadline = deadline_in(TIME_MS);

	for (;;) {
		assert_int_equal(chan_pump(&g->c, &g->e), 0);
		while (chan_next(&g->c, f, &g->e) == 1) {
			if (f->type == type)
				return;
			if (f->type == WIRE_ERR)
				(void)wire_decode_err(
				    f->data, f->len, NULL, &g->e);
			if (f->type != WIRE_PING)
				fail_msg("type %c instead of %c: %s", f->type,
				    type, g->e.text);
		}
		assert_false(deadline_passed(deadline));
		assert_int_equal(chan_wait(&g->c, NULL, 0, deadline, &g->e), 0);
	}
}

static void
connect_agent(struct rig *g, uint8_t compress)
{
	struct buf b = BUF_INIT;
	struct wire_opened o;
	struct frame f;

	if (hello_client(&g->c, PACKAGE_VERSION, "agent", deadline_in(TIME_MS),
		&g->e) == -1)
		fail_msg("%s", g->e.text);
	wire_encode_open(&b, &(struct wire_open){.system_identifier = SYSID,
				 .seed = SEED,
				 .block_size = BS,
				 .compress = compress,
				 .pgdata = {g->src, strlen(g->src)}});
	assert_int_equal(chan_send_buf(&g->c, WIRE_OPEN, &b, &g->e), 0);
	buf_free(&b);
	expect(g, WIRE_OPENED, &f);
	assert_int_equal(wire_decode_opened(f.data, f.len, &o, &g->e), 0);
}

static struct rig *
rig_new(bool agent, uint8_t compress)
{
	struct rig *g = calloc(1, sizeof(*g));
	struct transport *t;
	int fd[2];

	assert_non_null(g);
	(void)snprintf(g->top, sizeof(g->top), "/tmp/fetch_test.XXXXXX");
	assert_non_null(mkdtemp(g->top));
	assert_int_equal(chmod(g->top, 0755), 0);
	make_dir(g->top, "src");
	make_dir(g->top, "dst");
	make_dir(g->top, "outside");
	(void)snprintf(g->src, sizeof(g->src), "%s/src", g->top);
	(void)snprintf(g->dst, sizeof(g->dst), "%s/dst", g->top);
	for (int i = 0; i < 2; i++) {
		make_dir(i == 0 ? g->src : g->dst, "base");
		make_dir(i == 0 ? g->src : g->dst, "base/1");
		make_dir(i == 0 ? g->src : g->dst, "global");
	}
	put(g->src, "PG_VERSION", "15\n", 3);
	put_control(g->src);
	assert_int_equal(chmod(g->src, 0700), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(g->src, NOBODY, NOBODY), 0);

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	g->peer = fd[1];
	if (agent) {
		if ((g->agent = fork()) == 0) {
			(void)close(fd[0]);
			run_agent(fd[1]);
		}
		assert_true(g->agent > 0);
		(void)close(fd[1]);
		g->peer = -1;
	}
	t = transport_fds(fd[0], fd[0], "agent", &g->e);
	assert_non_null(t);
	chan_init(&g->c, t);
	if (agent)
		connect_agent(g, compress);
	g->zip = zip_new(0);
	g->tree = tree_open(g->dst, &g->e);
	assert_non_null(g->tree);
	g->f = fetch_new(&(struct fetch_opts){.agent = &g->c,
			     .tree = g->tree,
			     .seed = SEED,
			     .block_size = BS,
			     .done = done,
			     .sink = sink,
			     .arg = g},
	    &g->e);
	assert_non_null(g->f);
	return g;
}

static void
rig_free(struct rig *g)
{
	fetch_free(g->f);
	tree_close(g->tree);
	chan_close(&g->c, deadline_in(2000), NULL);
	if (g->peer != -1)
		(void)close(g->peer);
	if (g->agent > 0)
		(void)waitpid(g->agent, NULL, 0);
	zip_free(g->zip);
	buf_free(&g->raw);
	buf_free(&g->log);
	buf_free(&g->content);
	(void)nftw(g->top, remove_one, 20, FTW_DEPTH | FTW_PHYS);
	free(g);
}

static int
setup(void **state)
{
	*state = rig_new(true, 0);
	return 0;
}

static int
setup_alone(void **state)
{
	*state = rig_new(false, 0);
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static void
add(struct rig *g, uint32_t id, uint8_t kind, uint8_t flags, uint64_t size,
    const char *path)
{
	struct fetch_job job = {.id = id,
	    .kind = kind,
	    .flags = flags,
	    .size = size,
	    .mode = 0600,
	    .path = path};

	if (fetch_add(g->f, &job, &g->e) == -1)
		fail_msg("%s", g->e.text);
}

static int
take(struct rig *g, const struct frame *f)
{
	switch (f->type & 0x7f) {
	case WIRE_PING:
	case WIRE_PONG:
		return 0;
	case WIRE_ERR:
		return wire_decode_err(f->data, f->len, NULL, &g->e);
	}
	if (!(f->type & WIRE_ZIPPED))
		return fetch_frame(g->f, f->type, f->data, f->len, &g->e);
	if (zip_unpack(g->zip, f->data, f->len, WIRE_MAX, &g->raw, &g->e) == -1)
		return -1;
	return fetch_frame(g->f, f->type & 0x7f, (const uint8_t *)g->raw.data,
	    g->raw.len, &g->e);
}

/* All jobs; -1 with g->e. */
static int
run(struct rig *g)
{
	int64_t deadline = deadline_in(TIME_MS);
	struct frame f;
	int rc;

	buf_reset(&g->log);
	while (fetch_pending(g->f) > 0) {
		if (chan_pump(&g->c, &g->e) == -1)
			return -1;
		while ((rc = chan_next(&g->c, &f, &g->e)) == 1)
			if (take(g, &f) == -1)
				return -1;
		if (rc == -1)
			return -1;
		/* Behind the answers, which make room for requests. */
		while ((rc = fetch_send(g->f, &g->e)) == 1)
			;
		if (rc == -1)
			return -1;
		if (fetch_pending(g->f) == 0)
			break;
		if (deadline_passed(deadline))
			fail_msg("%zu jobs hang", fetch_pending(g->f));
		if (chan_wait(&g->c, NULL, 0, deadline, &g->e) == -1)
			return -1;
	}
	return 0;
}

static void
run_and_see(struct rig *g, const char *want)
{
	if (run(g) == -1)
		fail_msg("%s", g->e.text);
	assert_string_equal(buf_str(&g->log), want);
}

/* DONE: both sides count the same, then the agent leaves with 0. */
static void
finish(struct rig *g)
{
	uint64_t files, bytes;
	uint8_t digest[16];
	struct wire_done d;
	struct frame f;
	int status;

	assert_int_equal(
	    chan_send(&g->c, WIRE_DONE, NULL, 0, NULL, 0, &g->e), 0);
	expect(g, WIRE_DONE, &f);
	assert_int_equal(wire_decode_done(f.data, f.len, &d, &g->e), 0);
	fetch_totals(g->f, &files, &bytes, digest);
	assert_int_equal(d.files, files);
	assert_int_equal(d.bytes, bytes);
	assert_memory_equal(d.digest, digest, 16);
	assert_int_equal(waitpid(g->agent, &status, 0), g->agent);
	assert_int_equal(status, 0);
	g->agent = 0;
}

static int
by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

/* Nothing but these names is in base/1 of the target. */
static void
assert_names(struct rig *g, const char *want)
{
	struct buf b = BUF_INIT;
	struct dirent **list;
	char path[200];
	int n;

	(void)snprintf(path, sizeof(path), "%s/base/1", g->dst);
	n = scandir(path, &list, NULL, by_number);
	assert_int_not_equal(n, -1);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			buf_addf(&b, "%s ", list[i]->d_name);
		free(list[i]);
	}
	free(list);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

/* --- with the agent -------------------------------------------------------
 */

static void
whole_files(void **state)
{
	struct rig *g = *state;
	static char big[700 * 1024];
	struct stat st;
	char path[200];

	memset(big, 'x', sizeof(big));
	put(g->src, "base/1/1", big, sizeof(big));
	put(g->src, "base/1/2", "", 0);
	put(g->src, "base/1/3", "grown a lot", 11);
	put(g->src, "base/1/4", "shrunk", 6);
	put(g->src, "base/1/5", "aside", 5);
	put(g->dst, "base/1/5", "old and longer", 14);
	put(g->src, "base/1/6", "limited", 7);
	add(g, 1, ACT_COPY, ACT_LIMIT, sizeof(big), "base/1/1");
	add(g, 2, ACT_COPY, ACT_LIMIT, 0, "base/1/2");
	add(g, 3, ACT_COPY, 0, 5, "base/1/3");
	add(g, 4, ACT_COPY, 0, 9999999, "base/1/4");
	add(g, 5, ACT_COPY, ACT_ASIDE | FETCH_SAME, 5, "base/1/5");
	add(g, 6, ACT_COPY, ACT_LIMIT, 5, "base/1/6");
	run_and_see(g, "1 ok 716800/716800, 2 ok 0/0, 3 ok 11/11, 4 ok 6/6, "
		       "5 ok 5/5, 6 ok 5/5");
	assert_content(g, "base/1/1", big, sizeof(big));
	assert_content(g, "base/1/2", "", 0);
	assert_content(g, "base/1/3", "grown a lot", 11);
	assert_content(g, "base/1/4", "shrunk", 6);
	assert_content(g, "base/1/5", "aside", 5);
	assert_content(g, "base/1/6", "limit", 5);
	assert_names(g, "1 2 3 4 5 6 ");
	(void)snprintf(path, sizeof(path), "%s/base/1/4", g->dst);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_blocks < 100); /* what was made room for is back */
	assert_int_equal(fetch_handled(g->f), 716800 + 5 + 9999999 + 5 + 5);
	finish(g);
}

static void
B12_B13_pages(void **state)
{
	static const struct {
		const char *old, *new;
		int limit; /* bytes; -1: all of new */
		size_t changed, size;
	} t[] = {
	    {"abc", "abc", -1, 0, 3 * BS},
	    {"abc", "axc", -1, BS, 3 * BS},
	    {"abc", "xyz", -1, 3 * BS, 3 * BS},
	    {"abcd", "xbxd", -1, 2 * BS, 4 * BS},
	    {"a", "abc", -1, 2 * BS, 3 * BS},
	    {"ab", "abcd", 3 * BS, BS, 3 * BS}, /* B12 */
	    {"abcd", "ab", 4 * BS, 0, 2 * BS},  /* B13 */
	    {"abcd", "xb", 4 * BS, BS, 2 * BS}, /* B13 */
	    {"abc", "", 3 * BS, 0, 0},
	    {"abc", "", 0, 0, 0},
	    {"a", "a", 0, 0, 0},
	    {"abcdef", "abc", 3 * BS, 0, 3 * BS},
	    {"abcdef", "abcxef", 3 * BS, 0, 3 * BS},
	    {"ab5", "ab5", -1, 0, 2 * BS + 510},
	    {"ab5", "ab6", -1, 612, 2 * BS + 612},
	    {"ab", "ab6", -1, 612, 2 * BS + 612},
	    {"abc", "ab6", -1, 612, 2 * BS + 612},
	    {"ab5", "abc", -1, BS, 3 * BS},
	    {"abc", "abc", 2 * BS + 7, 0, 2 * BS + 7},
	    {"abx", "abc", 2 * BS + 7, 7, 2 * BS + 7},
	    {"5", "5", -1, 0, 510},
	    {"5", "", 510, 0, 0},
	};
	struct rig *g = *state;
	char old[8 * BS], new[8 * BS], want[64];

	for (size_t i = 0; i < NELEM(t); i++) {
		size_t n = blocks(t[i].old, old), m = blocks(t[i].new, new);
		uint64_t limit = t[i].limit == -1 ? m : (uint64_t)t[i].limit;

		put(g->dst, "base/1/1", old, n);
		put(g->src, "base/1/1", new, m);
		add(g, (uint32_t)i, ACT_PAGES, ACT_LIMIT, limit, "base/1/1");
		(void)snprintf(want, sizeof(want), "%zu ok %zu/%zu", i,
		    t[i].changed, t[i].size);
		if (run(g) == -1)
			fail_msg("%zu: %s", i, g->e.text);
		if (strcmp(buf_str(&g->log), want) != 0)
			fail_msg("[%s] -> [%s] limit %" PRIu64 ": %s, not %s",
			    t[i].old, t[i].new, limit, buf_str(&g->log), want);
		assert_content(g, "base/1/1", new, t[i].size);
	}
	assert_names(g, "1 ");
	finish(g);
}

/* More than may be under way at once, of each kind: nothing waits for ever. */
static void
files_larger_than_the_window(void **state)
{
	struct rig *g = *state;
	uint64_t size = UINT64_C(140) << 20;
	char path[200];
	int fd;

	for (int i = 1; i <= 3; i++)
		for (int k = 0; k < 2; k++) {
			(void)snprintf(path, sizeof(path), "%s/base/1/%d",
			    k == 0 ? g->src : g->dst, i);
			fd = open(path, O_WRONLY | O_CREAT, 0644);
			assert_true(fd != -1);
			assert_int_equal(ftruncate(fd, (off_t)size), 0);
			if (k == 0)
				assert_int_equal(
				    pwrite(fd, "new", 3, 66 << 20), 3);
			(void)close(fd);
		}
	put(g->src, "base/1/4", "small", 5);
	add(g, 1, ACT_PAGES, ACT_LIMIT, size, "base/1/1");
	add(g, 2, ACT_PAGES, ACT_LIMIT, size, "base/1/2");
	add(g, 4, ACT_COPY, 0, 5, "base/1/4");
	if (run(g) == -1)
		fail_msg("%s", g->e.text);
	/* The third may be done before a part of the second has come. */
	assert_non_null(strstr(buf_str(&g->log), "1 ok 1024/146800640"));
	assert_non_null(strstr(buf_str(&g->log), "2 ok 1024/146800640"));
	assert_non_null(strstr(buf_str(&g->log), "4 ok 5/5"));
	add(g, 3, ACT_DELTA, ACT_ASIDE, size, "base/1/3");
	add(g, 4, ACT_COPY, 0, 5, "base/1/4");
	if (run(g) == -1)
		fail_msg("%s", g->e.text);
	assert_int_equal(strncmp(buf_str(&g->log), "3 ok ", 5), 0);
	for (int i = 1; i <= 3; i++) {
		char got[4] = "";

		(void)snprintf(path, sizeof(path), "%s/base/1/%d", g->dst, i);
		fd = open(path, O_RDONLY);
		assert_true(fd != -1);
		assert_int_equal(pread(fd, got, 3, 66 << 20), 3);
		assert_string_equal(got, "new");
		assert_int_equal(lseek(fd, 0, SEEK_END), size);
		(void)close(fd);
	}
	finish(g);
}

/* Bytes of content on the wire so far. */
static uint64_t
carried(struct rig *g)
{
	uint64_t files, bytes;
	uint8_t digest[16];

	fetch_totals(g->f, &files, &bytes, digest);
	return bytes;
}

/* n blocks; of every step-th the target has a byte that is another one. */
static void
put_pair(struct rig *g, const char *name, char *p, size_t n, size_t step)
{
	for (size_t i = 0; i < n * BS; i++)
		p[i] = (char)(i / BS * 31 + i % 251);
	put(g->src, name, p, n * BS);
	for (size_t i = 0; i < n; i += step)
		p[i * BS + i % BS] ^= 1;
	put(g->dst, name, p, n * BS);
	for (size_t i = 0; i < n; i += step)
		p[i * BS + i % BS] ^= 1;
}

#define PAIR_BLOCKS ((PARTS_HELD / BS) * 5 / 4)

static void
of_a_page_that_differs_a_part_travels(void **state)
{
	struct rig *g = *state;
	char *p = malloc(PAIR_BLOCKS * BS);
	char want[80];

	assert_non_null(p);
	put_pair(g, "base/1/1", p, 3000, 3);
	add(g, 1, ACT_PAGES, ACT_LIMIT, 3000 * BS, "base/1/1");
	/* What is told is pages that changed. */
	run_and_see(g, "1 ok 1024000/3072000");
	assert_int_equal(carried(g), 1000 * BS / PARTS);
	assert_content(g, "base/1/1", p, 3000 * BS);

	/* More than may be held: the others go whole. */
	put_pair(g, "base/1/2", p, PAIR_BLOCKS, 1);
	add(g, 2, ACT_PAGES, ACT_LIMIT, PAIR_BLOCKS * BS, "base/1/2");
	(void)snprintf(want, sizeof(want), "2 ok %zu/%zu", PAIR_BLOCKS * BS,
	    PAIR_BLOCKS * BS);
	run_and_see(g, want);
	assert_content(g, "base/1/2", p, PAIR_BLOCKS * BS);
	free(p);
	finish(g);
}

/* Many that lack a part at their end, with others among them. */
static void
small_files_do_not_wait_for_each_other(void **state)
{
	struct rig *g = *state;
	char p[3 * BS], name[32];

	for (uint32_t i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "base/1/%" PRIu32, i);
		put_pair(g, name, p, 3, 2);
		if (i % 7 == 0)
			add(g, i, ACT_COPY, ACT_ASIDE, sizeof(p), name);
		else
			add(g, i, ACT_PAGES, ACT_LIMIT, sizeof(p), name);
	}
	if (run(g) == -1)
		fail_msg("%s", g->e.text);
	for (uint32_t i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "base/1/%" PRIu32, i);
		assert_content(g, name, p, sizeof(p));
	}
	assert_int_equal(fetch_handled(g->f), 300 * sizeof(p));
	assert_null(fetch_current(g->f));
	assert_int_equal(g->f->window, 0);
	finish(g);
}

/* faults.md B32. */
static void
B32_a_file_of_several_names_is_not_written_in_place(void **state)
{
	struct rig *g = *state;
	char old[4 * BS], new[4 * BS], from[200], to[200];
	struct stat a, b;

	(void)blocks("abcd", old);
	(void)blocks("axcd", new);
	put(g->dst, "base/1/1", old, sizeof(old));
	put(g->src, "base/1/1", new, sizeof(new));
	(void)snprintf(from, sizeof(from), "%s/base/1/1", g->dst);
	(void)snprintf(to, sizeof(to), "%s/outside/1", g->top);
	assert_int_equal(link(from, to), 0);
	/* The plan says so, or it came into being since. */
	for (int i = 0; i < 2; i++) {
		add(g, 1, ACT_PAGES, ACT_LIMIT | (i == 0 ? ACT_UNSHARE : 0),
		    sizeof(new), "base/1/1");
		run_and_see(g, i == 0 ? "1 ok 1024/4096" : "1 ok 0/4096");
		assert_content(g, "base/1/1", new, sizeof(new));
		assert_content(g, "../outside/1", old, sizeof(old));
		assert_int_equal(stat(from, &a), 0);
		assert_int_equal(stat(to, &b), 0);
		assert_true(a.st_ino != b.st_ino);
		assert_int_equal(a.st_nlink, 1);
	}
	assert_names(g, "1 ");
	finish(g);
}

static void
librsync_deltas(void **state)
{
	struct rig *g = *state;
	static char old[200000], new[300000];
	static const struct {
		size_t shift, n;
	} t[] = {{0, 200000}, {7, 200007}, {0, 0}, {0, 50}, {100, 150000},
	    {99000, 299000}};
	unsigned x = 7;

	for (size_t i = 0; i < sizeof(old); i++)
		old[i] = (char)((x = x * 1103515245 + 12345) >> 16);
	for (size_t i = 0; i < NELEM(t); i++) {
		memset(new, 'n', sizeof(new));
		memcpy(new + t[i].shift, old, sizeof(old));
		put(g->dst, "base/1/1", old, sizeof(old));
		put(g->src, "base/1/1", new, t[i].n);
		/* The manifest may be old: it is not a limit. */
		add(g, (uint32_t)i, ACT_DELTA, ACT_ASIDE, 200000, "base/1/1");
		if (run(g) == -1)
			fail_msg("%zu: %s", i, g->e.text);
		assert_content(g, "base/1/1", new, t[i].n);
		assert_names(g, "1 ");
	}
	put(g->src, "base/1/1", old, sizeof(old));
	add(g, 9, ACT_DELTA, ACT_ASIDE | ACT_LIMIT, 100, "base/1/1");
	assert_int_equal(run(g), 0);
	assert_content(g, "base/1/1", old, 100);
	finish(g);
}

/* faults.md B11. */
static void
B11_files_that_vanished(void **state)
{
	struct rig *g = *state;

	for (int i = 1; i <= 5; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "base/1/%d", i);
		put(g->dst, name, "old", 3);
	}
	put(g->src, "base/1/5", "new", 3);
	add(g, 1, ACT_COPY, ACT_LIMIT, 100, "base/1/1");
	add(g, 2, ACT_COPY, ACT_ASIDE, 100, "base/1/2");
	add(g, 3, ACT_PAGES, ACT_LIMIT, 8192, "base/1/3");
	add(g, 4, ACT_DELTA, ACT_ASIDE, 99999, "base/1/4");
	add(g, 5, ACT_COPY, ACT_ASIDE, 3, "base/1/5");
	add(g, 6, ACT_COPY, 0, 3, "base/1/6");
	add(g, 7, FETCH_READ, 0, 3, "base/1/7");
	run_and_see(g, "1 vanished 0/0, 2 vanished 0/0, 3 vanished 0/0, "
		       "4 vanished 0/0, 5 ok 3/3, 6 vanished 0/0, "
		       "7 vanished 0/0");
	assert_names(g, "5 ");
	finish(g);
}

static void
files_that_are_none_any_more(void **state)
{
	struct rig *g = *state;
	char path[200];

	make_dir(g->src, "base/1/1");
	(void)snprintf(path, sizeof(path), "%s/base/1/2", g->src);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	(void)snprintf(path, sizeof(path), "%s/base/1/3", g->src);
	assert_int_equal(mkfifo(path, 0666), 0);
	put(g->dst, "base/1/1", "old", 3);
	put(g->dst, "base/1/2", "old", 3);
	put(g->dst, "base/1/3", "old", 3);
	add(g, 1, ACT_PAGES, ACT_LIMIT, 3, "base/1/1");
	add(g, 2, ACT_DELTA, ACT_ASIDE, 3, "base/1/2");
	add(g, 3, ACT_COPY, ACT_ASIDE, 3, "base/1/3");
	run_and_see(g, "1 not regular 0/0, 2 not regular 0/0, "
		       "3 not regular 0/0");
	assert_content(g, "base/1/1", "old", 3);
	assert_content(g, "base/1/2", "old", 3);
	assert_content(g, "base/1/3", "old", 3);
	assert_names(g, "1 2 3 ");
	finish(g);
}

/* faults.md B19: a link that someone put there is not written through. */
static void
B19_a_link_in_the_target_is_not_followed(void **state)
{
	static const struct {
		uint8_t kind, flags;
	} t[] = {{ACT_COPY, ACT_LIMIT}, {ACT_COPY, 0}, {ACT_PAGES, ACT_LIMIT},
	    {ACT_DELTA, ACT_ASIDE}};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct rig *g = rig_new(true, 0);
		char path[200], to[200];

		put(g->top, "outside/1", "secret", 6);
		put(g->src, "base/1/1", "new", 3);
		(void)snprintf(to, sizeof(to), "%s/outside/1", g->top);
		(void)snprintf(path, sizeof(path), "%s/base/1/1", g->dst);
		assert_int_equal(symlink(to, path), 0);
		add(g, 1, t[i].kind, t[i].flags, 6, "base/1/1");
		assert_int_equal(run(g), -1);
		assert_int_equal(g->e.code, ERR_TARGET_IO);
		assert_non_null(strstr(g->e.hint, "Something else changes"));
		assert_content(g, "../outside/1", "secret", 6);
		rig_free(g);
	}
}

static void
content_for_the_caller(void **state)
{
	struct rig *g = *state;
	static char big[600000];

	memset(big, 'b', sizeof(big));
	put(g->src, "big", big, sizeof(big));
	put(g->src, "map", "text", 4);
	fetch_set_tree(g->f, NULL);
	add(g, 1, FETCH_READ, 0, 1 << 20, "map");
	add(g, 2, FETCH_READ, 0, 1 << 20, "big");
	run_and_see(g, "1 ok 4/4, 2 ok 600000/600000");
	assert_int_equal(g->content.len, 600004);
	assert_int_equal(strncmp(g->content.data, "textbbb", 7), 0);
	finish(g);
}

static void
a_directory_that_is_not_there_is_an_error_here(void **state)
{
	struct rig *g = *state;

	make_dir(g->src, "base/9");
	put(g->src, "base/9/1", "x", 1);
	add(g, 2, ACT_COPY, 0, 1, "base/9/1");
	assert_int_equal(run(g), -1);
	assert_int_equal(g->e.code, ERR_TARGET_IO);
	assert_string_equal(g->e.text,
	    "could not create file \"base/9/1\": No such file or directory");
}

/* --- random pairs ---------------------------------------------------------
 */

static uint32_t rng;

static uint32_t
rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % n;
}

/* Content with runs, so that blocks repeat and compress, or noise. */
static size_t
random_content(char *p, size_t max)
{
	static const size_t sizes[] = {0, 1, BS - 1, BS, BS + 1, 16 * BS,
	    16 * BS - 1, 40 * BS, 600 * BS, 513 * BS + 3};
	size_t n = rnd(3) == 0 ? rnd((uint32_t)max) : sizes[rnd(NELEM(sizes))];
	bool noise = rnd(2) == 0;

	n = MIN_OF(n, max);
	for (size_t i = 0; i < n; i++)
		p[i] = noise ? (char)rnd(256) : (char)(i / BS % 7);
	return n;
}

static size_t
mutate(char *p, size_t n, size_t max)
{
	for (uint32_t k = rnd(6); k > 0 && n > 0; k--) {
		size_t at = rnd((uint32_t)n), len = MIN_OF(n - at, rnd(3000));

		switch (rnd(4)) {
		case 0: /* write over */
			memset(p + at, (int)rnd(256), len);
			break;
		case 1: /* cut */
			n = at;
			break;
		case 2: /* insert */
			len = MIN_OF(len, max - n);
			memmove(p + at + len, p + at, n - at);
			n += len;
			break;
		default: /* append */
			len = MIN_OF((size_t)rnd(5000), max - n);
			memset(p + n, 'z', len);
			n += len;
		}
	}
	return n;
}

#define NPAIRS 24
#define MAXPAIR (700u * 1024u)

static void
random_round(struct rig *g)
{
	static const struct {
		uint8_t kind, flags;
	} how[] = {{ACT_COPY, ACT_LIMIT}, {ACT_COPY, ACT_ASIDE},
	    {ACT_PAGES, ACT_LIMIT}, {ACT_PAGES, ACT_LIMIT | ACT_UNSHARE},
	    {ACT_DELTA, ACT_ASIDE}, {ACT_DELTA, ACT_ASIDE | ACT_LIMIT}};
	static char old[MAXPAIR], *new[NPAIRS];
	size_t n, size[NPAIRS];
	char name[32];

	for (uint32_t i = 0; i < NPAIRS; i++) {
		uint32_t k = rnd(NELEM(how));

		new[i] = malloc(MAXPAIR);
		assert_non_null(new[i]);
		n = random_content(old, MAXPAIR / 2);
		memcpy(new[i], old, n);
		size[i] = rnd(4) == 0 ? random_content(new[i], MAXPAIR / 2)
				      : mutate(new[i], n, MAXPAIR);
		(void)snprintf(name, sizeof(name), "base/1/%u", i);
		put(g->src, name, new[i], size[i]);
		if (how[k].kind != ACT_COPY || rnd(2) == 0)
			put(g->dst, name, old, n);
		add(g, i, how[k].kind, how[k].flags, size[i], name);
	}
	if (run(g) == -1)
		fail_msg("%s", g->e.text);
	for (uint32_t i = 0; i < NPAIRS; i++) {
		(void)snprintf(name, sizeof(name), "base/1/%u", i);
		assert_content(g, name, new[i], size[i]);
		free(new[i]);
	}
}

static void
random_pairs_are_equal_afterwards(void **state)
{
	const char *given = getenv("STANDBY_TEST_SEED");

	(void)state;
	rng = given != NULL ? (uint32_t)strtoul(given, NULL, 10)
			    : (uint32_t)time(NULL) * 2654435761u + 1;
	rng = rng == 0 ? 1 : rng;
	print_message("# STANDBY_TEST_SEED=%" PRIu32 "\n", rng);
	for (int i = 0; i < 4; i++) {
		struct rig *g = rig_new(true, i % 2 == 0 ? 0 : 1);

		for (int k = 0; k < 2; k++)
			random_round(g);
		finish(g);
		rig_free(g);
	}
}

/* --- without the agent ----------------------------------------------------
 */

/* A frame of u32s and then n bytes of one letter. */
static int
feed(struct rig *g, uint8_t type, uint32_t id, int64_t second, char fill,
    size_t n)
{
	struct buf b = BUF_INIT;
	int rc;

	while (fetch_send(g->f, &g->e) == 1)
		;
	assert_false(err_is_set(&g->e));
	buf_add_u32(&b, id);
	if (second >= 0)
		buf_add_u32(&b, (uint32_t)second);
	for (size_t i = 0; i < n; i++)
		buf_addc(&b, fill);
	rc = fetch_frame(g->f, type, (uint8_t *)b.data, b.len, &g->e);
	buf_free(&b);
	return rc;
}

/* FILE_END with the digest of what (NULL: a wrong one). */
static int
feed_end(struct rig *g, uint32_t id, uint8_t status, uint64_t size,
    const void *what, size_t n)
{
	struct wire_file_end end = {.id = id, .status = status, .size = size};
	struct filedigest *d = filedigest_new();
	struct buf b = BUF_INIT;
	int rc;

	while (fetch_send(g->f, &g->e) == 1)
		;
	assert_false(err_is_set(&g->e));
	if (what != NULL) {
		filedigest_start(d, SEED, BS);
		filedigest_add(d, what, n);
		filedigest_end(d, size, end.digest);
	}
	wire_encode_file_end(&b, &end);
	rc = fetch_frame(g->f, WIRE_FILE_END, (uint8_t *)b.data, b.len, &g->e);
	filedigest_free(d);
	buf_free(&b);
	return rc;
}

/* faults.md B17: once more, whole, and then no more. */
static void
B17_a_wrong_digest_is_fetched_whole_once(void **state)
{
	static const struct {
		uint8_t kind, flags, frame;
		int64_t block;
	} t[] = {{ACT_COPY, ACT_LIMIT, WIRE_DATA, -1},
	    {ACT_COPY, ACT_ASIDE, WIRE_DATA, -1},
	    {ACT_PAGES, ACT_LIMIT, WIRE_RUN, 0},
	    {ACT_DELTA, ACT_ASIDE, WIRE_DELTA, -1}};
	char a[BS];

	(void)state;
	memset(a, 'a', sizeof(a));
	for (size_t i = 0; i < NELEM(t) * 2; i++) {
		struct rig *g = rig_new(false, 0);
		size_t k = i / 2;
		bool twice = i % 2 == 1;

		put(g->dst, "base/1/1", "old", 3);
		put(g->dst, "base/1/2", "old", 3);
		add(g, 1, t[k].kind, t[k].flags, BS, "base/1/1");
		add(g, 2, ACT_COPY, ACT_ASIDE, BS, "base/1/2");
		assert_int_equal(
		    feed(g, t[k].frame, 1, t[k].block, 'x', BS), 0);
		assert_int_equal(feed_end(g, 1, WIRE_FILE_OK, BS, NULL, 0), 0);
		assert_int_equal(fetch_pending(g->f), 2);
		if (t[k].flags & ACT_ASIDE)
			assert_names(g, "1 2 ");
		assert_string_equal(buf_str(&g->log), "");
		/* The next one's answer comes first. */
		assert_int_equal(feed(g, WIRE_DATA, 2, -1, 'a', BS), 0);
		assert_int_equal(feed_end(g, 2, WIRE_FILE_OK, BS, a, BS), 0);
		assert_int_equal(feed(g, WIRE_DATA, 1, -1, 'a', BS), 0);
		assert_int_equal(
		    feed_end(g, 1, WIRE_FILE_OK, BS, twice ? NULL : a, BS),
		    twice ? -1 : 0);
		if (twice) {
			assert_int_equal(g->e.code, ERR_TRANSFER);
			assert_non_null(strstr(g->e.text, "second time"));
		} else {
			assert_string_equal(
			    buf_str(&g->log), "2 ok 1024/1024, 1 ok 1024/1024");
			assert_content(g, "base/1/1", a, BS);
			assert_int_equal(fetch_pending(g->f), 0);
			assert_names(g, "1 2 ");
		}
		rig_free(g);
	}
}

/* A delta without an end, and one that lies about the size with the digest
 * that no content has. */
static void
B17_a_bad_delta_is_fetched_whole(void **state)
{
	struct rig *g = *state;

	put(g->dst, "base/1/1", "old", 3);
	add(g, 1, ACT_DELTA, ACT_ASIDE, 3, "base/1/1");
	assert_int_equal(feed_end(g, 1, WIRE_FILE_OK, 0, NULL, 0), 0);
	assert_int_equal(fetch_pending(g->f), 1);
	assert_content(g, "base/1/1", "old", 3);
	assert_int_equal(feed(g, WIRE_DATA, 1, -1, 'n', 1), 0);
	assert_int_equal(feed_end(g, 1, WIRE_FILE_OK, 1, "n", 1), 0);
	assert_content(g, "base/1/1", "n", 1);

	/* magic of a delta, literal of one byte, END: 1 byte, said to be 2 */
	add(g, 2, ACT_DELTA, ACT_ASIDE, 3, "base/1/1");
	while (fetch_send(g->f, &g->e) == 1)
		;
	assert_int_equal(
	    fetch_frame(g->f, WIRE_DELTA,
		(const uint8_t *)"\0\0\0\2rs\x02\x36\x01q\0", 11, &g->e),
	    0);
	assert_int_equal(feed_end(g, 2, WIRE_FILE_OK, 2, NULL, 0), 0);
	assert_content(g, "base/1/1", "n", 1);
	assert_int_equal(fetch_pending(g->f), 1);
}

/* What each does: jobs 1 COPY (limit 2 blocks), 2 PAGES (3 blocks), 3 DELTA, 4
 * FETCH_READ; the rows say which is first in the queue. */
static void
hostile_answers_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint8_t kind, type;
		uint32_t id;
		int64_t second;
		size_t n;
		const char *want;
	} t[] = {
	    {"wrong id", ACT_COPY, 'd', 2, -1, 5, "not asked for"},
	    {"no id", ACT_COPY, 'd', WIRE_NO_ID, -1, 5, "not asked for"},
	    {"run for a copy", ACT_COPY, 'r', 1, 0, BS, "not asked for"},
	    {"delta for a copy", ACT_COPY, 'D', 1, -1, 5, "not asked for"},
	    {"data for pages", ACT_PAGES, 'd', 1, -1, 5, "not asked for"},
	    {"data for a delta", ACT_DELTA, 'd', 1, -1, 5, "not asked for"},
	    {"delta to read", FETCH_READ, 'D', 1, -1, 5, "not asked for"},
	    {"unknown type", ACT_COPY, 'z', 1, -1, 5, "not asked for"},
	    {"over the limit", ACT_COPY, 'd', 1, -1, 3 * BS + 1,
		"more of \"base/1/1\" than"},
	    {"empty run", ACT_PAGES, 'r', 1, -1, 0, "empty run"},
	    {"run of no blocks", ACT_PAGES, 'r', 1, 0, 0, "empty run"},
	    {"run behind the file", ACT_PAGES, 'r', 1, 3, BS, "not asked for"},
	    {"run far behind", ACT_PAGES, 'r', 1, UINT32_MAX, BS,
		"not asked for"},
	    {"run over the end", ACT_PAGES, 'r', 1, 2, BS + 1, "not asked for"},
	    {"span of another", ACT_PAGES, 's', 2, 1, 0, "bad span"},
	    {"span for a copy", ACT_COPY, 's', 1, 1, 0, "bad span"},
	    {"span that is long", ACT_PAGES, 's', 1, 1, 1, "bad span"},
	    {"span that is short", ACT_PAGES, 's', 1, -1, 1, "bad span"},
	    {"span not asked for", ACT_PAGES, 's', 1, 4, 0, "bad span"},
	    {"short end", ACT_COPY, 'F', 1, 0, 3, "malformed FILE_END"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct rig *g = rig_new(false, 0);

		put(g->top, "outside/1", "secret", 6);
		put(g->dst, "base/1/1", "old", 3);
		add(g, 1, t[i].kind,
		    t[i].kind == ACT_DELTA    ? ACT_ASIDE
		    : t[i].kind == FETCH_READ ? 0
					      : ACT_LIMIT,
		    3 * BS, "base/1/1");
		if (feed(g, t[i].type, t[i].id, t[i].second, 'x', t[i].n) !=
			-1 ||
		    g->e.code != ERR_PROTOCOL ||
		    strstr(g->e.text, t[i].want) == NULL)
			fail_msg("%s: \"%s\"", t[i].name, g->e.text);
		assert_content(g, "base/1/1", "old", 3);
		assert_content(g, "../outside/1", "secret", 6);
		assert_string_equal(buf_str(&g->log), "");
		rig_free(g);
	}
}

static void
hostile_ends_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint8_t kind, flags;
		uint32_t id;
		uint64_t size;
		const char *want;
	} t[] = {
	    {"wrong id", ACT_COPY, ACT_LIMIT, 2, 0, "not asked for"},
	    {"no id", ACT_COPY, ACT_LIMIT, WIRE_NO_ID, 0, "malformed"},
	    {"larger than the limit", ACT_COPY, ACT_LIMIT, 1, 3 * BS + 1,
		"more of"},
	    {"larger than the pages", ACT_PAGES, ACT_LIMIT, 1, 3 * BS + 1,
		"more of"},
	    {"huge pages", ACT_PAGES, ACT_LIMIT, 1, UINT64_MAX, "more of"},
	    {"huge pages, no limit", ACT_PAGES, 0, 1, UINT64_MAX, "more of"},
	    {"larger than what came", ACT_COPY, 0, 1, 5, "sent 0 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct rig *g = rig_new(false, 0);

		put(g->dst, "base/1/1", "old", 3);
		add(g, 1, t[i].kind, t[i].flags, 3 * BS, "base/1/1");
		if (feed_end(g, t[i].id, WIRE_FILE_OK, t[i].size, NULL, 0) !=
			-1 ||
		    g->e.code != ERR_PROTOCOL ||
		    strstr(g->e.text, t[i].want) == NULL)
			fail_msg("%s: \"%s\"", t[i].name, g->e.text);
		assert_string_equal(buf_str(&g->log), "");
		rig_free(g);
	}
}

static void
nothing_is_taken_when_nothing_was_asked_for(void **state)
{
	static const char types[] = "drsnwDFz";
	struct rig *g = *state;
	uint8_t frame[64] = {0};

	for (size_t i = 0; i < sizeof(types) - 1; i++)
		for (size_t n = 0; n < sizeof(frame); n++) {
			err_clear(&g->e);
			assert_int_equal(fetch_frame(g->f, (uint8_t)types[i],
					     frame, n, &g->e),
			    -1);
			assert_int_equal(g->e.code, ERR_PROTOCOL);
		}
}

/* --- parts of pages, without the agent ------------------------------------
 */

/* PEEK of each block in the string of digits, with the sums of the source's
 * content.  -1: refused; else *want has the maps that we sent, as text. */
static int
feed_peek(struct rig *g, uint32_t id, const char *which, const char *source,
    struct buf *want)
{
	static uint8_t in[65536];
	uint8_t sums[PARTS_SUMS];
	struct buf b = BUF_INIT, sent = BUF_INIT;
	const uint8_t *p;
	ssize_t n;
	int rc;

	while (fetch_send(g->f, &g->e) == 1)
		;
	assert_int_equal(chan_pump(&g->c, &g->e), 0);
	while (recv(g->peer, in, sizeof(in), MSG_DONTWAIT) > 0)
		;
	buf_add_u32(&b, id);
	for (; *which != '\0'; which++) {
		uint32_t block = (uint32_t)(*which - '0');

		pagesums(SEED, source + (size_t)block * BS, BS, sums);
		parts_encode_peek(&b, block, sums);
	}
	rc = fetch_frame(g->f, WIRE_PEEK, (uint8_t *)b.data, b.len, &g->e);
	buf_free(&b);
	if (want == NULL || rc == -1)
		return rc;
	assert_int_equal(chan_pump(&g->c, &g->e), 0);
	while ((n = recv(g->peer, in, sizeof(in), MSG_DONTWAIT)) > 0)
		buf_add(&sent, in, (size_t)n);
	p = (const uint8_t *)sent.data;
	assert_true(sent.len > 9 && p[0] == WIRE_WANT);
	assert_int_equal(wire_get_u32(p + 1), sent.len - 5);
	buf_reset(want);
	for (size_t i = 9; i < sent.len; i += 4)
		buf_addf(
		    want, "%s%" PRIx32, i == 9 ? "" : " ", wire_get_u32(p + i));
	buf_free(&sent);
	return rc;
}

static int
feed_patch(struct rig *g, uint32_t id, uint32_t block, uint32_t map,
    const char *source)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_add_u32(&b, id);
	parts_encode_patch(
	    &b, block, map, (const uint8_t *)source + (size_t)block * BS, BS);
	rc = fetch_frame(g->f, WIRE_PATCH, (uint8_t *)b.data, b.len, &g->e);
	buf_free(&b);
	return rc;
}

/* Five blocks, of which 1 and 3 differ in part 2, 3 in part 31 as well. */
static void
make_parts(char *old, char *new)
{
	(void)blocks("abcde", old);
	memcpy(new, old, 5 * BS);
	new[BS + 2 * BS / PARTS] = '!';
	new[3 * BS + 3 * BS / PARTS - 1] = '!';
	new[4 * BS - 1] = '!';
}

static void
a_file_that_lacks_parts_is_done_when_they_have_come(void **state)
{
	struct rig *g = *state;
	char old[5 * BS], new[5 * BS];
	struct buf want = BUF_INIT;

	make_parts(old, new);
	for (uint32_t i = 1; i <= 3; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "base/1/%" PRIu32, i);
		put(g->dst, name, old, sizeof(old));
		add(g, i, i == 3 ? ACT_COPY : ACT_PAGES, ACT_LIMIT, sizeof(old),
		    name);
	}
	assert_int_equal(feed_peek(g, 1, "1", new, &want), 0);
	assert_string_equal(buf_str(&want), "4");
	assert_int_equal(feed_peek(g, 1, "34", new, &want), 0);
	assert_string_equal(buf_str(&want), "80000004 0");
	assert_int_equal(
	    feed_end(g, 1, WIRE_FILE_OK, sizeof(new), new, sizeof(new)), 0);
	assert_string_equal(fetch_current(g->f), "base/1/2");
	assert_int_equal(feed_patch(g, 1, 1, 4, new), 0);
	assert_int_equal(feed_peek(g, 2, "1", new, &want), 0);
	assert_int_equal(feed_peek(g, 2, "3", new, &want), 0);
	assert_int_equal(feed_patch(g, 1, 3, 0x80000004, new), 0);
	assert_string_equal(buf_str(&g->log), "");
	assert_int_equal(fetch_pending(g->f), 3);
	assert_int_equal(feed_patch(g, 1, 4, 0, new), 0);
	assert_string_equal(buf_str(&g->log), "1 ok 3072/5120");
	assert_content(g, "base/1/1", new, sizeof(new));
	assert_int_equal(
	    feed_end(g, 2, WIRE_FILE_OK, sizeof(new), new, sizeof(new)), 0);
	assert_int_equal(feed(g, WIRE_DATA, 3, -1, 'x', BS), 0);
	assert_int_equal(fetch_handled(g->f), 2 * sizeof(new) + BS);
	assert_int_equal(feed_patch(g, 2, 1, 4, new), 0);
	memset(old, 'x', BS);
	assert_int_equal(feed_end(g, 3, WIRE_FILE_OK, BS, old, BS), 0);
	assert_string_equal(fetch_current(g->f), "base/1/2");
	assert_int_equal(fetch_pending(g->f), 1);
	assert_int_equal(feed_patch(g, 2, 3, 0x80000004, new), 0);
	assert_string_equal(
	    buf_str(&g->log), "1 ok 3072/5120, 3 ok 1024/1024, 2 ok 2048/5120");
	assert_content(g, "base/1/2", new, sizeof(new));
	assert_int_equal(fetch_pending(g->f), 0);
	assert_int_equal(g->f->window, 0);
	assert_null(fetch_current(g->f));
	assert_int_equal(carried(g), 6 * BS / PARTS + BS);
	buf_free(&want);
}

/* What no source can do to a file: its digest is not that of what is there. */
enum trouble {
	SUMS_COLLIDE,    /* the part that differs has the sum of ours */
	CUT_BEFORE_PEEK, /* the target's file; that does no harm */
	CUT_BEFORE_PATCH,
	NOT_WHAT_WAS_HELD
};

static void
B17_parts_that_do_not_fit_end_in_the_whole_file(void **state)
{
	static const struct {
		enum trouble trouble;
		const char *want;
		bool again;
	} t[] = {
	    {SUMS_COLLIDE, "0", true},
	    {CUT_BEFORE_PEEK, "ffffffff", false},
	    {CUT_BEFORE_PATCH, "80000004", true},
	    {NOT_WHAT_WAS_HELD, "80000004", true},
	};
	char old[5 * BS], new[5 * BS], path[200];
	struct buf want = BUF_INIT;

	(void)state;
	make_parts(old, new);
	new[BS + 2 * BS / PARTS] = 'b';
	for (size_t i = 0; i < NELEM(t); i++) {
		struct rig *g = rig_new(false, 0);
		enum trouble how = t[i].trouble;
		uint32_t map = (uint32_t)strtoul(t[i].want, NULL, 16);

		put(g->dst, "base/1/1", old, 4 * BS);
		(void)snprintf(path, sizeof(path), "%s/base/1/1", g->dst);
		add(g, 1, ACT_PAGES, ACT_LIMIT, 4 * BS, "base/1/1");
		while (fetch_send(g->f, &g->e) == 1)
			;
		if (how == CUT_BEFORE_PEEK)
			assert_int_equal(truncate(path, 3 * BS + 100), 0);
		assert_int_equal(feed_peek(g, 1, "3",
				     how == SUMS_COLLIDE ? old : new, &want),
		    0);
		assert_string_equal(buf_str(&want), t[i].want);
		if (how == CUT_BEFORE_PATCH)
			assert_int_equal(truncate(path, 3 * BS + 100), 0);
		assert_int_equal(
		    feed_end(g, 1, WIRE_FILE_OK, 4 * BS, new, 4 * BS), 0);
		assert_int_equal(feed_patch(g, 1, 3, map,
				     how == NOT_WHAT_WAS_HELD ? old : new),
		    0);
		assert_int_equal(fetch_pending(g->f), t[i].again ? 1 : 0);
		if (t[i].again) {
			struct buf all = BUF_INIT;

			assert_string_equal(buf_str(&g->log), "");
			while (fetch_send(g->f, &g->e) == 1)
				;
			buf_add_u32(&all, 1);
			buf_add(&all, new, 4 * BS);
			assert_int_equal(
			    fetch_frame(g->f, WIRE_DATA, (uint8_t *)all.data,
				all.len, &g->e),
			    0);
			buf_free(&all);
			assert_int_equal(
			    feed_end(g, 1, WIRE_FILE_OK, 4 * BS, new, 4 * BS),
			    0);
		}
		assert_int_equal(fetch_pending(g->f), 0);
		assert_int_equal(fetch_handled(g->f), 4 * BS);
		assert_int_equal(g->f->window, 0);
		assert_content(g, "base/1/1", new, 4 * BS);
		rig_free(g);
	}
	buf_free(&want);
}

/* Files 1 (PAGES, five blocks of which we have four and a half) and 2 (COPY).
 * Each row: what comes, "1:13" a PEEK of blocks 1 and 3 of file 1, "1=4/2" a
 * PATCH of its block 4 with the map 2, "F1" its end; the last is refused. */
static void
hostile_parts_are_refused(void **state)
{
	static const struct {
		const char *frames, *want;
	} t[] = {
	    {"2:1", "sums that were not asked for"},
	    {"3:1", "sums that were not asked for"},
	    {"1:5", "sums of blocks"},
	    {"1:11", "malformed PEEK"},
	    {"1:31", "malformed PEEK"},
	    {"1:13 1:3", "sums of blocks"},
	    {"1:13 1:2", "sums of blocks"},
	    {"1:4 1:4", "sums of blocks"},
	    {"1=1/4", "parts of pages that were not"},
	    {"1:13 2=1/4", "parts of pages that were not"},
	    {"1:13 1=3/80000004", "parts of pages that were not"},
	    {"1:13 1=1/5", "parts of pages that were not"},
	    {"1:13 1=1/4 1=1/4", "parts of pages that were not"},
	    {"1:1 1=1/4 1=1/4", "parts of pages that were not"},
	    {"1:1 F1 1:3", "sums that were not asked for"},
	    {"1:1 G1", "which is not there"},
	};
	char old[5 * BS], new[5 * BS];

	(void)state;
	make_parts(old, new);
	for (size_t i = 0; i < NELEM(t); i++) {
		struct rig *g = rig_new(false, 0);
		char text[80], which[8], *save = NULL;
		int rc = 0;

		put(g->dst, "base/1/1", old, 4 * BS + 500);
		add(g, 1, ACT_PAGES, ACT_LIMIT, 5 * BS, "base/1/1");
		add(g, 2, ACT_COPY, ACT_LIMIT, BS, "base/1/2");
		(void)snprintf(text, sizeof(text), "%s", t[i].frames);
		for (char *f = strtok_r(text, " ", &save); f != NULL;
		     f = strtok_r(NULL, " ", &save)) {
			unsigned id, block, map;

			if (rc == -1)
				fail_msg("%s: %s", t[i].frames, g->e.text);
			if (sscanf(f, "%u:%7s", &id, which) == 2)
				rc = feed_peek(g, id, which, new, NULL);
			else if (sscanf(f, "%u=%u/%x", &id, &block, &map) == 3)
				rc = feed_patch(g, id, block, map, new);
			else
				rc = feed_end(g, 1,
				    f[0] == 'F' ? WIRE_FILE_OK
						: WIRE_FILE_VANISHED,
				    f[0] == 'F' ? 5 * BS : 0, NULL, 0);
		}
		if (rc != -1 || g->e.code != ERR_PROTOCOL ||
		    strstr(g->e.text, t[i].want) == NULL)
			fail_msg("%s: \"%s\"", t[i].frames, g->e.text);
		assert_string_equal(buf_str(&g->log), "");
		rig_free(g);
	}
}

/* An agent may not have us remember more than it may hold itself. */
static void
sums_of_more_pages_than_can_be_held_are_refused(void **state)
{
	struct rig *g = *state;
	uint32_t n = PARTS_HELD / BS;
	uint8_t sums[PARTS_SUMS] = {0};
	char path[200];

	put(g->dst, "base/1/1", "", 0);
	(void)snprintf(path, sizeof(path), "%s/base/1/1", g->dst);
	assert_int_equal(truncate(path, (off_t)(n + 1) * BS), 0);
	add(g, 1, ACT_PAGES, ACT_LIMIT, (uint64_t)(n + 1) * BS, "base/1/1");
	while (fetch_send(g->f, &g->e) == 1)
		;
	for (uint32_t i = 0; i <= n; i++) {
		struct buf b = BUF_INIT;

		buf_add_u32(&b, 1);
		parts_encode_peek(&b, i, sums);
		assert_int_equal(fetch_frame(g->f, WIRE_PEEK, (uint8_t *)b.data,
				     b.len, &g->e),
		    i == n ? -1 : 0);
		buf_free(&b);
	}
	assert_int_equal(g->e.code, ERR_PROTOCOL);
	assert_non_null(strstr(g->e.text, "more than 16 MiB"));
}

/* Two spans of 512 blocks: the second was not sent yet. */
static void
a_run_behind_what_was_asked_for_so_far_is_refused(void **state)
{
	struct rig *g = *state;
	uint8_t frame[8 + 2 * BS] = {0};
	struct buf b = BUF_INIT;

	(void)blocks("ab", (char *)frame + 8);
	put(g->dst, "base/1/1", "old", 3);
	add(g, 1, ACT_PAGES, ACT_LIMIT, 600 * BS, "base/1/1");
	assert_int_equal(fetch_send(g->f, &g->e), 1); /* the first only */
	wire_put_u32(frame, 1);
	wire_put_u32(frame + 4, 511);
	assert_int_equal(
	    fetch_frame(g->f, WIRE_RUN, frame, sizeof(frame), &g->e), -1);
	assert_int_equal(g->e.code, ERR_PROTOCOL);
	get(g->dst, "base/1/1", &b);
	assert_int_equal(b.len, 3);
	err_clear(&g->e);
	assert_int_equal(
	    fetch_frame(g->f, WIRE_RUN, frame, sizeof(frame) - BS, &g->e), 0);
	buf_free(&b);
	/* An end before the whole request went out. */
	{
		struct wire_file_end end = {.id = 1};

		wire_encode_file_end(&b, &end);
		assert_int_equal(fetch_frame(g->f, WIRE_FILE_END,
				     (uint8_t *)b.data, b.len, &g->e),
		    -1);
		assert_int_equal(g->e.code, ERR_PROTOCOL);
		buf_free(&b);
	}
}

/* All that is sent to an agent that answers nothing: their number. */
static size_t
sent_in_all(struct rig *g)
{
	static uint8_t part[65536];
	size_t sum = 0;
	int more = 1;
	ssize_t n = 0;

	while (more == 1 || chan_queued(&g->c) > 0 || n > 0) {
		if ((more = fetch_send(g->f, &g->e)) == -1 ||
		    chan_pump(&g->c, &g->e) == -1)
			fail_msg("%s", g->e.text);
		n = recv(g->peer, part, sizeof(part), MSG_DONTWAIT);
		sum += n > 0 ? (size_t)n : 0;
	}
	return sum;
}

/* The files of the target are large, and so their signatures; what the source
 * has of them is small. */
static void
an_agent_that_is_held_up_can_keep_what_is_asked_of_it(void **state)
{
	struct rig *g = *state;
	char path[64], full[256];

	for (uint32_t i = 0; i < 256; i++) {
		(void)snprintf(path, sizeof(path), "base/1/%" PRIu32, i);
		(void)snprintf(full, sizeof(full), "%s/%s", g->dst, path);
		put(g->dst, path, "", 0);
		assert_int_equal(truncate(full, 1 << 20), 0);
		add(g, i, ACT_DELTA, ACT_ASIDE, 16384, path);
	}
	assert_in_range(sent_in_all(g), 1 << 20, AGENT_IN_MAX);
}

static void
bad_jobs_are_our_own_mistake(void **state)
{
	struct rig *g = *state;

	for (int kind = 0; kind < 256; kind++) {
		struct fetch_job job = {
		    .id = 1, .kind = (uint8_t)kind, .path = "x"};

		if (kind == ACT_COPY || kind == ACT_PAGES ||
		    kind == ACT_DELTA || kind == FETCH_READ)
			continue;
		err_clear(&g->e);
		assert_int_equal(fetch_add(g->f, &job, &g->e), -1);
		assert_int_equal(g->e.code, ERR_INTERNAL);
	}
	assert_int_equal(fetch_pending(g->f), 0);
	assert_int_equal(fetch_send(g->f, &g->e), 0);
	fetch_free(NULL);
}

/* FNV-1a of 64 bits. */
static uint64_t
digest_of(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return h;
}

/* Two workers write at once, and the source gives the names. */
static void
no_two_files_have_one_temporary_name(void **state)
{
	char longest[256], cut[256], numbered[256], path[3][300], tmp[4][1200];
	char *const names[] = {longest, cut, numbered};
	const struct exclude x = {.log_dir = NULL};

	(void)state;
	memset(longest, 'x', 255);
	longest[255] = '\0';
	(void)snprintf(cut, sizeof(cut), "%.220s.%016" PRIx64, longest,
	    digest_of(longest));
	(void)snprintf(numbered, sizeof(numbered), "%.228s.00000000", longest);
	for (uint32_t i = 0; i < 4; i++) {
		struct task t = {.job = {.id = i, .path = path[i % 3]}};

		if (i < 3)
			(void)snprintf(
			    path[i], sizeof(path[i]), "base/1/%s", names[i]);
		(void)fetch_tmp_name(&t, tmp[i], sizeof(tmp[i]));
		assert_null(path_check(tmp[i], strlen(tmp[i])));
		assert_memory_equal(tmp[i], "base/1/x", 8);
		/* What a killed run leaves is known by its end. */
		assert_int_equal(exclude_check(&x, tmp[i], false), EXCLUDE_ALL);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(tmp[k], tmp[i]);
	}
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ALONE(f) cmocka_unit_test_setup_teardown(f, setup_alone, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(whole_files),
	    WITH(B12_B13_pages),
	    WITH(files_larger_than_the_window),
	    WITH(of_a_page_that_differs_a_part_travels),
	    WITH(small_files_do_not_wait_for_each_other),
	    WITH(B32_a_file_of_several_names_is_not_written_in_place),
	    WITH(librsync_deltas),
	    WITH(B11_files_that_vanished),
	    WITH(files_that_are_none_any_more),
	    cmocka_unit_test(B19_a_link_in_the_target_is_not_followed),
	    WITH(content_for_the_caller),
	    WITH(a_directory_that_is_not_there_is_an_error_here),
	    cmocka_unit_test(random_pairs_are_equal_afterwards),
	    cmocka_unit_test(B17_a_wrong_digest_is_fetched_whole_once),
	    ALONE(B17_a_bad_delta_is_fetched_whole),
	    cmocka_unit_test(hostile_answers_are_refused),
	    cmocka_unit_test(hostile_ends_are_refused),
	    ALONE(nothing_is_taken_when_nothing_was_asked_for),
	    ALONE(a_file_that_lacks_parts_is_done_when_they_have_come),
	    cmocka_unit_test(B17_parts_that_do_not_fit_end_in_the_whole_file),
	    cmocka_unit_test(hostile_parts_are_refused),
	    ALONE(sums_of_more_pages_than_can_be_held_are_refused),
	    ALONE(a_run_behind_what_was_asked_for_so_far_is_refused),
	    ALONE(an_agent_that_is_held_up_can_keep_what_is_asked_of_it),
	    ALONE(bad_jobs_are_our_own_mistake),
	    cmocka_unit_test(no_two_files_have_one_temporary_name),
	};

	rsdelta_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
