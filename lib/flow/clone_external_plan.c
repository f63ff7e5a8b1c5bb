/*
 * What --copy-external-config is going to do, file by file: that which
 * clone_external_write does at S3, by what is known before the copy.
 */
#include "base/std.h"
#include "flow/clone_external_int.h"

/* Will it come with the data? */
static bool
is_copied(const struct clone *c, const char *path)
{
	for (size_t i = 0; i < c->plan.n; i++)
		if (c->plan.v[i].src != NULL &&
		    strcmp(c->plan.v[i].src->path, path) == 0)
			return true;
	return false;
}

static enum clone_config_fate
fate_of(
    struct clone *c, struct tree *t, const char *path, const struct buf *text)
{
	struct stat st;
	bool stays = t != c->target.tree ? tree_stat(t, path, &st) == 0
					 : clone_keeps(c, path);

	if (stays && clone_external_is_same(t, path, text))
		return CLONE_CONFIG_SAME;
	if (!stays && (t != c->target.tree || !is_copied(c, path)))
		return CLONE_CONFIG_COPY;
	return c->o->force ? CLONE_CONFIG_REPLACE : CLONE_CONFIG_KEEP;
}

static int
remember(struct clone *c, const char *source, const struct buf *target,
    enum clone_config_fate fate, struct err *e)
{
	struct clone_record *r = c->rec;
	struct clone_config *v = &r->config[r->nconfig++];

	v->source = strdup(source);
	v->target = strdup(buf_str(target));
	v->fate = fate;
	return v->source == NULL || v->target == NULL || !buf_ok(target)
		   ? err_set_nomem(e)
		   : 0;
}

/* keeps: the standby has the last table as its own, and so what it names. */
static int
plan_one(
    struct clone *c, const struct config_file *f, bool *keeps, struct err *e)
{
	const struct confmap *m = &c->external->map;
	bool inside = confmap_inside(m, f->path);
	struct buf text = BUF_INIT, to = BUF_INIT;
	enum clone_config_fate fate;
	const char *path;
	struct tree *t;
	int rc = 0;

	confmap_path(m, f->path, &to);
	path = clone_external_split(c, buf_str(&to), inside, &t);
	if (inside)
		buf_adds(&text, f->text);
	else if (f->kind <= WIRE_CONFIG_INCLUDED)
		rc = confmap_text(m, f->path, f->text, &text, e);
	else
		rc = confmap_table(m, f->path, f->text, &text, e);
	if (rc == 0 && (!buf_ok(&text) || !buf_ok(&to)))
		rc = err_set_nomem(e);
	if (rc == 0) {
		fate = fate_of(c, t, path, &text);
		if (f->kind == WIRE_CONFIG_HBA || f->kind == WIRE_CONFIG_IDENT)
			*keeps = inside ? clone_keeps(c, path) &&
					      fate != CLONE_CONFIG_SAME
					: fate == CLONE_CONFIG_KEEP;
		/* What lies inside comes with the data. */
		if (!inside)
			rc = remember(c, f->path, &to, fate, e);
	}
	buf_free(&text);
	buf_free(&to);
	return rc;
}

int
clone_external_plan(struct clone *c, struct err *e)
{
	struct clone_external *x = c->external;
	bool keeps = false;

	if (x == NULL)
		return 0;
	c->rec->config = calloc(x->n, sizeof(*c->rec->config));
	if (c->rec->config == NULL)
		return err_set_nomem(e);
	for (size_t i = 0; i < x->n; i++) {
		const struct config_file *f = &x->v[i];

		if ((x->keeps_main && f->kind == WIRE_CONFIG_INCLUDED) ||
		    (keeps && f->kind == WIRE_CONFIG_NAMED))
			continue;
		if (plan_one(c, f, &keeps, e) == -1)
			return err_wrap(e, "configuration of the source");
	}
	return 0;
}
