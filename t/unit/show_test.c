/* Renderers: a status that is filled by hand, the output literally. */
#include "base/std.h"
#include "show/show.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#define MB INT64_C(1048576)

static const struct verdict_limits limits = {
    .warning = {.size = {.set = true, .high = 16777216},
	.time = {.set = true, .high = 30}},
    .critical = {.size = {.set = true, .high = 134217728},
	.time = {.set = true, .high = 300}},
    .min_standbys = 1};
static const struct show_opts opts = {
    .limits = &limits, .tool = "repl-status", .version = "0.1.0"};

/* All unknown, as status_add makes it. */
static struct status_node
unknown(char *name)
{
	return (struct status_node){.name = name,
	    .clock = -1,
	    .replayed_at = -1,
	    .started_at = -1,
	    .paused = -1,
	    .apply_delay = -1,
	    .upstream = -1,
	    .sender = -1,
	    .receive_lag = -1,
	    .replay_lag = -1,
	    .upstream_lag = -1,
	    .delay = -1,
	    .rate = -1,
	    .eta = -1,
	    .stuck_for = -1,
	    .receiver = {.heard = -1, .sent_ago = -1}};
}

static char n1[] = "node1", n2[] = "node2", n3[] = "node3", db1[] = "db1",
	    db2[] = "db2", p5432[] = "5432", async[] = "async",
	    streaming[] = "streaming", v15[] = "15.18", main_[] = "main",
	    reserved[] = "reserved", addr[] = "10.0.0.2", slot2[] = "node2",
	    refused[] = "Connection refused",
	    lag_text[] = "replay lag 21 MB is above 16 MB",
	    hint_text[] = "long query on node3?",
	    no_answer[] = "no answer: Connection refused";

/* A primary, a standby that streams, one that does not answer. */
struct world {
	struct status s;
	struct status_node nodes[3];
	struct status_sender senders[1];
	struct status_slot slots[1];
	struct status_problem problems[2];
};

static void
fill_nodes(struct world *w)
{
	struct status_node *n = w->nodes;

	for (size_t i = 0; i < NELEM(w->nodes); i++) {
		n[i] = unknown(i == 0 ? n1 : i == 1 ? n2 : n3);
		n[i].expected = true;
		n[i].state = "down";
	}
	for (size_t i = 0; i < 2; i++) {
		n[i].host = i == 0 ? db1 : db2;
		n[i].port = p5432;
		n[i].version = 150018;
		n[i].version_text = v15;
		n[i].timeline = 1;
		n[i].system_identifier = UINT64_C(7281936400112233445);
		n[i].slots_sight = SIGHT_SEEN;
	}
	n[0].role = ROLE_PRIMARY;
	n[0].state = "running";
	n[0].written = 0xA3C1F60;
	n[0].senders = w->senders;
	n[0].slots = w->slots;
	n[0].nsenders = n[0].nslots = 1;
	n[1].role = ROLE_STANDBY;
	n[1].received = n[1].sent = n[1].end = 0xA3C1F60;
	n[1].replayed = 0x8EC1F60;
	n[1].replayed_at = 1795327554.5;
	n[1].paused = 0;
	n[1].apply_delay = 0;
	n[1].upstream = n[1].sender = 0;
	n[1].state = "streaming";
	n[1].sync = "async";
	n[1].receive_lag = n[1].upstream_lag = 0;
	n[1].replay_lag = 21 * MB;
	n[1].delay = 0.0004;
	n[1].severity = SEV_WARNING;
	n[2].reach = REACH_FAILED;
	n[2].reach_text = refused;
	n[2].severity = SEV_UNKNOWN;
}

static void
fill(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->senders[0] = (struct status_sender){.pid = 4711,
	    .application_name = n2,
	    .client_addr = addr,
	    .state = streaming,
	    .sync_state = async,
	    .sent = 0xA3C1F60,
	    .write = 0xA3C1F60,
	    .flush = 0xA3C1F60,
	    .replay = 0x8EC1F60,
	    .replay_lag = -1,
	    .slot = 0,
	    .node = 1};
	w->slots[0] = (struct status_slot){.name = slot2,
	    .active = true,
	    .pid = 4711,
	    .restart_lsn = 0xA3C0000,
	    .wal_status = reserved,
	    .safe_bytes = -1,
	    .retained = 8032};
	fill_nodes(w);
	w->problems[0] = (struct status_problem){
	    "replay-lag", SEV_WARNING, 1, lag_text, hint_text};
	w->problems[1] = (struct status_problem){
	    "unreachable", SEV_UNKNOWN, 2, no_answer, NULL};
	w->s = (struct status){.cluster = main_,
	    .whole = true,
	    .time = 1795327555.25,
	    .nodes = w->nodes,
	    .n = 3,
	    .primary = 0,
	    .system_identifier = UINT64_C(7281936400112233445),
	    .streaming_known = true,
	    .streaming = 1,
	    .standbys = 2,
	    .problems = w->problems,
	    .nproblems = 2,
	    .severity = SEV_WARNING};
}

