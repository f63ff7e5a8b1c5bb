#include "base/std.h"
#include "base/buf.h"
#include "core/label.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/backup.h"
#include "flow/preflight_int.h"

void
preflight_free(struct preflight *p)
{
	free(p->problem);
	free(p->warning);
	*p = (struct preflight){.checks = 0};
}

static int
append(struct err **v, size_t *n, size_t *cap, const struct err *what)
{
	size_t want = *cap == 0 ? 8 : *cap * 2;
	struct err *p = *v;

	if (*n == *cap) {
		if ((p = reallocarray(*v, want, sizeof(*p))) == NULL)
			return -1;
		*v = p;
		*cap = want;
	}
	p[(*n)++] = *what;
	return 0;
}

int
preflight_add(struct preflight *p, const struct err *what)
{
	return append(&p->problem, &p->nproblems, &p->cap, what);
}

int
preflight_warn(struct preflight *p, const struct err *what)
{
	return append(&p->warning, &p->nwarnings, &p->wcap, what);
}

int
preflight_result(const struct preflight *p, struct err *e)
{
	if (p->nproblems == 0)
		return 0;
	if (p->nproblems == 1) {
		if (e != NULL && !err_is_set(e))
			*e = p->problem[0];
		return -1;
	}
	if (e == NULL || err_is_set(e))
		return -1;
	(void)err_set(
	    e, ERR_PREFLIGHT, "%zu preconditions are not met", p->nproblems);
	e->status = p->problem[0].status;
	for (size_t i = 0; i < p->nproblems; i++)
		(void)err_detail(e, "(%zu) %s.", i + 1, p->problem[i].text);
	return -1;
}

/* --- what the operator types ---------------------------------------------- */

/* How a setting is changed on that version; value is a word or a number. */
static void
hint_set(struct err *e, const struct probe *f, const char *name,
    const char *value, bool restart)
{
	if (pgver(f->version, PGFACT_ALTER_SYSTEM) == NULL) {
		(void)err_hint(e,
		    "On the source, set %s = %s in \"%s\" and %s it.", name,
		    value,
		    f->config_file != NULL ? f->config_file : "postgresql.conf",
		    restart ? "restart" : "reload");
		return;
	}
	(void)err_hint(e, "On the source, type%s:",
	    restart ? " this, and then restart it" : "");
	(void)err_command(e, "ALTER SYSTEM SET %s = %s;%s", name, value,
	    restart ? "" : " SELECT pg_reload_conf();");
}

static void
hint_number(struct err *e, const struct probe *f, const char *name, int value)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", value);
	hint_set(e, f, name, text, true);
}

static void
hint_role(struct err *e, const char *database, const char *before,
    const char *role, const char *after)
{
	struct buf b = BUF_INIT;

	text_add_identifier(&b, role != NULL ? role : "");
	if (database != NULL)
		(void)err_hint(e,
		    "On the source, as a superuser, type in the database "
		    "\"%s\":",
		    database);
	else
		(void)err_hint(e, "On the source, as a superuser, type:");
	(void)err_command(e, "%s%s%s;", before, buf_str(&b), after);
	buf_free(&b);
}

static const char *
or_unknown(const char *s)
{
	return s != NULL ? s : "";
}

/* --- the rules on the source ---------------------------------------------- */

/* Each looks at one thing and says at most one of: nothing, a problem or a
 * warning, in e. */
typedef enum found check_fn(
    const struct probe *f, const struct preflight_want *w, struct err *e);

