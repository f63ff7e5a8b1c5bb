/*
 * Where the tablespaces of the source go on the target (--tablespace-mapping),
 * and whether they may go there.
 */
#ifndef FLOW_ROOTS_H
#define FLOW_ROOTS_H

#include "base/std.h"
#include "base/err.h"
#include "core/manifest.h"
#include "flow/target.h"

struct root {
	uint32_t oid;
	char *prefix; /* "pg_tblspc/16385" */
	char *name;   /* of the tablespace, or NULL: not known */
	char *source; /* directory on the source */
	char *dir;    /* directory on the target */
	char *was;    /* where the target's own link leads, or NULL */
	bool made;    /* the directory was made by us in this run */
	bool kept;    /* there because the target's own link says so */
	bool refused;
};
struct roots {
	struct root *v;
	size_t n;
};
struct roots_opts {
	const char *const *mapping; /* "OLD=NEW", \= for = in a path */
	size_t nmapping;
	bool same_host;         /* source and target are one machine */
	const char *tblspc_dir; /* "PG_15_202209061", what the tablespaces have
				 * their files in; NULL: not known */
	/* Without a mapping it stays where the target has it. */
	bool keep_links;
	/* Name of a tablespace, or NULL; the function, too. */
	const char *(*name)(void *arg, uint32_t oid);
	void *arg;
};

/* One "OLD=NEW": ERR_USAGE unless both are absolute. old and new: PATH_MAX. */
int roots_parse_mapping(
    const char *text, char *old, char *new_dir, struct err *e);
/* OLD of a mapping as it is typed: each = of the path as \=, and quoted for a
 * shell.  to has SHELL_WORD bytes; returns it. */
const char *roots_old_word(const char *source, char *to);

struct root_source {
	uint32_t oid;
	const char *name; /* or NULL */
	const char *dir;  /* on the source */
};
/* One of the source.  It is in r, too, where it is refused as below: the next
 * is judged with it. */
int roots_add(struct roots *r, const struct root_source *s,
    const struct target *t, const struct roots_opts *o, struct err *e);
/* All, from the links of the manifest.  ERR_TABLESPACE, naming the path and the
 * option, when a directory is not absolute, is the source's own, lies in
 * PGDATA, is used twice, is not ours, or holds another cluster's files; an
 * earlier run's (target marker) or the target's own link to it is fine. */
int roots_plan(struct roots *r, const struct manifest *src,
    const struct target *t, const struct roots_opts *o, struct err *e);
void roots_free(struct roots *r);
/* Map one source path (for tablespace_map); NULL: keep. */
const char *roots_map(const struct roots *r, uint32_t oid);

/* What a path really names: the nearest part that is there, resolved, and the
 * rest as it stands, without "..".  real: PATH_MAX bytes. */
void roots_resolve(const char *dir, char *real);
/* Is dir of, or below it?  Both as roots_resolve gives them. */
bool roots_inside(const char *dir, const char *of);

/* lost+found does not count; a directory that cannot be read is not empty. */
bool roots_is_empty(const char *dir);
/*
 * May a new tablespace of the version whose directory is tblspc_dir go there?
 * It is empty, or has directories of other versions alone, as pg_upgrade and
 * servers of two majors leave them: they stand side by side, and each server
 * reads its own (postgres-facts.md section 2).
 */
bool roots_is_free(const char *dir, const char *tblspc_dir);

/* Make what is missing (0700) and enter all into the tree. S1. */
int roots_enter(struct roots *r, struct tree *tree, struct err *e);
/* pg_tblspc/OID -> dir, replacing what is different. */
int roots_link(const struct roots *r, struct tree *tree, struct err *e);

#endif
