#include "base/std.h"
#include "base/log.h"
#include "core/text.h"
#include "status-options.h"

#define HEAD(text)                                                             \
	{                                                                      \
		.kind = OPT_HEADING, .name = text                              \
	}
#define WATCH_MIN_MS 100
#define FEW_BYTES 1024 /* nobody means bytes */

const struct opt status_options[] = {
    HEAD("Who is asked"),
    {.kind = OPT_LIST,
	.name = "host",
	.letter = 'h',
	.arg = "HOST",
	.help = "a server, primary or standby (repeatable)"},
    {.kind = OPT_LIST,
	.name = "hostname",
	.letter = 'H',
	.flags = OPT_ALIAS,
	.help = "the same, as monitoring plugins have it"},
    {.kind = OPT_LIST, .name = "master", .flags = OPT_ALIAS},
    {.kind = OPT_LIST, .name = "primary", .flags = OPT_ALIAS},
    {.kind = OPT_INT,
	.name = "port",
	.letter = 'p',
	.arg = "PORT",
	.min = 1,
	.max = 65535,
	.key = "defaults.port",
	.help = "port of these servers"},
    {.kind = OPT_STRING,
	.name = "username",
	.letter = 'U',
	.arg = "NAME",
	.key = "defaults.user",
	.help = "role to connect as, everywhere"},
    {.kind = OPT_LIST,
	.name = "dbname",
	.letter = 'd',
	.arg = "CONNINFO",
	.flags = OPT_SECRET,
	.help = "a server by connection string or URI (repeatable), or a "
		"database"},
    {.kind = OPT_STRING,
	.name = "service",
	.arg = "NAME",
	.key = "defaults.service",
	.help = "service of pg_service.conf"},
    {.kind = OPT_FLAG,
	.name = "password",
	.flags = OPT_ACTION,
	.help = "ask for a password (on a terminal only)"},
    {.kind = OPT_STRING,
	.name = "config",
	.letter = 'f',
	.arg = "FILE",
	.help = "configuration file with the nodes"},
    {.kind = OPT_FLAG,
	.name = "list-nodes",
	.flags = OPT_ACTION,
	.help = "names of the nodes in the configuration file"},

    HEAD("What is too much"),
    {.kind = OPT_STRING,
	.name = "warning",
	.letter = 'w',
	.arg = "SPEC",
	.builtin = "16MB,30s",
	.key = "status.warning",
	.help = "lag that is a warning: a size, a time, or both"},
    {.kind = OPT_STRING,
	.name = "critical",
	.letter = 'c',
	.arg = "SPEC",
	.builtin = "128MB,5min",
	.key = "status.critical",
	.help = "lag that is critical"},
    {.kind = OPT_INT,
	.name = "min-standbys",
	.arg = "N",
	.min = 0,
	.max = 9999,
	.builtin = "1",
	.key = "status.min_standbys",
	.help = "standbys that must stream"},
    {.kind = OPT_TIME,
	.name = "timeout",
	.letter = 't',
	.arg = "TIME",
	.builtin = "5s",
	.key = "status.timeout",
	.help = "bound for all servers together"},

    HEAD("What is shown"),
    {.kind = OPT_STRING,
	.name = "format",
	.letter = 'F',
	.builtin = "human",
	.choices = "human|json|nagios|prometheus|pgpool|tsv",
	.help = "format of the output"},
    {.kind = OPT_FLAG, .name = "json", .help = "the same as --format=json"},
    {.kind = OPT_STRING,
	.name = "watch",
	.letter = 'W',
	.arg = "SEC",
	.flags = OPT_ACTION | OPT_OPTIONAL,
	.help = "show it again and again, every 2 s unless told; q quits"},
    {.kind = OPT_STRING,
	.name = "output",
	.letter = 'o',
	.arg = "FILE",
	.help = "write it to a file, replaced as a whole"},
    {.kind = OPT_STRING,
	.name = "state-file",
	.arg = "FILE",
	.help = "remember this look there, compare with the last one"},
    {.kind = OPT_FLAG,
	.name = "quiet",
	.letter = 'q',
	.help = "print only when the status changed (--state-file), or is not "
		"OK"},
    {.kind = OPT_COUNT,
	.name = "verbose",
	.letter = 'v',
	.help = "show more; twice: SQL"},
    {.kind = OPT_FLAG,
	.name = "ascii",
	.help = "no other characters than ASCII for marks and lines"},
    {.kind = OPT_STRING,
	.name = "color",
	.key = "defaults.color",
	.builtin = "auto",
	.choices = "auto|always|never",
	.help = "colours"},

    HEAD("General"),
    {.kind = OPT_STRING,
	.name = "log",
	.key = "defaults.log",
	.builtin = "stderr",
	.arg = "stderr|syslog[:FACILITY]|FILE",
	.help = "where talk goes"},
    {.kind = OPT_FLAG,
	.name = "show-config",
	.flags = OPT_ACTION,
	.help = "every setting, its value and where it came from"},
    {.kind = OPT_FLAG,
	.name = "version",
	.letter = 'V',
	.flags = OPT_ACTION,
	.help = "print versions"},
    {.kind = OPT_FLAG,
	.name = "help",
	.letter = '?',
	.flags = OPT_ACTION,
	.help = "print this"},
};
const size_t status_noptions = NELEM(status_options);

