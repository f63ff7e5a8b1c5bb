#include "base/std.h"
#include "base/shell.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/preflight_int.h"

/* --- A7: the programs here ------------------------------------------------ */

static enum found
judge_programs(int source, int local, struct err *e)
{
	char want[16], have[16];

	(void)pgver_major(source, want, sizeof(want));
	(void)pgver_major(local, have, sizeof(have));
	if (!pgver_same_major(source, local)) {
		(void)err_set(e, ERR_VERSION,
		    "the server programs here are PostgreSQL %s, and the "
		    "source is %s",
		    have, want);
		(void)err_hint(e,
		    "Install PostgreSQL %s here, or name its programs: "
		    "--pg-bindir=DIR.",
		    want);
		return FOUND_PROBLEM;
	}
	if (local >= source)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_VERSION,
	    "the server programs here are an older release of PostgreSQL %s "
	    "than the source's (%d, %d)",
	    want, local, source);
	(void)err_hint(e, "Update them: a standby goes first.");
	return FOUND_WARNING;
}

static bool
is_c_collation(const char *name)
{
	return name != NULL &&
	       (strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0);
}

static enum found
judge_libc(
    const struct probe *f, const char *remote, const char *local, struct err *e)
{
	if (remote == NULL || local == NULL || remote[0] == '\0' ||
	    local[0] == '\0' || strcmp(remote, local) == 0)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_VERSION,
	    "the C library here is \"%s\", and that of the source is \"%s\"",
	    local, remote);
	(void)err_detail(e,
	    "Where they sort text differently, indexes on text are wrong on "
	    "the standby%s.",
	    is_c_collation(f->lc_collate)
		? " (not those of the default collation, which is C)"
		: "");
	(void)err_hint(e,
	    "Use the same release of the system, or check text indexes with "
	    "amcheck after a promotion, and REINDEX.");
	return FOUND_WARNING;
}

int
preflight_programs(struct preflight *p, const struct probe *f,
    int local_version, const char *remote_libc, const char *local_libc)
{
	enum found found = FOUND_NOTHING;
	struct err e;

	err_clear(&e);
	if (local_version != 0)
		found = judge_programs(f->version, local_version, &e);
	if (preflight_keep(p, found, &e) == -1)
		return -1;
	err_clear(&e);
	found = judge_libc(f, remote_libc, local_libc, &e);
	return preflight_keep(p, found, &e);
}

int
preflight_sizes(struct preflight *p, const struct preflight_size *s, size_t n,
    const char *bindir)
{
	struct err e;

	for (size_t i = 0; i < n; i++) {
		p->checks++;
		if (s[i].have == 0 || s[i].want == 0 || s[i].have == s[i].want)
			continue;
		err_clear(&e);
		(void)err_set(&e, ERR_VERSION,
		    "the server programs in \"%s\" have a %s of %" PRIu64
		    ", and the source has %" PRIu64,
		    bindir, s[i].name, s[i].have, s[i].want);
		(void)err_hint(&e,
		    "Install programs that are built as those of the source, "
		    "and name them: --pg-bindir=DIR.");
		if (preflight_add(p, &e) == -1)
			return -1;
	}
	return 0;
}

int
preflight_collation(struct preflight *p, const char *what, const char *name,
    const char *stored, const char *here)
{
	struct buf shown = BUF_INIT, word = BUF_INIT;
	struct err e;
	int rc;

	text_add_escaped(&shown, name, strlen(name));
	text_add_identifier(&word, name);
	err_clear(&e);
	(void)err_set(&e, ERR_VERSION,
	    "the %s \"%s\" sorts by version %s, and this host has version %s",
	    what, buf_str(&shown), stored, here);
	(void)err_detail(&e,
	    "Indexes that use it may find nothing, or the wrong rows, on the "
	    "standby.");
	if (strcmp(what, "database") == 0) {
		(void)err_hint(&e,
		    "Use the same release of the system here. Once promoted, "
		    "type:");
		(void)err_command(&e,
		    "REINDEX DATABASE %s; ALTER DATABASE %s REFRESH COLLATION "
		    "VERSION;",
		    buf_str(&word), buf_str(&word));
	} else {
		(void)err_hint(&e,
		    "Use the same release of the system here. Once promoted, "
		    "REINDEX the indexes that use it, and type:");
		(void)err_command(
		    &e, "ALTER COLLATION %s REFRESH VERSION;", buf_str(&word));
	}
	rc = preflight_warn(p, &e);
	buf_free(&shown);
	buf_free(&word);
	return rc;
}

