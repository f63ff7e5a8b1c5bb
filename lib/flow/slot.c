#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/slot.h"

#define ASK_MS 10000
#define END_CONNECT_MS 5000
/* What is written may not be flushed yet, and from there the server streams
 * nothing; the beginning of a segment is, as soon as anything follows it. */
#define FLUSHED_UNIT (UINT64_C(16) << 20)
#define TOO_MANY "53400" /* configuration_limit_exceeded */
#define ROOM                                                                   \
	"SELECT current_setting('max_replication_slots'), "                    \
	"(SELECT count(*) FROM pg_replication_slots)"

/* --- facts ---------------------------------------------------------------- */

static bool
is_true(const char *s)
{
	return s != NULL && *s == 't';
}

static uint64_t
lsn_or_none(const char *s)
{
	uint64_t lsn;

	return s != NULL && lsn_parse(s, &lsn) == 0 ? lsn : LSN_INVALID;
}

int
slot_read(struct pg *pg, const char *name, struct slot_facts *f,
    int64_t deadline, struct err *e)
{
	const char *sql = pgver(pg_version(pg), PGFACT_SLOT_LIST), *s;
	struct pg_rows *r;

	*f = (struct slot_facts){.exists = false};
	if (sql == NULL)
		return 0;
	if (pg_query(pg, &r, deadline, sql, 1, &name, e) == -1)
		return -1;
	if (pg_rows_n(r) == 1) {
		s = pg_rows_get(r, 0, 0);
		f->exists = true;
		f->physical = s != NULL && strcmp(s, "physical") == 0;
		f->active = is_true(pg_rows_get(r, 0, 1));
		f->restart_lsn = lsn_or_none(pg_rows_get(r, 0, 2));
		s = pg_rows_get(r, 0, 3);
		(void)snprintf(f->wal_status, sizeof(f->wal_status), "%s",
		    s != NULL ? s : "");
		f->temporary = is_true(pg_rows_get(r, 0, 4));
	}
	pg_rows_free(r);
	return 0;
}

/* --- judging -------------------------------------------------------------- */

static int
judge_existing(const struct slot_facts *f, enum slot_want want,
    const char *name, struct err *e)
{
	if (want == SLOT_MUST_CREATE) {
		(void)err_set(e, ERR_SLOT,
		    "replication slot \"%s\" exists already", name);
		return err_hint(e,
		    "Use it with -S %s, or drop it with: SELECT "
		    "pg_drop_replication_slot('%s')",
		    name, name);
	}
	if (!f->physical) {
		(void)err_set(e, ERR_SLOT,
		    "replication slot \"%s\" is a logical one", name);
		return err_hint(e, "Let another one be made: -C -S NAME");
	}
	if (f->active || f->temporary) {
		(void)err_set(e, ERR_SLOT, "replication slot \"%s\" is %s",
		    name,
		    f->active ? "active"
			      : "another session's temporary "
				"one");
		(void)err_detail(e, "Another standby or session uses it.");
		return err_hint(e,
		    "Let another one be made: -C -S NAME; who uses it: SELECT "
		    "* "
		    "FROM pg_replication_slots WHERE slot_name = '%s'",
		    name);
	}
	return 0;
}

int
slot_judge(const struct slot_facts *f, enum slot_want want, const char *name,
    int max_slots, int used, struct err *e)
{
	if (want == SLOT_NONE)
		return 0;
	if (f->exists)
		return judge_existing(f, want, name, e);
	if (want == SLOT_MUST_EXIST) {
		(void)err_set(e, ERR_SLOT,
		    "replication slot \"%s\" does not exist", name);
		return err_hint(e, "Let it be made: -C -S %s", name);
	}
	/* SLOT_AUTO fetches the WAL instead. */
	if (want == SLOT_AUTO || max_slots < 0 || used < 0 || used < max_slots)
		return 0;
	(void)err_set(e, ERR_SLOT,
	    "no room for replication slot \"%s\": %d of %d slots are used",
	    name, used, max_slots);
	return err_hint(e,
	    "Raise max_replication_slots (needs a restart), drop a slot that "
	    "nobody needs, or use --no-slot.");
}

/* --- before the copy ------------------------------------------------------ */

struct room {
	int max, used;
};

static int
number(const char *s)
{
	return s != NULL ? (int)strtol(s, NULL, 10) : -1;
}

static int
read_room(struct pg *pg, struct room *room, struct err *e)
{
	struct pg_rows *r;

	if (pg_query(pg, &r, deadline_in(ASK_MS), ROOM, 0, NULL, e) == -1)
		return -1;
	room->max = number(pg_rows_get(r, 0, 0));
	room->used = number(pg_rows_get(r, 0, 1));
	pg_rows_free(r);
	return 0;
}

