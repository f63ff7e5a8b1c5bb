#include "base/std.h"
#include "flow/survey_node.h"
#include "io/pg.h"

struct survey_node *
survey_node_add(struct survey_node **v, size_t *n, struct err *e)
{
	struct survey_node *more = reallocarray(*v, *n + 1, sizeof(*more));

	if (more == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	*v = more;
	more[*n] = (struct survey_node){.weight = 1};
	return &more[(*n)++];
}

static int
copy_text(char **to, const char *from, struct err *e)
{
	if (from == NULL)
		return 0;
	return (*to = strdup(from)) == NULL ? err_set_nomem(e) : 0;
}

int
survey_node_take(struct survey_node *n, const struct conf_node *from,
    const char *file, struct err *e)
{
	if (copy_text(&n->name, from->name, e) == -1 ||
	    copy_text(&n->upstream, from->upstream, e) == -1 ||
	    copy_text(&n->slot, from->slot, e) == -1)
		return -1;
	n->has_pgdata = from->pgdata != NULL;
	n->weight = from->weight;
	n->stays = true;
	if (from->conninfo != NULL &&
	    pg_conninfo_parse(from->conninfo, &n->conninfo, e) == -1)
		return err_wrap(
		    e, "%s:%d: node \"%s\"", file, from->line, from->name);
	return 0;
}

void
survey_node_free(struct survey_node **v, size_t *n)
{
	for (size_t i = 0; i < *n; i++) {
		free((*v)[i].name);
		free((*v)[i].upstream);
		free((*v)[i].slot);
		conninfo_free(&(*v)[i].conninfo);
	}
	free(*v);
	*v = NULL;
	*n = 0;
}
