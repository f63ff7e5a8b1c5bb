#include "base/std.h"

#include <libconfig.h>

#include "base/buf.h"
#include "core/text.h"
#include "io/conf.h"

#define SYSTEM_FILE "/etc/standby/standby.conf"
#define USER_FILE "standby/standby.conf"
#define SECTION_KEYS_MAX 64

enum kind {
	KIND_TEXT,
	KIND_QUANTITY, /* text with a unit: never a bare number */
	KIND_COUNT,    /* small whole number */
	KIND_EITHER,   /* count, or text such as "50%" */
	KIND_NUMBER,   /* whole or not, not negative */
	KIND_BOOL,
	KIND_LIST /* texts, or one text */
};

/* Every key of the file.  section "": at the top; "nodes": in each node. */
static const struct key {
	const char *section, *name;
	enum kind kind;
	const char *example; /* for the hint when the kind is wrong */
} schema[] = {
    {"", "cluster", KIND_TEXT, "\"main\""},
    {"", "event_command", KIND_TEXT, "\"/etc/standby/notify.sh\""},

    {"defaults", "user", KIND_TEXT, "\"repl\""},
    {"defaults", "dbname", KIND_TEXT, "\"postgres\""},
    {"defaults", "port", KIND_COUNT, "5432"},
    {"defaults", "service", KIND_TEXT, "\"main\""},
    {"defaults", "pgdata", KIND_TEXT, "\"/var/lib/postgresql/15/main\""},
    {"defaults", "bindir", KIND_TEXT, "\"/usr/lib/postgresql/15/bin\""},
    {"defaults", "ssh_user", KIND_TEXT, "\"postgres\""},
    {"defaults", "ssh_identity", KIND_TEXT, "\"/path/id_ed25519\""},
    {"defaults", "known_hosts", KIND_TEXT, "\"/path/known_hosts\""},
    {"defaults", "transport", KIND_TEXT, "\"auto\""},
    {"defaults", "ssh_command", KIND_TEXT, "\"ssh\""},
    {"defaults", "agent", KIND_TEXT, "\"/path/standby-agent\""},
    {"defaults", "replication_user", KIND_TEXT, "\"repl\""},
    {"defaults", "start", KIND_TEXT, "\"pg_ctlcluster 15 main start\""},
    {"defaults", "stop", KIND_TEXT, "\"pg_ctlcluster 15 main stop\""},
    {"defaults", "timeout", KIND_QUANTITY, "\"60s\""},
    {"defaults", "color", KIND_TEXT, "\"auto\""},
    {"defaults", "log", KIND_TEXT, "\"stderr\""},

    {"nodes", "name", KIND_TEXT, "\"node1\""},
    {"nodes", "conninfo", KIND_TEXT, "\"host=db1 port=5432\""},
    {"nodes", "pgdata", KIND_TEXT, "\"/var/lib/postgresql/15/main\""},
    {"nodes", "weight", KIND_NUMBER, "1"},
    {"nodes", "slot", KIND_TEXT, "\"node1\""},
    {"nodes", "upstream", KIND_TEXT, "\"node2\""},
    {"nodes", "promote", KIND_BOOL, "true"},
    {"nodes", "ssh", KIND_TEXT, "\"postgres@db1:22\""},
    {"nodes", "bindir", KIND_TEXT, "\"/usr/lib/postgresql/15/bin\""},
    {"nodes", "start", KIND_TEXT, "\"pg_ctlcluster 15 main start\""},
    {"nodes", "stop", KIND_TEXT, "\"pg_ctlcluster 15 main stop\""},

    {"clone", "exclude", KIND_LIST, "[ \"*.bak\" ]"},
    {"clone", "keep", KIND_LIST, "[ \"postgresql.conf\" ]"},
    {"clone", "tablespace_mapping", KIND_LIST, "[ \"/old=/new\" ]"},
    {"clone", "max_rate", KIND_QUANTITY, "\"80MB\""},
    {"clone", "jobs", KIND_COUNT, "4"},
    {"clone", "compress", KIND_TEXT, "\"auto\""},
    {"clone", "pages", KIND_TEXT, "\"auto\""},
    {"clone", "checkpoint", KIND_TEXT, "\"fast\""},
    {"clone", "label", KIND_TEXT, "\"standby-clone\""},
    {"clone", "wal", KIND_TEXT, "\"auto\""},
    {"clone", "waldir", KIND_TEXT, "\"/wal/main\""},
    {"clone", "slot", KIND_TEXT, "\"node1\""},
    {"clone", "upstream", KIND_TEXT, "\"host=db2\""},
    {"clone", "create_slot", KIND_BOOL, "true"},
    {"clone", "no_slot", KIND_BOOL, "true"},
    {"clone", "ssh", KIND_TEXT, "\"postgres@db1:22\""},
    {"clone", "ssh_identity", KIND_TEXT, "\"/path/id_ed25519\""},
    {"clone", "known_hosts", KIND_TEXT, "\"/path/known_hosts\""},
    {"clone", "host_fingerprint", KIND_TEXT, "\"SHA256:...\""},
    {"clone", "transport", KIND_TEXT, "\"auto\""},
    {"clone", "ssh_command", KIND_TEXT, "\"ssh\""},
    {"clone", "agent", KIND_TEXT, "\"/path/standby-agent\""},
    {"clone", "push_agent", KIND_BOOL, "true"},
    {"clone", "source_pgdata", KIND_TEXT, "\"/srv/pgdata\""},
    {"clone", "trigger_file", KIND_TEXT, "\"/path/trigger\""},
    {"clone", "restore_command", KIND_TEXT, "\"cp /archive/%f %p\""},
    {"clone", "recovery_min_apply_delay", KIND_QUANTITY, "\"5min\""},
    {"clone", "application_name", KIND_TEXT, "\"node1\""},
    {"clone", "replication_user", KIND_TEXT, "\"repl\""},
    {"clone", "start_command", KIND_TEXT, "\"pg_ctlcluster 15 main start\""},
    {"clone", "stop_command", KIND_TEXT, "\"pg_ctlcluster 15 main stop\""},
    {"clone", "no_start", KIND_BOOL, "true"},
    {"clone", "no_wait", KIND_BOOL, "true"},
    {"clone", "no_sync", KIND_BOOL, "true"},
    {"clone", "checksum", KIND_BOOL, "true"},
    {"clone", "verify", KIND_BOOL, "true"},
    {"clone", "no_verify_checksums", KIND_BOOL, "true"},
    {"clone", "progress", KIND_TEXT, "\"auto\""},
    {"clone", "copy_external_config", KIND_BOOL, "true"},
    {"clone", "itemize_changes", KIND_BOOL, "true"},
    {"clone", "stats", KIND_BOOL, "true"},
    {"clone", "max_delete", KIND_EITHER, "\"50%\""},
    {"clone", "timeout", KIND_QUANTITY, "\"2h\""},
    {"clone", "color", KIND_TEXT, "\"auto\""},
    {"clone", "log", KIND_TEXT, "\"stderr\""},

    {"promote", "timeout", KIND_QUANTITY, "\"60s\""},
    {"promote", "max_lag", KIND_QUANTITY, "\"16MB\""},
    {"promote", "fence", KIND_TEXT, "\"/etc/standby/fence.sh\""},
    {"promote", "trust_pgpool", KIND_BOOL, "false"},
    {"promote", "witness", KIND_LIST, "[ \"gw1\" ]"},
    {"promote", "candidate", KIND_TEXT, "\"best\""},
    {"promote", "siblings_follow", KIND_BOOL, "true"},

    {"status", "warning", KIND_QUANTITY, "\"16MB,30s\""},
    {"status", "critical", KIND_QUANTITY, "\"128MB,5min\""},
    {"status", "min_standbys", KIND_COUNT, "1"},
    {"status", "timeout", KIND_QUANTITY, "\"5s\""},

    {"agent", "operate", KIND_BOOL, "false"},

    {"pool", "conninfo", KIND_TEXT, "\"host=pool1 port=9999\""},
    {"pool", "version", KIND_TEXT, "\"4.3\""},
};