static void
shows_with(const char *format, const struct status *s,
    const struct show_opts *o, const char *want)
{
	struct buf b = BUF_INIT;
	show_fn *fn = show_find(format);

	assert_non_null(fn);
	assert_int_equal(fn(s, o, &b), 0);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
shows(const char *format, const struct status *s, const char *want)
{
	shows_with(format, s, &opts, want);
}

static void
formats_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(show_find("human"), show_human);
	assert_ptr_equal(show_find("json"), show_json);
	assert_ptr_equal(show_find("nagios"), show_nagios);
	assert_ptr_equal(show_find("prometheus"), show_prometheus);
	assert_ptr_equal(show_find("pgpool"), show_pgpool);
	assert_ptr_equal(show_find("tsv"), show_tsv);
	assert_null(show_find("JSON"));
	assert_null(show_find(""));
	assert_null(show_find("xml"));
}

/* --- json ----------------------------------------------------------------- */

#define JSON_N1                                                                \
	"{\"name\": \"node1\", \"host\": \"db1\", \"port\": \"5432\", "        \
	"\"role\": \"primary\", \"upstream\": null, \"state\": \"running\", "  \
	"\"sync\": null, \"timeline\": 1, \"written_lsn\": \"0/A3C1F60\", "    \
	"\"sent_lsn\": null, \"received_lsn\": null, "                         \
	"\"replayed_lsn\": null, \"receive_lag_bytes\": null, "                \
	"\"replay_lag_bytes\": null, \"delay_seconds\": null, "                \
	"\"slot\": null, \"paused\": null, \"server_version\": 150018, "       \
	"\"reachable\": true, \"status\": \"OK\", \"expected\": true, "        \
	"\"aliases\": null, "                                                  \
	"\"not_reached_because\": null, \"not_read\": null, "                  \
	"\"server_version_text\": \"15.18\", "                                 \
	"\"system_identifier\": \"7281936400112233445\", "                     \
	"\"upstream_lag_bytes\": null, \"clamped\": false, "                   \
	"\"replayed_commit_time\": null, \"apply_delay_seconds\": null, "      \
	"\"rate_bytes_per_second\": null, \"eta_seconds\": null, "             \
	"\"stuck\": false, \"stuck_seconds\": null, \"sender\": null, "        \
	"\"receiver\": null, \"slots\": [{\"name\": \"node2\", "               \
	"\"type\": \"physical\", \"active\": true, \"temporary\": false, "     \
	"\"synced\": false, \"restart_lsn\": \"0/A3C0000\", "                  \
	"\"retained_bytes\": 8032, \"wal_status\": \"reserved\", "             \
	"\"safe_bytes\": null, \"invalidation_reason\": null}]}"
