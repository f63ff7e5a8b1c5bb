/* Promotion by pg_ctl, on this host, as the owner of the directory. */
#include "base/std.h"
#include "core/text.h"
#include "flow/failover_int.h"
#include "flow/pidfile.h"
#include "flow/server.h"
#include "io/proc.h"

/* Where the running server itself was started from; "" not known. */
static void
bindir_of_server(const struct failover *f, char *dir, size_t size)
{
	int fd = open(f->self.pgdata, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[64], *slash;
	struct pidfile p;
	ssize_t n = -1;

	if (fd != -1 && pidfile_read(fd, &p, NULL) == 1 && p.pid > 0) {
		(void)snprintf(path, sizeof(path), "/proc/%ld/exe", p.pid);
		n = readlink(path, dir, size - 1);
	}
	if (fd != -1)
		(void)close(fd);
	dir[n > 0 ? n : 0] = '\0';
	if ((slash = strrchr(dir, '/')) != NULL)
		*slash = '\0';
}

int
failover_pg_ctl_choose(struct failover *f, int version, struct err *e)
{
	const struct conf_node *n = f->conf[f->node];
	const char *given = f->o->bindir;
	struct err why = ERR_INIT;
	char own[PATH_MAX];
	int minor;

	if (given == NULL && n != NULL)
		given = n->bindir;
	bindir_of_server(f, own, sizeof(own));
	if (given == NULL && f->self.bindir == NULL && own[0] != '\0')
		(void)server_bindir(
		    own, version, &f->self.bindir, &minor, NULL);
	if (f->self.bindir == NULL &&
	    server_bindir(given, version, &f->self.bindir, &minor, &why) == -1)
		return failover_because(&f->self.no_means, e, "%s", why.text);
	f->facts.means = MEANS_PG_CTL;
	return 0;
}

/* The server finds it sooner or later. */
static bool
promote_file_left(const struct failover *f)
{
	struct buf path = BUF_INIT;
	struct stat st;
	bool gone;

	buf_addf(&path, "%s/" OPERATE_PROMOTE_FILE, f->self.pgdata);
	gone = buf_ok(&path) && lstat(buf_str(&path), &st) == -1 &&
	       errno == ENOENT;
	buf_free(&path);
	return !gone;
}

int
failover_pg_ctl_promote(struct failover *f, struct err *e)
{
	struct buf program = BUF_INIT, out = BUF_INIT, text = BUF_INIT;
	const char *argv[] = {
	    NULL, "promote", "-W", "-D", f->self.pgdata, NULL};
	struct proc_opts o = {.argv = argv,
	    .out = &out,
	    .err = &out,
	    .deadline = failover_by(f, FAILOVER_PG_CTL_MS),
	    .sigfd = -1,
	    .new_session = true}; /* a signal of the terminal is not for it */
	int status = 0, rc;

	buf_addf(&program, "%s/pg_ctl", f->self.bindir);
	argv[0] = buf_str(&program);
	f->requested = true;
	rc = proc_run(&o, &status, e);
	if (rc == -1 && e->code == ERR_PROC && !promote_file_left(f))
		f->requested = false;
	if (rc == 0 && status != 0) {
		/* A signal may have ended it after it had asked. */
		f->requested = status >= 128 || promote_file_left(f);
		text_add_tail(&text, out.data, out.len, 5, "");
		rc = err_set(
		    e, ERR_PROC, "pg_ctl promote ended with status %d", status);
		(void)err_detail(e, "%s", buf_str(&text));
	}
	buf_free(&program);
	buf_free(&out);
	buf_free(&text);
	return rc;
}
