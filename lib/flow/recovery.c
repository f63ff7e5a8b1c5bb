#include "base/std.h"
#include "core/label.h"
#include "core/path.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/recovery.h"

#define CONF_MAX (16u << 20) /* bytes of a configuration file */
#define CONF_MAIN "postgresql.conf"

/* As the server makes its files: 0640 where the group may look in. */
static mode_t
file_mode(struct tree *t)
{
	struct stat st;

	return fstat(tree_fd(t), &st) == 0 && (st.st_mode & 0040) ? 0640 : 0600;
}

/* --- what the target's own files say -------------------------------------- */

/* 1 read, 0 there is none, -1.  A text that holds a NUL is none. */
static int
read_conf(struct tree *t, const char *path, struct buf *text, struct err *e)
{
	buf_reset(text);
	if (tree_read_file(t, path, CONF_MAX, text) == -1) {
		if (errno == ENOENT)
			return 0;
		return err_set_errno(e, ERR_RECOVERY_CONF,
		    "could not read file \"%s/%s\"", tree_path(t), path);
	}
	if (text->len > 0 && memchr(text->data, '\0', text->len) != NULL)
		return err_set(e, ERR_RECOVERY_CONF,
		    "file \"%s/%s\" is not a text", tree_path(t), path);
	return 1;
}

static int
setting_in(struct tree *t, const char *path, int version, const char *name,
    struct buf *value, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = path == NULL ? 0 : read_conf(t, path, &text, e);

	if (rc == 1) {
		rc = pgconf_get(buf_str(&text), name, version, value);
		if (rc == -1)
			(void)err_set_nomem(e);
	}
	buf_free(&text);
	return rc;
}

int
recovery_setting(struct tree *t, int version, const char *name,
    struct buf *value, struct err *e)
{
	const char *auto_conf = pgver(version, PGFACT_AUTO_CONF);
	int rc;

	buf_reset(value);
	rc = setting_in(t, auto_conf, version, name, value, e);
	if (rc == 0)
		rc = setting_in(t, CONF_MAIN, version, name, value, e);
	return rc;
}

int
recovery_own_setting(struct tree *t, int version, const char *name,
    struct buf *value, struct err *e)
{
	enum pgfact file = pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL
			       ? PGFACT_AUTO_CONF
			       : PGFACT_FILE_RECOVERY;

	buf_reset(value);
	return setting_in(t, pgver(version, file), version, name, value, e);
}

/* --- C4: stale trigger files ---------------------------------------------- */

static void
note(struct buf *notes, const char *what, const char *path, const char *more)
{
	if (notes == NULL)
		return;
	buf_adds(notes, what);
	buf_adds(notes, " \"");
	text_add_escaped(notes, path, strlen(path));
	buf_addf(notes, "\"%s\n", more);
}

/* The name below PGDATA of a path that a server with this directory would
 * use; NULL: it lies outside. */
static const char *
below_pgdata(struct tree *t, const char *path)
{
	size_t n = strlen(tree_path(t));

	if (path[0] == '/') {
		if (strncmp(path, tree_path(t), n) != 0 || path[n] != '/')
			return NULL;
		path += n + 1;
	}
	return path_check(path, strlen(path)) == NULL ? path : NULL;
}

static int
cannot_remove(const char *path, struct err *e)
{
	(void)err_set_errno(e, ERR_RECOVERY_CONF,
	    "could not remove the stale trigger file \"%s\"", path);
	(void)err_detail(
	    e, "The standby would promote itself as soon as it starts.");
	return err_hint(e, "Remove it and run standby-clone again.");
}

static int
remove_inside(
    struct tree *t, const char *path, struct buf *notes, struct err *e)
{
	if (tree_unlink(t, path) == 0)
		note(notes, "removed stale trigger file", path, "");
	else if (errno != ENOENT)
		return cannot_remove(path, e);
	return 0;
}

static void
note_open_dir(const char *path, struct buf *notes)
{
	struct stat st;
	char *dir = strdup(path), *slash;

	if (dir != NULL && (slash = strrchr(dir, '/')) != NULL) {
		slash[slash == dir ? 1 : 0] = '\0';
		if (stat(dir, &st) == 0 && (st.st_mode & 0002))
			note(notes, "trigger file", path,
			    " is in a directory that everybody may write to: "
			    "anybody can promote this standby");
	}
	free(dir);
}

/* A path that the user named, outside PGDATA. */
static int
remove_outside(const char *path, struct buf *notes, struct err *e)
{
	if (unlink(path) == 0)
		note(notes, "removed stale trigger file", path, "");
	else if (errno != ENOENT && errno != ENOTDIR)
		return cannot_remove(path, e);
	note_open_dir(path, notes);
	return 0;
}

