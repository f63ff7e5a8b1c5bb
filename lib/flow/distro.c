#include "base/std.h"
#include "base/shell.h"
#include "core/pgver.h"
#include "flow/confread.h"
#include "flow/distro.h"

#include <dirent.h>

#define CONF_ROOT "/etc/postgresql"
#define CONF_ROOT_VARIABLE "PG_CLUSTER_CONF_ROOT"
#define RHEL_FMT "/var/lib/pgsql/%s/data"

bool
distro_is_cluster(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && name[n] == '\0' &&
	       n < sizeof(((struct distro *)0)->cluster) && name[0] != '-' &&
	       name[0] != '.';
}

void
distro_rhel_unit(const char *pgdata, const char *major, char *unit, size_t size)
{
	char want[64];

	(void)snprintf(want, sizeof(want), RHEL_FMT, major);
	unit[0] = '\0';
	if (strcmp(pgdata, want) == 0)
		(void)snprintf(unit, size, "postgresql-%s", major);
}

/* The same directory, or one that is not there yet at the same place? */
static bool
same_dir(const char *a, const char *pgdata)
{
	struct stat x, y;
	struct buf path = BUF_INIT;
	bool same;

	if (stat(a, &x) == 0 && stat(pgdata, &y) == 0)
		return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	confwalk_join(&path, "/", a);
	same = buf_ok(&path) && strcmp(buf_str(&path), pgdata) == 0;
	buf_free(&path);
	return same;
}

static bool
owns(const char *config_file, const char *pgdata, int version)
{
	struct confread r = {.files = 0};
	struct confwalk_io io = confread_io(&r);
	struct confwalk_place at = {.number = 0};
	bool yes = confwalk_get(&io, config_file, "data_directory", version,
		       &at, NULL) == 1 &&
		   buf_str(&at.value)[0] == '/' &&
		   same_dir(buf_str(&at.value), pgdata);

	confwalk_place_free(&at);
	return yes;
}

static int
take(struct distro *d, const char *dir, const char *name, struct err *e)
{
	struct buf b[4] = {BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT};
	bool failed = false;

	d->kind = DISTRO_DEBIAN;
	memcpy(d->cluster, name, strlen(name) + 1); /* distro_is_cluster */
	(void)snprintf(
	    d->unit, sizeof(d->unit), "postgresql@%s-%s", d->major, d->cluster);
	buf_addf(&b[0], "%s/%s", dir, name);
	buf_addf(&b[1], "%s/%s/postgresql.conf", dir, name);
	buf_addf(&b[2], "pg_ctlcluster %s %s start", d->major, name);
	buf_addf(&b[3], "pg_ctlcluster %s %s stop -m fast", d->major, name);
	d->config_dir = buf_take(&b[0], &failed);
	d->config_file = buf_take(&b[1], &failed);
	d->start = buf_take(&b[2], &failed);
	d->stop = buf_take(&b[3], &failed);
	return failed ? err_set_nomem(e) : 0;
}

static int
find_debian(struct distro *d, const char *pgdata, int version, struct err *e)
{
	const char *root = getenv(CONF_ROOT_VARIABLE);
	struct buf dir = BUF_INIT, file = BUF_INIT;
	struct dirent *de;
	DIR *list;
	int rc = 0;

	buf_addf(&dir, "%s/%s",
	    root != NULL && root[0] == '/' ? root : CONF_ROOT, d->major);
	list = opendir(buf_str(&dir));
	while (list != NULL && d->kind == DISTRO_NONE &&
	       (de = readdir(list)) != NULL) {
		if (!distro_is_cluster(de->d_name))
			continue;
		buf_reset(&file);
		buf_addf(
		    &file, "%s/%s/postgresql.conf", buf_str(&dir), de->d_name);
		if (owns(buf_str(&file), pgdata, version))
			rc = take(d, buf_str(&dir), de->d_name, e);
	}
	if (list != NULL)
		(void)closedir(list);
	if (!buf_ok(&dir) || !buf_ok(&file))
		rc = err_set_nomem(e);
	buf_free(&dir);
	buf_free(&file);
	return rc;
}

int
distro_find(struct distro *d, const char *pgdata, int version, struct err *e)
{
	*d = (struct distro){.kind = DISTRO_NONE};
	(void)pgver_major(version, d->major, sizeof(d->major));
	if (find_debian(d, pgdata, version, e) == -1)
		return -1;
	if (d->kind != DISTRO_NONE)
		return 0;
	distro_rhel_unit(pgdata, d->major, d->unit, sizeof(d->unit));
	if (d->unit[0] != '\0')
		d->kind = DISTRO_RHEL;
	return 0;
}

void
distro_commands(const struct distro *d, const char **start, const char **stop)
{
	if (*start == NULL)
		*start = d->start;
	if (*stop == NULL)
		*stop = d->stop;
}

void
distro_add_handover(const struct distro *d, struct buf *b)
{
	if (d->kind == DISTRO_RHEL)
		buf_addf(b,
		    "pg_ctl started the server, and %s.service does not know "
		    "of it: to hand it over, stop it by pg_ctl, then, as root, "
		    "systemctl start %s",
		    d->unit, d->unit);
}

void
distro_add_typed(const struct distro *d, enum distro_verb verb,
    const char *pgdata, struct buf *b)
{
	static const char *const word[] = {
	    [DISTRO_START] = "start",
	    [DISTRO_STOP] = "stop",
	    [DISTRO_RESTART] = "restart",
	    [DISTRO_RELOAD] = "reload",
	};
	const char *fast =
	    verb == DISTRO_STOP || verb == DISTRO_RESTART ? " -m fast" : "";

	if (d->kind == DISTRO_DEBIAN) {
		buf_addf(b, "pg_ctlcluster %s %s %s%s", d->major, d->cluster,
		    word[verb], fast);
	} else if (d->kind == DISTRO_RHEL &&
		   (verb == DISTRO_START || verb == DISTRO_RESTART)) {
		buf_addf(b, "sudo systemctl %s %s", word[verb], d->unit);
	} else {
		buf_addf(b, "pg_ctl %s%s -D ", word[verb], fast);
		shell_add_quoted(b, pgdata);
	}
}

int
distro_hint_command(const char *pgdata, int version, bool start, struct err *e)
{
	struct buf b = BUF_INIT;
	struct distro d = {.kind = DISTRO_NONE};

	if (version != 0)
		(void)distro_find(&d, pgdata, version, NULL);
	distro_add_typed(&d, start ? DISTRO_START : DISTRO_STOP, pgdata, &b);
	(void)err_command(e, "%s", buf_str(&b));
	distro_free(&d);
	buf_free(&b);
	return -1;
}

void
distro_free(struct distro *d)
{
	free(d->config_dir);
	free(d->config_file);
	free(d->start);
	free(d->stop);
	*d = (struct distro){.kind = DISTRO_NONE};
}