static const char *const kind_names[] = {
    [KIND_TEXT] = "text in quotes",
    [KIND_QUANTITY] = "text in quotes, with a unit",
    [KIND_COUNT] = "a whole number that is not negative",
    [KIND_EITHER] = "a whole number or text in quotes",
    [KIND_NUMBER] = "a number that is not negative",
    [KIND_BOOL] = "true or false",
    [KIND_LIST] = "an array of texts",
};

/* --- messages ------------------------------------------------------------ */

/* Of the file in hand: settings of an included file name that one. */
static const char *
file_of(const struct conf *c, const config_setting_t *s)
{
	const char *file = config_setting_source_file(s);

	return file != NULL ? file : c->file;
}

static int
line_of(const config_setting_t *s)
{
	return (int)config_setting_source_line(s);
}

static int
unknown_key(const struct conf *c, const config_setting_t *s,
    const char *section, struct err *e)
{
	const char *words[SECTION_KEYS_MAX] = {NULL}, *near;
	size_t n = 0;

	for (size_t i = 0; i < NELEM(schema); i++) {
		const char *word = schema[i].name;

		if (*section == '\0' && *schema[i].section != '\0')
			word = schema[i].section;
		else if (strcmp(schema[i].section, section) != 0)
			continue;
		if ((n == 0 || words[n - 1] != word) && n < NELEM(words))
			words[n++] = word;
	}
	(void)err_set(e, ERR_CONFIG, "%s:%d: unknown key \"%s\"%s%s",
	    file_of(c, s), line_of(s), config_setting_name(s),
	    *section == '\0' ? "" : " in ", section);
	near = text_nearest(config_setting_name(s), words, n);
	if (near != NULL)
		(void)err_hint(e, "Did you mean \"%s\"?", near);
	return -1;
}

