#include "base/std.h"
#include "base/clock.h"
#include "core/exclude.h"
#include "core/manifest.h"
#include "core/path.h"
#include "core/pgver.h"
#include "flow/agent_int.h"
#include "flow/datadir.h"
#include "flow/walk.h"
#include "io/cores.h"

#include <gnu/libc-version.h>

#define PATTERNS_MAX 1000
#define ENTRIES_BYTES WIRE_CHUNK

/* --- pg_control ------------------------------------------------------------
 */

static int
nap(void *arg, int64_t ms, struct err *e)
{
	return agent_io_sleep(arg, ms, e);
}

static int
good_control(struct agent *a, struct buf *b, struct err *e)
{
	int rc = datadir_control(a->t, b, nap, a, e);

	a->bytes_read += b->len;
	return rc;
}

int
agent_open_control(struct agent *a, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = -1;

	if (a->req.len != 0)
		return err_set(e, ERR_PROTOCOL, "CONTROL has a payload");
	if (good_control(a, &b, e) == 0)
		rc = chan_send_buf(a->c, WIRE_CONTROL_DATA, &b, e);
	buf_free(&b);
	return rc;
}

/* --- OPEN ------------------------------------------------------------------
 */

static bool
is_root(const struct agent *a, const char *path, size_t n)
{
	for (size_t i = 0; i < tree_nroots(a->t); i++)
		if (strlen(tree_root_prefix(a->t, i)) == n &&
		    strncmp(tree_root_prefix(a->t, i), path, n) == 0)
			return true;
	return false;
}

/* Tablespaces come and go: asked again before each complete manifest. */
static int
add_links(struct agent *a, struct err *e)
{
	struct stat st;

	if (tree_add_links(a->t, a->wal_dir, e) == -1)
		return -1;
	for (size_t i = 0; i < tree_nroots(a->t); i++)
		if (datadir_owner(tree_root_fd(a->t, i), tree_root_dir(a->t, i),
			&st, e) == -1)
			return -1;
	return 0;
}

/* Another session's agent may have listed a tablespace that was made after this
 * one read its links: without it its files would look vanished. */
int
agent_open_tablespace(struct agent *a, const char *path, struct err *e)
{
	size_t n = path_tablespace(path, NULL);

	if (n == 0 || is_root(a, path, n))
		return 0;
	return add_links(a, e);
}

