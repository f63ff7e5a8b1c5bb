/* flow/survey_rows: rows of a server, good and bad, to facts. */
#include "core/pgver.h"
#include "flow/survey_int.h"
#include "io/pg_int.h"

#include <setjmp.h>
#include <cmocka.h>

#define SEP '|'

/* Rows as text, "a|b|-" each, "-" for NULL. */
static struct pg_rows
make_rows(const char *const *lines, int n)
{
	struct pg_rows r = {PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK)};
	char column[] = "c";
	PGresAttDesc cols[16] = {{.name = NULL}};

	for (size_t i = 0; i < NELEM(cols); i++)
		cols[i].name = column;
	assert_int_equal(PQsetResultAttrs(r.res, NELEM(cols), cols), 1);
	for (int i = 0; i < n; i++) {
		const char *s = lines[i];

		for (int k = 0; k < (int)NELEM(cols); k++) {
			size_t len = s == NULL ? 0 : strcspn(s, "|");
			bool null = s == NULL || (len == 1 && *s == '-');
			char *copy = null ? NULL : strndup(s, len);

			assert_int_equal(
			    PQsetvalue(r.res, i, k, copy, null ? -1 : (int)len),
			    1);
			free(copy);
			if (s != NULL)
				s = s[len] == SEP ? s + len + 1 : NULL;
		}
	}
	return r;
}

static struct status_node *
take(struct status *s, enum survey_part part, const char *const *lines, int n)
{
	struct pg_rows rows = make_rows(lines, n);
	struct status_node *node = s->n > 0 ? &s->nodes[0] : NULL;

	if (node == NULL)
		node = status_add(s, "db1");
	assert_non_null(node);
	assert_int_equal(survey_rows_take(node, part, &rows, NULL), 0);
	PQclear(rows.res);
	return node;
}

static struct status_node *
take_line(struct status *s, enum survey_part part, const char *line)
{
	return take(s, part, &line, 1);
}

static void
a_batch_is_what_the_version_has(void **state)
{
	static const struct {
		int version;
		size_t n;
		int k[PART_N];
	} t[] = {{80422, 0, {-1, -1, -1, -1, -1}},
	    {90023, 1, {0, -1, -1, -1, -1}}, {90124, 2, {0, 1, -1, -1, -1}},
	    {90426, 3, {0, 1, -1, 2, -1}}, {90624, 5, {0, 1, 2, 3, 4}},
	    {180004, 5, {0, 1, 2, 3, 4}}};
	struct survey_batch b;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		survey_rows_batch(&b, t[i].version);
		assert_int_equal(b.n, t[i].n);
		assert_memory_equal(b.k, t[i].k, sizeof(b.k));
	}
}

static void
a_primary_is_read(void **state)
{
	struct status s = {.primary = -1};
	const struct status_node *n = take_line(&s, PART_NODE,
	    "f|1700000000.250000|1/A0|-|-|-|-|1600000000.5|main|*|300000|repl|"
	    "3|5433");

	(void)state;
	assert_int_equal(n->says, ROLE_PRIMARY);
	assert_true(n->written == UINT64_C(0x1000000A0));
	assert_true(n->clock == 1700000000.25);
	assert_true(n->started_at == 1600000000.5);
	assert_int_equal(n->timeline, 3);
	assert_int_equal(n->listen_port, 5433);
	assert_string_equal(n->cluster_name, "main");
	assert_string_equal(n->synchronous_names, "*");
	assert_string_equal(n->user, "repl");
	assert_int_equal(n->apply_delay, 300000);
	assert_int_equal(n->paused, -1);
	status_free(&s);
}

static void
a_standby_is_read(void **state)
{
	struct status s = {.primary = -1};
	const struct status_node *n = take_line(
	    &s, PART_NODE, "t|12|0/5|0/10|0/20|11.000001|t|5|-|-|-|me|4");

	(void)state;
	assert_int_equal(n->says, ROLE_STANDBY);
	assert_int_equal(n->written, 0);
	assert_int_equal(n->received, 0x20);
	assert_int_equal(n->replayed, 0x20);
	assert_true(n->replayed_at > 11 && n->replayed_at < 11.00001);
	assert_int_equal(n->paused, 1);
	assert_int_equal(n->apply_delay, -1);
	assert_int_equal(n->timeline, 0);
	n = take_line(&s, PART_CONTROL, "18446744073709551615|7");
	assert_true(n->system_identifier == UINT64_MAX);
	assert_int_equal(n->timeline, 7);
	status_free(&s);
}

