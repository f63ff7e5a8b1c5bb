#include "base/std.h"
#include "flow/apply.h"

#define TICK_EVERY 256

static int
failed(const struct action *a, const char *what, struct err *e)
{
	const struct entry *en = a->dst != NULL ? a->dst : a->src;

	return err_set_errno(
	    e, ERR_TARGET_IO, "could not %s \"%s\"", what, en->path);
}

static int
remove_one(const struct action *a, struct tree *tree, struct err *e)
{
	int rc;

	if (a->kind == ACT_RMDIR) {
		rc = tree_rmdir(tree, a->dst->path);
		if (rc == -1 && (errno == ENOTEMPTY || errno == EEXIST))
			return 0;
	} else {
		rc = tree_unlink(tree, a->dst->path);
	}
	if (rc == -1 && errno != ENOENT)
		return failed(a, "remove", e);
	return 0;
}

static int
make_one(const struct action *a, const struct apply_opts *o, struct err *e)
{
	mode_t mode = plan_mode(a->src->mode, true, o->group);
	int fd, rc;

	if (a->dst == NULL) {
		if (tree_mkdir(o->tree, a->src->path, mode) == -1 &&
		    errno != EEXIST)
			return failed(a, "create directory", e);
	}
	fd = tree_openat(o->tree, a->src->path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return failed(a, "open directory", e);
	rc = fchmod(fd, mode);
	(void)close(fd);
	return rc == -1 ? failed(a, "set the mode of", e) : 0;
}

static int
ticked(
    const struct apply_opts *o, size_t i, const struct action *a, struct err *e)
{
	if (o->did != NULL)
		o->did(o->arg, a);
	if (o->tick != NULL && i % TICK_EVERY == TICK_EVERY - 1)
		return o->tick(o->arg, e);
	return 0;
}

int
apply_removals(const struct plan *p, const struct apply_opts *o, struct err *e)
{
	for (size_t i = 0; i < p->nremove; i++)
		if (remove_one(&p->v[i], o->tree, e) == -1 ||
		    ticked(o, i, &p->v[i], e) == -1)
			return -1;
	return 0;
}

int
apply_directories(
    const struct plan *p, const struct apply_opts *o, struct err *e)
{
	for (size_t i = p->nremove; i < p->nremove + p->nmkdir; i++)
		if (make_one(&p->v[i], o, e) == -1 ||
		    ticked(o, i, &p->v[i], e) == -1)
			return -1;
	return 0;
}