#define JSON_N2                                                                \
	"{\"name\": \"node2\", \"host\": \"db2\", \"port\": \"5432\", "        \
	"\"role\": \"standby\", \"upstream\": \"node1\", "                     \
	"\"state\": \"streaming\", \"sync\": \"async\", \"timeline\": 1, "     \
	"\"written_lsn\": null, \"sent_lsn\": \"0/A3C1F60\", "                 \
	"\"received_lsn\": \"0/A3C1F60\", \"replayed_lsn\": \"0/8EC1F60\", "   \
	"\"receive_lag_bytes\": 0, \"replay_lag_bytes\": 22020096, "           \
	"\"delay_seconds\": 0.0004, \"slot\": \"node2\", "                     \
	"\"paused\": false, \"server_version\": 150018, "                      \
	"\"reachable\": true, \"status\": \"WARNING\", \"expected\": true, "   \
	"\"aliases\": null, "                                                  \
	"\"not_reached_because\": null, \"not_read\": null, "                  \
	"\"server_version_text\": \"15.18\", "                                 \
	"\"system_identifier\": \"7281936400112233445\", "                     \
	"\"upstream_lag_bytes\": 0, \"clamped\": false, "                      \
	"\"replayed_commit_time\": \"2026-11-22T06:05:54Z\", "                 \
	"\"apply_delay_seconds\": 0.0, \"rate_bytes_per_second\": null, "      \
	"\"eta_seconds\": null, \"stuck\": false, \"stuck_seconds\": null, "   \
	"\"sender\": {\"pid\": 4711, \"application_name\": \"node2\", "        \
	"\"client_addr\": \"10.0.0.2\", \"state\": \"streaming\", "            \
	"\"sync_state\": \"async\", \"sent_lsn\": \"0/A3C1F60\", "             \
	"\"write_lsn\": \"0/A3C1F60\", \"flush_lsn\": \"0/A3C1F60\", "         \
	"\"replay_lsn\": \"0/8EC1F60\", \"write_lag_bytes\": 0, "              \
	"\"flush_lag_bytes\": 0, \"replay_lag_bytes\": 22020096, "             \
	"\"replay_lag_seconds\": null}, \"receiver\": null, \"slots\": []}"
#define JSON_N3                                                                \
	"{\"name\": \"node3\", \"host\": null, \"port\": null, "               \
	"\"role\": null, \"upstream\": null, \"state\": \"down\", "            \
	"\"sync\": null, \"timeline\": null, \"written_lsn\": null, "          \
	"\"sent_lsn\": null, \"received_lsn\": null, "                         \
	"\"replayed_lsn\": null, \"receive_lag_bytes\": null, "                \
	"\"replay_lag_bytes\": null, \"delay_seconds\": null, "                \
	"\"slot\": null, \"paused\": null, \"server_version\": null, "         \
	"\"reachable\": false, \"status\": \"UNKNOWN\", \"expected\": true, "  \
	"\"aliases\": null, "                                                  \
	"\"not_reached_because\": \"Connection refused\", "                    \
	"\"not_read\": null, \"server_version_text\": null, "                  \
	"\"system_identifier\": null, \"upstream_lag_bytes\": null, "          \
	"\"clamped\": false, \"replayed_commit_time\": null, "                 \
	"\"apply_delay_seconds\": null, \"rate_bytes_per_second\": null, "     \
	"\"eta_seconds\": null, \"stuck\": false, \"stuck_seconds\": null, "   \
	"\"sender\": null, \"receiver\": null, \"slots\": null}"

static void
json_has_every_key_and_null_for_unknown(void **state)
{
	struct world w;

	(void)state;
	fill(&w);
	shows("json", &w.s,
	    "{\"format\": 1, \"tool\": \"repl-status\", "
	    "\"version\": \"0.1.0\", \"time\": \"2026-11-22T06:05:55Z\", "
	    "\"status\": \"WARNING\", \"code\": 1, "
	    "\"cluster\": {\"name\": \"main\", "
	    "\"system_identifier\": \"7281936400112233445\", "
	    "\"primary\": \"node1\", \"timeline\": 1, "
	    "\"written_lsn\": \"0/A3C1F60\", \"standbys\": 2, "
	    "\"streaming\": 1}, \"nodes\": [" JSON_N1 ", " JSON_N2 ", " JSON_N3
	    "], \"problems\": [{\"id\": \"replay-lag\", "
	    "\"severity\": \"WARNING\", \"node\": \"node2\", "
	    "\"message\": \"replay lag 21 MB is above 16 MB\", "
	    "\"hint\": \"long query on node3?\"}, {\"id\": \"unreachable\", "
	    "\"severity\": \"UNKNOWN\", \"node\": \"node3\", "
	    "\"message\": \"no answer: Connection refused\", "
	    "\"hint\": null}]}\n");
}

static void
json_of_nothing_is_whole(void **state)
{
	struct status s = {.time = -1, .primary = -1, .severity = SEV_UNKNOWN};

	(void)state;
	shows("json", &s,
	    "{\"format\": 1, \"tool\": \"repl-status\", "
	    "\"version\": \"0.1.0\", \"time\": null, "
	    "\"status\": \"UNKNOWN\", \"code\": 3, "
	    "\"cluster\": {\"name\": null, \"system_identifier\": null, "
	    "\"primary\": null, \"timeline\": null, \"written_lsn\": null, "
	    "\"standbys\": null, \"streaming\": null}, \"nodes\": [], "
	    "\"problems\": []}\n");
}

