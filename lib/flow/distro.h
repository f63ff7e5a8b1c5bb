/*
 * Does a distribution know this data directory as a cluster of its own?
 *
 * Debian (postgresql-common 248, pg_ctlcluster(1)): the configuration of
 * cluster C of version N is in /etc/postgresql/N/C (PG_CLUSTER_CONF_ROOT moves
 * /etc/postgresql), its postgresql.conf names the data directory, and
 * "pg_ctlcluster N C start" runs it, as does postgresql@N-C.service.
 * RHEL (PGDG packages): /var/lib/pgsql/N/data by postgresql-N.service, with the
 * configuration in the data directory.
 */
#ifndef FLOW_DISTRO_H
#define FLOW_DISTRO_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

enum distro_kind { DISTRO_NONE, DISTRO_DEBIAN, DISTRO_RHEL };

struct distro {
	enum distro_kind kind;
	char unit[128]; /* of systemd, without ".service" */
	/* DEBIAN; owned */
	char *config_dir, *config_file;
	char *start, *stop; /* commands for a shell */
	char major[16], cluster[80];
};

/* pgdata: resolved; it need not exist.  A cluster whose configuration cannot be
 * read is none.  0, or -1: no memory. */
int distro_find(
    struct distro *d, const char *pgdata, int version, struct err *e);
void distro_free(struct distro *d);
/* The distribution's commands for what is NULL; they stay so where it has none
 * for that (pg_ctl then).  Borrowed from d. */
void distro_commands(
    const struct distro *d, const char **start, const char **stop);
/* For a note: what to do after pg_ctl started a server of a unit that did not
 * see it (RHEL); nothing is added when there is none. */
void distro_add_handover(const struct distro *d, struct buf *b);

/*
 * What a person types for the server of that directory; never what we run.
 * Debian: pg_ctlcluster.  RHEL: the unit starts it, by systemctl, which takes
 * root; pg_ctl stops it, or lets it read its files, whoever started it, where
 * "systemctl stop" does nothing to a server that the unit did not start.  Else
 * pg_ctl.
 */
enum distro_verb { DISTRO_START, DISTRO_STOP, DISTRO_RESTART, DISTRO_RELOAD };
void distro_add_typed(const struct distro *d, enum distro_verb verb,
    const char *pgdata, struct buf *b);
/* The same, to start it or to stop it, as a command of e's hint; version 0: not
 * known.  -1. */
int distro_hint_command(
    const char *pgdata, int version, bool start, struct err *e);

/* May it be the name of a cluster, and a word in a command?  Pure. */
bool distro_is_cluster(const char *name);
/* The unit of RHEL's that has this directory, or ""; pure. */
void distro_rhel_unit(
    const char *pgdata, const char *major, char *unit, size_t size);

#endif
