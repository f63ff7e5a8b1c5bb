/* Named nodes that are other names of another one. */
#include "base/std.h"
#include "base/buf.h"
#include "core/same.h"
#include "flow/survey_int.h"

static bool
is_before(const struct survey *v, size_t k, size_t i)
{
	bool stays = v->asked[k].conf->stays;

	return stays == v->asked[i].conf->stays ? k < i && !stays : stays;
}

int
survey_alias(const struct survey *v, size_t i)
{
	const struct survey_asked *a = &v->asked[i];
	int found = -1;

	if (a->conf == NULL || !a->read || a->facts.n == 0)
		return -1;
	for (size_t k = 0; k < v->o.n; k++)
		if (k != i && v->asked[k].read && v->asked[k].facts.n > 0 &&
		    is_before(v, k, i) &&
		    same_server(
			&a->facts.nodes[0], &v->asked[k].facts.nodes[0]) &&
		    (found == -1 || is_before(v, k, (size_t)found)))
			found = (int)k;
	return found;
}

bool
survey_counts(const struct survey *v, size_t i)
{
	if (v->asked[i].conf == NULL)
		return survey_find_counts(v, i);
	return !v->o.merge || survey_alias(v, i) == -1;
}

static int
add_alias(struct status *s, const char *name, const char *alias)
{
	struct status_node *n = s->nodes;
	struct buf b = BUF_INIT;

	while (n < s->nodes + s->n && strcmp(n->name, name) != 0)
		n++;
	if (n == s->nodes + s->n)
		return 0;
	if (n->aliases != NULL)
		buf_addf(&b, "%s, ", n->aliases);
	buf_adds(&b, alias);
	free(n->aliases);
	n->aliases = buf_steal(&b);
	return n->aliases != NULL ? 0 : -1;
}

int
survey_tell_aliases(const struct survey *v, struct status *s)
{
	size_t left = v->o.n, of_file = 0;

	for (size_t i = 0; v->o.merge && i < v->o.n; i++) {
		int of = survey_alias(v, i);

		of_file += v->asked[i].conf->stays;
		left -= of != -1;
		if (of != -1 &&
		    add_alias(s, v->asked[of].name, v->asked[i].name) == -1)
			return -1;
	}
	if (left == 1 && left < v->o.n && of_file == 0)
		s->whole = false;
	return 0;
}