static int
wrong_kind(const struct conf *c, const config_setting_t *s, const struct key *k,
    struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "%s:%d: \"%s\" must be %s", file_of(c, s),
	    line_of(s), k->name, kind_names[k->kind]);
	return err_hint(e, "Write for example: %s = %s;", k->name, k->example);
}

static int
wrong_shape(const struct conf *c, const config_setting_t *s, const char *what,
    const char *example, struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "%s:%d: \"%s\" must be %s", file_of(c, s),
	    line_of(s), config_setting_name(s), what);
	return err_hint(e, "Write for example: %s", example);
}

/* --- values -------------------------------------------------------------- */

static bool
is_text(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_STRING;
}

/* A whole number 0 .. INT_MAX as text; with its own memory, or NULL: it is
 * none (or no memory, which *nomem tells). */
static char *
count_text(const config_setting_t *s, bool *nomem)
{
	long long v = -1;
	char text[24], *copy;

	if (config_setting_type(s) == CONFIG_TYPE_INT)
		v = config_setting_get_int(s);
	else if (config_setting_type(s) == CONFIG_TYPE_INT64)
		v = config_setting_get_int64(s);
	if (v < 0 || v > INT_MAX)
		return NULL;
	(void)snprintf(text, sizeof(text), "%lld", v);
	if ((copy = strdup(text)) == NULL)
		*nomem = true;
	return copy;
}

/* The text of a scalar of the kind wanted. */
static char *
scalar_text(const config_setting_t *s, enum kind kind, bool *nomem)
{
	const char *text = NULL;
	char *copy;

	switch (kind) {
	case KIND_EITHER:
		if (!is_text(s))
			return count_text(s, nomem);
		/* FALLTHROUGH */
	case KIND_TEXT:
	case KIND_QUANTITY:
	case KIND_LIST:
		if (is_text(s))
			text = config_setting_get_string(s);
		break;
	case KIND_BOOL:
		if (config_setting_type(s) == CONFIG_TYPE_BOOL)
			text = config_setting_get_bool(s) ? "true" : "false";
		break;
	case KIND_COUNT:
	case KIND_NUMBER: /* of nodes only, which keep the number itself */
		return count_text(s, nomem);
	}
	if (text == NULL)
		return NULL;
	if ((copy = strdup(text)) == NULL)
		*nomem = true;
	return copy;
}

/* Takes text over. */
static int
add_value(struct conf *c, const config_setting_t *s, const struct key *k,
    char *text, struct err *e)
{
	struct conf_value *more, *v;
	struct buf key = BUF_INIT, from = BUF_INIT;

	more = realloc(c->values, (c->nvalues + 1) * sizeof(*more));
	if (more == NULL) {
		free(text);
		return err_set_nomem(e);
	}
	c->values = more;
	v = &more[c->nvalues++];
	buf_addf(&key, "%s%s%s", k->section, *k->section == '\0' ? "" : ".",
	    k->name);
	buf_addf(&from, "%s:%d", file_of(c, s), line_of(s));
	*v = (struct conf_value){.key = buf_steal(&key),
	    .text = text,
	    .from = buf_steal(&from),
	    .line = line_of(s)};
	return v->key == NULL || v->from == NULL ? err_set_nomem(e) : 0;
}