/* --- A3: what a shell would make of a path -------------------------------- */

int
preflight_shell_path(struct preflight *p, const char *what, const char *path)
{
	const char *bad = strpbrk(path, "\"`$\\\n");
	struct buf shown = BUF_INIT, name = BUF_INIT;
	struct err e;
	int rc = 0;

	p->checks++;
	if (bad == NULL)
		return 0;
	text_add_escaped(&shown, bad, 1);
	text_add_escaped(&name, path, strlen(path));
	err_clear(&e);
	(void)err_set(&e, ERR_TARGET_PATH,
	    "the name of the %s \"%s\" has a %s%s%s, which pg_ctl would hand "
	    "to "
	    "a shell unquoted",
	    what, buf_str(&name), *bad == '\n' ? "line end" : "\"",
	    *bad == '\n' ? "" : buf_str(&shown), *bad == '\n' ? "" : "\"");
	(void)err_hint(&e,
	    "Use another name, start it in another way (--start-command), or "
	    "not at all (--no-start).");
	rc = preflight_add(p, &e);
	buf_free(&shown);
	buf_free(&name);
	return rc;
}

/* --- values --------------------------------------------------------------- */

/* As parse_int of guc.c reads it: a number, blanks, a unit of time.  Fractions
 * came when it became a setting (12). */
