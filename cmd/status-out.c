#include "base/std.h"
#include "core/text.h"
#include "io/outfile.h"
#include "io/table.h"
#include "status-out.h"

#include <locale.h>
#include <sys/ioctl.h>

bool
status_out_utf8(const struct status_opts *o)
{
	(void)setlocale(LC_CTYPE, "");
	if (table_utf8())
		return !o->ascii;
	/* Names may be wider than their bytes all the same. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	return false;
}

int
status_out_width(const struct status_opts *o)
{
	const char *columns = getenv("COLUMNS");
	struct winsize ws = {.ws_col = 0};
	bool tty = isatty(STDOUT_FILENO) == 1;
	long n = 0;

	if (o->output != NULL)
		return 0;
	if (tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	if (columns != NULL)
		n = strtol(columns, NULL, 10);
	if (n >= 20 && n <= 10000)
		return (int)n;
	return tty ? 80 : 0;
}

int
status_out_render(const struct status_opts *o, const struct status *s,
    const struct show_opts *how, struct buf *out, struct err *e)
{
	return o->show(s, how, out) == -1 || !buf_ok(out) ? err_set_nomem(e)
							  : 0;
}

int
status_out_write(
    const struct status_opts *o, const struct buf *b, struct err *e)
{
	if (o->output != NULL)
		return outfile_write(
		    o->output, 0644, false, buf_str(b), b->len, e);
	if (fwrite(buf_str(b), 1, b->len, stdout) != b->len)
		return err_set_errno(
		    e, ERR_IO, "could not write to standard output");
	return cli_end_stdout(e);
}

/* One line of the monitoring plugins: "|" would begin the performance data. */
static void
add_nagios(const struct err *e, struct buf *b)
{
	buf_adds(b, "REPLICATION UNKNOWN: ");
	for (const char *p = e->text; *p != '\0'; p++)
		buf_addc(b, *p == '|' || *p == '\n' ? ' ' : *p);
	buf_addc(b, '\n');
}

/* The same document as ever, with the error as the only problem. */
static void
add_document(
    const char *format, const char *cluster, const struct err *e, struct buf *b)
{
	struct buf message = BUF_INIT, hint = BUF_INIT;
	struct status_problem p = {
	    .id = err_name(e->code), .severity = SEV_UNKNOWN, .node = -1};
	struct status s = {.cluster = cluster == NULL ? NULL : strdup(cluster),
	    .time = (double)time(NULL),
	    .primary = -1,
	    .problems = &p,
	    .nproblems = 1,
	    .severity = SEV_UNKNOWN};
	struct show_opts how = {.limits = &verdict_default_limits,
	    .tool = STATUS_TOOL,
	    .version = PACKAGE_VERSION};

	buf_adds(&message, e->text);
	if (e->detail[0] != '\0')
		buf_addf(&message, ": %s", e->detail);
	buf_adds(&hint, e->hint);
	p.message = buf_steal(&message);
	p.hint = hint.len > 0 ? buf_steal(&hint) : NULL;
	buf_free(&hint);
	if (p.message == NULL || show_find(format)(&s, &how, b) == -1)
		buf_reset(b);
	free(s.cluster);
	free(p.message);
	free(p.hint);
}

void
status_out_failed(
    const struct status_asked *a, const char *cluster, const struct err *e)
{
	struct err mine = ERR_INIT;
	struct buf b = BUF_INIT;

	if (strcmp(a->format, "nagios") == 0)
		add_nagios(e, &b);
	else if (strcmp(a->format, "json") == 0 ||
		 strcmp(a->format, "prometheus") == 0)
		add_document(a->format, cluster, e, &b);
	if (!buf_ok(&b) || b.len == 0)
		goto out;
	if (a->output != NULL && e->code == ERR_IO) /* it may be that file */
		goto out;
	if (a->output == NULL)
		(void)fwrite(buf_str(&b), 1, b.len, stdout);
	else if (outfile_write(
		     a->output, 0644, false, buf_str(&b), b.len, &mine) == -1)
		cli_print("error", &mine);
out:
	buf_free(&b);
}

/* The argument of option -L or --name in argv[*i], also behind letters that
 * have none (-qFjson); moves *i over the next word when it is that. */
static const char *
argument_of(int argc, char *const *argv, int *i, char letter, const char *name)
{
	const char *a = argv[*i], *p;
	size_t n = strlen(name);

	if (strncmp(a, "--", 2) == 0) {
		if (strncmp(a + 2, name, n) != 0)
			return NULL;
		if (a[2 + n] == '=')
			return a + 3 + n;
		return a[2 + n] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
	}
	if (a[0] != '-')
		return NULL;
	p = a + 1 + strspn(a + 1, "qv");
	if (*p != letter)
		return NULL;
	if (p[1] != '\0')
		return p + 1;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

void
status_out_asked(int argc, char *const *argv, struct status_asked *a)
{
	const char *v;

	a->format = getenv("STANDBY_FORMAT");
	a->output = getenv("STANDBY_OUTPUT");
	a->primary = false;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--master", 8) == 0 ||
		    strncmp(argv[i], "--primary", 9) == 0)
			a->primary = true;
		else if (strcmp(argv[i], "--json") == 0)
			a->format = "json";
		else if ((v = argument_of(argc, argv, &i, 'F', "format")) !=
			 NULL)
			a->format = v;
		else if ((v = argument_of(argc, argv, &i, 'o', "output")) !=
			 NULL)
			a->output = v;
	}
	if (a->format == NULL)
		a->format = "";
	if (a->output != NULL && *a->output == '\0')
		a->output = NULL;
}