static int
read_scalar(struct conf *c, const config_setting_t *s, const struct key *k,
    struct err *e)
{
	bool nomem = false;
	char *text = scalar_text(s, k->kind, &nomem);

	if (nomem)
		return err_set_nomem(e);
	if (text == NULL)
		return wrong_kind(c, s, k, e);
	return add_value(c, s, k, text, e);
}

static int
read_key(struct conf *c, const config_setting_t *s, const struct key *k,
    struct err *e)
{
	int type = config_setting_type(s);

	if (k->kind != KIND_LIST ||
	    (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST))
		return read_scalar(c, s, k, e);
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *one =
		    config_setting_get_elem(s, (unsigned)i);

		if (!is_text(one))
			return wrong_kind(c, s, k, e);
		if (read_scalar(c, one, k, e) == -1)
			return -1;
	}
	return 0;
}

static const struct key *
find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < NELEM(schema); i++)
		if (strcmp(schema[i].section, section) == 0 &&
		    strcmp(schema[i].name, name) == 0)
			return &schema[i];
	return NULL;
}

static bool
is_section(const char *name)
{
	for (size_t i = 0; i < NELEM(schema); i++)
		if (strcmp(schema[i].section, name) == 0)
			return *name != '\0';
	return false;
}

/* --- nodes --------------------------------------------------------------- */

/* Where a text of a node goes. */
static char **
node_text(struct conf_node *n, const char *name)
{
	const struct {
		const char *name;
		char **to;
	} texts[] = {
	    {"name", &n->name},
	    {"conninfo", &n->conninfo},
	    {"pgdata", &n->pgdata},
	    {"slot", &n->slot},
	    {"upstream", &n->upstream},
	    {"ssh", &n->ssh},
	    {"bindir", &n->bindir},
	    {"start", &n->start},
	    {"stop", &n->stop},
	};

	for (size_t i = 0; i < NELEM(texts); i++)
		if (strcmp(texts[i].name, name) == 0)
			return texts[i].to;
	return NULL;
}

/* config_setting_get_float alone would take no integer. */
static int
read_weight(const config_setting_t *s, double *weight)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
		*weight = config_setting_get_int(s);
		break;
	case CONFIG_TYPE_FLOAT:
		*weight = config_setting_get_float(s);
		break;
	default:
		return -1;
	}
	return *weight >= 0 ? 0 : -1;
}

static int
read_node_key(struct conf *c, struct conf_node *n, const config_setting_t *s,
    struct err *e)
{
	const struct key *k = find_key("nodes", config_setting_name(s));
	char **to;

	if (k == NULL)
		return unknown_key(c, s, "nodes", e);
	if (k->kind == KIND_NUMBER)
		return read_weight(s, &n->weight) == 0 ? 0
						       : wrong_kind(c, s, k, e);
	if (k->kind == KIND_BOOL) {
		if (config_setting_type(s) != CONFIG_TYPE_BOOL)
			return wrong_kind(c, s, k, e);
		n->promote = config_setting_get_bool(s) != 0;
		return 0;
	}
	if (!is_text(s) || (to = node_text(n, k->name)) == NULL)
		return wrong_kind(c, s, k, e);
	*to = strdup(config_setting_get_string(s));
	return *to == NULL ? err_set_nomem(e) : 0;
}

static int
read_node(struct conf *c, const config_setting_t *s, struct err *e)
{
	struct conf_node *n = &c->nodes[c->nnodes];

	if (config_setting_type(s) != CONFIG_TYPE_GROUP) {
		(void)err_set(e, ERR_CONFIG, "%s:%d: a node must be a group",
		    file_of(c, s), line_of(s));
		return err_hint(e, "Write for example: { name = \"node1\"; }");
	}
	c->nnodes++;
	n->weight = 1;
	n->promote = true;
	n->line = line_of(s);
	for (int i = 0; i < config_setting_length(s); i++)
		if (read_node_key(
			c, n, config_setting_get_elem(s, (unsigned)i), e) == -1)
			return -1;
	if (n->name != NULL && *n->name != '\0')
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s:%d: a node needs a name",
	    file_of(c, s), line_of(s));
	return err_hint(e, "Write for example: name = \"node1\";");
}

