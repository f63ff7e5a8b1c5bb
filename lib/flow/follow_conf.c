#include "base/std.h"
#include "core/pgconf.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/follow_int.h"
#include "flow/passfile.h"
#include "flow/recovery.h"
#include "io/host.h"

#define CONF_MAX (16u << 20)

/* --- what is there -------------------------------------------------------- */

static bool
is_guc(const struct follow *f)
{
	return pgver(f->version, PGFACT_RECOVERY_IS_GUC) != NULL;
}

static int
read_file(struct follow *f, const char *name, struct buf *text, struct err *e)
{
	buf_reset(text);
	if (tree_read_file(f->tree, name, CONF_MAX, text) == 0)
		return text->len == 0 ||
			       memchr(text->data, '\0', text->len) == NULL
			   ? 1
			   : err_set(e, ERR_RECOVERY_CONF,
				 "file \"%s/%s\" is not a text",
				 tree_path(f->tree), name);
	if (errno == ENOENT)
		return 0;
	return err_set_errno(e, ERR_RECOVERY_CONF,
	    "could not read file \"%s/%s\"", tree_path(f->tree), name);
}

/* What the running server uses; it may come from its command line.  1, or 0
 * when the role may not see it. */
static int
shown(struct follow *f, const char *name, struct buf *value)
{
	struct pg_rows *r = NULL;
	const char *s;
	int rc = 0;

	if (!pg_alive(f->own) ||
	    pg_query(f->own, &r, follow_deadline(f, FOLLOW_ASK_MS),
		"SELECT setting FROM pg_settings WHERE name = $1", 1, &name,
		NULL) == -1)
		return 0;
	if (pg_rows_n(r) == 1 && (s = pg_rows_get(r, 0, 0)) != NULL) {
		buf_reset(value);
		buf_adds(value, s);
		rc = 1;
	}
	pg_rows_free(r);
	return rc;
}

static int
setting(struct follow *f, const char *name, struct buf *value, struct err *e)
{
	if (name == NULL || shown(f, name, value) == 1)
		return 0;
	return recovery_setting(f->tree, f->version, name, value, e) == -1 ? -1
									   : 0;
}

/* Set in a file that we write: it must be written again. */
static int
line_of(struct follow *f, const char *text, const char *name, struct buf *value,
    struct err *e)
{
	return name != NULL && pgconf_get(text, name, f->version, value) == -1
		   ? err_set_nomem(e)
		   : 0;
}

static int
read_guc(struct follow *f, struct err *e)
{
	struct buf text = BUF_INIT, latest = BUF_INIT;
	int rc = -1;

	if (setting(f, "primary_conninfo", &f->present, e) == -1 ||
	    setting(f, "primary_slot_name", &f->present_slot, e) == -1 ||
	    setting(f, "cluster_name", &f->cluster_name, e) == -1 ||
	    setting(f, pgver(f->version, PGFACT_TRIGGER_PARAM), &f->trigger,
		e) == -1)
		goto out;
	if (shown(f, "recovery_target_timeline", &latest) == 1)
		f->keeps_timeline = strcmp(buf_str(&latest), "latest") != 0;
	if (read_file(f, pgver(f->version, PGFACT_AUTO_CONF), &text, e) == -1 ||
	    line_of(f, buf_str(&text), "restore_command", &f->restore, e) ==
		-1 ||
	    line_of(f, buf_str(&text), pgver(f->version, PGFACT_DELAY_PARAM),
		&f->delay, e) == -1)
		goto out;
	rc = 0;
out:
	buf_free(&text);
	buf_free(&latest);
	return rc;
}

/* Below 12 the file says it all; recovery.done is of another life. */
static int
read_recovery_conf(struct follow *f, struct err *e)
{
	const char *text;
	int rc = read_file(
	    f, pgver(f->version, PGFACT_FILE_RECOVERY), &f->recovery_conf, e);

	if (rc != 1)
		return rc;
	f->have_recovery_conf = true;
	text = buf_str(&f->recovery_conf);
	if (line_of(f, text, "primary_conninfo", &f->present, e) == -1 ||
	    line_of(f, text, pgver(f->version, PGFACT_SLOT_PARAM),
		&f->present_slot, e) == -1 ||
	    line_of(f, text, pgver(f->version, PGFACT_TRIGGER_PARAM),
		&f->trigger, e) == -1 ||
	    line_of(f, text, "restore_command", &f->restore, e) == -1 ||
	    line_of(f, text, pgver(f->version, PGFACT_DELAY_PARAM), &f->delay,
		e) == -1)
		return -1;
	return 0;
}

