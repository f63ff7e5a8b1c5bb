/*
 * CONFIG: the files that the server of the opened directory is configured by,
 * wherever they are (Debian: /etc/postgresql).  The client names nothing: where
 * the first file is stands in the command line of the server, or that of its
 * last start (postmaster.opts), and the others are named by that one.
 */
#include "base/std.h"
#include "core/hbafile.h"
#include "core/pgver.h"
#include "flow/agent_int.h"
#include "flow/confread.h"
#include "flow/pidfile.h"
#include "flow/server.h"
#include "flow/server_local.h"

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
	struct buf words;         /* the command line, which beats files */
	bool sending;
	uint8_t table; /* kind of the next file of a table */
	unsigned sent;
};

/* --- its command line ----------------------------------------------------- */

/* The process itself tells it best: the file does not mark quotes. */
static bool
ask_process(struct config *g)
{
	int fd = tree_fd(g->a->t);
	struct pidfile p;
	char *text;

	if (pidfile_read(fd, &p, NULL) != 1 || !server_has_process(fd, p.pid) ||
	    (text = buf_reserve(&g->words, OPTIONS_MAX)) == NULL)
		return false;
	g->words.len = server_local_cmdline(p.pid, text, OPTIONS_MAX);
	/* Cut off, or gone meanwhile. */
	return g->words.len > 0 && g->words.len < OPTIONS_MAX - 1;
}

/* Else what it noted at its last start. */
static int
read_options(struct config *g, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	if (ask_process(g))
		return 0;
	buf_reset(&g->words);
	if (tree_read_file(g->a->t, OPTIONS_FILE, OPTIONS_MAX, &text) == 0)
		pidfile_options(buf_str(&text), &g->words);
	else if (errno != ENOENT)
		rc = err_set_errno(e, ERR_SOURCE_IO,
		    "could not read file \"%s/" OPTIONS_FILE "\"",
		    tree_path(g->a->t));
	if (rc == 0 && !buf_ok(&g->words))
		rc = err_set_nomem(e);
	buf_free(&text);
	return rc;
}

static const char *
option(const struct config *g, char letter, const char *name)
{
	return server_local_option(
	    buf_str(&g->words), g->words.len, letter, name);
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
take_table(void *arg, const struct hbafile_line *l, struct err *e)
{
	struct config *g = arg;
	uint8_t kind = g->table;

	if (l->kind != HBAFILE_FILE)
		return 0;
	g->table = WIRE_CONFIG_NAMED;
	return send_file(g, kind, l->file, l->text, l->len, e);
}

/* pg_hba.conf or pg_ident.conf, if it is there, and then what it names. */
static int
send_table(struct config *g, const struct confwalk_io *io, uint8_t kind,
    enum place place, struct err *e)
{
	g->table = kind;
	return hbafile_walk(
	    io, buf_str(&g->path[place]), g->version, take_table, g, e);
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
	const char *said = option(g, 0, place_names[i]);
	struct buf *p = &g->path[i];

	if (said != NULL && said[0] != '\0') {
		buf_reset(p);
		buf_adds(p, said);
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
	const char *main_file, *dir;

	if (read_options(g, e) == -1)
		return -1;
	dir = option(g, 'D', NULL);
	buf_adds(
	    &g->dir, dir != NULL && dir[0] == '/' ? dir : tree_path(g->a->t));
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
	    send_table(g, &io, WIRE_CONFIG_HBA, PLACE_HBA, e) == -1 ||
	    send_table(g, &io, WIRE_CONFIG_IDENT, PLACE_IDENT, e) == -1)
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
	buf_free(&g.words);
	for (size_t i = 0; i < NPLACES; i++)
		buf_free(&g.path[i]);
	return rc;
}
