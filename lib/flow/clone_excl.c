/* What an exclusive backup needs that no other does: word of it for the next
 * run, a look at its label, and an end when the run that made it is dead. */
#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/pgver.h"
#include "flow/clone_int.h"

#define OURS "application_name = 'standby-clone'" /* of pg_stat_activity */
#define QUERY_MS 30000
#define STOP_MS 60000 /* a stop that waits for the archive: cancelled then */
#define READ_MS 20000 /* the agent: a connection and one file */

static void
source_name(const struct clone *c, char *to, size_t size)
{
	(void)snprintf(
	    to, size, "%s:%s", c->rec->source_host, c->rec->source_port);
}

/* --- the note (B3, B24) --------------------------------------------------- */

/* It is about to be overwritten, and this run cannot end what it tells of. */
static void
tell_old_note(struct clone *c, const char *source)
{
	const struct marker *m = &c->old_note;

	if (m->label != NULL && strcmp(m->source, source) != 0)
		clone_left(c,
		    "perhaps an exclusive backup of an earlier run on %s, "
		    "label \"%s\": end it with --cleanup and that --master",
		    m->source, m->label);
}

int
clone_excl_note(struct clone *c, struct err *e)
{
	char source[512], label[sizeof(c->backup.label)], dir[PATH_MAX];
	struct marker m = {.system_identifier = c->rec->system_identifier,
	    .timeline = c->rec->timeline,
	    .phase = "backup",
	    .pid = (long)getpid(),
	    .source = source,
	    .label = label};

	if (!c->backup.exclusive)
		return 0;
	source_name(c, source, sizeof(source));
	tell_old_note(c, source);
	(void)snprintf(m.uuid, sizeof(m.uuid), "%s", c->uuid);
	(void)snprintf(m.server_started, sizeof(m.server_started), "%s",
	    c->backup.server_started);
	label_make(label, sizeof(label), c->o->label, c->uuid);
	if (c->backup.pgdata != NULL) {
		(void)snprintf(dir, sizeof(dir), "%s", c->backup.pgdata);
		m.source_pgdata = dir;
	}
	if (backup_note_write(c->target.tree, &m, c->target.sync, e) == -1)
		return -1;
	c->noted = true;
	return 0;
}

int
clone_excl_ended(struct clone *c, bool refused, struct err *e)
{
	if (!c->noted)
		return 0;
	c->noted = false;
	if (refused && c->old_note.label != NULL)
		return backup_note_write(
		    c->target.tree, &c->old_note, c->target.sync, e);
	return backup_note_remove(c->target.tree, c->target.sync, e);
}

/* The primary does not answer: it may have crashed, and not start for our
 * backup_label. */
void
clone_excl_absent(struct clone *c, struct err *e)
{
	if (c->old_note.label == NULL)
		return;
	(void)err_detail(e,
	    "A run that was killed noted an exclusive backup on %s, label "
	    "\"%s\".",
	    c->old_note.source, c->old_note.label);
	backup_hint_label(c->old_note.source_pgdata, e);
}

/* --- the label, fetched by the agent -------------------------------------- */

struct reading {
	int64_t deadline;
	bool at_end; /* of a run, also one that a signal or --timeout ends */
};

static int
read_tick(void *arg, struct err *e)
{
	const struct reading *r = arg;

	if (!r->at_end && sig_check(e) == -1)
		return -1;
	if (!deadline_passed(r->deadline))
		return 0;
	return err_set(e, ERR_TIMEOUT, "no answer after %d s", READ_MS / 1000);
}

/* The agent reads every file; text NULL: pg_control alone, as always.  One of
 * its own: those of the copy may be gone, or in the middle of something.  What
 * it says counts only for the server of its directory. */
