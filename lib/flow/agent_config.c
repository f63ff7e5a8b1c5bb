/*
 * CONFIG: the files that the server of the opened directory is configured by,
 * wherever they are (Debian: /etc/postgresql).  The client names nothing: where
 * the first file is stands in postmaster.opts, which the server wrote at its
 * last start, and the others are named by that one.
 */
#include "base/std.h"
#include "core/pgver.h"
#include "flow/agent_int.h"
#include "flow/confread.h"

#define OPTIONS_FILE "postmaster.opts"
#define OPTIONS_MAX (64u * 1024)
#define MAIN_NAME "postgresql.conf"

enum place { PLACE_CONFIG, PLACE_HBA, PLACE_IDENT, PLACE_DATA, NPLACES };

static const char *const place_names[NPLACES] = {
    "config_file", "hba_file", "ident_file", "data_directory"};

struct config {
	struct agent *a;
	int version;
	struct confread reader;
	struct buf dir;           /* -D */
	struct buf path[NPLACES]; /* "": not set */
	struct buf line[NPLACES]; /* on the command line, which beats files */
	bool sending;
	unsigned sent;
};

/* --- postmaster.opts ------------------------------------------------------ */

/* "name=value", as -c has it and behind "--", where '-' stands for '_'. */
static void
take_option(struct config *g, const char *text)
{
	size_t n = strcspn(text, "=");

	for (size_t i = 0; i < NPLACES && text[n] == '='; i++) {
		size_t k = 0;

		while (k < n &&
		       (text[k] == '-' ? '_' : text[k]) == place_names[i][k])
			k++;
		if (k != n || place_names[i][k] != '\0')
			continue;
		buf_reset(&g->line[i]);
		buf_adds(&g->line[i], text + n + 1);
	}
}

static void
take_word(struct config *g, const char **before, const char *word)
{
	const char *option = *before;

	*before = NULL;
	if (option != NULL && strcmp(option, "-c") == 0) {
		take_option(g, word);
	} else if (option != NULL) {
		buf_reset(&g->dir);
		buf_adds(&g->dir, word);
	} else if (strcmp(word, "-c") == 0) {
		*before = "-c";
	} else if (strcmp(word, "-D") == 0) {
		*before = "-D";
	} else if (strncmp(word, "--", 2) == 0) {
		take_option(g, word + 2);
	} else if (strncmp(word, "-c", 2) == 0) {
		take_option(g, word + 2);
	} else if (strncmp(word, "-D", 2) == 0) {
		buf_reset(&g->dir);
		buf_adds(&g->dir, word + 2);
	}
}

/* The program, then each word in double quotes; quotes within a word are not
 * marked, so that such a word is read wrong: the checks below remain. */
static int
read_options(struct config *g, struct err *e)
{
	struct buf text = BUF_INIT, word = BUF_INIT;
	const char *before = NULL, *p;

	if (tree_read_file(g->a->t, OPTIONS_FILE, OPTIONS_MAX, &text) == -1 &&
	    errno != ENOENT) {
		(void)err_set_errno(e, ERR_SOURCE_IO,
		    "could not read file \"%s/" OPTIONS_FILE "\"",
		    tree_path(g->a->t));
		buf_free(&text);
		return -1;
	}
	p = strstr(buf_str(&text), " \"");
	while (p != NULL) {
		size_t n = strcspn(p + 2, "\"");

		buf_reset(&word);
		buf_add(&word, p + 2, n);
		take_word(g, &before, buf_str(&word));
		p = strstr(p + 2 + n, " \"");
	}
	buf_free(&text);
	buf_free(&word);
	return 0;
}

/* --- the files ------------------------------------------------------------ */

