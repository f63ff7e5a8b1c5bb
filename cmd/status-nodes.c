#include "base/std.h"
#include "base/shell.h"
#include "core/text.h"
#include "io/pg.h"
#include "status-options.h"

/* What is known while the nodes are put together. */
struct work {
	const struct opt_set *s;
	const struct conf *conf;
	struct conninfo base; /* what holds for those that say nothing else */
	bool base_named;      /* it alone says where to connect */
	struct status_nodes given; /* by -h and -d */
	struct status_nodes *out;
};

static int
set(struct conninfo *c, const char *key, const char *value, struct err *e)
{
	return conninfo_set(c, key, value) == -1 ? err_set_nomem(e) : 0;
}

/* Set by the command line or the environment, not by the file. */
static bool
typed(const struct opt_set *s, const char *name)
{
	return opt_get(s, name)->source >= OPT_FROM_ENV;
}

static bool
is_place(const char *key)
{
	return strcmp(key, "host") == 0 || strcmp(key, "hostaddr") == 0 ||
	       strcmp(key, "service") == 0;
}

static bool
has_place(const struct conninfo *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_place(c->v[i].key))
			return true;
	return false;
}

/* Everything of `from`, but where to connect unless place. */
static int
fill(struct conninfo *c, const struct conninfo *from, bool place, struct err *e)
{
	for (size_t i = 0; i < from->n; i++) {
		const char *key = from->v[i].key;

		if (conninfo_get(c, key) != NULL ||
		    (!place && (is_place(key) || strcmp(key, "port") == 0)))
			continue;
		if (set(c, key, from->v[i].value, e) == -1)
			return -1;
	}
	return 0;
}

static int
overlay(struct conninfo *c, const struct conninfo *from, struct err *e)
{
	for (size_t i = 0; i < from->n; i++)
		if (set(c, from->v[i].key, from->v[i].value, e) == -1)
			return -1;
	return 0;
}

static struct survey_node *
add(struct status_nodes *list, struct err *e)
{
	return survey_node_add(&list->v, &list->n, e);
}

/* --- what was typed ------------------------------------------------------ */

/* -d: a database for all, a connection string that holds for all, or a node. */
static int
take_dbname(struct work *w, const char *text, struct err *e)
{
	struct conninfo c = {.n = 0};
	struct survey_node *n;
	int rc = -1;

	if (conninfo_plain_dbname(text))
		return set(&w->base, "dbname", text, e);
	if (pg_conninfo_parse(text, &c, e) == -1)
		return err_wrap(e, "--dbname");
	if (!has_place(&c)) {
		w->base_named = true;
		rc = overlay(&w->base, &c, e);
	} else if ((n = add(&w->given, e)) != NULL) {
		n->conninfo = c;
		return 0;
	}
	conninfo_free(&c);
	return rc;
}

static int
take_host(struct work *w, const char *host, size_t len, struct err *e)
{
	struct survey_node *n;
	char *copy;
	int rc;

	if (len == 0)
		return err_set(e, ERR_USAGE, "--host: no host name");
	if ((n = add(&w->given, e)) == NULL)
		return -1;
	if ((copy = strndup(host, len)) == NULL)
		return err_set_nomem(e);
	rc = set(&n->conninfo, "host", copy, e);
	free(copy);
	return rc;
}

/* libpq would take the first of several that answers; here each is a node. */
static int
take_hosts(struct work *w, struct err *e)
{
	const struct opt_value *hosts = opt_get(w->s, "host");

	for (size_t i = 0; i < hosts->nlist; i++) {
		const char *at = hosts->list[i];

		for (;;) {
			size_t len = strcspn(at, ",");

			if (take_host(w, at, len, e) == -1)
				return -1;
			if (at[len] == '\0')
				break;
			at += len + 1;
		}
	}
	return 0;
}

/* -p and -U for one node: what was typed wins, a default fills. */
static int
put_option(struct work *w, struct conninfo *c, const char *option,
    const char *key, struct err *e)
{
	const char *text = opt_text(w->s, option);

	if (text == NULL ||
	    (!typed(w->s, option) && conninfo_get(c, key) != NULL))
		return 0;
	return set(c, key, text, e);
}

static int
read_base(struct work *w, struct err *e)
{
	const struct opt_value *d = opt_get(w->s, "dbname");
	const char *text = conf_get(w->conf, "defaults.dbname");

	if (cli_set_dbname(&w->base, text, e) == -1)
		return err_wrap(e, "%s: \"defaults.dbname\"", w->conf->file);
	for (size_t i = 0; i < d->nlist; i++)
		if (take_dbname(w, d->list[i], e) == -1)
			return -1;
	if ((text = opt_text(w->s, "service")) != NULL) {
		w->base_named |= typed(w->s, "service");
		if (set(&w->base, "service", text, e) == -1)
			return -1;
	}
	w->base_named |= typed(w->s, "port");
	if (!opt_flag(w->s, "password"))
		return 0;
	return cli_ask_password(&w->base, e);
}