static int
read_by_agent(struct clone *c, bool at_end, struct buf *text, struct err *e)
{
	struct reading r = {.deadline = deadline_in(READ_MS), .at_end = at_end};
	struct pool_source src = {.text = BUF_INIT};
	struct pool_opts po = {.n = 1,
	    .remote = &c->o->remote,
	    .agent = c->o->agent,
	    .push_agent = c->o->push_agent,
	    .package = c->o->package,
	    .connect_ms = READ_MS,
	    .tick = read_tick,
	    .arg = &r};
	struct clone_witness w;
	struct pool *p = NULL;
	int rc = -1;

	/* At its end the server of SQL may be gone, and no doubt is left that
	 * this was its directory. */
	if ((at_end || clone_witness_ask(c, &w, e) == 0) &&
	    (p = pool_start(&po, e)) != NULL && pool_ready(p, e) == 0 &&
	    clone_open_source(c, p, &src, e) == 0 &&
	    (at_end || clone_witness_check(&w, p, e) == 0))
		rc = text == NULL ? 0
				  : pool_read_file(
					p, "backup_label", LABEL_MAX, text, e);
	if (rc != -1 && text == NULL)
		c->facts.system_identifier = src.o.system_identifier;
	pool_close(p);
	pool_source_free(&src);
	return rc;
}

int
clone_excl_identify(struct clone *c, struct err *e)
{
	return read_by_agent(c, false, NULL, e);
}

/* A second signal ends the process. */
static int
read_at_end(void *arg, struct buf *text, struct err *e)
{
	return read_by_agent(arg, true, text, e);
}

struct backup_reader
clone_excl_reader(struct clone *c)
{
	return (struct backup_reader){read_at_end, c};
}

static int
not_ours(struct err *e, const char *what)
{
	(void)err_set(e, ERR_BACKUP_LOST, "the backup is void: %s", what);
	return err_hint(e, "Run the same command again when no other exclusive "
			   "backup runs; it continues.");
}

int
clone_excl_label(struct clone *c, struct buf *text, struct err *e)
{
	struct label l;

	switch (pool_read_file(c->pool, "backup_label", LABEL_MAX, text, e)) {
	case -1:
		return -1;
	case 0:
		return not_ours(e, "there is no backup_label on the source");
	default:
		break;
	}
	if (label_parse(text->data, text->len, &l, e) == -1)
		return -1;
	if (!label_is_ours(l.label, c->uuid) ||
	    l.start_lsn != c->backup.start_lsn)
		return not_ours(e, "backup_label on the source is not ours");
	return 0;
}

int
clone_excl_check(struct clone *c, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc;

	if (!c->backup.exclusive)
		return 0;
	rc = clone_excl_label(c, &text, e);
	buf_free(&text);
	/* It was ours when we came: what runs there now is not. */
	if (rc == -1 && err_is_set(e) && e->code == ERR_BACKUP_LOST)
		c->backup.running = false;
	return rc;
}

/* --- what a killed run left ----------------------------------------------- */

/* What is known of it, by the note or by the marker. */
struct noted {
	const char *uuid, *label, *source; /* NULL: nothing is */
};

static struct noted
find_noted(const struct clone *c)
{
	const struct marker *m =
	    c->old_note.label != NULL ? &c->old_note : &c->target.marker;

	if (m->label == NULL)
		return (struct noted){.uuid = NULL};
	return (struct noted){m->uuid, m->label, m->source};
}

static int
cannot_tell(struct clone *c, const struct noted *n, const struct err *why,
    struct err *e)
{
	(void)err_set(e, ERR_PRIVILEGE,
	    "it cannot be told whether an exclusive backup of ours runs on "
	    "%s:%s: role \"%s\" may not read its label",
	    c->rec->source_host, c->rec->source_port,
	    conninfo_get(&c->conninfo, "user"));
	if (n->label != NULL)
		(void)err_detail(
		    e, "The label of our backup is \"%s\".", n->label);
	if (err_is_set(why))
		(void)err_detail(
		    e, "The agent cannot read it either: %s.", why->text);
	(void)err_hint(e, "As a superuser on the primary, type:");
	(void)err_command(e, "%s;", BACKUP_READ_LABEL);
	(void)err_hint(e, "And, when the LABEL there %s%s%s:",
	    n->label != NULL ? "is \"" : "ends with ",
	    n->label != NULL ? n->label : "standby-clone and a uuid",
	    n->label != NULL ? "\"" : "");
	(void)err_command(
	    e, "%s;", pgver(c->facts.version, PGFACT_BACKUP_STOP_EXCL));
	if (c->facts.data_directory == NULL && c->o->source_pgdata == NULL)
		(void)err_hint(
		    e, "Or let the agent read it: --source-pgdata=DIR.");
	return -1;
}

