/* What a node that has a new upstream leaves on its former one: its slot. */
#include "base/std.h"
#include "base/clock.h"
#include "flow/follow_int.h"

#define ASK_MS 2000 /* the former upstream; it may be the node that failed */

/* One server, that can be shown to people. */
static bool
is_one(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if (*text == ',' || *text < ' ' || *text > '~')
			return false;
	return true;
}

/* Else it was one of several, or the text could not be read. */
static bool
has_address(const struct follow *f)
{
	const struct conninfo *c = &f->present_conninfo;

	return c->n > 0 && is_one(conninfo_get(c, "host")) &&
	       is_one(conninfo_get(c, "hostaddr")) &&
	       is_one(conninfo_get(c, "port"));
}

static const char *
old_host(const struct follow *f)
{
	const char *host = conninfo_get(&f->present_conninfo, "host");

	if (host == NULL)
		host = conninfo_get(&f->present_conninfo, "hostaddr");
	return host != NULL && *host != '\0' ? host : "localhost";
}

static const char *
old_port(const struct follow *f)
{
	const char *port = conninfo_get(&f->present_conninfo, "port");

	return port != NULL && *port != '\0' ? port : "5432";
}

/* A name that no server would take was never used. */
static bool
leaves_slot(const struct follow *f)
{
	const char *name = buf_str(&f->present_slot);

	if (f->present.len == 0 || name[0] == '\0' ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
		return false;
	return f->want_slot == SLOT_NONE || strcmp(name, f->slot_name) != 0 ||
	       !follow_same_address(&f->present_conninfo, &f->effective);
}

/* Our own login, there. */
static int
old_conninfo(const struct follow *f, struct conninfo *c)
{
	static const char *const place[] = {"host", "hostaddr", "port"};
	const char *v;

	if (conninfo_copy(c, &f->effective) == -1)
		return -1;
	for (size_t i = 0; i < NELEM(place); i++) {
		v = conninfo_get(&f->present_conninfo, place[i]);
		if (conninfo_set(
			c, place[i], v != NULL && *v != '\0' ? v : NULL) == -1)
			return -1;
	}
	return 0;
}

/* Is the slot still there?  1, 0, -1: not known, e says why. */
static int
ask(struct follow *f, struct err *e)
{
	struct conninfo c = {.n = 0};
	struct pg_opts o = {.conninfo = &c,
	    .application_name = FOLLOW_PROGRAM,
	    .connect_ms = ASK_MS,
	    .deadline = f->deadline,
	    .sigfd = f->o->sigfd};
	struct slot_facts s;
	struct pg *pg = NULL;
	uint32_t timeline;
	uint64_t id, lsn;
	int rc = -1;

	if (!has_address(f))
		return err_set(e, ERR_NODE, "its address is not known");
	if (deadline_passed(f->deadline))
		return err_set(e, ERR_TIMEOUT, "no time is left to ask");
	if (old_conninfo(f, &c) == -1) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (pg_identify_system(&o, &id, &timeline, &lsn, e) == -1 ||
	    pg_open(&pg, &o, e) == -1)
		goto out;
	/* The address may be another cluster's by now. */
	if (id != f->system_identifier)
		(void)err_set(e, ERR_NODE, "another cluster answers there");
	else if (slot_read(pg, buf_str(&f->present_slot), &s,
		     follow_deadline(f, ASK_MS), e) == 0)
		rc = s.exists ? 1 : 0;
out:
	pg_close(pg);
	conninfo_free(&c);
	return rc;
}

static void
add_drop(const struct follow *f, struct buf *b)
{
	const struct conninfo *c = &f->effective;

	if (has_address(f)) {
		buf_adds(b, "psql");
		follow_add_option(b, " -h ", old_host(f));
		follow_add_option(b, " -p ", old_port(f));
		follow_add_option(b, " -U ", conninfo_get(c, "user"));
		follow_add_option(b, " -d ", conninfo_get(c, "dbname"));
		buf_adds(b, " -c \"");
	}
	buf_addf(b, "SELECT pg_drop_replication_slot('%s')",
	    buf_str(&f->present_slot));
	if (has_address(f))
		buf_addc(b, '"');
}

static void
add_name(const struct follow *f, struct buf *b)
{
	buf_addf(
	    b, "slot \"%s\" on the former upstream", buf_str(&f->present_slot));
	if (has_address(f))
		buf_addf(b, " %s:%s", old_host(f), old_port(f));
	buf_adds(b, " is needed no more");
}

bool
follow_add_left(const struct follow *f, struct buf *b)
{
	if (!leaves_slot(f))
		return false;
	add_name(f, b);
	buf_adds(b, "; it keeps WAL there: ");
	add_drop(f, b);
	return true;
}

static int
record(struct follow *f, int there)
{
	struct follow_record *r = f->rec;
	struct buf drop = BUF_INIT;

	(void)snprintf(
	    r->old_slot, sizeof(r->old_slot), "%s", buf_str(&f->present_slot));
	r->old_slot_there = there;
	if (has_address(f)) {
		r->old_host = strdup(old_host(f));
		r->old_port = strdup(old_port(f));
	}
	add_drop(f, &drop);
	r->old_drop = buf_steal(&drop);
	return r->old_drop != NULL ? 0 : -1;
}

void
follow_tell_left(struct follow *f)
{
	struct err why = ERR_INIT;
	struct buf b = BUF_INIT;
	int there;

	if (!leaves_slot(f) || (there = ask(f, &why)) == 0 ||
	    record(f, there) == -1)
		return;
	if (there == 1) {
		(void)follow_add_left(f, &b);
	} else {
		add_name(f, &b);
		buf_addf(&b,
		    "; whether it is still there, and keeps WAL, is unknown: "
		    "%s. When that node is back: ",
		    why.text);
		add_drop(f, &b);
	}
	follow_note(f, "%s", buf_str(&b));
	buf_free(&b);
}