static int
map_range(const struct opt_set *s, const char *name, struct range_pair *p,
    struct err *e)
{
	const struct opt_value *v = opt_get(s, name);

	if (range_parse(v->text, p, e) == 0)
		return 0;
	if (v->source == OPT_FROM_ARGS)
		return err_wrap(e, "--%s", name);
	return err_wrap(e, "%s: \"%s\"", v->from, name);
}

/* More is fine for w than for c. */
static bool
is_looser(const struct range *w, const struct range *c)
{
	return w->set && c->set && !w->inside && !c->inside &&
	       (w->low < c->low || w->high > c->high);
}

/* What was typed is valid, and perhaps not what is meant. */
static void
note_limits(const struct opt_set *s, const struct verdict_limits *l)
{
	static const char *const names[] = {"warning", "critical"};
	const struct opt_value *w = opt_get(s, names[0]),
			       *c = opt_get(s, names[1]);

	if (w->source != OPT_FROM_BUILTIN &&
	    (is_looser(&l->warning.size, &l->critical.size) ||
		is_looser(&l->warning.time, &l->critical.time)))
		log_line(LVL_WARNING, "warning",
		    "--warning=%s is looser than --critical=%s: that is "
		    "CRITICAL before it is a WARNING",
		    w->text, c->text);
	for (size_t i = 0; i < NELEM(names); i++) {
		const char *text = opt_get(s, names[i])->text;
		const struct range *size =
		    i == 0 ? &l->warning.size : &l->critical.size;

		if (text[strspn(text, "0123456789.")] == '\0' &&
		    size->high > 0 && size->high < FEW_BYTES)
			log_line(LVL_INFO, "note",
			    "--%s=%s is a size, in bytes; for a time type %ss",
			    names[i], text, text);
	}
}

/* --json is --format=json; the stronger of the two counts. */
static int
map_format(const struct opt_set *s, struct status_opts *o, struct err *e)
{
	const struct opt_value *f = opt_get(s, "format"),
			       *j = opt_get(s, "json");

	o->format = f->text;
	if (opt_flag(s, "json") && j->source >= f->source) {
		if (j->source == f->source && strcmp(f->text, "json") != 0)
			return err_set(e, ERR_USAGE,
			    "--json contradicts --format=%s", f->text);
		o->format = "json";
	}
	if ((o->show = show_find(o->format)) == NULL)
		return err_set(e, ERR_INTERNAL, "no format \"%s\"", o->format);
	return 0;
}

static int
map_watch(const struct opt_set *s, struct status_opts *o, struct err *e)
{
	const struct opt_value *v = opt_get(s, "watch");

	if (!v->set)
		return 0;
	o->watch = true;
	o->interval_ms = 2000;
	if (v->text[0] != '\0' && text_time(v->text, &o->interval_ms) == -1) {
		(void)err_set(
		    e, ERR_USAGE, "--watch: \"%s\" is not a time", v->text);
		return err_hint(
		    e, "Write the seconds behind it: --watch=5, or -W5.");
	}
	if (o->interval_ms < WATCH_MIN_MS)
		return err_set(
		    e, ERR_USAGE, "--watch: less than %d ms", WATCH_MIN_MS);
	if (o->output != NULL || o->quiet || strcmp(o->format, "human") != 0)
		return err_set(e, ERR_USAGE,
		    "--watch is for the human format on a terminal: it "
		    "contradicts --output, --quiet and other formats");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, "--watch wants a terminal");
	return 0;
}

int
status_options_map(const struct opt_set *s, const struct conf *conf,
    struct status_opts *o, struct err *e)
{
	o->output = opt_text(s, "output");
	o->state_file = opt_text(s, "state-file");
	o->color = opt_text(s, "color");
	o->quiet = opt_flag(s, "quiet");
	o->named = s->nargs;
	o->file = conf->file;
	o->ascii = opt_flag(s, "ascii");
	o->verbose = (int)opt_get(s, "verbose")->count;
	o->limits.min_standbys = (int)opt_number(s, "min-standbys");
	o->limits.min_given =
	    opt_get(s, "min-standbys")->source == OPT_FROM_ARGS;
	o->timeout_ms = opt_number(s, "timeout");
	if (map_format(s, o, e) == -1 || map_watch(s, o, e) == -1 ||
	    map_range(s, "warning", &o->limits.warning, e) == -1 ||
	    map_range(s, "critical", &o->limits.critical, e) == -1)
		return -1;
	note_limits(s, &o->limits);
	if (o->timeout_ms <= 0)
		return err_set(e, ERR_USAGE, "--timeout must be more than 0");
	if (status_nodes_find(s, conf, &o->nodes, e) == -1)
		return -1;
	for (size_t i = 0; i < o->nodes.n; i++)
		if (o->nodes.v[i].name != NULL)
			o->cluster = conf->cluster;
	return 0;
}

void
status_options_free(struct status_opts *o)
{
	status_nodes_free(&o->nodes);
}