/* The slot of that name, if any, and whether there is room for one. */
static int
look(struct pg *pg, const char *name, struct slot_facts *f, struct room *room,
    struct err *e)
{
	const struct pg_ask asks[] = {
	    {pgver(pg_version(pg), PGFACT_SLOT_LIST), 1, &name}, {.sql = ROOM}};

	if (pg_ahead(pg, asks, NELEM(asks), deadline_in(ASK_MS), e) == -1 ||
	    slot_read(pg, name, f, deadline_in(ASK_MS), e) == -1)
		return -1;
	return read_room(pg, room, e);
}

/* Where WAL is now: what an empty slot is set to.  Parameter free, and right
 * on a primary and on a standby. */
static int
current_lsn(struct slot *s, uint64_t *lsn, struct err *e)
{
	struct buf sql = BUF_INIT;
	struct pg_rows *r;
	int rc;

	buf_addf(&sql,
	    "SELECT CASE WHEN pg_is_in_recovery() THEN (%s) ELSE (%s) END",
	    pgver(s->version, PGFACT_REPLAY_LSN),
	    pgver(s->version, PGFACT_CURRENT_LSN));
	rc =
	    pg_query(s->pg, &r, deadline_in(ASK_MS), buf_str(&sql), 0, NULL, e);
	buf_free(&sql);
	if (rc == -1)
		return -1;
	*lsn = lsn_or_none(pg_rows_get(r, 0, 0));
	pg_rows_free(r);
	return *lsn != LSN_INVALID
		   ? 0
		   : err_set(e, ERR_SLOT, "%s tells no WAL position",
			 pg_name(s->pg));
}

int
slot_keeps(struct pg *pg, const char *name, uint64_t *bytes, struct err *e)
{
	struct slot s = {.pg = pg, .version = pg_version(pg)};
	struct slot_facts f;
	uint64_t now;

	if (slot_read(pg, name, &f, deadline_in(ASK_MS), e) == -1)
		return -1;
	if (!f.exists || !f.physical || f.active || f.temporary ||
	    f.restart_lsn == LSN_INVALID || strcmp(f.wal_status, "lost") == 0)
		return 0;
	if (current_lsn(&s, &now, e) == -1)
		return -1;
	*bytes = now - MIN_OF(now, f.restart_lsn);
	return 1;
}

static int
drop(struct slot *s, const char *name, struct err *e)
{
	return pg_query(s->pg, NULL, deadline_in(ASK_MS),
	    pgver(s->version, PGFACT_SLOT_DROP), 1, &name, e);
}

/* Read again what the slot keeps. */
static int
reread(struct slot *s, const char *name, struct err *e)
{
	struct slot_facts f;

	if (slot_read(s->pg, name, &f, deadline_in(ASK_MS), e) == -1)
		return -1;
	if (!f.exists)
		return err_set(
		    e, ERR_SLOT, "replication slot \"%s\" has vanished", name);
	if (strcmp(f.wal_status, "lost") == 0)
		return err_set(e, ERR_SLOT,
		    "replication slot \"%s\" has lost its WAL", name);
	s->restart_lsn = f.restart_lsn;
	return 0;
}

static int
reserve_at(struct slot *s, const char *name, uint64_t lsn, struct err *e)
{
	struct err cause = ERR_INIT;

	if (pg_slot_reserve_at(s->opts, name, lsn, &cause) == -1) {
		if (cause.code == ERR_INTERRUPTED) {
			if (e != NULL && !err_is_set(e))
				*e = cause;
			return -1;
		}
		(void)err_set(e, ERR_SLOT,
		    "could not set replication slot \"%s\": %s", name,
		    cause.text);
		(void)err_detail(e, "%s", cause.detail);
		return err_hint(e, "%s",
		    cause.hint[0] != '\0' ? cause.hint
					  : "Use --wal=fetch or --no-slot.");
	}
	return reread(s, name, e);
}

/* A statement that makes a slot, and what reread asks behind it. */
static int
ahead_with_facts(struct slot *s, const char *sql, size_t n,
    const char *const *params, const char *name, struct err *e)
{
	const struct pg_ask asks[] = {
	    {sql, n, params}, {pgver(s->version, PGFACT_SLOT_LIST), 1, &name}};

	return pg_ahead(s->pg, asks, NELEM(asks), deadline_in(ASK_MS), e);
}

/*
 * The statement that makes the permanent slot.  Where the server did not say
 * no, but was not heard out (a signal, a lost session), the slot may be there:
 * it counts as ours, or nobody would drop it.
 */
static int
make(struct slot *s, const char *sql, size_t n, const char *const *params,
    struct err *e)
{
	struct err cause = ERR_INIT;

