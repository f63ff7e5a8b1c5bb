/*
 * What t/0320-show.t gives to other programs' parsers: a canned status in a
 * format.
 *
 *	showdemo SCENARIO FORMAT
 *
 * The locale is taken from the environment: no format may.  Exit status 2:
 * no such scenario or format.
 */
#include "base/std.h"
#include "show/show.h"

#include <locale.h>

#define MB INT64_C(1048576)

static char *
copy(const char *text)
{
	char *p = strdup(text);

	if (p == NULL)
		exit(1);
	return p;
}

static struct status_node *
add(struct status *s, const char *name, enum status_role role)
{
	struct status_node *n = status_add(s, name);

	if (n == NULL)
		exit(1);
	n->role = role;
	n->reach = REACH_YES;
	n->expected = true;
	n->host = copy("127.0.0.1");
	n->port = copy("5432");
	n->version = 150018; /* any */
	n->version_text = copy("15.18 (Debian 15.18-1)");
	n->timeline = 3;
	n->system_identifier = UINT64_C(18446744073709551615);
	n->state = role == ROLE_PRIMARY ? "running" : "streaming";
	if (role == ROLE_PRIMARY)
		n->written = UINT64_C(0xFFFFFFFFFFFFFFFF);
	return n;
}

static void
add_slot(struct status_node *n, const char *name, int64_t retained)
{
	n->slots_sight = SIGHT_SEEN;
	if ((n->slots = calloc(1, sizeof(*n->slots))) == NULL)
		exit(1);
	n->nslots = 1;
	n->slots[0] = (struct status_slot){.name = copy(name),
	    .pid = -1,
	    .restart_lsn = 0x3000000,
	    .wal_status = copy("extended"),
	    .safe_bytes = -1,
	    .retained = retained};
}

static void
add_sender(struct status_node *n, const char *name, int node)
{
	if ((n->senders = calloc(1, sizeof(*n->senders))) == NULL)
		exit(1);
	n->nsenders = 1;
	n->senders[0] = (struct status_sender){.pid = 1,
	    .application_name = copy(name),
	    .state = copy("streaming"),
	    .sync_state = copy("quorum"),
	    .sent = n->written,
	    .write = n->written - 1,
	    .flush = n->written - 2,
	    .replay = n->written - 3,
	    .replay_lag = 0.000123,
	    .slot = 0,
	    .node = node};
}

/* A standby that lags; every number is known. */
static void
fill_standby(struct status_node *n, int upstream)
{
	n->upstream = upstream;
	n->sync = "quorum";
	n->sent = n->end = n->received = UINT64_C(0xFFFFFFFFFFFFFFFF);
	n->replayed = 0x1000000;
	n->receive_lag = 0;
	n->replay_lag = 21 * MB;
	n->upstream_lag = 0;
	n->delay = 41.234567;
	n->paused = 0;
	n->apply_delay = 1500;
	n->replayed_at = 1795327554.5;
	n->rate = 123456789.125;
	n->eta = 0.5;
	n->receiver = (struct status_receiver){.sight = SIGHT_SEEN,
	    .present = true,
	    .status = copy("streaming"),
	    .timeline = 3,
	    .written = n->received,
	    .flushed = n->received,
	    .latest_end = n->end,
	    .heard = 0.25,
	    .sent_ago = -1,
	    .slot = copy("a_slot"),
	    .host = copy("db1"),
	    .port = copy("5432")};
}

static void
add_problem(struct status *s, const char *id, enum status_severity severity,
    int node, const char *message)
{
	struct status_problem *p;

	p = realloc(s->problems, (s->nproblems + 1) * sizeof(*p));
	if (p == NULL)
		exit(1);
	s->problems = p;
	p[s->nproblems++] = (struct status_problem){.id = id,
	    .severity = severity,
	    .node = node,
	    .message = copy(message),
	    .hint = copy("GRANT pg_monitor TO \"x|y\";\n")};
	s->severity = status_worse(s->severity, severity);
	if (node >= 0)
		s->nodes[node].severity =
		    status_worse(s->nodes[node].severity, severity);
}

/* --- scenarios ------------------------------------------------------------ */

static void
fill_good(struct status *s)
{
	s->cluster = copy("main");
	s->system_identifier = UINT64_C(18446744073709551615);
	s->primary = 0;
	s->streaming = s->standbys = 2;
	add_slot(add(s, "node1", ROLE_PRIMARY), "node2", 8 * MB);
	add_sender(&s->nodes[0], "node2", 1);
	fill_standby(add(s, "node2", ROLE_STANDBY), 0);
	fill_standby(add(s, "node3", ROLE_STANDBY), 1);
	s->nodes[1].sender = 0;
	s->nodes[1].delay = 0.0004;
	s->nodes[2].receive_lag = 9007199254740993; /* no double */
	add_problem(
	    s, "replay-lag", SEV_WARNING, 2, "replay lag 21 MB is above 16 MB");
}