/* --- nagios --------------------------------------------------------------- */

static void
nagios_is_one_line_with_perfdata(void **state)
{
	struct world w;

	(void)state;
	fill(&w);
	shows("nagios", &w.s,
	    "REPLICATION WARNING: node2 replay lag 21 MB is above 16 MB, "
	    "node3 no answer: Connection refused, 1/2 standbys streaming | "
	    "standbys=1;1:;1:;0 "
	    "node2_replay=22020096B;16777216;134217728;0 "
	    "node2_delay=0.0004s;30;300;0 "
	    "node2_receive=0B;16777216;134217728;0 "
	    "node3_replay=U;16777216;134217728;0 "
	    "node3_delay=U;30;300;0 "
	    "node3_receive=U;16777216;134217728;0\n");
}

static void
nagios_of_nothing_is_whole(void **state)
{
	struct status s = {.primary = -1, .severity = SEV_UNKNOWN};

	(void)state;
	shows("nagios", &s,
	    "REPLICATION UNKNOWN: nothing was read | standbys=U;1:;1:;0\n");
}

static const struct label_case {
	const char *names[4];
	const char *labels[4]; /* of _receive */
} label_cases[] = {
    {{"db 1"}, {"'db 1_receive'"}},
    {{"it's", "a=b", "a|b"},
	{"it_s_receive", "a_b#1_receive", "a_b#2_receive"}},
    {{"two\nlines", "tab\tbed"},
	{"two_012lines_receive", "tab_011bed_receive"}},
    {{"back\\slash", "\"q\""}, {"back_134slash_receive", "_q__receive"}},
    {{"\xEB\x8D\xB0\xEC\x9D\xB4\xED\x84\xB0\xEB\xB2\xA0\xEC\x9D\xB4\xEC\x8A"
      "\xA4"},
	{"'\xEB\x8D\xB0\xEC\x9D\xB4\xED\x84\xB0\xEB\xB2\xA0\xEC\x9D\xB4_"
	 "receive'"}},
    {{"long-name-of-a-host-b", "long-name-of-a-host-a", "long-name-of-x"},
	{"long-name-o#2_receive", "long-name-o#1_receive",
	    "long-name-of-x_receive"}},
    {{"aaaaaaaaaaaXXXX1", "aaaaaaaaaaaXXXX2", "aaaaaaaaaaaYYYY1",
	 "aaaaaaaaaaaYYYY2"},
	{"aaaaaaaaaaa#1_receive", "aaaaaaaaaaa#2_receive",
	    "aaaaaaaaaaa#3_receive", "aaaaaaaaaaa#4_receive"}},
    {{"db1.example.com:5432", "db2.example.com:5432"},
	{"db1.example.com_receive", "db2.example.com_receive"}},
    {{"bad\xFF", ""}, {"bad_377_receive", "_receive"}},
};

static void
nagios_labels_keep_the_grammar(void **state)
{
	static const struct verdict_limits none = {.min_standbys = 0};
	struct show_opts o = opts;

	(void)state;
	o.limits = &none;
	for (size_t i = 0; i < NELEM(label_cases); i++) {
		const struct label_case *c = &label_cases[i];
		struct status_node nodes[4];
		struct status s = {
		    .primary = -1, .nodes = nodes, .streaming_known = true};
		struct buf want = BUF_INIT;
		char *names[4];

		buf_adds(&want, "REPLICATION OK: 0/0 standbys streaming | "
				"standbys=0;0:;0:;0");
		for (; s.n < 4 && c->names[s.n] != NULL; s.n++) {
			names[s.n] = strdup(c->names[s.n]);
			nodes[s.n] = unknown(names[s.n]);
			nodes[s.n].role = ROLE_RECEIVEWAL;
			nodes[s.n].receive_lag = (int64_t)s.n;
			buf_addf(&want, " %s=%zuB;;;0", c->labels[s.n], s.n);
		}
		buf_addc(&want, '\n');
		shows_with("nagios", &s, &o, buf_str(&want));
		buf_free(&want);
		while (s.n > 0)
			free(names[--s.n]);
	}
}

