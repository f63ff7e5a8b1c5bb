/*
 * The configuration of one server as that of another: where each file goes, and
 * what changes in it.  Pure.
 *
 * Debian's directory of the standby, when it has one, gets postgresql.conf,
 * pg_hba.conf, pg_ident.conf and what lies beside them under their names.
 * Without one they go into the data directory: the three under their names,
 * conf.d as it is, and what else is included below CONFMAP_DIR, so that
 * nothing there is mistaken for something else; all these stay when the
 * standby is cloned again.  What lies in the primary's data directory comes
 * with the data, at the same place.
 */
#ifndef CORE_CONFMAP_H
#define CORE_CONFMAP_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

#define CONFMAP_DIR "conf.copied"

struct confmap {
	int version;
	/* the source: absolute paths, as its server names them */
	const char *pgdata, *real_pgdata; /* the second: links resolved */
	const char *main_file, *hba_file, *ident_file;
	/* the standby */
	const char *to_pgdata;
	const char *to_dir;          /* of its Debian cluster; NULL: PGDATA */
	const char *major, *cluster; /* of that: "15", "main"; NULL */
	const char *port;            /* that it had; NULL: the source's */
};

/* Is it in the source's data directory? */
bool confmap_inside(const struct confmap *m, const char *path);
/* Where a file or directory of the source goes, added to out. */
void confmap_path(const struct confmap *m, const char *path, struct buf *out);
/*
 * The text of a file of the source, as the standby needs it: data_directory,
 * hba_file, ident_file, external_pid_file, stats_temp_directory, cluster_name
 * and port where they name the source's own, and includes whose file goes
 * elsewhere.  All other lines stay as they are.
 */
int confmap_text(const struct confmap *m, const char *file, const char *text,
    struct buf *out, struct err *e);
/* The same of pg_hba.conf, pg_ident.conf and what they name: the names of files
 * that go elsewhere. */
int confmap_table(const struct confmap *m, const char *file, const char *text,
    struct buf *out, struct err *e);

#endif
