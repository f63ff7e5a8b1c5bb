#include "base/std.h"
#include "core/exclude.h"
#include "core/path.h"
#include "core/pgver.h"

#include <fnmatch.h>

enum where {
	AT_TOP,   /* name stands in PGDATA itself */
	ANYWHERE, /* last component, at any depth */
	EXACTLY   /* whole path */
};

#define SINCE(major) major, NULL
#define ALWAYS SINCE("9.0")

/*
 * Sources: basebackup.c excludeFiles and excludeDirContents, 9.3-18;
 * faults.md B26.  They hold whatever the version: a name that a version does
 * not have is not of its server, or a rest of another one.  since and until
 * (NULL: to this day) are for who asks what is there to be left out.
 */
static const struct row {
	enum where where;
	const char *pattern;
	enum exclude_verdict verdict;
	const char *why;
	const char *since, *until; /* majors, the first and the last */
} rows[] = {
    {AT_TOP, "postmaster.pid", EXCLUDE_ALL, "of the running server", ALWAYS},
    {AT_TOP, "postmaster.opts", EXCLUDE_ALL, "of the running server", ALWAYS},
    {AT_TOP, "backup_label", EXCLUDE_ALL, "ours is written at the end", ALWAYS},
    {AT_TOP, "backup_label.old", EXCLUDE_ALL, "of an earlier backup", ALWAYS},
    {AT_TOP, "tablespace_map", EXCLUDE_ALL, "ours is written at the end",
	SINCE("9.5")},
    {AT_TOP, "tablespace_map.old", EXCLUDE_ALL, "of an earlier backup",
	SINCE("9.5")},
    {AT_TOP, "backup_manifest", EXCLUDE_ALL, "of an earlier backup",
	SINCE("13")},
    {AT_TOP, "standby.signal", EXCLUDE_ALL, "ours is written at the end",
	SINCE("12")},
    {AT_TOP, "recovery.signal", EXCLUDE_ALL, "of an earlier recovery",
	SINCE("12")},
    {AT_TOP, "recovery.conf", EXCLUDE_ALL,
	"ours is written at the end; it stops a server of 12 and newer",
	ALWAYS},
    {AT_TOP, "recovery.done", EXCLUDE_ALL, "of an earlier recovery", "9.0",
	"11"},
    {AT_TOP, "promote", EXCLUDE_ALL, "would promote", SINCE("9.1")},
    {AT_TOP, "fallback_promote", EXCLUDE_ALL, "would promote", SINCE("9.3")},
    {AT_TOP, "logrotate", EXCLUDE_ALL, "signal file of the logger",
	SINCE("12")},
    {AT_TOP, "postgresql.auto.conf.tmp", EXCLUDE_ALL, "half written",
	SINCE("9.4")},
    {AT_TOP, "current_logfiles", EXCLUDE_ALL, "names the source's logs",
	SINCE("10")},
    {AT_TOP, "current_logfiles.tmp", EXCLUDE_ALL, "half written", SINCE("10")},
    {AT_TOP, "core", EXCLUDE_ALL, "core dump", ALWAYS},
    {AT_TOP, "core.*", EXCLUDE_ALL, "core dump", ALWAYS},
    {AT_TOP, ".standby-clone.*", EXCLUDE_ALL, "ours", ALWAYS},
    {ANYWHERE, "lost+found", EXCLUDE_ALL, "of the file system", ALWAYS},
    {EXACTLY, "global/pg_control.standby-clone*", EXCLUDE_ALL, "ours", ALWAYS},
    {ANYWHERE, "*.standby-clone.tmp", EXCLUDE_ALL, "ours, half written",
	ALWAYS},
    {ANYWHERE, "pgsql_tmp*", EXCLUDE_ALL, "temporary files of queries", ALWAYS},
    {ANYWHERE, "pg_internal.init*", EXCLUDE_ALL, "cache, made again", ALWAYS},
    {ANYWHERE, ".DS_Store", EXCLUDE_ALL, "of the file system", ALWAYS},
    {EXACTLY, "pg_wal", EXCLUDE_CONTENTS, "WAL is streamed or fetched",
	SINCE("10")},
    {EXACTLY, "pg_xlog", EXCLUDE_CONTENTS, "WAL is streamed or fetched", "9.0",
	"9.6"},
    {EXACTLY, "pg_replslot", EXCLUDE_CONTENTS, "slots are not inherited",
	SINCE("9.4")},
    {EXACTLY, "pg_dynshmem", EXCLUDE_CONTENTS, "emptied at start",
	SINCE("9.4")},
    {EXACTLY, "pg_notify", EXCLUDE_CONTENTS, "emptied at start", ALWAYS},
    {EXACTLY, "pg_serial", EXCLUDE_CONTENTS, "emptied at start", SINCE("9.1")},
    {EXACTLY, "pg_snapshots", EXCLUDE_CONTENTS, "emptied at start",
	SINCE("9.2")},
    {EXACTLY, "pg_stat_tmp", EXCLUDE_CONTENTS, "emptied at start", ALWAYS},
    {EXACTLY, "pg_subtrans", EXCLUDE_CONTENTS, "emptied at start", ALWAYS},
};

/* base: the last component of path. */
static bool
row_matches(const struct row *r, const char *path, const char *base)
{
	switch (r->where) {
	case AT_TOP:
		return base == path && path_matches(r->pattern, path, 0);
	case ANYWHERE:
		return path_matches(r->pattern, base, 0);
	case EXACTLY:
		return path_matches(r->pattern, path, FNM_PATHNAME);
	}
	return false;
}