	if (ahead_with_facts(s, sql, n, params, s->name, &cause) == -1 ||
	    pg_query(s->pg, NULL, deadline_in(ASK_MS), sql, n, params,
		&cause) == -1) {
		s->made = cause.code != ERR_SQL;
		if (e != NULL && !err_is_set(e))
			*e = cause;
		return -1;
	}
	s->made = true;
	return reread(s, s->name, e);
}

/* Make the permanent slot, reserving where the version can. */
static int
create(struct slot *s, struct err *e)
{
	const char *name = s->name;

	return make(s, pgver(s->version, PGFACT_SLOT_CREATE), 1, &name, e);
}

/* From now on WAL is kept by the permanent slot (before 10, or where a
 * temporary one has no room). */
static int
cover_permanent(struct slot *s, struct err *e)
{
	uint64_t lsn;

	if (!s->existed && create(s, e) == -1)
		return -1;
	if (s->restart_lsn != LSN_INVALID)
		return 1;
	if (current_lsn(s, &lsn, e) == -1)
		return -1;
	if (reserve_at(s, s->name, lsn, NULL) == 0)
		return 1;
	return reserve_at(s, s->name, lsn - lsn % FLUSHED_UNIT, e) == -1 ? -1
									 : 1;
}

/*
 * From now on WAL is kept by a temporary slot: it ends with the session, also
 * when we are killed.  -1 with e; 0 when there is no room for it.
 */
static int
cover_temporary(struct slot *s, const char *uuid, struct err *e)
{
	const char *name = s->temp_name;
	struct err cause = ERR_INIT;

	(void)snprintf(
	    s->temp_name, sizeof(s->temp_name), "standby_clone_%.8s", uuid);
	if (ahead_with_facts(s, pgver(s->version, PGFACT_SLOT_CREATE_TEMP), 1,
		&name, name, e) == -1)
		return -1;
	if (pg_query(s->pg, NULL, deadline_in(ASK_MS),
		pgver(s->version, PGFACT_SLOT_CREATE_TEMP), 1, &name,
		&cause) == -1) {
		if (strcmp(pg_sqlstate(s->pg), TOO_MANY) == 0)
			return 0;
		if (e != NULL && !err_is_set(e))
			*e = cause;
		return -1;
	}
	s->temporary = true;
	return reread(s, name, e) == -1 ? -1 : 1;
}

/* An existing slot that has lost its WAL is worth nothing to anybody. */
static int
take_over(struct slot *s, const struct slot_facts *f, struct err *e)
{
	s->existed = f->exists;
	s->restart_lsn = f->restart_lsn;
	if (!f->exists || strcmp(f->wal_status, "lost") != 0)
		return 0;
	log_debug(
	    "replication slot \"%s\" has lost its WAL: made again", s->name);
	if (drop(s, s->name, e) == -1)
		return -1;
	s->existed = false;
	s->restart_lsn = LSN_INVALID;
	s->remade = true;
	return 0;
}

static int
cover(struct slot *s, const struct slot_facts *f, const struct room *room,
    const char *uuid, const char **why, struct err *e)
{
	bool keeps = s->existed && f->restart_lsn != LSN_INVALID &&
		     strcmp(f->wal_status, "unreserved") != 0;
	int rc = 0;

	if (keeps)
		return 1;
	if (!s->existed && room->max >= 0 && room->used >= room->max &&
	    !s->remade) {
		*why = "no replication slot is free there";
		return 0;
	}
	/* The temporary one and the permanent one exist side by side for a
	 * moment. */
	if (pgver(s->version, PGFACT_SLOT_CREATE_TEMP) != NULL &&
	    (room->max < 0 || s->remade ||
		room->used + (s->existed ? 1 : 2) <= room->max))
		rc = cover_temporary(s, uuid, e);
	return rc != 0 ? rc : cover_permanent(s, e);
}

/* The server would refuse it when it makes the slot, after the copy; and cut a
 * name that is too long (15.18 slot.c, ReplicationSlotValidateName). */
static int
check_name(const char *name, struct err *e)
{
	char good[64];

	text_slot_name(name, good);
	if (strcmp(name, good) == 0)
		return 0;
	(void)err_set(
	    e, ERR_USAGE, "\"%s\" is no name of a replication slot", name);
	(void)err_detail(e,
	    "It has lower case letters, digits and underscores, at most 63.");
	return err_hint(e, "For example: -S %s", good);
}

int
slot_prepare(struct slot *s, struct pg *pg, const struct pg_opts *o,
    const char *name, enum slot_want want, const char *uuid, const char **why,
    struct err *e)
{
	struct slot_facts f;
	struct room room;