static void
odd_values_are_unknown(void **state)
{
	static const char *const lines[] = {
	    "f|soon|0/|-|-|-|-|-1|||999999999999|x|4294967296",
	    "f|1e3|x|-|-|-|-|inf|||-1|x|-1", "f|.5|0/0/0|-|-|-|-|nan|||+1|x| 1",
	    "f|1.|1/123456789|-|-|-|-|1.2.3|||1.5|x|1x",
	    "f|1234567890123456789012|/1|-|-|-|-|1,5|||||"};

	(void)state;
	for (size_t i = 0; i < NELEM(lines); i++) {
		struct status s = {.primary = -1};
		const struct status_node *n =
		    take_line(&s, PART_NODE, lines[i]);

		assert_int_equal(n->says, ROLE_PRIMARY);
		if (i != 3)
			assert_true(n->clock == -1);
		assert_true(n->started_at == -1);
		assert_int_equal(n->written, 0);
		assert_int_equal(n->apply_delay, -1);
		assert_int_equal(n->timeline, 0);
		assert_null(n->cluster_name);
		status_free(&s);
	}
}

static void
nothing_is_no_role(void **state)
{
	static const char *const lines[] = {"-", "", "true", "F"};
	struct status s = {.primary = -1};
	const struct status_node *n = take(&s, PART_NODE, lines, 0);

	(void)state;
	assert_int_equal(n->says, ROLE_UNKNOWN);
	assert_non_null(n->partial);
	status_free(&s);
	for (size_t i = 0; i < NELEM(lines); i++) {
		n = take_line(&s, PART_NODE, lines[i]);
		assert_int_equal(n->says, ROLE_UNKNOWN);
		status_free(&s);
	}
}

static void
senders_are_seen_or_hidden(void **state)
{
	static const char *const lines[] = {
	    "17|db2|10.0.0.2|streaming|async|0/4|0/3|0/2|0/1|0.000250|9.500000",
	    "18|db3|-|-|-|-|-|-|-|-|-"};
	struct status s = {.primary = -1};
	const struct status_node *n = take(&s, PART_SENDERS, lines, 1);
	const struct status_sender *r = n->senders;

	(void)state;
	assert_int_equal(n->senders_sight, SIGHT_SEEN);
	assert_int_equal(r->pid, 17);
	assert_string_equal(r->client_addr, "10.0.0.2");
	assert_int_equal(r->sent, 4);
	assert_int_equal(r->write, 3);
	assert_int_equal(r->flush, 2);
	assert_int_equal(r->replay, 1);
	assert_true(r->replay_lag > 0.0002 && r->replay_lag < 0.0003);
	assert_true(r->reply_age > 9.4 && r->reply_age < 9.6);
	assert_false(r->hidden);
	assert_int_equal(r->node, -1);
	status_free(&s);
	n = take(&s, PART_SENDERS, lines, 2);
	assert_int_equal(n->senders_sight, SIGHT_HIDDEN);
	assert_true(n->senders[1].hidden);
	assert_true(n->senders[1].replay_lag < 0);
	assert_true(n->senders[1].reply_age < 0);
	status_free(&s);
	n = take(&s, PART_SENDERS, lines, 0);
	assert_int_equal(n->senders_sight, SIGHT_SEEN);
	assert_int_equal(n->nsenders, 0);
	status_free(&s);
}