static enum found
check_version(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	char major[16], oldest[16];

	(void)w;
	(void)pgver_major(f->version, major, sizeof(major));
	if (!pgver_supported(f->version)) {
		(void)err_set(e, ERR_VERSION,
		    "PostgreSQL %s of the source is too old: %s is the oldest "
		    "that is supported",
		    major, pgver_major(PGVER_OLDEST, oldest, sizeof(oldest)));
		return FOUND_PROBLEM;
	}
	if (pgver_known(f->version))
		return FOUND_NOTHING;
	(void)err_set(e, ERR_VERSION,
	    "PostgreSQL %s of the source is newer than this program knows",
	    major);
	(void)err_hint(e, "It is treated as %s; look for a newer program.",
	    pgver_major(PGVER_NEWEST, major, sizeof(major)));
	return FOUND_WARNING;
}

/* A11 */
static enum found
check_recovery(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	char major[16];
	bool exclusive =
	    w->exclusive || pgver(f->version, PGFACT_STANDBY_SOURCE) == NULL;

	if (!f->in_recovery || !exclusive || w->conf_only)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_NOT_PRIMARY,
	    "the source is a standby, and PostgreSQL %s cannot make %s of one",
	    pgver_major(f->version, major, sizeof(major)),
	    w->exclusive ? "an exclusive backup" : "a backup");
	(void)err_hint(e, "Clone from the primary: --master=PRIMARY.");
	return FOUND_PROBLEM;
}

/* A11: the server would refuse it too, after a checkpoint's time. */
static enum found
check_full_pages(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	if (!f->in_recovery || !f->restart_point_torn || w->conf_only)
		return FOUND_NOTHING;
	(void)backup_set_torn(e, ERR_SETTING, "the source is a standby, and");
	return FOUND_PROBLEM;
}

/* What a standby sees there says nothing about the WAL it gets. */
static enum found
check_wal_level(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	static const char *const good[] = {"hot_standby", "replica", "logical"};
	const char *want = pgver(f->version, PGFACT_WAL_LEVEL);

	(void)w;
	if (f->in_recovery || f->wal_level == NULL)
		return FOUND_NOTHING;
	for (size_t i = 0; i < NELEM(good); i++)
		if (strcmp(f->wal_level, good[i]) == 0)
			return FOUND_NOTHING;
	want = want != NULL ? want : "replica";
	(void)err_set(e, ERR_SETTING,
	    "wal_level of the source is \"%s\", and a standby needs \"%s\"",
	    f->wal_level, want);
	hint_set(e, f, "wal_level", want, true);
	return FOUND_PROBLEM;
}

static enum found
check_senders(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	int max = f->max_wal_senders, used = f->wal_senders_used;

	if (!w->to_standby || max < 0)
		return FOUND_NOTHING;
	if (max > 0 && (used < 0 || used < max))
		return FOUND_NOTHING;
	if (max == 0)
		(void)err_set(e, ERR_SETTING,
		    "max_wal_senders of the source is 0, and a standby needs "
		    "at least 1");
	else
		(void)err_set(e, ERR_SETTING,
		    "%d of %d max_wal_senders of the source are in use, and a "
		    "standby needs 1 more",
		    used, max);
	hint_number(e, f, "max_wal_senders", max == 0 ? 10 : max + 4);
	return FOUND_PROBLEM;
}

/* Where none is free we can do without one, unless one was asked for. */
static enum found
check_slots(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	int max = f->max_replication_slots, used = f->slots_used;
	enum found as = w->slot_must ? FOUND_PROBLEM : FOUND_WARNING;
	char major[16];

	if (!w->slot)
		return FOUND_NOTHING;
	if (pgver(f->version, PGFACT_SLOT_CREATE) == NULL) {
		if (!w->slot_must)
			return FOUND_NOTHING;
		(void)err_set(e, ERR_SLOT,
		    "PostgreSQL %s of the source has no replication slots",
		    pgver_major(f->version, major, sizeof(major)));
		(void)err_hint(e, "Leave out --slot and --create-slot.");
		return FOUND_PROBLEM;
	}
	if (max < 0 || (max > 0 && (used < 0 || used < max)))
		return FOUND_NOTHING;
	if (max == 0) {
		(void)err_set(
		    e, ERR_SLOT, "max_replication_slots of the source is 0");
	} else { /* the one asked for may be among them: flow/slot.c */
		(void)err_set(e, ERR_SLOT,
		    "all %d max_replication_slots of the source are in use",
		    max);
		as = FOUND_WARNING;
	}
	if (!w->slot_must)
		(void)err_detail(
		    e, "WAL is fetched over SSH during the copy instead.");
	hint_number(e, f, "max_replication_slots", max == 0 ? 10 : max + 4);
	return as;
}