/* Names are unique; upstreams are nodes, and nobody is above itself. */
static int
check_node(const struct conf *c, const struct conf_node *n, struct err *e)
{
	const struct conf_node *up = n;

	if (conf_find_node(c, n->name) != n)
		return err_set(e, ERR_CONFIG,
		    "%s:%d: node \"%s\" stands there twice", c->file, n->line,
		    n->name);
	for (size_t i = 0; i <= c->nnodes && up->upstream != NULL; i++) {
		const char *name = up->upstream;

		if ((up = conf_find_node(c, name)) == NULL)
			return err_set(e, ERR_CONFIG,
			    "%s:%d: upstream \"%s\" of node \"%s\" is not a "
			    "node",
			    c->file, n->line, name, n->name);
		if (up == n)
			return err_set(e, ERR_CONFIG,
			    "%s:%d: node \"%s\" is its own upstream", c->file,
			    n->line, n->name);
	}
	return 0;
}

static int
read_nodes(struct conf *c, const config_setting_t *s, struct err *e)
{
	int n = config_setting_length(s);

	if (config_setting_type(s) != CONFIG_TYPE_LIST)
		return wrong_shape(c, s, "a list of groups",
		    "nodes = ( { name = \"node1\"; } );", e);
	if ((c->nodes = calloc((size_t)n + 1, sizeof(*c->nodes))) == NULL)
		return err_set_nomem(e);
	for (int i = 0; i < n; i++)
		if (read_node(c, config_setting_get_elem(s, (unsigned)i), e) ==
		    -1)
			return -1;
	for (size_t i = 0; i < c->nnodes; i++)
		if (check_node(c, &c->nodes[i], e) == -1)
			return -1;
	return 0;
}

/* --- the file ------------------------------------------------------------ */

static int
read_section(struct conf *c, const config_setting_t *s, const char *section,
    struct err *e)
{
	char example[64];

	if (config_setting_type(s) != CONFIG_TYPE_GROUP) {
		(void)snprintf(
		    example, sizeof(example), "%s : { ... };", section);
		return wrong_shape(c, s, "a group", example, e);
	}
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *one =
		    config_setting_get_elem(s, (unsigned)i);
		const struct key *k =
		    find_key(section, config_setting_name(one));