/* By SQL, else by the agent; what neither tells is not known. */
static int
find_label(struct clone *c, struct pg **pg, const struct noted *n,
    struct buf *text, struct err *e)
{
	enum backup_seen seen;
	struct err why = ERR_INIT;
	int rc;

	if (backup_look(*pg, text, &seen, clone_deadline(c, QUERY_MS), e) == -1)
		return -1;
	if (seen == BACKUP_UNSEEN) {
		pg_close(*pg);
		*pg = NULL;
		if ((rc = read_by_agent(c, false, text, &why)) == -1)
			return sig_check(e) == -1 ? -1
						  : cannot_tell(c, n, &why, e);
		if (pg_open(pg, &c->pg, e) == -1)
			return -1;
		return rc;
	}
	return seen == BACKUP_SEEN ? 1 : 0;
}

/* A run that goes on has a session there; so has one that was killed, until its
 * server process finds out. */
static int
seems_alive(struct clone *c, const char *label, struct err *e)
{
	(void)err_set(e, ERR_BACKUP_RUNNING,
	    "the exclusive backup \"%s\" on %s:%s may be that of another "
	    "standby-clone: one is connected there",
	    label, c->rec->source_host, c->rec->source_port);
	(void)err_hint(e,
	    "Run --cleanup again when it has ended. To see who it is, type on "
	    "the primary:");
	return err_command(e, "SELECT * FROM pg_stat_activity WHERE " OURS ";");
}

/*
 * A run that left no note here (its target was removed, or is another one) left
 * a backup of which nothing tells but its label; it is over when no session of
 * ours is there but this one.
 */
static int
is_stray(struct clone *c, struct pg *pg, const char *label, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *n;
	int rc;

	if (!label_is_ours(label, NULL))
		return 0;
	if (pg_query(pg, &r, clone_deadline(c, QUERY_MS),
		"SELECT count(*) FROM pg_stat_activity WHERE " OURS, 0, NULL,
		e) == -1)
		return -1;
	n = pg_rows_get(r, 0, 0);
	rc = n != NULL && strcmp(n, "1") == 0 ? 1 : seems_alive(c, label, e);
	pg_rows_free(r);
	return rc;
}

/* 1: what runs is ours to end, by the note or because it is nobody's. */
static int
is_ours(struct clone *c, struct pg *pg, const struct noted *n,
    const char *label, struct err *e)
{
	if (n->label != NULL &&
	    (strcmp(label, n->label) == 0 || label_is_ours(label, n->uuid))) {
		/* No other server has a label with that uuid. */
		c->proven = true;
		return 1;
	}
	return is_stray(c, pg, label, e);
}

/* What was noted does not run here.  Elsewhere it may. */
static int
none_here(struct clone *c, const struct noted *n, struct err *e)
{
	char here[512];

	source_name(c, here, sizeof(here));
	if (n->label == NULL)
		return 0;
	if (!c->proven && !c->o->force)
		return clone_unproven(c, here, "the note of a backup", e);
	if (strcmp(n->source, here) == 0) {
		clone_note(c, "no exclusive backup of ours runs any more");
		return 0;
	}
	if (c->o->force) {
		clone_note(c,
		    "no exclusive backup of ours runs on %s; whether \"%s\" "
		    "runs on %s, where it was started, was not looked at",
		    here, n->label, n->source);
		return 0;
	}
	(void)err_set(e, ERR_BACKUP_RUNNING,
	    "the exclusive backup \"%s\" was started on %s, and not on %s",
	    n->label, n->source, here);
	return err_hint(e, "Name that server with --master and -p. If it is "
			   "gone for ever: --force.");
}

static int
stop_it(struct clone *c, struct pg *pg, const char *label, struct err *e)
{
	const char *sql = pgver(c->facts.version, PGFACT_BACKUP_STOP_EXCL);
	const struct backup_reader reader = clone_excl_reader(c);
	struct err cause = ERR_INIT;

	if (pg_query(pg, NULL, clone_deadline(c, STOP_MS), sql, 0, NULL,
		&cause) == 0) {
		clone_note(c, "exclusive backup \"%s\" ended", label);
		return 0;
	}
	if (cause.code == ERR_TIMEOUT &&
	    backup_excl_over(pg, label_uuid(label), &reader) == 0) {
		clone_note(c,
		    "exclusive backup \"%s\" ended; the primary does not "
		    "archive its WAL: look at archive_command and the log "
		    "there",
		    label);
		return 0;
	}
	if (e != NULL)
		*e = cause;
	(void)err_detail(e, "Its label is \"%s\".", label);
	(void)err_hint(e, "As a superuser on the primary, type:");
	return err_command(e, "%s;", sql);
}