static void
nagios_text_holds_no_bar_and_no_newline(void **state)
{
	char name[] = "a|b\nc", text[] = "x | y\nz \x1B[31m";
	char long_text[400];
	struct status_node n = unknown(name);
	struct status_problem p[10];
	struct status s = {.nodes = &n,
	    .n = 1,
	    .streaming_known = true,
	    .problems = p,
	    .nproblems = 1,
	    .severity = SEV_CRITICAL};
	struct buf b = BUF_INIT;

	(void)state;
	n.role = ROLE_PRIMARY;
	p[0] = (struct status_problem){"hung", SEV_CRITICAL, 0, text, NULL};
	shows("nagios", &s,
	    "REPLICATION CRITICAL: a\\174b\\012c x \\174 y\\012z \\033[31m, "
	    "0/0 standbys streaming | standbys=0;1:;1:;0\n");
	memset(long_text, 'm', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	for (size_t i = 0; i < NELEM(p); i++)
		p[i] = (struct status_problem){
		    "hung", SEV_CRITICAL, -1, long_text, NULL};
	s.nproblems = NELEM(p);
	assert_int_equal(show_nagios(&s, &opts, &b), 0);
	assert_in_range(b.len, 8 * 240, 8 * 250 + 100);
	assert_non_null(strstr(buf_str(&b), "mmm..., 2 more, 0/0"));
	buf_free(&b);
}

/* --- prometheus ----------------------------------------------------------- */

static void
prometheus_leaves_unknown_values_out(void **state)
{
	struct world w;

	(void)state;
	fill(&w);
	w.nodes[1].replay_lag = INT64_C(20000000000000);
	shows("prometheus", &w.s,
	    "# HELP standby_node_up Whether the node answers (1) or not (0).\n"
	    "# TYPE standby_node_up gauge\n"
	    "standby_node_up{cluster=\"main\",node=\"node1\"} 1\n"
	    "standby_node_up{cluster=\"main\",node=\"node2\"} 1\n"
	    "standby_node_up{cluster=\"main\",node=\"node3\"} 0\n"
	    "# HELP standby_is_primary Whether the node is a primary (1) or "
	    "not (0).\n"
	    "# TYPE standby_is_primary gauge\n"
	    "standby_is_primary{cluster=\"main\",node=\"node1\"} 1\n"
	    "standby_is_primary{cluster=\"main\",node=\"node2\"} 0\n"
	    "# HELP standby_timeline Timeline of the node.\n"
	    "# TYPE standby_timeline gauge\n"
	    "standby_timeline{cluster=\"main\",node=\"node1\"} 1\n"
	    "standby_timeline{cluster=\"main\",node=\"node2\"} 1\n"
	    "# HELP standby_receive_lag_bytes WAL of the primary that the "
	    "standby has not received.\n"
	    "# TYPE standby_receive_lag_bytes gauge\n"
	    "standby_receive_lag_bytes{cluster=\"main\",node=\"node2\"} 0\n"
	    "# HELP standby_replay_lag_bytes WAL of the primary that the "
	    "standby has not replayed.\n"
	    "# TYPE standby_replay_lag_bytes gauge\n"
	    "standby_replay_lag_bytes{cluster=\"main\",node=\"node2\"} "
	    "20000000000000\n"
	    "# HELP standby_replay_delay_seconds Age of what the standby "
	    "shows; 0 when it has replayed everything.\n"
	    "# TYPE standby_replay_delay_seconds gauge\n"
	    "standby_replay_delay_seconds{cluster=\"main\",node=\"node2\"} "
	    "0.0004\n"
	    "# HELP standby_node_status Status of the node: 0 OK, 1 WARNING, "
	    "2 CRITICAL, 3 UNKNOWN.\n"
	    "# TYPE standby_node_status gauge\n"
	    "standby_node_status{cluster=\"main\",node=\"node1\"} 0\n"
	    "standby_node_status{cluster=\"main\",node=\"node2\"} 1\n"
	    "standby_node_status{cluster=\"main\",node=\"node3\"} 3\n"
	    "# HELP standby_slot_retained_bytes WAL that the node keeps for "
	    "the slot.\n"
	    "# TYPE standby_slot_retained_bytes gauge\n"
	    "standby_slot_retained_bytes{cluster=\"main\",node=\"node1\","
	    "slot=\"node2\"} 8032\n"
	    "# HELP standby_streaming_standbys Standbys that stream.\n"
	    "# TYPE standby_streaming_standbys gauge\n"
	    "standby_streaming_standbys{cluster=\"main\"} 1\n"
	    "# HELP standby_status Status of the cluster: 0 OK, 1 WARNING, "
	    "2 CRITICAL, 3 UNKNOWN.\n"
	    "# TYPE standby_status gauge\n"
	    "standby_status{cluster=\"main\"} 1\n"
	    "# HELP standby_check_timestamp_seconds When this was read, in "
	    "seconds since 1970.\n"
	    "# TYPE standby_check_timestamp_seconds gauge\n"
	    "standby_check_timestamp_seconds{cluster=\"main\"} "
	    "1795327555.25\n");
}

static void
prometheus_labels_are_escaped(void **state)
{
	char name[] = "a\"b\\c\nd\te", bad[] = "\xFF";
	struct status_node n = unknown(name);
	struct status s = {.cluster = bad,
	    .nodes = &n,
	    .n = 1,
	    .primary = -1,
	    .streaming_known = true,
	    .time = -1};

	(void)state;
	n.reach = REACH_NOT_ASKED;
	shows("prometheus", &s,
	    "# HELP standby_node_status Status of the node: 0 OK, 1 WARNING, "
	    "2 CRITICAL, 3 UNKNOWN.\n"
	    "# TYPE standby_node_status gauge\n"
	    "standby_node_status{cluster=\"\\\\377\","
	    "node=\"a\\\"b\\\\c\\nd\\\\011e\"} 0\n"
	    "# HELP standby_streaming_standbys Standbys that stream.\n"
	    "# TYPE standby_streaming_standbys gauge\n"
	    "standby_streaming_standbys{cluster=\"\\\\377\"} 0\n"
	    "# HELP standby_status Status of the cluster: 0 OK, 1 WARNING, "
	    "2 CRITICAL, 3 UNKNOWN.\n"
	    "# TYPE standby_status gauge\n"
	    "standby_status{cluster=\"\\\\377\"} 0\n");
}

/* --- how many stream ------------------------------------------------------ */

static void
a_count_that_is_not_certain_is_unknown(void **state)
{
	static const struct {
		const char *format, *has, *has_not;
	} cases[] = {
	    {"nagios", ", ?/2 standbys streaming | standbys=U;1:;1:;0 ", "1/2"},
	    {"json", "\"standbys\": 2, \"streaming\": null}", "streaming\": 1"},
	    {"prometheus", "standby_status{", "standby_streaming_standbys"},
	};
	struct world w;

	(void)state;
	fill(&w);
	w.s.streaming_known = false;
	for (size_t i = 0; i < NELEM(cases); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(
		    show_find(cases[i].format)(&w.s, &opts, &b), 0);
		assert_non_null(strstr(buf_str(&b), cases[i].has));
		assert_null(strstr(buf_str(&b), cases[i].has_not));
		buf_free(&b);
	}
}

/* --- pgpool --------------------------------------------------------------- */

static const struct pgpool_case {
	const char *name;
	const char *nodes; /* a letter each, see pgpool_node */
	size_t named;
	const char *want;
} pgpool_cases[] = {
    {"the primary is left out", "PSS", 0, "0.4 0.4\n"},
    {"wherever it is", "SPD", 0, "0.4 -1\n"},
    {"a standby that hangs is down", "PH", 0, "-1\n"},
    {"an unknown delay is -1", "PUS", 0, "-1 0.4\n"},
    {"found nodes are no backends", "PSf", 0, "0.4\n"},
    {"unless there is nothing else", "Pff", 0, "0.4 0.4\n"},
    {"pg_receivewal is none", "Pfr", 0, "0.4\n"},
    {"another primary has no delay", "PSP", 0, "0.4 -1\n"},
    {"no primary: whose place is it?", "DSS", 0, "-1 -1 -1\n"},
    {"named: one value each", "SS", 2, "0.4 0.4\n"},
    {"named: the primary too", "SPS", 3, "0.4 0 0.4\n"},
    {"named: but not the found ones", "SDp", 2, "0.4 -1\n"},
    {"named: a primary to measure against is none", "SSP", 2, "0.4 0.4\n"},
    {"named: whatever role it has", "rS", 1, "-1\n"},
    {"nothing", "", 0, "\n"},
};

static struct status_node
pgpool_node(char kind)
{
	struct status_node n = unknown(n1);

	n.role = ROLE_STANDBY;
	n.expected = kind >= 'A' && kind <= 'Z';
	if (kind != 'U' && kind != 'D')
		n.delay = 0.0004;
	if (kind == 'P' || kind == 'p')
		n.role = ROLE_PRIMARY;
	else if (kind == 'r')
		n.role = ROLE_RECEIVEWAL;
	else if (kind == 'D')
		n.reach = REACH_FAILED;
	else if (kind == 'H')
		n.reach = REACH_HUNG;
	else if (kind == 'f')
		n.reach = REACH_NOT_ASKED;
	return n;
}

static void
pgpool_gets_a_value_for_each_standby(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(pgpool_cases); i++) {
		const struct pgpool_case *c = &pgpool_cases[i];
		struct status_node nodes[4];
		struct status s = {.nodes = nodes, .primary = -1};
		struct show_opts o = opts;

		print_message("# %s\n", c->name);
		o.named = c->named;
		for (; c->nodes[s.n] != '\0'; s.n++) {
			nodes[s.n] = pgpool_node(c->nodes[s.n]);
			if (s.primary < 0 && nodes[s.n].role == ROLE_PRIMARY)
				s.primary = (int)s.n;
		}
		shows_with("pgpool", &s, &o, c->want);
	}
}