static bool
is_delay(const char *s, bool fraction)
{
	static const char *const units[] = {
	    "", "us", "ms", "s", "min", "h", "d"};
	const char *p = s + strspn(s, " \t");
	size_t n = strspn(p, "0123456789");

	if (n == 0 || n > 10)
		return false;
	p += n;
	if (fraction && *p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	p += strspn(p, " \t");
	for (size_t i = 0; i < NELEM(units); i++)
		if (strcmp(p, units[i]) == 0)
			return true;
	return false;
}

int
preflight_delay(struct preflight *p, const char *value, int version)
{
	struct err e;

	p->checks++;
	if (value == NULL ||
	    is_delay(value, pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL))
		return 0;
	err_clear(&e);
	(void)err_set(&e, ERR_USAGE,
	    "--recovery-min-apply-delay: \"%s\" is not a time", value);
	(void)err_hint(&e, "A number and one of ms, s, min, h, d: "
			   "--recovery-min-apply-delay=4h.");
	return preflight_add(p, &e);
}

/* --- settings ------------------------------------------------------------- */

/* Built-in values, of the versions where they count (STANDBY_SETTINGS). */
int
preflight_default(const char *name)
{
	static const struct {
		const char *name;
		int value;
	} defaults[] = {
	    {"max_connections", 100},
	    {"max_prepared_transactions", 0},
	    {"max_locks_per_transaction", 64},
	    {"max_worker_processes", 8},
	    {"max_wal_senders", 10},
	};

	for (size_t i = 0; i < NELEM(defaults); i++)
		if (strcmp(defaults[i].name, name) == 0)
			return defaults[i].value;
	return -1;
}

/* What to type, on which host. */
static void
hint_setting(const struct preflight_setting *s, int version, struct err *e)
{
	const char *base = strrchr(s->file, '/');

	base = base != NULL ? base + 1 : s->file;
	if (s->copied && pgver(version, PGFACT_ALTER_SYSTEM) != NULL) {
		(void)err_hint(e,
		    "On the source, which runs with that already, so that "
		    "nothing has to be restarted, type:");
		(void)err_command(
		    e, "ALTER SYSTEM SET %s = %d;", s->name, s->want);
	} else if (s->copied)
		(void)err_hint(e,
		    "On the source, write %s = %d into \"%s\"; it runs with "
		    "that already, and nothing has to be restarted.",
		    s->name, s->want, base);
	else if (s->line == 0)
		(void)err_hint(e, "Add a line to \"%s\": %s = %d", s->file,
		    s->name, s->want);
	else
		(void)err_hint(e, "Change line %u of \"%s\" to: %s = %d",
		    s->line, s->file, s->name, s->want);
}

static int
judge_setting(
    struct preflight *p, const struct preflight_setting *s, int version)
{
	int have = s->have != -1 ? s->have : preflight_default(s->name);
	struct err e;

	err_clear(&e);
	(void)err_set(&e, ERR_SETTING,
	    "%s of the standby %s %d%s, and the source has %d: it would not "
	    "start",
	    s->name, s->copied ? "would be" : "is", have,
	    s->have == -1 ? " (the default)" : "", s->want);
	if (s->copied)
		(void)err_detail(&e,
		    "The source does not have it from its configuration files, "
		    "which are copied.");
	else if (s->line != 0)
		(void)err_detail(
		    &e, "It is set in \"%s\", line %u.", s->file, s->line);
	hint_setting(s, version, &e);
	return preflight_add(p, &e);
}

int
preflight_settings(
    struct preflight *p, struct preflight_setting *s, size_t n, int version)
{
	int have;

	for (size_t i = 0; i < n; i++) {
		have =
		    s[i].have != -1 ? s[i].have : preflight_default(s[i].name);
		s[i].ours = false;
		p->checks++;
		if (!pgver_lists(version, PGFACT_STANDBY_SETTINGS, s[i].name) ||
		    s[i].want == -1 || have == -1 || have >= s[i].want)
			continue;
		s[i].ours = s[i].copied &&
			    pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL;
		if (!s[i].ours && judge_setting(p, &s[i], version) == -1)
			return -1;
	}
	return 0;
}

/* --- A9 ------------------------------------------------------------------- */

static void
add_bytes(struct buf *b, const char *text, uint64_t bytes)
{
	buf_adds(b, text);
	text_add_size(b, bytes);
}

static enum found
judge_space(const struct preflight_space *s, struct err *e)
{
	struct buf b = BUF_INIT;

	if (s->read_only) {
		(void)err_set(e, ERR_TARGET_SPACE,
		    "the file system of \"%s\" is mounted read-only", s->path);
		shell_add_quoted(&b, s->path);
		(void)err_hint(e, "As root, type:");
		(void)err_command(e, "mount -o remount,rw %s", buf_str(&b));
		buf_free(&b);
		return FOUND_PROBLEM;
	}
	if (s->need > s->free_bytes) {
		add_bytes(&b, "needs ", s->need);
		add_bytes(&b, ", and has ", s->free_bytes);
		(void)err_set(e, ERR_TARGET_SPACE,
		    "the file system of \"%s\" %s free", s->path, buf_str(&b));
		buf_free(&b);
		add_bytes(&b, "", s->need - s->free_bytes);
		(void)err_hint(e,
		    "Make %s free there, or put the data elsewhere: -D, "
		    "--tablespace-mapping, --waldir.",
		    buf_str(&b));
		buf_free(&b);
		return FOUND_PROBLEM;
	}
	if (s->inodes_free == UINT64_MAX || s->inodes_need <= s->inodes_free)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_TARGET_SPACE,
	    "the file system of \"%s\" needs %" PRIu64
	    " inodes for new files, and has %" PRIu64 " free",
	    s->path, s->inodes_need, s->inodes_free);
	(void)err_hint(e, "Remove files there, or make the file system with "
			  "more inodes.");
	return FOUND_PROBLEM;
}

int
preflight_space(struct preflight *p, const struct preflight_space *s, size_t n)
{
	enum found found;
	struct err e;

	for (size_t i = 0; i < n; i++) {
		err_clear(&e);
		found = judge_space(&s[i], &e);
		if (preflight_keep(p, found, &e) == -1)
			return -1;
	}
	return 0;
}
