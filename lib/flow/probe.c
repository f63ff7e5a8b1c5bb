#include "base/std.h"
#include "base/clock.h"
#include "core/label.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/probe.h"
#include "io/pg.h"

#define RECOVERY "SELECT pg_is_in_recovery()"
#define SETTINGS                                                               \
	"SELECT name, setting, unit FROM pg_settings "                         \
	"WHERE name = ANY ($1::text[])"
#define SENDERS "SELECT count(*) FROM pg_stat_replication"
#define SLOTS "SELECT count(*) FROM pg_replication_slots"

/* --- one answer ----------------------------------------------------------- */

static bool
is_true(const char *s)
{
	return s != NULL && *s == 't';
}

/*
 * What a role may not see, or a version does not have, is no error: the
 * statement fails with an SQL error, *r stays NULL, and 0 is returned.
 */
static int
ask(struct pg *pg, struct pg_rows **r, const char *sql, int64_t deadline,
    struct err *e)
{
	struct err cause = ERR_INIT;

	*r = NULL;
	if (sql == NULL ||
	    pg_query(pg, r, deadline, sql, 0, NULL, &cause) == 0 ||
	    cause.code == ERR_SQL)
		return 0;
	if (e != NULL && !err_is_set(e))
		*e = cause;
	return -1;
}

static int
ask_fact(struct pg *pg, struct pg_rows **r, enum pgfact fact, int64_t deadline,
    struct err *e)
{
	return ask(pg, r, pgver(pg_version(pg), fact), deadline, e);
}

/* A copy of a text; NULL changes nothing. */
static int
set_text(char **to, const char *text, struct err *e)
{
	if (text == NULL)
		return 0;
	free(*to);
	*to = strdup(text);
	return *to != NULL ? 0 : err_set_nomem(e);
}

static int
take(char **to, const struct pg_rows *r, int row, int col, struct err *e)
{
	return set_text(to, pg_rows_get(r, row, col), e);
}

/* --- settings ------------------------------------------------------------- */

enum kind {
	K_TEXT,
	K_INT,   /* int, as the server shows it */
	K_U32,   /* uint32_t */
	K_BYTES, /* uint32_t, in bytes whatever the unit is */
	K_ON,    /* bool */
	K_OCTAL  /* int */
};

static const struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
} settings[] = {
#define S(name, kind, field)                                                   \
	{                                                                      \
		name, kind, offsetof(struct probe, field)                      \
	}
    S("data_directory", K_TEXT, data_directory),
    S("config_file", K_TEXT, config_file),
    S("hba_file", K_TEXT, hba_file),
    S("ident_file", K_TEXT, ident_file),
    S("log_directory", K_TEXT, log_directory),
    S("stats_temp_directory", K_TEXT, stats_temp_directory),
    S("trigger_file", K_TEXT, trigger_file),
    S("promote_trigger_file", K_TEXT, trigger_file),
    S("wal_level", K_TEXT, wal_level),
    S("hot_standby", K_TEXT, hot_standby),
    S("synchronous_standby_names", K_TEXT, synchronous_standby_names),
    S("archive_mode", K_TEXT, archive_mode),
    S("external_pid_file", K_TEXT, external_pid_file),
    S("max_wal_senders", K_INT, max_wal_senders),
    S("max_replication_slots", K_INT, max_replication_slots),
    S("block_size", K_U32, block_size),
    S("segment_size", K_U32, segment_size),
    S("wal_block_size", K_U32, wal_block_size),
    S("wal_segment_size", K_BYTES, wal_segment_size),
    S("max_connections", K_INT, max_connections),
    S("max_prepared_transactions", K_INT, max_prepared_xacts),
    S("max_locks_per_transaction", K_INT, max_locks_per_xact),
    S("max_worker_processes", K_INT, max_worker_processes),
    S("data_checksums", K_ON, data_checksums),
    S("fsync", K_ON, fsync_on),
    S("full_page_writes", K_ON, full_page_writes),
    S("data_directory_mode", K_OCTAL, data_directory_mode),
#undef S
};

/* "2048" and "8kB", or "16777216" and "B": the unit has changed. */
static uint32_t
in_bytes(const char *value, const char *unit)
{
	uint64_t n = strtoull(value, NULL, 10), factor = 1;
	char *end;

	if (unit != NULL && *unit != '\0') {
		factor = strtoull(unit, &end, 10);
		if (end == unit)
			factor = 1;
		if (strcmp(end, "kB") == 0)
			factor *= 1024;
		else if (strcmp(end, "MB") == 0)
			factor *= 1024 * 1024;
	}
	if (n > UINT32_MAX || factor > UINT32_MAX || n * factor > UINT32_MAX)
		return 0;
	return (uint32_t)(n * factor);
}