/* First line of the file, for boot_id. */
static void
read_line(const char *file, char *text, size_t size)
{
	ssize_t n;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	n = fd == -1 ? -1 : read(fd, text, size - 1);
	if (fd != -1)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static struct wire_str
str(const char *s)
{
	return (struct wire_str){.s = s, .len = strlen(s)};
}

static const char *
wal_link(const struct agent *a)
{
	for (size_t i = 0; a->wal_dir != NULL && i < tree_nroots(a->t); i++)
		if (strcmp(tree_root_prefix(a->t, i), a->wal_dir) == 0)
			return tree_root_dir(a->t, i);
	return "";
}

static int
send_opened(struct agent *a, const struct pgcontrol *c, const struct stat *st,
    const char *version, struct err *e)
{
	char boot[64], libc[64];
	struct buf b = BUF_INIT;
	int rc;

	read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	(void)snprintf(libc, sizeof(libc), "glibc %s", gnu_get_libc_version());
	wire_encode_opened(&b, &(struct wire_opened){
				   .system_identifier = c->system_identifier,
				   .control_version = c->control_version,
				   .catalog_version = c->catalog_version,
				   .mode = st->st_mode & 07777,
				   .dev = st->st_dev,
				   .ino = st->st_ino,
				   .real_ns = (uint64_t)a->opened.real_ns,
				   .boot_ns = (uint64_t)a->opened.boot_ns,
				   .cores = cores_usable(),
				   .boot_id = str(boot),
				   .pg_version = str(version),
				   .resolved = str(tree_path(a->t)),
				   .libc = str(libc),
				   .wal_link = str(wal_link(a)),
			       });
	rc = buf_ok(&b) ? chan_send_buf(a->c, WIRE_OPENED, &b, e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc;
}

static int
take_options(struct agent *a, const struct wire_open *o, struct err *e)
{
	if (o->block_size < 1024 || o->block_size > 65536 ||
	    (o->block_size & (o->block_size - 1)) != 0)
		return err_set(e, ERR_PROTOCOL, "block size %u is not possible",
		    o->block_size);
	if (o->compress > 22 && o->compress != ZIP_AUTO)
		return err_set(e, ERR_PROTOCOL,
		    "compression level %u is not possible", o->compress);
	a->seed = o->seed;
	a->block_size = o->block_size;
	a->max_rate = MIN_OF(o->max_rate, (uint64_t)INT64_MAX / 4096);
	a->tokens_at = clock_ms();
	/* Smaller frames on a slow line, so that they flow evenly. */
	a->chunk = WIRE_CHUNK;
	if (a->max_rate != 0 && a->max_rate / 8 < WIRE_CHUNK)
		a->chunk = MAX_OF((size_t)a->max_rate / 8, (size_t)4096);
	a->chunk = MAX_OF(a->chunk / a->block_size, (size_t)1) * a->block_size;
	a->zipping = o->compress != 0;
	if ((a->zip = zip_new(o->compress)) == NULL)
		return err_set_nomem(e);
	agent_send_begin(a);
	return 0;
}

void
agent_open_clock(struct filestamp_clock *c)
{
	struct timespec real = {0}, boot = {0};

	(void)clock_gettime(CLOCK_REALTIME, &real);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	c->real_ns = tree_ns(&real);
	c->boot_ns = tree_ns(&boot);
}

int
agent_open(struct agent *a, struct err *e)
{
	char version[32];
	struct buf b = BUF_INIT;
	struct wire_open o;
	struct pgcontrol c;
	struct stat st;
	int rc = -1;

	agent_open_clock(&a->opened);
	if (wire_decode_open(a->req.data, a->req.len, &o, e) == -1 ||
	    take_options(a, &o, e) == -1 ||
	    (a->t = datadir_open(o.pgdata.s, o.pgdata.len, e)) == NULL)
		return -1;
	if (datadir_owner(tree_fd(a->t), tree_path(a->t), &st, e) == -1 ||
	    datadir_mode(a->t, &st, e) == -1 ||
	    datadir_version(a->t, version, sizeof(version), e) == -1 ||
	    good_control(a, &b, e) == -1 ||
	    pgcontrol_parse(b.data, b.len, &c, e) == -1 ||
	    datadir_identifier(a->t, &c, o.system_identifier, e) == -1)
		goto out;
	agent_verify_cluster(a, &c);
	a->version = c.version;
	a->wal_dir = pgver(c.version, PGFACT_DIR_WAL);
	(void)snprintf(a->tblspc_dir, sizeof(a->tblspc_dir), "PG_%s_%u",
	    version, c.catalog_version);
	if (add_links(a, e) == -1)
		goto out;
	agent_guest_yield();
	rc = send_opened(a, &c, &st, version, e);
out:
	buf_free(&b);
	return rc;
}

/* --- MANIFEST --------------------------------------------------------------
 */

struct listing {
	struct agent *a;
	struct buf b; /* entries not yet sent */
	struct streamdigest *digest;
	uint64_t entries;
	/* what the request asks for, as C strings */
	char *dir, *log_dir, *stats_temp, *trigger;
	char **patterns;
	size_t npatterns;
};

static void
listing_free(struct listing *l)
{
	buf_free(&l->b);
	streamdigest_free(l->digest);
	free(l->dir);
	free(l->log_dir);
	free(l->stats_temp);
	free(l->trigger);
	for (size_t i = 0; i < l->npatterns; i++)
		free(l->patterns[i]);
	free(l->patterns);
}

static int
send_entries(struct listing *l, struct err *e)
{
	int rc;

	if (!buf_ok(&l->b))
		return err_set_nomem(e);
	if (l->b.len == 0)
		return 0;
	streamdigest_add(l->digest, l->b.data, l->b.len);
	rc = agent_io_data(l->a, WIRE_ENTRIES, NULL, 0, l->b.data, l->b.len, e);
	buf_reset(&l->b);
	return rc;
}

/*
 * A tablespace whose link was not there when the roots were read was created
 * since: WAL brings it, with all that is in it (faults B9).  A link that leads
 * nowhere is another matter, the client must know.
 */
static bool
new_tablespace(const struct agent *a, const struct entry *en)
{
	struct stat st;

	return en->type == ENTRY_LINK &&
	       path_tablespace(en->path, NULL) == strlen(en->path) &&
	       !is_root(a, en->path, strlen(en->path)) &&
	       fstatat(tree_fd(a->t), en->path, &st, 0) == 0;
}

static int
take_entry(void *arg, const struct entry *en, struct err *e)
{
	struct listing *l = arg;

	if (en->type == ENTRY_SPECIAL || new_tablespace(l->a, en))
		return 0;
	manifest_encode(&l->b, en);
	l->entries++;
	return l->b.len < ENTRIES_BYTES ? 0 : send_entries(l, e);
}

static int
tick(void *arg, struct err *e)
{
	return agent_io_tick(((struct listing *)arg)->a, e);
}

static int
optional_path(const struct wire_str *s, char **to, struct err *e)
{
	if (s->len == 0)
		return 0;
	*to = agent_files_path(s, e);
	return *to == NULL ? -1 : 0;
}

static int
take_patterns(struct listing *l, const struct wire_manifest *m, struct err *e)
{
	struct wire_str rest = m->patterns, s;

	if (m->npatterns > PATTERNS_MAX)
		return err_set(e, ERR_PROTOCOL, "%u patterns are more than %d",
		    m->npatterns, PATTERNS_MAX);
	if ((l->patterns = calloc(m->npatterns + 1, sizeof(char *))) == NULL)
		return err_set_nomem(e);
	for (uint32_t i = 0; i < m->npatterns; i++) {
		if (wire_next_str(&rest, &s) == -1 || s.len == 0 ||
		    s.len > PATH_LIMIT || memchr(s.s, '\0', s.len) != NULL)
			return err_set(e, ERR_PROTOCOL, "pattern %u is bad", i);
		if ((l->patterns[i] = strndup(s.s, s.len)) == NULL)
			return err_set_nomem(e);
		l->npatterns++;
	}
	if (rest.len != 0)
		return err_set(
		    e, ERR_PROTOCOL, "MANIFEST holds more than its patterns");
	return 0;
}

static int
take_request(struct listing *l, struct wire_manifest *m, struct err *e)
{
	const struct buf *q = &l->a->req;

	if (wire_decode_manifest(q->data, q->len, m, e) == -1)
		return -1;
	if ((m->flags & ~(WIRE_MANIFEST_RECURSE | WIRE_MANIFEST_INIT)) != 0)
		return err_set(e, ERR_PROTOCOL, "MANIFEST has unknown flags");
	if (optional_path(&m->dir, &l->dir, e) == -1 ||
	    optional_path(&m->log_dir, &l->log_dir, e) == -1 ||
	    optional_path(&m->stats_temp, &l->stats_temp, e) == -1 ||
	    optional_path(&m->trigger, &l->trigger, e) == -1)
		return -1;
	return take_patterns(l, m, e);
}

static int
send_end(struct listing *l, const struct walk_result *r, struct err *e)
{
	struct wire_end end = {.entries = l->entries, .specials = r->specials};
	struct buf b = BUF_INIT;
	int rc;

	streamdigest_end(l->digest, end.digest);
	wire_encode_end(&b, &end);
	rc = buf_ok(&b) ? chan_send_buf(l->a->c, WIRE_END, &b, e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc;
}

int
agent_open_manifest(struct agent *a, struct err *e)
{
	struct listing l = {.a = a, .b = BUF_INIT};
	struct wire_manifest m;
	struct walk_result r;
	struct exclude x;
	struct walk_opts o;
	int rc = -1;

	if ((l.digest = streamdigest_new()) == NULL)
		return err_set_nomem(e);
	if (take_request(&l, &m, e) == -1 ||
	    (l.dir == NULL && add_links(a, e) == -1))
		goto out;
	x = (struct exclude){
	    .log_dir = l.log_dir,
	    .stats_temp = l.stats_temp,
	    .trigger = l.trigger,
	    .tblspc_dir = a->tblspc_dir,
	    .patterns = (const char *const *)l.patterns,
	    .npatterns = l.npatterns,
	};
	o = (struct walk_opts){
	    /* Who names a directory wants what is in it: WAL, history files. */
	    .exclude = l.dir == NULL ? &x : NULL,
	    .dir = l.dir,
	    .recurse = m.flags & WIRE_MANIFEST_RECURSE,
	    .init_only = m.flags & WIRE_MANIFEST_INIT,
	    .entry = take_entry,
	    .tick = tick,
	    .arg = &l,
	};
	if (walk(a->t, &o, &r, e) == -1 || send_entries(&l, e) == -1)
		goto out;
	rc = send_end(&l, &r, e);
out:
	listing_free(&l);
	return rc;
}