int
follow_read_conf(struct follow *f, struct err *e)
{
	struct err bad = ERR_INIT;

	if ((is_guc(f) ? read_guc(f, e) : read_recovery_conf(f, e)) == -1)
		return -1;
	if (f->present.len > 0 && pg_conninfo_parse(buf_str(&f->present),
				      &f->present_conninfo, &bad) == -1) {
		conninfo_free(&f->present_conninfo);
		follow_note(f,
		    "the present primary_conninfo cannot be read, and is "
		    "replaced as a whole");
	}
	return 0;
}

/* --- a promotion that was asked for --------------------------------------- */

/* Relative ones are below the directory, which the server works in. */
static int
refuse_trigger(struct follow *f, const char *path, struct err *e)
{
	struct buf b = BUF_INIT;

	if (faccessat(tree_fd(f->tree), path, F_OK, 0) == -1)
		return 0;
	if (path[0] != '/')
		buf_addf(&b, "%s/", tree_path(f->tree));
	text_add_escaped(&b, path, strlen(path));
	(void)err_set(e, ERR_PROMOTING,
	    "the server in \"%s\" %s: \"%s\" is there", tree_path(f->tree),
	    f->running ? "is asked to promote itself"
		       : "would promote itself as soon as it starts",
	    buf_str(&b));
	(void)err_hint(e,
	    "Wait until it is a primary; or, if it must follow, remove that "
	    "file and run standby-follow again.");
	buf_free(&b);
	return -1;
}

int
follow_check_triggers(struct follow *f, struct err *e)
{
	static const char *const names[] = {"promote", "fallback_promote"};

	/* Of a stopped one they are stale: they go, and are named.  But not
	 * what its recovery.conf names outside of its directory. */
	if (!f->running)
		return f->have_recovery_conf && buf_str(&f->trigger)[0] == '/'
			   ? refuse_trigger(f, buf_str(&f->trigger), e)
			   : 0;
	for (size_t i = 0; i < NELEM(names); i++)
		if (refuse_trigger(f, names[i], e) == -1)
			return -1;
	return f->trigger.len > 0 ? refuse_trigger(f, buf_str(&f->trigger), e)
				  : 0;
}

/* --- what will be there --------------------------------------------------- */

static const char *
address_of(const struct conninfo *c)
{
	const char *host = conninfo_get(c, "hostaddr");

	if (host == NULL || host[0] == '\0')
		host = conninfo_get(c, "host");
	return host != NULL ? host : "";
}

bool
follow_same_address(const struct conninfo *a, const struct conninfo *b)
{
	const char *x = conninfo_get(a, "port"), *y = conninfo_get(b, "port");

	if (strcmp(x != NULL && *x != '\0' ? x : "5432",
		y != NULL && *y != '\0' ? y : "5432") != 0)
		return false;
	x = address_of(a);
	y = address_of(b);
	return strcmp(x, y) == 0 ||
	       (host_is_local(x) == 1 && host_is_local(y) == 1);
}

/* From the new primary's: where it is, and what the user gave besides. */
static int
take_new(struct follow *f, struct conninfo *c)
{
	static const char *const place[] = {"host", "hostaddr", "port"};
	static const char *const mine[] = {"user", "dbname", "password",
	    "passfile", "application_name", "connect_timeout"};
	const struct conninfo *given = &f->o->conninfo;
	const char *v;
	bool skip;

	for (size_t i = 0; i < NELEM(place); i++) {
		v = conninfo_get(&f->effective, place[i]);
		if (conninfo_set(
			c, place[i], v != NULL && *v != '\0' ? v : NULL) == -1)
			return -1;
	}
	for (size_t i = 0; i < given->n; i++) {
		skip = false;
		for (size_t k = 0; k < NELEM(mine); k++)
			skip |= strcmp(given->v[i].key, mine[k]) == 0;
		if (!skip &&
		    pgver_walreceiver_takes(f->version, given->v[i].key) &&
		    conninfo_set(c, given->v[i].key, given->v[i].value) == -1)
			return -1;
	}
	return 0;
}

/*
 * The password goes with its role: that of the present configuration; ours
 * when the standby logs in as we do, or when its role is named, as with
 * standby-clone.
 */