static int
store(struct probe *p, const struct setting *s, const char *value,
    const char *unit, struct err *e)
{
	union {
		char *bytes;
		char **text;
		int *number;
		uint32_t *u32;
		bool *on;
	} to = {.bytes = (char *)p + s->offset};

	switch (s->kind) {
	case K_TEXT:
		return set_text(to.text, value, e);
	case K_INT:
		*to.number = (int)strtol(value, NULL, 10);
		break;
	case K_U32:
		*to.u32 = (uint32_t)strtoul(value, NULL, 10);
		break;
	case K_BYTES:
		*to.u32 = in_bytes(value, unit);
		break;
	case K_ON:
		*to.on = strcmp(value, "on") == 0;
		break;
	case K_OCTAL:
		*to.number = (int)strtol(value, NULL, 8);
		break;
	}
	return 0;
}

static int
store_row(struct probe *p, const struct pg_rows *r, int row, struct err *e)
{
	const char *name = pg_rows_get(r, row, 0);
	const char *value = pg_rows_get(r, row, 1);

	for (size_t i = 0; i < NELEM(settings); i++)
		if (name != NULL && value != NULL &&
		    strcmp(settings[i].name, name) == 0)
			return store(
			    p, &settings[i], value, pg_rows_get(r, row, 2), e);
	return 0;
}

/* An array of the names. */
static void
add_names(struct buf *b)
{
	for (size_t i = 0; i < NELEM(settings); i++)
		buf_addf(b, "%c%s", i == 0 ? '{' : ',', settings[i].name);
	buf_addc(b, '}');
}

/* Rows that this role may not see, or this version has not, are not there. */
static int
read_settings(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct buf names = BUF_INIT;
	const char *params[1];
	struct pg_rows *r;
	int rc;

	add_names(&names);
	params[0] = buf_str(&names);
	rc = pg_query(pg, &r, deadline, SETTINGS, 1, params, e);
	buf_free(&names);
	if (rc == -1)
		return -1;
	for (int i = 0; rc == 0 && i < pg_rows_n(r); i++)
		rc = store_row(p, r, i, e);
	pg_rows_free(r);
	return rc;
}

/* --- the server, the role ------------------------------------------------- */