/* What a configuration in the target names as trigger file. */
static int
configured_trigger(struct tree *t, int version, struct buf *path, struct err *e)
{
	const char *param = pgver(version, PGFACT_TRIGGER_PARAM);

	if (param == NULL)
		return 0;
	if (pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL)
		return recovery_setting(t, version, param, path, e);
	return setting_in(
	    t, pgver(version, PGFACT_FILE_RECOVERY), version, param, path, e);
}

static int
remove_triggers(struct tree *t, const struct pgconf_recovery *r,
    struct buf *notes, struct err *e)
{
	struct buf found = BUF_INIT;
	const char *in;
	int rc = -1;

	if (remove_inside(t, "promote", notes, e) == -1 ||
	    remove_inside(t, "fallback_promote", notes, e) == -1)
		return -1;
	if (r->trigger_file != NULL) {
		in = below_pgdata(t, r->trigger_file);
		if (in == NULL && r->trigger_file[0] != '/')
			return err_set(e, ERR_RECOVERY_CONF,
			    "trigger file \"%s\" is not a path below the data "
			    "directory and not absolute",
			    r->trigger_file);
		if ((in != NULL
			    ? remove_inside(t, in, notes, e)
			    : remove_outside(r->trigger_file, notes, e)) == -1)
			return -1;
	}
	if (configured_trigger(t, r->version, &found, e) == -1)
		goto out;
	in = found.len > 0 ? below_pgdata(t, found.data) : NULL;
	if (in != NULL && remove_inside(t, in, notes, e) == -1)
		goto out;
	rc = 0;
out:
	buf_free(&found);
	return rc;
}

/* --- C1: the files -------------------------------------------------------- */

static int
write_recovery_conf(
    struct tree *t, const struct pgconf_recovery *r, bool sync, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = pgconf_recovery_conf(r, &text, e);

	if (rc == 0)
		rc = tree_write_file(t, pgver(r->version, PGFACT_FILE_RECOVERY),
		    text.data, text.len, file_mode(t), sync, e);
	buf_free(&text);
	return rc;
}

int
recovery_own(struct tree *t, struct buf *text, struct err *e)
{
	return read_conf(t, RECOVERY_OWN, text, e);
}

/* Behind what it is about: until then the marks tell. */
static int
write_own(struct tree *t, const char *conf, bool sync, struct err *e)
{
	struct buf own = BUF_INIT;
	int rc = 0;

	pgconf_own_lines(conf, &own);
	if (!buf_ok(&own))
		rc = err_set_nomem(e);
	else if (own.len > 0)
		rc = tree_write_file(
		    t, RECOVERY_OWN, own.data, own.len, file_mode(t), sync, e);
	else if (tree_unlink(t, RECOVERY_OWN) == -1 && errno != ENOENT)
		rc = err_set_errno(e, ERR_RECOVERY_CONF,
		    "could not remove file \"%s/" RECOVERY_OWN "\"",
		    tree_path(t));
	buf_free(&own);
	return rc;
}

static int
write_signal_and_settings(struct tree *t, const struct pgconf_recovery *given,
    bool sync, struct err *e)
{
	const char *conf = pgver(given->version, PGFACT_AUTO_CONF);
	struct buf old = BUF_INIT, text = BUF_INIT, own = BUF_INIT;
	struct pgconf_recovery with = *given, *r = &with;
	mode_t mode = file_mode(t);
	int rc = -1;

	/* The text first: a refusal must leave things as they are. */
	if (recovery_own(t, &own, e) == -1)
		goto out;
	r->wrote = buf_str(&own);
	if (read_conf(t, conf, &old, e) == -1 ||
	    pgconf_auto_conf(r, buf_str(&old), &text, e) == -1)
		goto out;
	rc = tree_write_file(
	    t, pgver(r->version, PGFACT_FILE_RECOVERY), "", 0, mode, sync, e);
	if (rc == 0)
		rc = tree_write_file(
		    t, conf, text.data, text.len, mode, sync, e);
	if (rc == 0)
		rc = write_own(t, buf_str(&text), sync, e);
out:
	buf_free(&own);
	buf_free(&old);
	buf_free(&text);
	return rc;
}