		if (k == NULL)
			return unknown_key(c, one, section, e);
		if (read_key(c, one, k, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_top(struct conf *c, const config_setting_t *s, struct err *e)
{
	const char *name = config_setting_name(s), *cluster;
	const struct key *k = find_key("", name);

	if (strcmp(name, "nodes") == 0)
		return read_nodes(c, s, e);
	if (k == NULL)
		return is_section(name) ? read_section(c, s, name, e)
					: unknown_key(c, s, "", e);
	if (read_key(c, s, k, e) == -1)
		return -1;
	cluster = conf_get(c, "cluster");
	if (cluster != NULL && c->cluster == NULL &&
	    (c->cluster = strdup(cluster)) == NULL)
		return err_set_nomem(e);
	return 0;
}

/* Open for reading what only its owner may write.  Returns NULL with e set, or
 * without when a file that may be missing is missing. */
static FILE *
open_checked(const char *path, bool optional, struct err *e)
{
	struct stat st;
	FILE *f = NULL;
	/* O_NONBLOCK: a FIFO must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1) {
		if (!optional || (errno != ENOENT && errno != ENOTDIR))
			(void)err_set_errno(e, ERR_CONFIG,
			    "could not open configuration file \"%s\"", path);
		return NULL;
	}
	if (fstat(fd, &st) == -1) {
		(void)err_set_errno(e, ERR_CONFIG,
		    "could not stat configuration file \"%s\"", path);
	} else if (!S_ISREG(st.st_mode)) {
		(void)err_set(e, ERR_CONFIG,
		    "configuration file \"%s\" is not a regular file", path);
	} else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		(void)err_set(e, ERR_CONFIG,
		    "configuration file \"%s\" may be written by group or "
		    "others (mode %04o)",
		    path, (unsigned)st.st_mode & 07777);
		(void)err_hint(e, "Type:");
		(void)err_command(e, "chmod go-w \"%s\"", path);
	} else if ((f = fdopen(fd, "r")) == NULL) {
		(void)err_set_errno(e, ERR_CONFIG,
		    "could not read configuration file \"%s\"", path);
	}
	if (f == NULL)
		(void)close(fd);
	return f;
}

/* @include paths are relative to the file, not to where we were started. */
static int
set_include_dir(config_t *cfg, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir;

	if (slash == NULL)
		return 0;
	dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (dir == NULL)
		return err_set_nomem(e);
	config_set_include_dir(cfg, dir);
	free(dir);
	return 0;
}

static int
read_stream(struct conf *c, FILE *f, struct err *e)
{
	const config_setting_t *root;
	const char *file;
	config_t cfg;
	int rc = -1;

	config_init(&cfg);
	if (set_include_dir(&cfg, c->file, e) == -1)
		goto out;
	if (config_read(&cfg, f) != CONFIG_TRUE) {
		file = config_error_file(&cfg);
		(void)err_set(e, ERR_CONFIG, "%s:%d: %s",
		    file != NULL ? file : c->file, config_error_line(&cfg),
		    config_error_text(&cfg) != NULL ? config_error_text(&cfg)
						    : "could not read");
		goto out;
	}
	root = config_root_setting(&cfg);
	for (int i = 0; i < config_setting_length(root); i++)
		if (read_top(
			c, config_setting_get_elem(root, (unsigned)i), e) == -1)
			goto out;
	rc = 0;
out:
	config_destroy(&cfg);
	return rc;
}

/* 1: read, 0: a file that may be missing is, -1. */
static int
read_file(struct conf *c, const char *path, bool optional, struct err *e)
{
	struct err mine = ERR_INIT;
	FILE *f = open_checked(path, optional, e != NULL ? e : &mine);
	int rc = -1;

	if (f == NULL)
		return err_is_set(e != NULL ? e : &mine) ? -1 : 0;
	if ((c->file = strdup(path)) == NULL)
		(void)err_set_nomem(e);
	else if (read_stream(c, f, e) == 0)
		rc = 1;
	(void)fclose(f);
	if (rc == -1)
		conf_free(c);
	return rc;
}

/* The user's own file: $XDG_CONFIG_HOME, else ~/.config; "" when neither. */
static void
user_path(struct buf *path)
{
	const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (dir != NULL && *dir != '\0')
		buf_addf(path, "%s/" USER_FILE, dir);
	else if (home != NULL && *home != '\0')
		buf_addf(path, "%s/.config/" USER_FILE, home);
}

int
conf_read(struct conf *c, const char *given, struct err *e)
{
	struct buf path = BUF_INIT;
	int rc = 0;

	*c = (struct conf){.file = NULL};
	if (given == NULL)
		given = getenv("STANDBY_CONFIG");
	if (given != NULL && *given != '\0')
		return read_file(c, given, false, e) == -1 ? -1 : 0;
	user_path(&path);
	if (!buf_ok(&path))
		rc = err_set_nomem(e);
	else if (path.len > 0)
		rc = read_file(c, buf_str(&path), true, e);
	if (rc == 0)
		rc = read_file(c, SYSTEM_FILE, true, e);
	buf_free(&path);
	return rc == -1 ? -1 : 0;
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->nnodes; i++) {
		struct conf_node *n = &c->nodes[i];
		char *texts[] = {n->name, n->conninfo, n->pgdata, n->slot,
		    n->upstream, n->ssh, n->bindir, n->start, n->stop};

		for (size_t k = 0; k < NELEM(texts); k++)
			free(texts[k]);
	}
	for (size_t i = 0; i < c->nvalues; i++) {
		free(c->values[i].key);
		free(c->values[i].text);
		free(c->values[i].from);
	}
	free(c->nodes);
	free(c->values);
	free(c->cluster);
	free(c->file);
	*c = (struct conf){.file = NULL};
}

const struct conf_node *
conf_find_node(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->nnodes; i++)
		if (strcmp(c->nodes[i].name, name) == 0)
			return &c->nodes[i];
	return NULL;
}

const char *
conf_get(const struct conf *c, const char *key)
{
	for (size_t i = 0; i < c->nvalues; i++)
		if (strcmp(c->values[i].key, key) == 0)
			return c->values[i].text;
	return NULL;
}