	*s = (struct slot){.want = want, .pg = pg, .opts = o};
	s->version = pg_version(pg);
	(void)snprintf(s->name, sizeof(s->name), "%s", name ? name : "");
	*why = NULL;
	if (want == SLOT_NONE) {
		*why = "no slot is wanted";
		return 0;
	}
	if (pgver(s->version, PGFACT_SLOT_CREATE) == NULL) {
		*why = "that version has no replication slots";
		return want == SLOT_AUTO ? 0
					 : err_set(e, ERR_SLOT,
					       "PostgreSQL %s has no "
					       "replication slots",
					       pg_version_text(pg));
	}
	if (check_name(name, e) == -1 ||
	    look(pg, s->name, &f, &room, e) == -1 ||
	    slot_judge(&f, want, s->name, room.max, room.used, e) == -1)
		return -1;
	if (room.max == 0) {
		*why = "max_replication_slots is 0 there";
		return 0;
	}
	if (take_over(s, &f, e) == -1)
		return -1;
	return cover(s, &f, &room, uuid, why, e);
}

int
slot_check(struct pg *pg, const char *name, enum slot_want want, struct err *e)
{
	struct slot_facts f;
	struct room room;

	if (want == SLOT_NONE)
		return 0;
	if (pgver(pg_version(pg), PGFACT_SLOT_CREATE) == NULL)
		return want == SLOT_AUTO
			   ? 0
			   : err_set(e, ERR_SLOT,
				 "PostgreSQL %s has no replication slots",
				 pg_version_text(pg));
	if (check_name(name, e) == -1 || look(pg, name, &f, &room, e) == -1)
		return -1;
	return slot_judge(&f, want, name, room.max, room.used, e);
}

/* --- after the copy ------------------------------------------------------- */

/* From 12: the temporary slot's position goes to the permanent one. */
static int
copy_temporary(struct slot *s, struct err *e)
{
	const char *params[2] = {s->temp_name, s->name};

	return make(s, pgver(s->version, PGFACT_SLOT_COPY), 2, params, e);
}

static int
become_permanent(struct slot *s, struct err *e)
{
	if (!s->temporary || s->existed || s->made)
		return reread(s, s->name, e);
	if (pgver(s->version, PGFACT_SLOT_COPY) != NULL)
		return copy_temporary(s, e);
	return create(s, e);
}

int
slot_make_permanent(struct slot *s, uint64_t start_lsn, struct err *e)
{
	if (!s->temporary && !s->existed && !s->made)
		return 0; /* none is used: the WAL is fetched */
	if (become_permanent(s, e) == -1)
		return err_wrap(e, "replication slot \"%s\"", s->name);
	if ((s->restart_lsn == LSN_INVALID || s->restart_lsn > start_lsn) &&
	    reserve_at(s, s->name, start_lsn, e) == -1)
		return -1;
	if (s->restart_lsn == LSN_INVALID || s->restart_lsn > start_lsn) {
		char have[LSN_TEXT], want[LSN_TEXT];

		(void)err_set(e, ERR_SLOT,
		    "replication slot \"%s\" keeps WAL from %s only, not from "
		    "%s",
		    s->name, lsn_format(s->restart_lsn, have),
		    lsn_format(start_lsn, want));
		return err_hint(e, "Run the same command again.");
	}
	if (s->temporary && drop(s, s->temp_name, e) == -1)
		return -1;
	s->temporary = false;
	return 0;
}

/* --- after a failure ------------------------------------------------------ */

/* By a session of its own: the borrowed one may be gone or closed. */
static int
drop_made(const struct slot *s, struct err *e)
{
	struct pg_opts o = *s->opts;
	const char *name = s->name;
	struct slot_facts f;
	struct pg *pg;
	int rc;

	o.sigfd = -1;
	o.tick = NULL;
	o.connect_ms = END_CONNECT_MS;
	o.deadline = 0; /* its time may be over: that is no reason to stay */
	if (pg_open(&pg, &o, e) == -1)
		return -1;
	rc = slot_read(pg, name, &f, deadline_in(ASK_MS), e);
	if (rc == 0 && f.exists)
		rc = pg_query(pg, NULL, deadline_in(ASK_MS),
		    pgver(s->version, PGFACT_SLOT_DROP), 1, &name, e);
	pg_close(pg);
	return rc;
}

int
slot_end_failed(struct slot *s, struct err *e)
{
	struct err cause = ERR_INIT;
	bool made = s->made;

	/* A temporary one ends with its session. */
	s->made = s->temporary = false;
	if (!made || drop_made(s, &cause) == 0)
		return 0;
	(void)err_set(e, ERR_LEFT_BEHIND,
	    "could not drop replication slot \"%s\": %s", s->name, cause.text);
	(void)err_detail(e, "It keeps WAL and fills the disk there.");
	return err_hint(
	    e, "Type there: SELECT pg_drop_replication_slot('%s')", s->name);
}
