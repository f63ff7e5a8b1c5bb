#include "base/std.h"
#include "core/pgconf.h"
#include "core/pgver.h"
#include "flow/clone_int.h"
#include "flow/recovery.h"

#define PASSFILE ".standby-clone.pgpass"

/* ':' and '\' are escaped in a password file. */
static void
add_field(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == ':' || *s == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *s);
	}
}

/*
 * A password given by PGPASSWORD or a conninfo works for us and would not for
 * the standby: it goes to a password file in its data directory, 0600, never
 * into primary_conninfo, which pg_monitor may read.
 */
static int
write_passfile(struct clone *c, const struct conninfo *from,
    struct conninfo *to, struct err *e)
{
	const char *password = conninfo_get(from, "password");
	struct buf b = BUF_INIT, path = BUF_INIT;
	int rc;

	if (password == NULL || password[0] == '\0') {
		/* One of an earlier run is used no more. */
		(void)tree_unlink(c->target.tree, PASSFILE);
		return 0;
	}
	if (pgver(c->facts.version, PGFACT_PASSFILE) == NULL) {
		clone_note(c, "the password is not written to recovery.conf: "
			      "put it into ~/.pgpass of this user (database "
			      "\"replication\")");
		return 0;
	}
	buf_adds(&b, "*:*:*:*:");
	add_field(&b, password);
	buf_addc(&b, '\n');
	buf_addf(&path, "%s/" PASSFILE, c->target.path);
	rc = !buf_ok(&b) || !buf_ok(&path)
		 ? err_set_nomem(e)
		 : tree_write_file(c->target.tree, PASSFILE, b.data, b.len,
		       0600, c->target.sync, e);
	if (rc == 0 && conninfo_set(to, "passfile", buf_str(&path)) == -1)
		rc = err_set_nomem(e);
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_free(&b);
	buf_free(&path);
	return rc;
}

/* The default password file is found by the standby itself. */
static int
drop_default_passfile(struct conninfo *ci, struct err *e)
{
	const char *file = conninfo_get(ci, "passfile"), *home = getenv("HOME");
	char path[PATH_MAX];
	struct stat st;

	if (file == NULL)
		return 0;
	(void)snprintf(
	    path, sizeof(path), "%s/.pgpass", home == NULL ? "" : home);
	if (strcmp(file, path) != 0 && stat(file, &st) == 0)
		return 0;
	return conninfo_set(ci, "passfile", NULL) == -1 ? err_set_nomem(e) : 0;
}

const char *
clone_application_name(const struct clone *c)
{
	if (c->o->application_name != NULL)
		return c->o->application_name;
	return c->o->node != NULL ? c->o->node : c->name;
}

/* primary_conninfo: where the standby streams from.  write: make its password
 * file, if it needs one. */
int
clone_conninfo(struct clone *c, bool write, struct buf *out, struct err *e)
{
	struct conninfo from = {0}, to = {0};
	int rc = -1;

	if (c->o->upstream != NULL) {
		if (pg_conninfo_effective(&c->upstream, &from, e) == -1)
			goto out;
	} else if (conninfo_copy(&from, &c->conninfo) == -1) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (drop_default_passfile(&from, e) == -1)
		goto out;
	if (conninfo_for_standby(&from, c->facts.version,
		c->o->replication_user, clone_application_name(c), &to) == -1) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (write && write_passfile(c, &from, &to, e) == -1)
		goto out;
	conninfo_render(&to, false, out);
	rc = buf_ok(out) ? 0 : err_set_nomem(e);
out:
	conninfo_free(&from);
	conninfo_free(&to);
	return rc;
}

static void
tell_notes(struct clone *c, struct buf *notes)
{
	char *rest = notes->data, *line;

	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0')
		clone_note(c, "%s", line);
}

int
clone_write_recovery(struct clone *c, struct err *e)
{
	struct buf conninfo = BUF_INIT, notes = BUF_INIT;
	struct pgconf_recovery r = {.version = c->facts.version,
	    .trigger_file = c->o->trigger_file,
	    .restore_command = c->o->restore_command,
	    .min_apply_delay = c->o->min_apply_delay};
	int rc = -1;

	if (c->slot.want != SLOT_NONE && (c->slot.made || c->slot.existed))
		r.slot = c->slot.name;
	if (clone_conninfo(c, true, &conninfo, e) == 0) {
		r.primary_conninfo = buf_str(&conninfo);
		rc = recovery_write(
		    c->target.tree, &r, c->target.sync, &notes, e);
		tell_notes(c, &notes);
	}
	buf_free(&conninfo);
	buf_free(&notes);
	return rc;
}
