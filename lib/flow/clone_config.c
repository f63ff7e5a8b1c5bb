/* Where the standby's configuration is, and who starts it with that. */
#include "base/std.h"
#include "flow/clone_int.h"
#include "flow/confread.h"

#include <fnmatch.h>

#define MAIN_FILE "postgresql.conf"

/* What a person types where we do not start it. */
static void
set_typed(struct clone *c)
{
	struct buf b = BUF_INIT;

	if (c->distro.kind != DISTRO_NONE && c->o->start_command != NULL)
		buf_adds(&b, c->o->start_command);
	else if (c->distro.kind != DISTRO_NONE)
		distro_add_typed(&c->distro, DISTRO_START, c->target.path, &b);
	(void)snprintf(c->rec->start, sizeof(c->rec->start), "%s", buf_str(&b));
	buf_free(&b);
}

int
clone_config_find(struct clone *c, struct err *e)
{
	if (distro_find(&c->distro, c->target.path, c->facts.version, e) == -1)
		return -1;
	c->start_command = c->o->start_command;
	c->stop_command = c->o->stop_command;
	set_typed(c);
	if (c->distro.kind != DISTRO_DEBIAN)
		return 0;
	distro_commands(&c->distro, &c->start_command, &c->stop_command);
	clone_note(c,
	    "\"%s\" is cluster %s %s of this system: its configuration is in "
	    "\"%s\"%s%s",
	    c->target.path, c->distro.major, c->distro.cluster,
	    c->distro.config_dir,
	    c->o->start && c->o->start_command == NULL ? ", its start is " : "",
	    c->o->start && c->o->start_command == NULL ? c->start_command : "");
	return 0;
}

const char *
clone_config_dir(const struct clone *c)
{
	return c->distro.config_dir != NULL ? c->distro.config_dir
					    : c->target.path;
}

bool
clone_config_kept(const struct clone *c)
{
	struct stat st;

	for (size_t i = 0; c->target.tree != NULL && i < c->nkeep; i++)
		if (fnmatch(c->keep[i], MAIN_FILE, 0) == 0)
			return tree_stat(c->target.tree, MAIN_FILE, &st) == 0;
	return false;
}

/* A postgresql.conf in the data directory: the standby's own that stays, or
 * the primary's that is copied. */
static int
main_inside(struct clone *c, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	if (clone_config_kept(c))
		return 1;
	rc = pool_read_file(c->pool, MAIN_FILE, CONFREAD_MAX, &b, e);
	buf_free(&b);
	return rc;
}

static bool
is_here(const char *path)
{
	return access(path, R_OK) == 0;
}

int
clone_judge_config(struct clone *c, struct err *e)
{
	struct preflight_config w = {.source_pgdata = c->o->source_pgdata,
	    .starts = c->o->start && c->o->start_command == NULL,
	    .has_main = c->distro.kind == DISTRO_DEBIAN,
	    .is_here = is_here};
	int rc = 1;

	if (clone_external_ask(c, e) == -1)
		return -1;
	w.copied = c->external != NULL;
	if (!w.has_main && (rc = main_inside(c, e)) == -1)
		return -1;
	w.has_main = rc == 1;
	return preflight_config(&c->pf, &c->facts, &w) == -1 ? err_set_nomem(e)
							     : 0;
}