static int
send_file(struct config *g, uint8_t kind, const char *path, const char *data,
    size_t n, struct err *e)
{
	struct wire_config_file f = {.kind = kind,
	    .mode = kind == WIRE_CONFIG_END ? 0 : g->reader.st.st_mode & 0777,
	    .path = {path, strlen(path)},
	    .data = {data, n}};
	struct buf b = BUF_INIT;
	int rc;

	wire_encode_config_file(&b, &f);
	g->a->bytes_read += n;
	g->sent++;
	rc = buf_ok(&b) ? chan_send_buf(g->a->c, WIRE_CONFIG_FILE, &b, e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc == -1 ? -1 : agent_io_tick(g->a, e);
}

/* Settings are noted; files are sent in the second walk, when it is known that
 * this is the configuration of this directory. */
static int
take_line(void *arg, const struct confwalk_line *l, struct err *e)
{
	struct config *g = arg;

	if (g->sending && l->kind != CONFWALK_FILE)
		return 0;
	if (g->sending)
		return send_file(g,
		    g->sent == 0 ? WIRE_CONFIG_MAIN : WIRE_CONFIG_INCLUDED,
		    l->file, l->text, l->len, e);
	/* Not config_file: no file may say where it is. */
	for (size_t i = PLACE_HBA; l->kind == CONFWALK_SETTING && i < NPLACES;
	     i++)
		if (strcasecmp(l->name, place_names[i]) == 0) {
			buf_reset(&g->path[i]);
			buf_adds(&g->path[i], l->value);
		}
	return 0;
}

static int
send_one(struct config *g, uint8_t kind, const char *path, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = confread_file(&g->reader, path, &text, e);

	if (rc == 1)
		rc = send_file(g, kind, path, buf_str(&text), text.len, e);
	buf_free(&text);
	return rc;
}

/* The same directory?  A file of another cluster must not go out. */
static int
check_owner(struct config *g, struct err *e)
{
	const char *dir = buf_str(&g->path[PLACE_DATA]);
	struct stat st, own;

	if (dir[0] == '\0' ||
	    (stat(dir, &st) == 0 && fstat(tree_fd(g->a->t), &own) == 0 &&
		st.st_dev == own.st_dev && st.st_ino == own.st_ino))
		return 0;
	return err_set(e, ERR_SETTING,
	    "configuration \"%s\" is of data directory \"%s\", not of \"%s\"",
	    buf_str(&g->path[PLACE_CONFIG]), dir, tree_path(g->a->t));
}

/* What the files say, or the command line; a default beside -D. */
static int
find_place(struct config *g, size_t i, const char *name, struct err *e)
{
	struct buf *p = &g->path[i];

	if (g->line[i].len > 0) {
		buf_reset(p);
		buf_adds(p, buf_str(&g->line[i]));
	}
	if (p->len == 0)
		buf_addf(p, "%s/%s", buf_str(&g->dir), name);
	if (!buf_ok(p))
		return err_set_nomem(e);
	if (buf_str(p)[0] == '/')
		return 0;
	return err_set(e, ERR_SETTING,
	    "%s of the server in \"%s\" is \"%s\", not an absolute path",
	    place_names[i], tree_path(g->a->t), buf_str(p));
}

/* postgresql.auto.conf lies in the data directory wherever the others are, and
 * is read last. */
static int
walk_auto(struct config *g, const struct confwalk_io *io, struct err *e)
{
	const char *name = pgver(g->version, PGFACT_AUTO_CONF);
	struct buf path = BUF_INIT;
	int rc = 0;

	buf_addf(&path, "%s/%s", tree_path(g->a->t), name == NULL ? "" : name);
	if (name != NULL && access(buf_str(&path), F_OK) == 0)
		rc = confwalk(io, buf_str(&path), g->version, take_line, g, e);
	buf_free(&path);
	return rc;
}

static int
serve(struct config *g, struct err *e)
{
	struct confwalk_io io = confread_io(&g->reader);
	const char *main_file;

	if (read_options(g, e) == -1)
		return -1;
	if (buf_str(&g->dir)[0] != '/') {
		buf_reset(&g->dir);
		buf_adds(&g->dir, tree_path(g->a->t));
	}
	if (find_place(g, PLACE_CONFIG, MAIN_NAME, e) == -1)
		return -1;
	main_file = buf_str(&g->path[PLACE_CONFIG]);
	if (confwalk(&io, main_file, g->version, take_line, g, e) == -1 ||
	    walk_auto(g, &io, e) == -1 || check_owner(g, e) == -1 ||
	    find_place(g, PLACE_HBA, "pg_hba.conf", e) == -1 ||
	    find_place(g, PLACE_IDENT, "pg_ident.conf", e) == -1)
		return -1;
	g->reader.files = 0;
	g->sending = true;
	if (confwalk(&io, main_file, g->version, take_line, g, e) == -1 ||
	    send_one(g, WIRE_CONFIG_HBA, buf_str(&g->path[PLACE_HBA]), e) ==
		-1 ||
	    send_one(g, WIRE_CONFIG_IDENT, buf_str(&g->path[PLACE_IDENT]), e) ==
		-1)
		return -1;
	return send_file(g, WIRE_CONFIG_END, "", NULL, 0, e);
}

int
agent_config(struct agent *a, struct err *e)
{
	struct config g = {.a = a, .version = a->version};
	int rc;

	if (a->req.len != 0)
		return err_set(e, ERR_PROTOCOL, "CONFIG has a payload");
	rc = serve(&g, e);
	buf_free(&g.dir);
	for (size_t i = 0; i < NPLACES; i++) {
		buf_free(&g.path[i]);
		buf_free(&g.line[i]);
	}
	return rc;
}