static int
read_given(struct work *w, struct err *e)
{
	if (read_base(w, e) == -1 || take_hosts(w, e) == -1)
		return -1;
	for (size_t i = 0; i < w->given.n; i++) {
		struct conninfo *c = &w->given.v[i].conninfo;

		if (put_option(w, c, "port", "port", e) == -1 ||
		    put_option(w, c, "username", "user", e) == -1)
			return -1;
	}
	return 0;
}

/* --- the file ------------------------------------------------------------ */

static int
take_node(struct work *w, const struct conf_node *from, struct err *e)
{
	struct survey_node *n = add(w->out, e);

	if (n == NULL || survey_node_take(n, from, w->conf->file, e) == -1)
		return -1;
	/* libpq's defaults would lead to whatever server this host has. */
	if (from->conninfo == NULL) {
		(void)err_set(e, ERR_CONFIG,
		    "%s:%d: node \"%s\" has no conninfo", w->conf->file,
		    from->line, from->name);
		return err_hint(
		    e, "Add it there: conninfo = \"host=%s\";", from->name);
	}
	/* Each node has its own port, whatever -p says. */
	if (!typed(w->s, "port") &&
	    put_option(w, &n->conninfo, "port", "port", e) == -1)
		return -1;
	return put_option(w, &n->conninfo, "username", "user", e);
}

static int
no_node(const struct work *w, const char *name, struct err *e)
{
	char word[SHELL_WORD];
	const char *words[256] = {NULL}, *near;
	struct buf shown = BUF_INIT;
	size_t n = MIN_OF(w->conf->nnodes, NELEM(words));

	for (size_t i = 0; i < n; i++)
		words[i] = w->conf->nodes[i].name;
	near = text_nearest(name, words, n);
	text_add_escaped(&shown, name, strlen(name));
	(void)err_set(e, ERR_CONFIG, "no node \"%s\" in %s", buf_str(&shown),
	    w->conf->file != NULL ? w->conf->file : "any configuration file");
	if (opt_get(w->s, "watch")->set && name[0] >= '0' && name[0] <= '9')
		(void)err_hint(e, "If it is the pause of --watch, type: -W%s",
		    shell_word(name, word));
	else if (near != NULL)
		(void)err_hint(e, "Did you mean \"%s\"?", near);
	else
		(void)err_hint(e, "If it is a host, type: %s -h %s",
		    STATUS_TOOL, shell_word(name, word));
	buf_free(&shown);
	return -1;
}

/* HOST:PORT or [v6]:PORT, as pgpool writes it: 1, 0: it is none, -1. */
static int
split_address(const char *text, struct conninfo *c, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	char *end, *host;
	long port;
	int rc;

	if (len == 0 || colon[1] < '0' || colon[1] > '9')
		return 0;
	port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 1 || port > 65535)
		return 0;
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return 0; /* a bare IPv6 address */
	}
	if ((host = strndup(text, len)) == NULL)
		return err_set_nomem(e);
	rc = set(c, "host", host, e);
	free(host);
	return rc == -1 || set(c, "port", colon + 1, e) == -1 ? -1 : 1;
}

/* The node of the file at that place, or NULL. */
static const struct conf_node *
node_at(const struct work *w, const struct conninfo *place)
{
	const struct conf_node *found = NULL;

	for (size_t i = 0; found == NULL && i < w->conf->nnodes; i++) {
		const struct conf_node *n = &w->conf->nodes[i];
		struct conninfo c = {.n = 0};

		if (n->conninfo != NULL &&
		    pg_conninfo_parse(n->conninfo, &c, NULL) == 0 &&
		    pg_conninfo_same_place(&c, place))
			found = n;
		conninfo_free(&c);
	}
	return found;
}

/* An operand that is an address: 1, 0: it is none, -1. */
static int
take_address(struct work *w, const char *text, struct err *e)
{
	struct conninfo c = {.n = 0};
	int rc = split_address(text, &c, e);
	const struct conf_node *of_file;
	struct survey_node *n;

	if (rc != 1)
		goto out;
	if ((of_file = node_at(w, &c)) != NULL) {
		rc = take_node(w, of_file, e) == -1 ? -1 : 1;
		goto out;
	}
	if ((n = add(w->out, e)) == NULL ||
	    conninfo_copy(&n->conninfo, &c) == -1) {
		rc = err_set_nomem(e);
		goto out;
	}
	n->stays = true; /* it has a place in what pgpool reads */
	if (put_option(w, &n->conninfo, "username", "user", e) == -1)
		rc = -1;
out:
	conninfo_free(&c);
	return rc;
}

