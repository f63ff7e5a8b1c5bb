/* Files that vanish while they are copied (faults B11). */
#include "base/std.h"
#include "core/path.h"
#include "flow/clone_int.h"

/* Files without which there is no cluster; a database's own may go with
 * the whole database. */
static bool
must_exist(const char *path)
{
	return strcmp(path, "PG_VERSION") == 0 ||
	       strcmp(path, "global/pg_filenode.map") == 0;
}

static bool
of_database(const char *path)
{
	const char *base = path_base(path);

	return strchr(path, '/') != NULL &&
	       (strcmp(base, "PG_VERSION") == 0 ||
		   strcmp(base, "pg_filenode.map") == 0);
}

int
clone_vanished(struct clone *c, const struct action *a, struct err *e)
{
	const struct entry **more;

	c->rec->files_vanished++;
	if (must_exist(a->src->path))
		return err_set(e, ERR_SOURCE, "\"%s\" vanished on the source",
		    a->src->path);
	if (!of_database(a->src->path))
		return 0;
	more = realloc(c->gone, (c->ngone + 1) * sizeof(*more));
	if (more == NULL)
		return err_set_nomem(e);
	c->gone = more;
	c->gone[c->ngone++] = a->src;
	return 0;
}

/* DROP DATABASE takes the directory with it; anything else is damage. */
int
clone_check_gone(struct clone *c, struct err *e)
{
	struct manifest left = {0};
	char dir[PATH_LIMIT + 1];
	int rc = 0;

	for (size_t i = 0; i < c->ngone && rc == 0; i++) {
		const char *path = c->gone[i]->path;
		struct wire_manifest req = {.flags = 0};

		(void)snprintf(dir, sizeof(dir), "%.*s",
		    (int)(path_base(path) - path - 1), path);
		req.dir = (struct wire_str){dir, strlen(dir)};
		rc = pool_manifest(c->pool, &req, NULL, &left, NULL, e);
		if (rc == 0 && left.n > 0)
			rc = err_set(e, ERR_SOURCE,
			    "\"%s\" vanished on the source, and its database "
			    "is still there",
			    path);
		manifest_free(&left);
	}
	return rc;
}