static void
pgpool_gets_numbers_only(void **state)
{
	static const struct {
		double delay;
		const char *want;
	} cases[] = {{0, "0\n"}, {0.0000004, "0.0004\n"}, {1.5, "1500\n"},
	    {41.2, "41200\n"}, {NAN, "-1\n"}, {INFINITY, "-1\n"}, {-1, "-1\n"},
	    {1e12, "1000000000000000\n"}};
	struct status_node nodes[2] = {pgpool_node('P'), pgpool_node('S')};
	struct status s = {.nodes = nodes, .n = 2};

	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		nodes[1].delay = cases[i].delay;
		shows("pgpool", &s, cases[i].want);
	}
}

/* --- tsv ------------------------------------------------------------------ */

#define TSV_HEADING                                                            \
	"name\thost\tport\trole\tupstream\tstate\tsync\ttimeline\t"            \
	"written_lsn\tsent_lsn\treceived_lsn\treplayed_lsn\t"                  \
	"receive_lag_bytes\treplay_lag_bytes\tdelay_seconds\tslot\tpaused\t"   \
	"server_version\treachable\tstatus\n"

static void
tsv_has_a_line_per_node_and_empty_fields(void **state)
{
	char tab[] = "a\tb\nc\\";
	struct world w;

	(void)state;
	fill(&w);
	w.nodes[2].name = tab;
	shows("tsv", &w.s,
	    TSV_HEADING
	    "node1\tdb1\t5432\tprimary\t\trunning\t\t1\t0/A3C1F60\t\t\t\t\t\t\t"
	    "\t\t150018\ttrue\tOK\n"
	    "node2\tdb2\t5432\tstandby\tnode1\tstreaming\tasync\t1\t\t"
	    "0/A3C1F60\t0/A3C1F60\t0/8EC1F60\t0\t22020096\t0.0004\tnode2\t"
	    "false\t150018\ttrue\tWARNING\n"
	    "a\\011b\\012c\\134\t\t\t\t\tdown\t\t\t\t\t\t\t\t\t\t\t\t\tfalse\t"
	    "UNKNOWN\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(formats_are_found_by_name),
	    cmocka_unit_test(json_has_every_key_and_null_for_unknown),
	    cmocka_unit_test(json_of_nothing_is_whole),
	    cmocka_unit_test(nagios_is_one_line_with_perfdata),
	    cmocka_unit_test(nagios_of_nothing_is_whole),
	    cmocka_unit_test(nagios_labels_keep_the_grammar),
	    cmocka_unit_test(nagios_text_holds_no_bar_and_no_newline),
	    cmocka_unit_test(prometheus_leaves_unknown_values_out),
	    cmocka_unit_test(prometheus_labels_are_escaped),
	    cmocka_unit_test(a_count_that_is_not_certain_is_unknown),
	    cmocka_unit_test(pgpool_gets_a_value_for_each_standby),
	    cmocka_unit_test(pgpool_gets_numbers_only),
	    cmocka_unit_test(tsv_has_a_line_per_node_and_empty_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