static bool
same(const char *setting, const char *path)
{
	return setting != NULL && strcmp(setting, path) == 0;
}

static bool
pattern_matches(const struct exclude *x, const char *path)
{
	for (size_t i = 0; i < x->npatterns; i++) {
		const char *p = x->patterns[i];
		bool whole = strchr(p, '/') != NULL;

		if (*p == '/')
			p++;
		if (path_matches(p, whole ? path : path_base(path),
			whole ? FNM_PATHNAME : 0))
			return true;
	}
	return false;
}

/* A name beside the directory of our version in a tablespace. */
static bool
foreign_in_tablespace(const struct exclude *x, const char *path)
{
	size_t n = path_tablespace(path, NULL);

	if (n == 0 || path[n] == '\0')
		return false;
	path += n + 1;
	if (strchr(path, '/') != NULL)
		return false;
	if (x->tblspc_dir != NULL)
		return strcmp(path, x->tblspc_dir) != 0;
	return strncmp(path, "PG_", 3) != 0;
}

enum exclude_verdict
exclude_check(const struct exclude *x, const char *path, bool is_dir)
{
	const char *base = path_base(path);

	if (foreign_in_tablespace(x, path) || pattern_matches(x, path))
		return EXCLUDE_ALL;
	if (is_dir && (same(x->log_dir, path) || same(x->stats_temp, path)))
		return EXCLUDE_CONTENTS;
	if (same(x->trigger, path))
		return EXCLUDE_ALL;
	for (size_t i = 0; i < NELEM(rows); i++)
		if ((is_dir || rows[i].verdict == EXCLUDE_ALL) &&
		    row_matches(&rows[i], path, base))
			return rows[i].verdict;
	return EXCLUDE_NO;
}

bool
exclude_covers(const struct exclude *x, const char *path, bool is_dir)
{
	char up[PATH_LIMIT + 1];
	size_t n = strlen(path);

	if (n > PATH_LIMIT || exclude_check(x, path, is_dir) == EXCLUDE_ALL)
		return true;
	for (size_t i = 1; i < n; i++) {
		if (path[i] != '/')
			continue;
		memcpy(up, path, i);
		up[i] = '\0';
		if (exclude_check(x, up, true) != EXCLUDE_NO)
			return true;
	}
	return false;
}

bool
exclude_protects(const struct exclude *x, const char *path, bool is_dir)
{
	char up[PATH_LIMIT + 1];
	size_t n = strlen(path);

	(void)is_dir;
	if (n > PATH_LIMIT)
		return true;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		memcpy(up, path, i);
		up[i] = '\0';
		if (foreign_in_tablespace(x, up) || pattern_matches(x, up) ||
		    strcmp(path_base(up), "lost+found") == 0)
			return true;
		if (i < n && same(x->log_dir, up))
			return true;
	}
	return strncmp(path, ".standby-clone.", 15) == 0 ||
	       strncmp(path, "global/pg_control.standby-clone", 31) == 0;
}

int
exclude_relative(
    const char *setting, const char *pgdata, char *rel, size_t size)
{
	size_t n = strlen(pgdata);
	const char *p = setting;
	size_t len;

	while (n > 1 && pgdata[n - 1] == '/')
		n--;
	if (*p == '/') {
		if (strncmp(p, pgdata, n) != 0 || p[n] != '/')
			return 0;
		p += n;
		while (*p == '/')
			p++;
	}
	while (p[0] == '.' && p[1] == '/')
		p += 2;
	len = strlen(p);
	while (len > 0 && p[len - 1] == '/')
		len--;
	if (len >= size || path_check(p, len) != NULL)
		return 0;
	memcpy(rel, p, len);
	rel[len] = '\0';
	return 1;
}

/* What no name tells. */
static const struct {
	const char *what, *why, *since, *until;
} rules[] = {
    {"(log_directory)/*", "the real one, when it lies in the data directory",
	ALWAYS},
    {"(stats_temp_directory)/*",
	"the real one, when it lies in the data directory", "9.0", "14"},
    {"(trigger_file, promote_trigger_file)", "would promote", "9.0", "15"},
    {"(unlogged relations)", "all forks but _init", SINCE("9.1")},
    {"(temporary relations)", "t<backend>_<number>", ALWAYS},
    {"(tablespaces)", "all but the directory of this version", ALWAYS},
};

/* version 0: whatever the version. */
static bool
holds(const char *since, const char *until, int version)
{
	if (version == 0)
		return true;
	return version >= pgver_parse(since) &&
	       (until == NULL || version < pgver_parse(until) ||
		   pgver_same_major(version, pgver_parse(until)));
}

static void
add(struct buf *b, int version, const char *prefix)
{
	static const char *const place[] = {
	    [AT_TOP] = "", [ANYWHERE] = "**/", [EXACTLY] = ""};

	for (size_t i = 0; i < NELEM(rows); i++) {
		char what[64];

		if (!holds(rows[i].since, rows[i].until, version))
			continue;
		(void)snprintf(what, sizeof(what), "%s%s%s",
		    place[rows[i].where], rows[i].pattern,
		    rows[i].verdict == EXCLUDE_CONTENTS ? "/*" : "");
		buf_addf(b, "%s%-36s %s\n", prefix, what, rows[i].why);
	}
	for (size_t i = 0; i < NELEM(rules); i++)
		if (holds(rules[i].since, rules[i].until, version))
			buf_addf(b, "%s%-36s %s\n", prefix, rules[i].what,
			    rules[i].why);
}

void
exclude_list(struct buf *b)
{
	add(b, 0, "");
}

void
exclude_add_version(struct buf *b, int version, const char *prefix)
{
	add(b, version, prefix);
}
