#include "base/std.h"
#include "core/pgver.h"
#include "flow/passfile.h"

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

int
passfile_drop_default(struct conninfo *c, struct err *e)
{
	const char *file = conninfo_get(c, "passfile"), *home = getenv("HOME");
	char path[PATH_MAX];
	struct stat st;

	if (file == NULL)
		return 0;
	(void)snprintf(
	    path, sizeof(path), "%s/.pgpass", home == NULL ? "" : home);
	if (strcmp(file, path) != 0 && stat(file, &st) == 0)
		return 0;
	return conninfo_set(c, "passfile", NULL) == -1 ? err_set_nomem(e) : 0;
}

/* One of an earlier run is used no more. */
static void
remove_old(struct tree *t, const char *path, const struct conninfo *to)
{
	const char *named = conninfo_get(to, "passfile");

	if (named == NULL || strcmp(named, path) != 0)
		(void)tree_unlink(t, PASSFILE);
}

int
passfile_write(struct tree *t, int version, const char *password,
    struct conninfo *to, bool sync, const char **note, struct err *e)
{
	struct buf b = BUF_INIT, path = BUF_INIT;
	bool have = password != NULL && password[0] != '\0';
	int rc = 0;

	*note = NULL;
	buf_addf(&path, "%s/" PASSFILE, tree_path(t));
	if (!have) {
		remove_old(t, buf_str(&path), to);
		goto out;
	}
	if (pgver(version, PGFACT_PASSFILE) == NULL) {
		*note = "the password is not written to recovery.conf: put it "
			"into ~/.pgpass of this user (database "
			"\"replication\")";
		goto out;
	}
	buf_adds(&b, "*:*:*:*:");
	add_field(&b, password);
	buf_addc(&b, '\n');
	rc = !buf_ok(&b) || !buf_ok(&path)
		 ? err_set_nomem(e)
		 : tree_write_file(t, PASSFILE, b.data, b.len, 0600, sync, e);
	if (rc == 0 && conninfo_set(to, "passfile", buf_str(&path)) == -1)
		rc = err_set_nomem(e);
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
out:
	buf_free(&b);
	buf_free(&path);
	return rc;
}