/* A standby that keeps its own configuration may have it on. */
static enum found
check_hot_standby(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	(void)w;
	if (f->hot_standby == NULL || strcmp(f->hot_standby, "off") != 0)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_SETTING,
	    "hot_standby of the source is \"off\": with its configuration the "
	    "standby streams, but answers no queries");
	(void)err_hint(
	    e, "Set hot_standby = on in the configuration of the standby.");
	return FOUND_WARNING;
}

static enum found
check_backup_right(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	const char *grant = pgver(f->version, PGFACT_GRANT_BACKUP);
	char before[256];

	if (w->conf_only || f->superuser ||
	    (grant != NULL ? f->may_backup : f->replication))
		return FOUND_NOTHING;
	(void)err_set(e, ERR_PRIVILEGE,
	    "role \"%s\" may not start and stop a backup on the source",
	    or_unknown(w->role));
	if (grant != NULL) {
		(void)snprintf(before, sizeof(before),
		    "GRANT EXECUTE ON FUNCTION %s TO ", grant);
		/* Each database has functions of its own. */
		hint_role(e, w->database, before, w->role, "");
	} else if (pgver(f->version, PGFACT_REPLICATION_ROLE) != NULL) {
		hint_role(e, NULL, "ALTER ROLE ", w->role, " REPLICATION");
	} else {
		hint_role(e, NULL, "ALTER ROLE ", w->role, " SUPERUSER");
	}
	return FOUND_PROBLEM;
}

/* For the slot, and for the standby's login when it uses the same role. */
static enum found
check_replication_right(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	bool same =
	    w->replication_user == NULL ||
	    (w->role != NULL && strcmp(w->replication_user, w->role) == 0);
	bool slot = w->slot && !w->conf_only &&
		    pgver(f->version, PGFACT_SLOT_CREATE) != NULL &&
		    f->max_replication_slots != 0;

	if (f->superuser || f->replication ||
	    !((w->to_standby && same) || slot))
		return FOUND_NOTHING;
	(void)err_set(e, ERR_PRIVILEGE,
	    "role \"%s\" has no right to replicate from the source",
	    or_unknown(w->role));
	hint_role(e, NULL, "ALTER ROLE ", w->role,
	    pgver(f->version, PGFACT_REPLICATION_ROLE) != NULL ? " REPLICATION"
							       : " SUPERUSER");
	return FOUND_PROBLEM;
}

static enum found
check_data_directory(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	const char *role = pgver(f->version, PGFACT_READ_SETTINGS);
	char before[64];

	if (f->data_directory != NULL || w->source_pgdata != NULL ||
	    w->conf_only)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_PRIVILEGE,
	    "role \"%s\" may not read data_directory of the source",
	    or_unknown(w->role));
	if (role != NULL) {
		(void)snprintf(before, sizeof(before), "GRANT %s TO ", role);
		hint_role(e, NULL, before, w->role, "");
		(void)err_hint(e, "Or name it: --source-pgdata=DIR.");
	} else {
		(void)err_hint(e, "Name it: --source-pgdata=DIR.");
	}
	return FOUND_PROBLEM;
}