static int
read_recovery(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_rows *r;
	const char *s;

	if (set_text(&p->version_text, pg_version_text(pg), e) == -1)
		return -1;
	if (pg_query(pg, &r, deadline, RECOVERY, 0, NULL, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	p->in_recovery = is_true(s);
	if (s == NULL)
		(void)err_set(
		    e, ERR_SQL, "%s does not say what it is", pg_name(pg));
	pg_rows_free(r);
	return s != NULL ? 0 : -1;
}

static int
read_role(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_rows *r;

	if (ask_fact(pg, &r, PGFACT_ROLE, deadline, e) == -1)
		return -1;
	p->superuser = is_true(pg_rows_get(r, 0, 0));
	p->replication = is_true(pg_rows_get(r, 0, 1)) || p->superuser;
	pg_rows_free(r);
	if (ask_fact(pg, &r, PGFACT_BACKUP_MAY, deadline, e) == -1)
		return -1;
	p->may_backup =
	    r != NULL ? is_true(pg_rows_get(r, 0, 0)) : p->replication;
	pg_rows_free(r);
	return 0;
}

static int
read_identity(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_rows *r;
	const char *s;

	if (ask_fact(pg, &r, PGFACT_SYSTEM_IDENTIFIER, deadline, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	p->system_identifier = s != NULL ? strtoull(s, NULL, 10) : 0;
	pg_rows_free(r);
	if (ask_fact(pg, &r, PGFACT_TIMELINE, deadline, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	p->timeline = s != NULL ? (uint32_t)strtoul(s, NULL, 10) : 0;
	pg_rows_free(r);
	return 0;
}

/* What a standby says of its own full_page_writes means nothing for what it
 * replays. */
static int
read_restart_point(
    struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_rows *r;
	const char *s;

	if (!p->in_recovery)
		return 0;
	if (ask_fact(pg, &r, PGFACT_RESTART_POINT_FPW, deadline, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	p->restart_point_torn = s != NULL && !is_true(s);
	pg_rows_free(r);
	return 0;
}

/* One statement for both roles, so that it can be asked ahead. */
static void
position_sql(int version, struct buf *sql)
{
	buf_addf(sql,
	    "SELECT CASE WHEN pg_is_in_recovery() THEN (%s) ELSE (%s) END,\n"
	    "CASE WHEN pg_is_in_recovery() THEN (%s) END",
	    pgver(version, PGFACT_REPLAY_LSN),
	    pgver(version, PGFACT_CURRENT_LSN),
	    pgver(version, PGFACT_RECEIVE_LSN));
}

static int
read_position(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct buf sql = BUF_INIT;
	struct pg_rows *r;
	uint64_t lsn;
	int rc;

	position_sql(p->version, &sql);
	rc = ask(pg, &r, buf_str(&sql), deadline, e);
	buf_free(&sql);
	/* Received can be behind replayed after a restart. */
	for (int i = 0; rc == 0 && i < 2; i++) {
		const char *s = pg_rows_get(r, 0, i);

		if (s != NULL && lsn_parse(s, &lsn) == 0)
			p->current_lsn = MAX_OF(p->current_lsn, lsn);
	}
	pg_rows_free(r);
	return rc;
}

/* --- what is in use ------------------------------------------------------- */

/* Rows of a view that the version has when it has the fact. */
static int
read_count(int *n, struct pg *pg, enum pgfact fact, const char *sql,
    int64_t deadline, struct err *e)
{
	struct pg_rows *r;
	const char *s;

	if (pgver(pg_version(pg), fact) == NULL)
		return 0;
	if (ask(pg, &r, sql, deadline, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	*n = s != NULL ? (int)strtol(s, NULL, 10) : -1;
	pg_rows_free(r);
	return 0;
}

/* Only a superuser may. */
static void
read_running_label(struct probe *p, struct pg *pg, int64_t deadline)
{
	struct pg_rows *r = NULL;
	struct label l;
	const char *text;

	if (pg_query(pg, &r, deadline,
		"SELECT pg_read_file('backup_label', 0, 65536)", 0, NULL,
		NULL) == 0 &&
	    (text = pg_rows_get(r, 0, 0)) != NULL &&
	    label_parse(text, pg_rows_len(r, 0, 0), &l, NULL) == 0)
		(void)snprintf(
		    p->running_label, sizeof(p->running_label), "%s", l.label);
	pg_rows_free(r);
}

static int
read_use(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_rows *r;

	if (read_count(&p->wal_senders_used, pg, PGFACT_SENDERS, SENDERS,
		deadline, e) == -1 ||
	    read_count(
		&p->slots_used, pg, PGFACT_SLOT_LIST, SLOTS, deadline, e) == -1)
		return -1;
	if (ask_fact(pg, &r, PGFACT_IS_IN_BACKUP, deadline, e) == -1)
		return -1;
	p->exclusive_running = is_true(pg_rows_get(r, 0, 0));
	pg_rows_free(r);
	/* Before 9.3 only the file tells, and only to a superuser. */
	if (p->superuser && pgver(p->version, PGFACT_IS_IN_BACKUP) == NULL &&
	    pgver(p->version, PGFACT_BACKUP_EXCLUSIVE) != NULL) {
		if (ask(pg, &r,
			"SELECT 'backup_label' IN (SELECT pg_ls_dir('.'))",
			deadline, e) == -1)
			return -1;
		p->exclusive_running = is_true(pg_rows_get(r, 0, 0));
		pg_rows_free(r);
	}
	if (p->exclusive_running)
		read_running_label(p, pg, deadline);
	if (ask_fact(pg, &r, PGFACT_ARCHIVER, deadline, e) == -1)
		return -1;
	p->archiver_known = pg_rows_get(r, 0, 0) != NULL;
	/* The numbers stay when archiving is switched off. */
	p->archiver_failing = is_true(pg_rows_get(r, 0, 0)) &&
			      p->archive_mode != NULL &&
			      strcmp(p->archive_mode, "off") != 0;
	pg_rows_free(r);
	return 0;
}

static int
read_collation(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_rows *r;
	int rc;

	if (ask_fact(pg, &r, PGFACT_COLLATION, deadline, e) == -1)
		return -1;
	rc = take(&p->lc_collate, r, 0, 0, e);
	if (rc == 0)
		rc = take(&p->collation_version, r, 0, 1, e);
	pg_rows_free(r);
	return rc;
}

/* --- tablespaces ---------------------------------------------------------- */

static int
take_tablespaces(struct probe *p, const struct pg_rows *r, struct err *e)
{
	int n = pg_rows_n(r);

	if (n == 0)
		return 0;
	p->tblspc = calloc((size_t)n, sizeof(*p->tblspc));
	if (p->tblspc == NULL)
		return err_set_nomem(e);
	for (int i = 0; i < n; i++) {
		struct probe_tablespace *t = &p->tblspc[p->ntblspc++];
		const char *oid = pg_rows_get(r, i, 0);

		t->oid = oid != NULL ? (uint32_t)strtoul(oid, NULL, 10) : 0;
		if (take(&t->name, r, i, 1, e) == -1 ||
		    take(&t->location, r, i, 2, e) == -1)
			return -1;
		if (t->location == NULL && (t->location = strdup("")) == NULL)
			return err_set_nomem(e);
	}
	return 0;
}

static int
read_tablespaces(
    struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_rows *r;
	int rc;

	if (ask_fact(pg, &r, PGFACT_TABLESPACES, deadline, e) == -1)
		return -1;
	rc = take_tablespaces(p, r, e);
	pg_rows_free(r);
	return rc;
}

/* --- all ------------------------------------------------------------------ */

struct plan {
	struct pg_ask v[16];
	size_t n;
};

static void
plan(struct plan *l, const char *sql)
{
	if (sql != NULL && l->n < NELEM(l->v))
		l->v[l->n++] = (struct pg_ask){.sql = sql};
}

/* What every server is asked, whatever it is, in one round trip; the functions
 * above take the answers.  A statement that is forgotten here costs one more.
 */
static int
ask_ahead(struct pg *pg, int64_t deadline, struct err *e)
{
	static const enum pgfact facts[] = {PGFACT_ROLE, PGFACT_BACKUP_MAY,
	    PGFACT_SYSTEM_IDENTIFIER, PGFACT_TIMELINE, PGFACT_RESTART_POINT_FPW,
	    PGFACT_IS_IN_BACKUP, PGFACT_ARCHIVER, PGFACT_COLLATION,
	    PGFACT_TABLESPACES};
	int v = pg_version(pg), rc;
	struct buf names = BUF_INIT, position = BUF_INIT;
	const char *params[1];
	struct plan l = {.n = 0};

	add_names(&names);
	position_sql(v, &position);
	params[0] = buf_str(&names);
	plan(&l, PG_AS_BYTES);
	plan(&l, RECOVERY);
	plan(&l, buf_str(&position));
	plan(&l, SETTINGS);
	l.v[l.n - 1].n = NELEM(params);
	l.v[l.n - 1].params = params;
	for (size_t i = 0; i < NELEM(facts); i++)
		plan(&l, pgver(v, facts[i]));
	plan(&l, pgver(v, PGFACT_SENDERS) != NULL ? SENDERS : NULL);
	plan(&l, pgver(v, PGFACT_SLOT_LIST) != NULL ? SLOTS : NULL);
	rc = pg_ahead(pg, l.v, l.n, deadline, e);
	buf_free(&names);
	buf_free(&position);
	return rc;
}

static int
read_all(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	if (read_recovery(p, pg, deadline, e) == -1 ||
	    read_role(p, pg, deadline, e) == -1 ||
	    read_identity(p, pg, deadline, e) == -1 ||
	    read_restart_point(p, pg, deadline, e) == -1 ||
	    read_position(p, pg, deadline, e) == -1 ||
	    read_settings(p, pg, deadline, e) == -1 ||
	    read_collation(p, pg, deadline, e) == -1 ||
	    read_tablespaces(p, pg, deadline, e) == -1)
		return -1;
	/* Last: it may ask what is not asked ahead. */
	return read_use(p, pg, deadline, e);
}

int
probe_read(struct probe *p, struct pg *pg, int64_t deadline, struct err *e)
{
	int rc;

	*p = (struct probe){
	    .version = pg_version(pg),
	    .max_wal_senders = -1,
	    .max_replication_slots = -1,
	    .wal_senders_used = -1,
	    .slots_used = -1,
	    .max_connections = -1,
	    .max_prepared_xacts = -1,
	    .max_locks_per_xact = -1,
	    .max_worker_processes = -1,
	    .data_directory_mode = 0700,
	    .fsync_on = true,
	    .full_page_writes = true,
	};
	/* Paths are bytes: no conversion from the database's encoding. */
	if (ask_ahead(pg, deadline, e) == -1 ||
	    pg_query(pg, NULL, deadline, PG_AS_BYTES, 0, NULL, e) == -1)
		return -1;
	rc = read_all(p, pg, deadline, e);
	if (pg_query(pg, NULL, deadline, PG_AS_TEXT, 0, NULL, e) == -1)
		rc = -1;
	return rc;
}

void
probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < NELEM(settings); i++) {
		union {
			char *bytes;
			char **text;
		} to = {.bytes = (char *)p + settings[i].offset};

		if (settings[i].kind != K_TEXT)
			continue;
		free(*to.text);
		*to.text = NULL; /* two settings may share a field */
	}
	for (size_t i = 0; i < p->ntblspc; i++) {
		free(p->tblspc[i].name);
		free(p->tblspc[i].location);
	}
	free(p->tblspc);
	free(p->version_text);
	free(p->lc_collate);
	free(p->collation_version);
	*p = (struct probe){.version = 0};
}