static const char *const hostile[] = {"it's", "a=b", "a b=c d", "x|y",
    "two\nlines", "tab\tbed", "back\\slash", "\"quoted\"", "semi;colon",
    "\xEB\x8D\xB0\xEC\x9D\xB4\xED\x84\xB0\xEB\xB2\xA0\xEC\x9D\xB4\xEC\x8A\xA4 "
    "\xEC\x84\x9C\xEB\xB2\x84",
    "bad\xFF\xC0utf8", "{}", "#", "very-long-name-of-a-host.example.com:5432",
    "very-long-name-of-a-host.example.com:5433",
    "very-long-name-of-a-host.example.org:5432", "\x1B[31mred", "\x7F",
    "\xE2\x80\xAE"
    "bidi",
    "cr\rlf", "U", "standbys", "\\n", "'", "''", "=", "%s%n", "-1", " ", ""};

static void
fill_hostile(struct status *s)
{
	char text[4096];

	s->cluster = copy("c\"l\\u\nster|'=");
	s->primary = 0;
	add_slot(add(s, "p|'=\"\\\n", ROLE_PRIMARY), "s\"l\\o\nt", 0);
	for (size_t i = 0; i < NELEM(hostile); i++) {
		fill_standby(add(s, hostile[i], ROLE_STANDBY), 0);
		add_problem(s, "hung", SEV_CRITICAL, (int)i + 1,
		    "no answer: \"x|y\"\n\tafter 5 s | size=1B;2;3");
		s->nodes[i + 1].partial = copy("a|b\nc");
	}
	memset(text, 'n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fill_standby(add(s, text, ROLE_STANDBY), 0);
	add_problem(s, "hung", SEV_CRITICAL, -1, text);
	s->standbys = s->n - 1;
}

/* Nodes that say nothing of themselves. */
static void
fill_unknown(struct status *s)
{
	static const enum status_reach reach[] = {
	    REACH_YES, REACH_NOT_ASKED, REACH_FAILED, REACH_HUNG};
	char name[16];

	s->streaming_known = false;
	for (size_t i = 0; i < NELEM(reach); i++) {
		(void)snprintf(name, sizeof(name), "n%zu", i);
		if (status_add(s, name) == NULL)
			exit(1);
		s->nodes[i].reach = reach[i];
		s->nodes[i].expected = true;
		add_problem(s, "unreachable", SEV_UNKNOWN, (int)i, "no answer");
	}
}

static void
fill_empty(struct status *s)
{
	s->severity = SEV_UNKNOWN;
}

static void
fill_many(struct status *s)
{
	char name[64];

	s->primary = 0;
	(void)add(s, "primary", ROLE_PRIMARY);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name),
		    "pg-production-standby-%02d.example.com:5432", i);
		fill_standby(add(s, name, ROLE_STANDBY), 0);
	}
	s->streaming = s->standbys = 50;
}

static const struct {
	const char *name;
	void (*fill)(struct status *s);
	const char *limit; /* of warning */
} scenarios[] = {
    {"good", fill_good, "16MB,30s"},
    {"hostile", fill_hostile, "16MB,30s"},
    {"unknown", fill_unknown, "16MB,30s"},
    {"empty", fill_empty, "16MB,30s"},
    {"many", fill_many, "16MB,30s"},
    {"size-only", fill_good, "16MB"},
    {"ranges", fill_good, "~:16MB,10s:30s"},
    {"inside", fill_good, "@1MB:16MB,@10s:30s"},
};

static int
show(size_t scenario, show_fn *fn)
{
	struct verdict_limits limits = verdict_default_limits;
	struct show_opts o = {
	    .limits = &limits, .tool = "repl-status", .version = "0.1.0"};
	struct status s = {
	    .primary = -1, .time = 1795327555.25, .streaming_known = true};
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	int rc = 1;

	limits.warning = (struct range_pair){.size = {.set = false}};
	if (range_parse(scenarios[scenario].limit, &limits.warning, &e) == -1) {
		fprintf(stderr, "showdemo: error: %s\n", e.text);
		return 2;
	}
	scenarios[scenario].fill(&s);
	if (fn(&s, &o, &out) == 0 &&
	    fwrite(buf_str(&out), 1, out.len, stdout) == out.len &&
	    fflush(stdout) == 0)
		rc = 0;
	buf_free(&out);
	status_free(&s);
	return rc;
}

int
main(int argc, char **argv)
{
	show_fn *fn = argc == 3 ? show_find(argv[2]) : NULL;

	(void)setlocale(LC_ALL, "");
	for (size_t i = 0; fn != NULL && i < NELEM(scenarios); i++)
		if (strcmp(scenarios[i].name, argv[1]) == 0)
			return show(i, fn);
	fprintf(stderr, "usage: showdemo SCENARIO FORMAT\n");
	return 2;
}