static int
remove_wrong(struct tree *t, int version, bool sync, struct err *e)
{
	static const char *const names[] = {"recovery.conf", "recovery.done",
	    "recovery.signal", "standby.signal"};
	const char *right = pgver(version, PGFACT_FILE_RECOVERY);

	for (size_t i = 0; i < NELEM(names); i++)
		if (strcmp(names[i], right) != 0 &&
		    tree_unlink(t, names[i]) == -1 && errno != ENOENT)
			return err_set_errno(e, ERR_RECOVERY_CONF,
			    "could not remove file \"%s/%s\"", tree_path(t),
			    names[i]);
	if (sync && tree_fsync_dir(t, "") == -1)
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not sync directory \"%s\"", tree_path(t));
	return 0;
}

/* --- C2: what is left as it is, and told ---------------------------------- */

static const struct reported {
	const char *name;
	const char *only;    /* this value is worth a line; NULL: any but */
	const char *neutral; /* these two */
	const char *off;
	bool guc; /* a setting of the server only from 12 on */
	const char *what;
} reported[] = {
    {"archive_mode", "always", NULL, NULL, false,
	"this standby archives WAL too"},
    {"restore_command", NULL, "", NULL, true,
	"this standby fetches WAL with it"},
    {"archive_cleanup_command", NULL, "", NULL, true,
	"this standby removes archived WAL with it"},
    {"recovery_end_command", NULL, "", NULL, true,
	"runs when this standby is promoted"},
    {"recovery_min_apply_delay", NULL, "0", "", true,
	"this standby replays late"},
    {"synchronous_standby_names", NULL, "", NULL, false,
	"commits wait for these once this standby is promoted"},
    {"cluster_name", NULL, "", NULL, false, "it is the name of the source"},
    {"port", NULL, "5432", NULL, false, "this standby listens there"},
};

static bool
is_neutral(const struct reported *row, const char *value)
{
	if (row->only != NULL)
		return strcasecmp(value, row->only) != 0;
	return strcmp(value, row->neutral) == 0 ||
	       (row->off != NULL && strcmp(value, row->off) == 0);
}

static bool
is_given(const struct pgconf_recovery *r, const char *name)
{
	return (strcmp(name, "restore_command") == 0 &&
		   r->restore_command != NULL) ||
	       (strcmp(name, "recovery_min_apply_delay") == 0 &&
		   r->min_apply_delay != NULL);
}

int
recovery_report(struct tree *t, const struct pgconf_recovery *r,
    struct buf *notes, struct err *e)
{
	bool guc = pgver(r->version, PGFACT_RECOVERY_IS_GUC) != NULL;
	struct buf value = BUF_INIT;
	const struct reported *row;
	int rc = 0;

	for (row = reported; row < reported + NELEM(reported); row++) {
		if ((row->guc && !guc) || is_given(r, row->name))
			continue;
		rc = recovery_setting(t, r->version, row->name, &value, e);
		if (rc == -1)
			break;
		if (rc == 0 || is_neutral(row, buf_str(&value)))
			continue;
		buf_addf(notes, "setting %s = \"", row->name);
		text_add_escaped(notes, value.data, value.len);
		buf_addf(notes, "\" is in effect: %s\n", row->what);
	}
	buf_free(&value);
	if (rc == -1)
		return -1;
	return buf_ok(notes) ? 0 : err_set_nomem(e);
}

int
recovery_write(struct tree *t, const struct pgconf_recovery *r, bool sync,
    struct buf *notes, struct err *e)
{
	bool guc = pgver(r->version, PGFACT_RECOVERY_IS_GUC) != NULL;

	/* The trigger first: the old recovery.conf still tells where. */
	if (remove_triggers(t, r, notes, e) == -1)
		return -1;
	if ((guc ? write_signal_and_settings(t, r, sync, e)
		 : write_recovery_conf(t, r, sync, e)) == -1 ||
	    remove_wrong(t, r->version, sync, e) == -1)
		return -1;
	return notes == NULL || buf_ok(notes) ? 0 : err_set_nomem(e);
}

/* --- backup_label --------------------------------------------------------- */

int
recovery_write_label(struct tree *t, const struct buf *label,
    const struct buf *map, bool sync, struct err *e)
{
	mode_t mode = file_mode(t);
	struct label parsed;

	if (label_parse(buf_str(label), label->len, &parsed, e) == -1)
		return -1;
	if (map != NULL && map->len > 0) {
		if (tree_write_file(t, "tablespace_map", map->data, map->len,
			mode, sync, e) == -1)
			return -1;
	} else if (tree_unlink(t, "tablespace_map") == -1 && errno != ENOENT) {
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not remove file \"%s/tablespace_map\"",
		    tree_path(t));
	}
	/* Its fsync of the directory covers the removal. */
	return tree_write_file(
	    t, "backup_label", label->data, label->len, mode, sync, e);
}
