#include "base/std.h"
#include "core/pgconf.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/passfile.h"
#include "flow/recovery.h"

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
	const char *why = NULL;
	int rc = -1;

	if (c->o->upstream != NULL) {
		if (pg_conninfo_effective(&c->upstream, &from, e) == -1)
			goto out;
	} else if (conninfo_copy(&from, &c->conninfo) == -1) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (passfile_drop_default(&from, e) == -1)
		goto out;
	if (conninfo_for_standby(&from, c->facts.version,
		c->o->replication_user, clone_application_name(c), &to) == -1) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (write && passfile_write(c->target.tree, c->facts.version,
			 conninfo_get(&from, "password"), &to, c->target.sync,
			 &why, e) == -1)
		goto out;
	if (why != NULL)
		clone_note(c, "%s", why);
	conninfo_render(&to, false, out);
	rc = buf_ok(out) ? 0 : err_set_nomem(e);
out:
	conninfo_free(&from);
	conninfo_free(&to);
	return rc;
}

static void
tell_notes(struct clone *c, const struct buf *notes)
{
	const char *at = notes->data;
	struct buf line = BUF_INIT;

	while (text_line(&at, &line))
		clone_note(c, "%s", buf_str(&line));
	buf_free(&line);
}

int
clone_write_recovery(struct clone *c, struct err *e)
{
	struct buf conninfo = BUF_INIT, notes = BUF_INIT;
	struct pgconf_recovery r = {.version = c->facts.version,
	    .trigger_file = c->trigger_file,
	    .restore_command = c->restore_command,
	    .min_apply_delay = c->min_apply_delay,
	    .more = c->more,
	    .nmore = c->nmore,
	    .all_more = c->all_more};
	int rc = -1;

	if (clone_need_in_place(c, e) == -1)
		return -1;
	r.nmore = c->nmore;
	if (c->slot.want != SLOT_NONE && (c->slot.made || c->slot.existed))
		r.slot = c->slot.name;
	/* Lines of the source's are none of ours, whatever they say. */
	if (c->auto_copied)
		(void)tree_unlink(c->target.tree, RECOVERY_OWN);
	if (clone_conninfo(c, true, &conninfo, e) == 0) {
		r.primary_conninfo = buf_str(&conninfo);
		rc = recovery_write(
		    c->target.tree, &r, c->target.sync, &notes, e);
		if (rc == 0)
			rc = recovery_report(c->target.tree, &r, &notes, e);
		tell_notes(c, &notes);
	}
	buf_free(&conninfo);
	buf_free(&notes);
	return rc;
}