static int
judge_label(struct clone *c, struct pg *pg, const struct noted *n,
    const struct buf *text, struct err *e)
{
	struct label l;

	if (label_parse(text->data, text->len, &l, e) == -1)
		return -1;
	switch (is_ours(c, pg, n, l.label, e)) {
	case -1:
		return -1;
	case 1:
		return stop_it(c, pg, l.label, e);
	default:
		clone_note(c,
		    "the exclusive backup that runs (\"%s\") is not ours: it "
		    "is left alone",
		    l.label);
		return none_here(c, n, e);
	}
}

/* --- the next run (B24) --------------------------------------------------- */

/*
 * Is what runs there the backup of the note, and its run dead?  By a uuid that
 * nobody else has; on the server process that it was started on; and the run
 * had the lock of the directory that we have now.  Whatever cannot be told is
 * no: then the start is refused, with what to type.
 */
static int
is_noted(struct clone *c, struct pg **pg, char *label, size_t size)
{
	const struct marker *m = &c->old_note;
	const struct noted n = find_noted(c);
	struct err why = ERR_INIT;
	struct buf text = BUF_INIT;
	char started[sizeof(m->server_started)];
	struct label l;
	int rc;

	rc = backup_server_started(*pg, started, sizeof(started),
		 clone_deadline(c, QUERY_MS), &why) == 0 &&
	     strcmp(started, m->server_started) == 0 &&
	     find_label(c, pg, &n, &text, &why) == 1 &&
	     label_parse(text.data, text.len, &l, &why) == 0 &&
	     label_is_ours(l.label, m->uuid);
	if (rc == 1)
		(void)snprintf(label, size, "%s", l.label);
	buf_free(&text);
	return rc;
}

static int
end_noted(struct clone *c, struct pg *pg, const char *label, struct err *e)
{
	c->facts.exclusive_running = false;
	if (c->o->dry_run) {
		clone_note(c,
		    "the exclusive backup \"%s\" of an earlier run would be "
		    "ended first",
		    label);
		return 0;
	}
	if (stop_it(c, pg, label, e) == -1)
		return -1;
	marker_free(&c->old_note);
	return backup_note_remove(c->target.tree, c->o->sync, e);
}

int
clone_excl_next(struct clone *c, struct err *e)
{
	bool told = pgver(c->facts.version, PGFACT_IS_IN_BACKUP) != NULL;
	uint64_t id = c->facts.system_identifier;
	struct pg *pg = NULL;
	char label[256];
	int rc = 0;

	if (c->old_note.label == NULL || c->facts.in_recovery ||
	    (id != 0 && id != c->old_note.system_identifier) ||
	    pgver(c->facts.version, PGFACT_BACKUP_STOP_EXCL) == NULL ||
	    (told && !c->facts.exclusive_running))
		return 0;
	if (pg_open(&pg, &c->pg, e) == -1)
		return -1;
	if (is_noted(c, &pg, label, sizeof(label)))
		rc = end_noted(c, pg, label, e);
	pg_close(pg);
	return rc == -1 ? -1 : sig_check(e);
}

int
clone_excl_clean(struct clone *c, struct pg **pg, struct err *e)
{
	const struct noted n = find_noted(c);
	struct buf text = BUF_INIT;
	int rc;

	if (pgver(c->facts.version, PGFACT_BACKUP_STOP_EXCL) == NULL ||
	    c->facts.in_recovery)
		rc = none_here(c, &n, e);
	else if ((rc = find_label(c, pg, &n, &text, e)) == 1)
		rc = judge_label(c, *pg, &n, &text, e);
	else if (rc == 0)
		rc = none_here(c, &n, e);
	buf_free(&text);
	return rc;
}