void
preflight_hint_running(
    struct err *e, const char *label, const char *cleanup, const char *stop)
{
	if (label_is_ours(label, NULL))
		(void)err_hint(e,
		    "If no standby-clone runs against this primary any more, a "
		    "killed one left it: end it with:");
	else if (label[0] == '\0')
		(void)err_hint(e, "If a killed run of ours left it:");
	if (label_is_ours(label, NULL) || label[0] == '\0')
		(void)err_command(e, "%s",
		    cleanup != NULL ? cleanup : "standby-clone --cleanup");
	if (label_is_ours(label, NULL))
		return;
	(void)err_hint(e, "Wait until it ends, or, when it is nobody's, end it "
			  "on the primary with:");
	(void)err_command(e, "%s;", stop);
}

/* B2 */
static enum found
check_exclusive(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	bool only = pgver(f->version, PGFACT_BACKUP_EXCLUSIVE) != NULL;
	const char *stop = pgver(f->version, PGFACT_BACKUP_STOP_EXCL);
	char major[16];
	bool ours;

	if (w->conf_only || !(w->exclusive || only))
		return FOUND_NOTHING;
	if (stop == NULL) {
		(void)err_set(e, ERR_VERSION,
		    "PostgreSQL %s of the source has no exclusive backup",
		    pgver_major(f->version, major, sizeof(major)));
		return FOUND_PROBLEM;
	}
	if (!f->exclusive_running)
		return FOUND_NOTHING;
	ours = label_is_ours(f->running_label, NULL);
	(void)err_set(e, ERR_BACKUP_RUNNING,
	    "an exclusive backup %sruns on the source already",
	    ours ? "of standby-clone " : "");
	if (f->running_label[0] != '\0')
		(void)err_detail(e, "Its label is \"%s\".", f->running_label);
	preflight_hint_running(e, f->running_label, w->cleanup, stop);
	return FOUND_PROBLEM;
}

/* B27: where the end of a backup waits for the archive and cannot be given up,
 * a failing archiver means that it never ends. */
static enum found
check_archiver(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	bool waits = pgver(f->version, PGFACT_BACKUP_STOP_WAIT) == NULL &&
		     pgver(f->version, PGFACT_BACKUP_EXCLUSIVE) == NULL;

	if (w->conf_only || !f->archiver_known || !f->archiver_failing ||
	    (f->archive_mode != NULL && strcmp(f->archive_mode, "off") == 0))
		return FOUND_NOTHING;
	(void)err_set(e, ERR_SETTING,
	    "archiving fails on the source: its last failure is newer than its "
	    "last success%s",
	    waits ? ", and the end of a backup waits for it" : "");
	(void)err_hint(e,
	    "See SELECT * FROM pg_stat_archiver and the log of the source, and "
	    "mend archive_command.");
	return waits ? FOUND_PROBLEM : FOUND_WARNING;
}

/* C3 */
static enum found
check_trigger(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	char major[16];

	if (w->trigger_file == NULL ||
	    pgver(f->version, PGFACT_TRIGGER_PARAM) != NULL)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_SETTING,
	    "trigger file \"%s\" cannot be set: PostgreSQL %s has no such "
	    "setting, and would not start with it",
	    w->trigger_file, pgver_major(f->version, major, sizeof(major)));
	(void)err_hint(e,
	    "Leave out --trigger-file: pg_promote() or pg_ctl promote promotes "
	    "a standby of this version.");
	return FOUND_PROBLEM;
}

/* One name of synchronous_standby_names: "a", a, *; *at moves behind it.  The
 * numbers and words of ANY 1 (...) are not told from names. */
static bool
next_name(const char **at, char *name, size_t size)
{
	const char *p = *at + strspn(*at, " \t\n,()");
	size_t n;
	bool quoted = *p == '"';

	p += quoted;
	n = strcspn(p, quoted ? "\"" : " \t\n,()");
	(void)snprintf(name, size, "%.*s", (int)MIN_OF(n, size - 1), p);
	*at = p + n + (quoted && p[n] == '"');
	return n > 0;
}

