#include "base/std.h"
#include "base/log.h"
#include "cli-rows.h"
#include "core/text.h"
#include "status-options.h"

#define WATCH_MIN_MS 100
#define FEW_BYTES 1024 /* nobody means bytes */

const struct opt status_options[] = {
    CLI_HEAD("Who is asked"),
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
    CLI_PORT("defaults.port", "port of these servers"),
    CLI_USERNAME("role to connect as, everywhere"),
    {.kind = OPT_LIST,
	.name = "dbname",
	.letter = 'd',
	.arg = "CONNINFO",
	.flags = OPT_SECRET,
	.help = "a server by connection string or URI (repeatable), or a "
		"database"},
    CLI_SERVICE,
    CLI_PASSWORD(0),
    CLI_CONFIG("configuration file with the nodes"),
    CLI_LIST_NODES,

    CLI_HEAD("What is too much"),
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
    CLI_TIMEOUT("5s", "status.timeout", "bound for all servers together"),

    CLI_HEAD("What is shown"),
    {.kind = OPT_STRING,
	.name = "format",
	.letter = 'F',
	.builtin = "human",
	.choices = "human|json|nagios|prometheus|pgpool|tsv",
	.help = "format of the output"},
    CLI_JSON("the same as --format=json"),
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
    CLI_STRING("state-file", "FILE", NULL,
	"remember this look there, compare with the last one"),
    CLI_QUIET(
	"print only when the status changed (--state-file), or is not OK"),
    CLI_VERBOSE("show more; twice: SQL"),
    {.kind = OPT_FLAG,
	.name = "ascii",
	.help = "no other characters than ASCII for marks and lines"},
    CLI_COLOR("defaults"),

    CLI_HEAD("General"),
    CLI_LOG("defaults"),
    CLI_ANSWERS,
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
	o->file_given = opt_get(s, "config")->source == OPT_FROM_ARGS;
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
