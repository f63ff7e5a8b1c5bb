/*
 * --cleanup --force where nobody answers: what is noted of that server is
 * forgotten, since the user says that it is gone for ever.  Nothing was looked
 * at there, and that is what is said; and no answer at one address is no word
 * on what is at another.
 */
#include "base/std.h"
#include "base/shell.h"
#include "flow/clone_int.h"

/* "db1:5432", as notes have it, in two; -1: no memory. */
static int
parse_place(const char *place, struct conninfo *to)
{
	const char *colon = strrchr(place, ':');
	char host[512];

	if (colon == NULL)
		return conninfo_set(to, "host", place);
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - place), place);
	return conninfo_set(to, "host", host) == -1 ||
		       conninfo_set(to, "port", colon + 1) == -1
		   ? -1
		   : 0;
}

static void
add_command(const struct clone *c, const struct conninfo *at, struct buf *b)
{
	buf_adds(b, "standby-clone --cleanup --force --master=");
	shell_add_word(b, conninfo_get(at, "host"));
	if (conninfo_get(at, "port") != NULL) {
		buf_adds(b, " -p ");
		shell_add_word(b, conninfo_get(at, "port"));
	}
	buf_adds(b, " -D ");
	shell_add_word(b, c->target.path);
}

/* Was that server asked, and not another one? */
static int
check_asked(struct clone *c, enum err_code code, const char *what,
    const char *name, const char *place, struct err *e)
{
	struct conninfo at = {.n = 0};
	struct buf cmd = BUF_INIT;
	int rc = 0;

	if (parse_place(place, &at) == -1) {
		conninfo_free(&at);
		return err_set_nomem(e);
	}
	if (!pg_conninfo_same_place(&c->o->conninfo, &at)) {
		rc = err_set(e, code,
		    "%s \"%s\" was made on %s, and that server was not asked",
		    what, name, place);
		(void)err_detail(e,
		    "It is another one that does not answer: %s. %s",
		    c->absent_why.text, c->absent_why.detail);
		(void)err_hint(e, code == ERR_SLOT
				      ? "Name it with --upstream=CONNINFO, or, "
					"when it is gone for ever, type:"
				      : "Name it; when it is gone for ever, "
					"type:");
		add_command(c, &at, &cmd);
		(void)err_command(e, "%s", buf_str(&cmd));
		buf_free(&cmd);
	}
	conninfo_free(&at);
	return rc;
}

static const struct marker *
noted_backup(const struct clone *c)
{
	return c->old_note.label != NULL ? &c->old_note : &c->target.marker;
}

static const char *
slot_place(const struct marker *m)
{
	return m->slot_at != NULL ? m->slot_at : m->source;
}

int
clone_absent_check(struct clone *c, struct err *e)
{
	const struct marker *b = noted_backup(c), *m = &c->target.marker;

	if (b->label != NULL &&
	    check_asked(c, ERR_BACKUP_RUNNING, "exclusive backup", b->label,
		b->source, e) == -1)
		return -1;
	/* --upstream is asked itself. */
	if (m->slot == NULL || c->o->upstream != NULL)
		return 0;
	return check_asked(
	    c, ERR_SLOT, "replication slot", m->slot, slot_place(m), e);
}

static void
begin(const struct clone *c, const char *what, const char *name,
    const char *place, struct err *w)
{
	(void)err_set(w, ERR_LEFT_BEHIND,
	    "%s \"%s\" on %s: not looked at, since that server does not "
	    "answer",
	    what, name, place);
	(void)err_detail(w, "%s. %s", c->absent_why.text, c->absent_why.detail);
}

static void
tell(struct clone *c, const struct err *w)
{
	c->ui->warning(c->ui->arg, w);
	clone_left(c, "%s", w->text);
}

void
clone_absent_tell(struct clone *c)
{
	const struct marker *b = noted_backup(c), *m = &c->target.marker;
	struct err w = ERR_INIT;

	if (b->label != NULL) {
		begin(c, "exclusive backup", b->label, b->source, &w);
		backup_hint_label(b->source_pgdata, &w);
		tell(c, &w);
		err_clear(&w);
	}
	if (m->slot != NULL && c->o->upstream == NULL) {
		begin(c, "replication slot", m->slot, slot_place(m), &w);
		(void)err_hint(&w,
		    "If that server comes back, the slot keeps WAL there until "
		    "it is dropped. Type there:");
		(void)err_command(
		    &w, "SELECT pg_drop_replication_slot('%s');", m->slot);
		tell(c, &w);
	}
	if (b->label == NULL && m->slot == NULL)
		clone_note(c,
		    "the source does not answer, and nothing is noted of it: "
		    "%s",
		    c->absent_why.text);
}