static void
find_password(struct follow *f)
{
	const char *was = conninfo_get(&f->present_conninfo, "password");
	const char *as = conninfo_get(&f->to, "user");
	const char *we = conninfo_get(&f->effective, "user");
	const char *now = conninfo_get(&f->present_conninfo, "user");
	const char *named = f->o->replication_user;

	if (named != NULL)
		f->password = conninfo_get(&f->effective, "password");
	if (f->password == NULL && was != NULL && *was != '\0' &&
	    (named == NULL || (now != NULL && strcmp(now, named) == 0)))
		f->password = was;
	if (f->password == NULL && conninfo_get(&f->to, "passfile") == NULL &&
	    as != NULL && we != NULL && strcmp(as, we) == 0)
		f->password = conninfo_get(&f->effective, "password");
	if (f->password != NULL && f->password[0] == '\0')
		f->password = NULL;
}

/* What the new primary will call it: as libpqwalreceiver has it. */
static void
name_sender(struct follow *f)
{
	const char *name = conninfo_get(&f->to, "application_name");

	buf_adds(&f->sender_name, name != NULL ? name
				  : f->cluster_name.len > 0
				      ? f->cluster_name.data
				      : "walreceiver");
}

static const char *
own_name(const struct follow *f)
{
	if (f->o->application_name != NULL)
		return f->o->application_name;
	if (f->present_conninfo.n > 0)
		return NULL; /* it has one, or wants none */
	return f->o->node != NULL ? f->o->node : f->name;
}

int
follow_make_conninfo(struct follow *f, struct err *e)
{
	struct conninfo from = {.n = 0};
	const char *user = f->o->replication_user;
	bool have = f->present_conninfo.n > 0;
	int rc = -1;

	if (conninfo_copy(&from, have ? &f->present_conninfo : &f->effective) ==
		-1 ||
	    (have && take_new(f, &from) == -1))
		goto nomem;
	if (!have && passfile_drop_default(&from, e) == -1)
		goto out;
	if (conninfo_for_standby(
		&from, f->version, user, own_name(f), &f->to) == -1)
		goto nomem;
	find_password(f);
	/* Where no file can be named, a password that was there stays. */
	if (f->password != NULL &&
	    f->password == conninfo_get(&f->present_conninfo, "password") &&
	    pgver(f->version, PGFACT_PASSFILE) == NULL) {
		if (conninfo_set(&f->to, "password", f->password) == -1)
			goto nomem;
		f->password = NULL;
	}
	name_sender(f);
	rc = buf_ok(&f->sender_name) ? 0 : err_set_nomem(e);
	goto out;
nomem:
	(void)err_set_nomem(e);
out:
	conninfo_free(&from);
	return rc;
}

/* --- writing -------------------------------------------------------------- */

static const char *
or_null(const struct buf *b)
{
	return b->len > 0 ? b->data : NULL;
}

static void
tell_notes(struct follow *f, const struct buf *notes)
{
	const char *at = notes->data;
	struct buf line = BUF_INIT;

	while (text_line(&at, &line))
		follow_note(f, "%s", buf_str(&line));
	buf_free(&line);
}

int
follow_write_conf(struct follow *f, struct err *e)
{
	struct pgconf_recovery r = {.version = f->version,
	    .slot = f->use_slot ? f->slot_name : NULL,
	    .restore_command = or_null(&f->restore),
	    .min_apply_delay = or_null(&f->delay),
	    .trigger_file = or_null(&f->trigger),
	    .old = f->have_recovery_conf ? buf_str(&f->recovery_conf) : NULL};
	struct buf notes = BUF_INIT;
	const char *why;
	int rc = -1;

	/* Below 12 it stays in its line. */
	if (f->have_recovery_conf)
		r.trigger_file = NULL;
	if ((f->password != NULL || conninfo_get(&f->to, "passfile") == NULL) &&
	    passfile_write(f->tree, f->version, f->password, &f->to, f->o->sync,
		&why, e) == -1)
		goto out;
	conninfo_render(&f->to, false, &f->text);
	if (!buf_ok(&f->text)) {
		(void)err_set_nomem(e);
		goto out;
	}
	r.primary_conninfo = buf_str(&f->text);
	/* Meanwhile somebody may have asked for a promotion. */
	if (follow_check_triggers(f, e) == -1)
		goto out;
	/* From here on the standby may be another one's. */
	f->written = true;
	f->rec->configured = true;
	rc = recovery_write(f->tree, &r, f->o->sync, &notes, e);
	if (rc == 0 && f->was_primary)
		rc = recovery_report(f->tree, &r, &notes, e);
	tell_notes(f, &notes);
out:
	buf_free(&notes);
	return rc;
}