static bool
names_have(const char *names, const char *want)
{
	char name[256];

	while (want != NULL && next_name(&names, name, sizeof(name)))
		if (strcmp(name, "*") == 0 || strcasecmp(name, want) == 0)
			return true;
	return false;
}

/* Our own session does not wait (synchronous_commit is local). */
static enum found
check_synchronous(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	if (f->in_recovery || f->synchronous_standby_names == NULL ||
	    f->synchronous_standby_names[0] == '\0' || f->wal_senders_used != 0)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_SETTING,
	    "synchronous_standby_names of the source is \"%s\", and no standby "
	    "is connected: commits there wait until one is",
	    f->synchronous_standby_names);
	if (names_have(f->synchronous_standby_names, w->application_name))
		(void)err_hint(e,
		    "The standby that is made is among them, as \"%s\": they "
		    "wait until it streams.",
		    w->application_name);
	else
		hint_set(e, f, "synchronous_standby_names", "''", false);
	return FOUND_WARNING;
}

/* Before 9.2 the catalog itself has the path. */
static enum found
check_spclocation(
    const struct probe *f, const struct preflight_want *w, struct err *e)
{
	if (!w->mapped || pgver(f->version, PGFACT_SPCLOCATION) == NULL)
		return FOUND_NOTHING;
	(void)err_set(e, ERR_TABLESPACE,
	    "the catalog of the source holds the paths of its tablespaces, and "
	    "--tablespace-mapping does not change it");
	(void)err_detail(e,
	    "The standby uses the new paths, but pg_tablespace and pg_dumpall "
	    "tell the old ones.");
	(void)err_hint(e, "After its promotion, type:");
	(void)err_command(e, "UPDATE pg_tablespace SET spclocation = 'NEWDIR' "
			     "WHERE spclocation = 'OLDDIR';");
	return FOUND_WARNING;
}

static check_fn *const checks[] = {
    check_version,
    check_recovery,
    check_full_pages,
    check_wal_level,
    check_senders,
    check_slots,
    check_hot_standby,
    check_backup_right,
    check_replication_right,
    check_data_directory,
    check_exclusive,
    check_archiver,
    check_trigger,
    check_synchronous,
    check_spclocation,
};

int
preflight_keep(struct preflight *p, enum found found, const struct err *e)
{
	p->checks++;
	switch (found) {
	case FOUND_PROBLEM:
		return preflight_add(p, e);
	case FOUND_WARNING:
		return preflight_warn(p, e);
	case FOUND_NOTHING:
		break;
	}
	return 0;
}

/* A10.  In-place ones (15) are ordinary data. */
static int
check_tablespaces(
    struct preflight *p, const struct probe *f, const struct preflight_want *w)
{
	const char *dir =
	    f->data_directory != NULL ? f->data_directory : w->source_pgdata;
	struct err e;

	p->checks++;
	for (size_t i = 0; dir != NULL && i < f->ntblspc; i++) {
		const char *at = f->tblspc[i].location;

		if (at == NULL || at[0] != '/' || !preflight_is_below(at, dir))
			continue;
		err_clear(&e);
		(void)err_set(&e, ERR_TABLESPACE,
		    "tablespace \"%s\" of the source lies inside its data "
		    "directory, at \"%s\"",
		    f->tblspc[i].name, at);
		(void)err_hint(&e,
		    "Move its tables to another tablespace (ALTER TABLE ... "
		    "SET TABLESPACE) and drop it.");
		if (preflight_add(p, &e) == -1)
			return -1;
	}
	return 0;
}

int
preflight_source(
    struct preflight *p, const struct probe *f, const struct preflight_want *w)
{
	enum found found;
	struct err e;

	for (size_t i = 0; i < NELEM(checks); i++) {
		err_clear(&e);
		found = checks[i](f, w, &e);
		if (preflight_keep(p, found, &e) == -1)
			return -1;
	}
	return w->conf_only ? 0 : check_tablespaces(p, f, w);
}