static void
a_receiver_says_where_it_streams_from(void **state)
{
	static const struct {
		const char *line, *app, *host, *port, *slot;
	} t[] = {
	    {"streaming|2|0/9|0/8|0/A|1.5|1.6|s1|up|5433|host=x port=1 "
	     "application_name=db2",
		"db2", "up", "5433", "s1"},
	    {"streaming|2|-|0/8|0/A|1|1||-|-|user=r host=up port=5432 "
	     "fallback_application_name=walreceiver",
		"walreceiver", "up", "5432", NULL},
	    {"streaming|2|-|0/8|0/A|1|1|-|-|-|host=a,b port=1,2", NULL, NULL,
		NULL, NULL},
	    {"streaming|2|-|0/8|0/A|1|1|-|-|-|host='", NULL, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct status s = {.primary = -1};
		const struct status_receiver *r =
		    &take_line(&s, PART_RECEIVER, t[i].line)->receiver;
		const struct {
			const char *got, *want;
		} texts[] = {{r->application_name, t[i].app},
		    {r->host, t[i].host}, {r->port, t[i].port},
		    {r->slot, t[i].slot}};

		assert_int_equal(r->sight, SIGHT_SEEN);
		assert_true(r->present);
		assert_int_equal(r->timeline, 2);
		assert_int_equal(r->flushed, 8);
		assert_int_equal(r->latest_end, 10);
		for (size_t k = 0; k < NELEM(texts); k++)
			if (texts[k].want == NULL)
				assert_null(texts[k].got);
			else
				assert_string_equal(
				    texts[k].got, texts[k].want);
		status_free(&s);
	}
}

static void
a_receiver_is_there_hidden_or_not(void **state)
{
	struct status s = {.primary = -1};
	const struct status_receiver *r =
	    &take(&s, PART_RECEIVER, NULL, 0)->receiver;

	(void)state;
	assert_int_equal(r->sight, SIGHT_SEEN);
	assert_false(r->present);
	status_free(&s);
	r = &take_line(&s, PART_RECEIVER, "-")->receiver;
	assert_int_equal(r->sight, SIGHT_HIDDEN);
	assert_true(r->present);
	assert_true(r->heard < 0 && r->sent_ago < 0);
	status_free(&s);
}

static void
slots_are_read(void **state)
{
	static const char *const lines[] = {"s1|f|t|f|t|99|0/77|extended|-5|-",
	    "-|f|t|f|f|1|0/1|-|-|-", "s2|t|-|x|f|-|-|lost|12|rows_removed"};
	struct status s = {.primary = -1};
	const struct status_node *n = take(&s, PART_SLOTS, lines, 3);

	(void)state;
	assert_int_equal(n->slots_sight, SIGHT_SEEN);
	assert_int_equal(n->nslots, 2);
	assert_true(n->slots[0].active && n->slots[0].synced);
	assert_false(n->slots[0].logical);
	assert_int_equal(n->slots[0].pid, 99);
	assert_int_equal(n->slots[0].restart_lsn, 0x77);
	assert_true(n->slots[0].safe_bytes < 0 && n->slots[0].retained < 0);
	assert_true(n->slots[1].logical);
	assert_false(n->slots[1].active);
	assert_int_equal(n->slots[1].pid, -1);
	assert_int_equal(n->slots[1].safe_bytes, 12);
	assert_string_equal(n->slots[1].invalid_reason, "rows_removed");
	status_free(&s);
}

static void
what_fails_is_hidden_and_told(void **state)
{
	struct status s = {.primary = -1};
	struct status_node *n = status_add(&s, "db1");

	(void)state;
	assert_int_equal(
	    survey_rows_take(n, PART_SLOTS, NULL, "permission denied"), 0);
	assert_int_equal(survey_rows_take(n, PART_SENDERS, NULL, "other"), 0);
	assert_int_equal(survey_rows_take(n, PART_RECEIVER, NULL, NULL), 0);
	assert_int_equal(n->slots_sight, SIGHT_HIDDEN);
	assert_int_equal(n->senders_sight, SIGHT_HIDDEN);
	assert_int_equal(n->receiver.sight, SIGHT_HIDDEN);
	assert_string_equal(n->partial,
	    "could not read pg_replication_slots: permission denied");
	status_free(&s);
}

static void
a_server_that_refuses_the_login_is_there(void **state)
{
	static const struct {
		const char *text;
		char says; /* no, a start, an end, nothing */
	} t[] = {
	    {"connection to server at \"db1\" failed: FATAL:  password "
	     "authentication failed for user \"x\"",
		'n'},
	    {"FATAL: no pg_hba.conf entry for host \"10.0.0.1\"", 'n'},
	    {"FATAL:  database \"x\" does not exist", 'n'},
	    {"FATAL:  sorry, too many clients already", 'n'},
	    {"치명적오류:  사용자 \"x\"의 password 인증을 실패했습니다", 'n'},
	    {"connection to server at \"db1\" failed: fe_sendauth: no password "
	     "supplied",
		'n'},
	    {"FATAL:  the database system is starting up", 's'},
	    {"FATAL:  the database system is in recovery mode", 's'},
	    {"FATAL:  the database system is not yet accepting connections",
		's'},
	    {"FATAL:  the database system is not accepting connections", 's'},
	    {"FATAL:  the database system is shutting down", 'e'},
	    {"FATAL:  terminating connection due to administrator command",
		'e'},
	    {"terminating connection because of crash of another server "
	     "process",
		'e'},
	    {"server closed the connection unexpectedly", '-'},
	    {"connection to server at \"db1\" failed: Connection refused", '-'},
	    {"could not translate host name \"FATAL\" to address", '-'},
	    {"", '-'},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		if (survey_says_no(t[i].text) != (t[i].says == 'n') ||
		    survey_says_starts(t[i].text) != (t[i].says == 's') ||
		    survey_says_stops(t[i].text) != (t[i].says == 'e'))
			fail_msg("%s", t[i].text);
}

static void
a_copy_has_its_own_texts(void **state)
{
	static const char *const senders[] = {
	    "17|db2|10.0.0.2|streaming|async|0/4|0/3|0/2|0/1|-"};
	static const char *const slots[] = {"s1|f|t|f|t|99|0/77|extended|5|x"};
	struct status from = {.primary = -1}, to = {.primary = -1};
	const struct status_node *n;
	struct status_node *copy;

	(void)state;
	(void)take_line(&from, PART_NODE, "f|1|0/7|-|-|-|-|1|main|*|0|repl|3");
	(void)take(&from, PART_SENDERS, senders, 1);
	(void)take_line(&from, PART_RECEIVER,
	    "streaming|2|-|0/8|0/A|1|1|s1|h|1|application_name=db2");
	n = take(&from, PART_SLOTS, slots, 1);
	copy = status_add(&to, "other");
	assert_int_equal(survey_rows_copy(copy, n), 0);
	status_free(&from);
	assert_string_equal(copy->name, "other");
	assert_string_equal(copy->cluster_name, "main");
	assert_string_equal(copy->senders[0].application_name, "db2");
	assert_string_equal(copy->slots[0].name, "s1");
	assert_string_equal(copy->receiver.application_name, "db2");
	assert_int_equal(copy->written, 7);
	status_free(&to);
}

static void
rows_beyond_all_limits_are_cut_and_told(void **state)
{
	static const char *const lines[] = {
	    "17|a|10.0.0.2|streaming|async|0/4|0/3|0/2|0/1|-|-",
	    "18|b|10.0.0.3|streaming|async|0/4|0/3|0/2|0/1|-|-"};
	struct status s = {.primary = -1};
	struct status_node *n = take(&s, PART_SENDERS, lines, 2);
	size_t left = 3;

	(void)state;
	assert_int_equal(survey_rows_cut(n, &left), 0);
	assert_int_equal(left, 1);
	assert_int_equal(n->nsenders, 2);
	assert_int_equal(n->senders_sight, SIGHT_SEEN);
	assert_null(n->partial);
	assert_int_equal(survey_rows_cut(n, &left), 0);
	assert_int_equal(left, 0);
	assert_int_equal(n->nsenders, 1);
	assert_int_equal(n->senders_sight, SIGHT_HIDDEN);
	assert_string_equal(n->partial,
	    "all nodes have more than 4000 rows in pg_stat_replication");
	status_free(&s);
}

/* asked[i] answers, on that port, as node[i] of the list. */
static void
answer(struct survey *v, size_t i, const char *name, int port)
{
	struct survey_asked *a = &v->asked[i];
	struct status_node *n;

	*a = (struct survey_asked){.name = strdup(name),
	    .conf = &v->o.nodes[i],
	    .read = true,
	    .upstream = -1,
	    .facts = {.primary = -1}};
	assert_non_null(a->name);
	n = status_add(&a->facts, name);
	assert_non_null(n);
	n->reach = REACH_YES;
	n->version = 150018;
	n->system_identifier = 7;
	n->started_at = 1000.5;
	n->listen_port = port;
}

static void
other_names_of_a_node_are_no_nodes(void **state)
{
	static const char *const names[] = {
	    "localhost:1", "node1", "db1:1", "node1b", "db1:2"};
	static const int want[] = {1, -1, 1, -1, -1};
	struct survey_node nodes[NELEM(names)] = {
	    [1] = {.stays = true}, [3] = {.stays = true}};
	struct survey_asked asked[NELEM(names)];
	struct survey v = {.o = {.nodes = nodes, .n = NELEM(names)},
	    .asked = asked,
	    .n = NELEM(names)};
	struct status s = {.primary = -1};

	(void)state;
	for (size_t i = 0; i < NELEM(names); i++)
		answer(&v, i, names[i], i == 4 ? 2 : 1);
	for (size_t i = 0; i < NELEM(names); i++)
		assert_int_equal(survey_alias(&v, i), want[i]);
	assert_int_equal(survey_build(&v, &s, NULL, NULL), 0);
	assert_int_equal(s.n, NELEM(names)); /* nobody asked for it */
	status_free(&s);
	v.o.merge = true;
	assert_int_equal(survey_build(&v, &s, NULL, NULL), 0);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.nodes[0].name, "node1");
	assert_string_equal(s.nodes[0].aliases, "localhost:1, db1:1");
	assert_string_equal(s.nodes[1].name, "node1b");
	assert_null(s.nodes[1].aliases);
	status_free(&s);
	asked[0].read = false;
	assert_int_equal(survey_alias(&v, 0), -1);
	for (size_t i = 0; i < NELEM(names); i++) {
		status_free(&asked[i].facts);
		free(asked[i].name);
	}
}

/* A standby by two names is one server, where nobody misses a primary. */
static void
two_names_are_no_cluster(void **state)
{
	struct survey_node nodes[2] = {{.stays = false}, {.stays = false}};
	struct survey_asked asked[2];
	struct survey v = {
	    .o = {.nodes = nodes, .n = 2, .merge = true, .whole = true},
	    .asked = asked,
	    .n = 2};
	struct status s = {.primary = -1};

	(void)state;
	answer(&v, 0, "localhost:1", 1);
	answer(&v, 1, "127.0.0.1:1", 1);
	assert_int_equal(survey_build(&v, &s, NULL, NULL), 0);
	assert_int_equal(s.n, 1);
	assert_false(s.whole);
	status_free(&s);
	asked[1].facts.nodes[0].listen_port = 2;
	assert_int_equal(survey_build(&v, &s, NULL, NULL), 0);
	assert_int_equal(s.n, 2);
	assert_true(s.whole);
	status_free(&s);
	for (size_t i = 0; i < 2; i++) {
		status_free(&asked[i].facts);
		free(asked[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_batch_is_what_the_version_has),
	    cmocka_unit_test(a_primary_is_read),
	    cmocka_unit_test(a_standby_is_read),
	    cmocka_unit_test(odd_values_are_unknown),
	    cmocka_unit_test(nothing_is_no_role),
	    cmocka_unit_test(senders_are_seen_or_hidden),
	    cmocka_unit_test(a_receiver_says_where_it_streams_from),
	    cmocka_unit_test(a_receiver_is_there_hidden_or_not),
	    cmocka_unit_test(slots_are_read),
	    cmocka_unit_test(what_fails_is_hidden_and_told),
	    cmocka_unit_test(a_server_that_refuses_the_login_is_there),
	    cmocka_unit_test(a_copy_has_its_own_texts),
	    cmocka_unit_test(rows_beyond_all_limits_are_cut_and_told),
	    cmocka_unit_test(other_names_of_a_node_are_no_nodes),
	    cmocka_unit_test(two_names_are_no_cluster),
	};

	return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
