#include "base/std.h"
#include "flow/datadir.h"

#define CONTROL "global/pg_control"
#define CONTROL_TRIES 100
#define CONTROL_PAUSE_MS 50

struct tree *
datadir_open(const char *pgdata, size_t len, struct err *e)
{
	struct err cause = ERR_INIT;
	struct tree *t;
	char *dir;

	if (len == 0 || len >= PATH_MAX || pgdata[0] != '/' ||
	    memchr(pgdata, '\0', len) != NULL) {
		(void)err_set(e, ERR_PROTOCOL,
		    "the data directory asked for is not an absolute path");
		return NULL;
	}
	if ((dir = strndup(pgdata, len)) == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	if ((t = tree_open(dir, &cause)) == NULL) {
		(void)err_set(e, ERR_SOURCE, "%s", cause.text);
		(void)err_hint(e, "Name the data directory on the primary: "
				  "--source-pgdata=DIR.");
	}
	free(dir);
	return t;
}

int
datadir_owner(int fd, const char *dir, struct stat *st, struct err *e)
{
	if (fstat(fd, st) == -1)
		return err_set_errno(
		    e, ERR_SOURCE, "could not stat directory \"%s\"", dir);
	if (st->st_uid == geteuid())
		return 0;
	(void)err_set(e, ERR_PRIVILEGE,
	    "directory \"%s\" belongs to user id %lu, but the agent runs as "
	    "user id %lu",
	    dir, (unsigned long)st->st_uid, (unsigned long)geteuid());
	return err_hint(e, "Log in as the user that runs the server: "
			   "--ssh=USER@HOST.");
}

int
datadir_mode(const struct tree *t, const struct stat *st, struct err *e)
{
	unsigned mode = st->st_mode & 07777;

	if (mode == 0700 || mode == 0750)
		return 0;
	(void)err_set(e, ERR_SOURCE,
	    "data directory \"%s\" has mode 0%o, not 0700 or 0750",
	    tree_path(t), mode);
	return err_hint(e, "On the primary: chmod 0700 \"%s\"", tree_path(t));
}

int
datadir_version(struct tree *t, char *text, size_t size, struct err *e)
{
	struct buf b = BUF_INIT;
	size_t n;
	int rc = 0;

	if (tree_read_file(t, "PG_VERSION", 64, &b) == -1)
		rc = err_set_errno(e, ERR_SOURCE,
		    "\"%s\" is not a data directory: file \"PG_VERSION\"",
		    tree_path(t));
	n = strspn(buf_str(&b), "0123456789.");
	if (rc == 0 && (n == 0 || n >= size || n > 16 ||
			   strcmp(buf_str(&b) + n, "\n") != 0))
		rc = err_set(e, ERR_SOURCE,
		    "file \"%s/PG_VERSION\" does not hold a version",
		    tree_path(t));
	if (rc == 0)
		(void)snprintf(text, size, "%.*s", (int)n, buf_str(&b));
	buf_free(&b);
	return rc;
}

static int
read_control(struct tree *t, struct buf *b, struct err *e)
{
	if (tree_read_file(t, CONTROL, PGCONTROL_MAX, b) == -1)
		return err_set_errno(e, ERR_SOURCE_IO,
		    "could not read file \"%s/" CONTROL "\"", tree_path(t));
	return 0;
}

/* The same bad bytes twice are not a torn read. */
int
datadir_control(struct tree *t, struct buf *b,
    int (*sleep)(void *arg, int64_t ms, struct err *e), void *arg,
    struct err *e)
{
	struct buf last = BUF_INIT;
	int rc, ok = 0;

	for (int i = 0; i < CONTROL_TRIES; i++) {
		if ((rc = read_control(t, b, e)) == -1)
			break;
		ok = pgcontrol_check(b->data, b->len, e);
		if (ok != 0)
			break;
		if (last.len == b->len && b->len > 0 &&
		    memcmp(last.data, b->data, b->len) == 0)
			break;
		buf_reset(&last);
		buf_add(&last, b->data, b->len);
		if ((rc = sleep(arg, CONTROL_PAUSE_MS, e)) == -1)
			break;
	}
	buf_free(&last);
	if (ok == 0)
		(void)err_set(e, ERR_SOURCE,
		    "file \"%s/" CONTROL "\" has a wrong checksum",
		    tree_path(t));
	return ok == 1 ? 0 : -1;
}

int
datadir_identifier(const struct tree *t, const struct pgcontrol *c,
    uint64_t want, struct err *e)
{
	if (want == 0 || want == c->system_identifier)
		return 0;
	(void)err_set(e, ERR_SOURCE,
	    "data directory \"%s\" belongs to another cluster: its system "
	    "identifier is %" PRIu64 ", not %" PRIu64,
	    tree_path(t), c->system_identifier, want);
	return err_hint(e, "Name the data directory of the server in question: "
			   "--source-pgdata=DIR.");
}