/* The node of the list that a given one is; NULL: none. */
static struct survey_node *
same_node(
    const struct work *w, const struct survey_node *g, struct status_nodes *in)
{
	struct conninfo c = {.n = 0};
	struct survey_node *found = NULL;

	if (conninfo_copy(&c, &g->conninfo) == 0 &&
	    fill(&c, &w->base, true, NULL) == 0)
		for (size_t i = 0; found == NULL && i < in->n; i++)
			if (pg_conninfo_same_place(&in->v[i].conninfo, &c))
				found = &in->v[i];
	conninfo_free(&c);
	return found;
}

static int
read_operand(struct work *w, const char *text, struct err *e)
{
	const struct conf_node *n = conf_find_node(w->conf, text);
	int rc;

	if (n != NULL)
		return take_node(w, n, e);
	if ((rc = take_address(w, text, e)) == 0)
		return no_node(w, text, e);
	return rc == -1 ? -1 : 0;
}

static int
read_file(struct work *w, struct err *e)
{
	bool wanted = w->given.n == 0 || opt_get(w->s, "config")->set;

	for (size_t i = 0; i < w->s->nargs; i++)
		if (read_operand(w, w->s->args[i], e) == -1)
			return -1;
	if (w->s->nargs > 0)
		return 0;
	for (size_t i = 0; i < w->conf->nnodes; i++)
		if (take_node(w, &w->conf->nodes[i], e) == -1)
			return -1;
	for (size_t i = 0; !wanted && i < w->given.n; i++)
		wanted = same_node(w, &w->given.v[i], w->out) != NULL;
	if (!wanted)
		status_nodes_free(w->out);
	return 0;
}

/* --- all of them --------------------------------------------------------- */

/* Given nodes join those of the file; one that is there already only adds what
 * it says of the connection. */
static int
join(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->given.n; i++) {
		struct survey_node *g = &w->given.v[i], *n;

		if ((n = same_node(w, g, w->out)) != NULL) {
			if (overlay(&n->conninfo, &g->conninfo, e) == -1)
				return -1;
			continue;
		}
		if (fill(&g->conninfo, &w->base, true, e) == -1 ||
		    (n = add(w->out, e)) == NULL)
			return -1;
		*n = *g;
		*g = (struct survey_node){.weight = 1};
	}
	return 0;
}

/* Two standbys that were picked out have a primary that nobody asked. */
static bool
is_whole(const struct work *w)
{
	const struct status_nodes *out = w->out;
	size_t of_file = 0;

	for (size_t i = 0; i < out->n; i++)
		of_file += out->v[i].name != NULL;
	if (of_file > 0)
		return of_file == w->conf->nnodes;
	return w->s->nargs == 0 && out->n > 1;
}

static int
finish(struct work *w, struct err *e)
{
	struct status_nodes *out = w->out;
	struct survey_node *n;

	if (out->n == 0) {
		out->unnamed = !w->base_named && getenv("PGHOST") == NULL &&
			       getenv("PGHOSTADDR") == NULL &&
			       getenv("PGSERVICE") == NULL;
		if ((n = add(out, e)) == NULL ||
		    fill(&n->conninfo, &w->base, true, e) == -1 ||
		    put_option(w, &n->conninfo, "port", "port", e) == -1 ||
		    put_option(w, &n->conninfo, "username", "user", e) == -1)
			return -1;
	}
	for (size_t i = 0; i < out->n; i++)
		if (fill(&out->v[i].conninfo, &w->base, false, e) == -1 ||
		    pg_conninfo_default_dbname(&out->v[i].conninfo, e) == -1)
			return -1;
	out->discover = w->s->nargs == 0;
	out->whole = is_whole(w);
	out->part = w->s->nargs > 0 && !out->whole;
	return 0;
}

int
status_nodes_find(const struct opt_set *s, const struct conf *conf,
    struct status_nodes *out, struct err *e)
{
	struct work w = {.s = s, .conf = conf, .out = out};
	int rc = -1;

	*out = (struct status_nodes){.n = 0};
	if (read_given(&w, e) == -1)
		goto out;
	/* A port, a service or a string alone: one server, not the file's. */
	if (w.given.n == 0 && w.base_named && s->nargs == 0 &&
	    !opt_get(s, "config")->set)
		rc = finish(&w, e);
	else if (read_file(&w, e) == 0 && join(&w, e) == 0)
		rc = finish(&w, e);
out:
	conninfo_free(&w.base);
	status_nodes_free(&w.given);
	if (rc == -1)
		status_nodes_free(out);
	return rc;
}

void
status_nodes_free(struct status_nodes *n)
{
	survey_node_free(&n->v, &n->n);
	*n = (struct status_nodes){.n = 0};
}
