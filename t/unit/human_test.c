#include "base/std.h"

#include <locale.h>
#include <setjmp.h>

#include <cmocka.h>

#include "io/table.h"
#include "show/show.h"

/* A status written down by hand; nothing of it is freed. */
static struct status_node
node(const char *name, enum status_role role, int upstream)
{
	return (struct status_node){.name = (char *)(uintptr_t)name,
	    .role = role,
	    .upstream = upstream,
	    .sender = -1,
	    .state = role == ROLE_PRIMARY ? "running" : "streaming",
	    .sync = role == ROLE_PRIMARY ? NULL : "async",
	    .paused = -1,
	    .receive_lag = -1,
	    .replay_lag = -1,
	    .upstream_lag = -1,
	    .delay = -1,
	    .rate = -1,
	    .eta = -1};
}

#define TEXT(s) ((char *)(uintptr_t)(s))
#define LONELY "measured against upstream db1:5432, which was not asked"

/* The picture of the contract: a primary and two standbys, one behind. */
static void
picture(struct status *s, struct status_node n[3], struct status_problem *p)
{
	n[0] = node("node1", ROLE_PRIMARY, -1);
	n[0].timeline = 1;
	n[0].written = 0xA3C1F60;
	n[1] = node("node2", ROLE_STANDBY, 0);
	n[1].sent = n[1].received = n[1].replayed = 0xA3C1F60;
	n[1].receive_lag = n[1].replay_lag = 0;
	n[1].delay = 0.0004;
	n[2] = node("node3", ROLE_STANDBY, 0);
	n[2].state = "catchup";
	n[2].sent = 0xA3C1F60;
	n[2].received = 0xA3B0000;
	n[2].replayed = 0x8EC1F60;
	n[2].receive_lag = 73568;
	n[2].replay_lag = 22020096;
	n[2].delay = 41.2;
	n[2].severity = SEV_WARNING;
	*p = (struct status_problem){.id = "replay-lag",
	    .severity = SEV_WARNING,
	    .node = 2,
	    .message = TEXT("replay lag 21 MB is above 16 MB"),
	    .hint = TEXT("long query on node3? SELECT pid, now()-xact_start "
			 "FROM pg_stat_activity WHERE state <> 'idle';")};
	*s = (struct status){.cluster = TEXT("main"),
	    .whole = true,
	    .time = 1795327555,
	    .nodes = n,
	    .n = 3,
	    .primary = 0,
	    .system_identifier = UINT64_C(7281936400112233445),
	    .streaming_known = true,
	    .streaming = 1,
	    .standbys = 2,
	    .problems = p,
	    .nproblems = 1,
	    .severity = SEV_WARNING};
}

static char *
shown(const struct status *s, const struct show_opts *o)
{
	struct buf b = BUF_INIT;

	assert_int_equal(show_human(s, o, &b), 0);
	return buf_steal(&b);
}

static bool
utf8_locale(void)
{
	return setlocale(LC_CTYPE, "C.UTF-8") != NULL ||
	       setlocale(LC_CTYPE, "en_US.UTF-8") != NULL;
}

static void
has(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("no \"%s\" in:\n%s", what, text);
}

static void
has_not(const char *text, const char *what)
{
	if (strstr(text, what) != NULL)
		fail_msg("\"%s\" in:\n%s", what, text);
}

static void
no_line_is_wider(const char *text, int width)
{
	char *copy = strdup(text), *save = NULL, *line;

	assert_non_null(copy);
	for (line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		if (table_width(line) > width)
			fail_msg("%d is wider than %d: \"%s\"",
			    table_width(line), width, line);
	free(copy);
}

static void
the_picture_of_the_contract(void **state)
{
	struct show_opts o = {.utf8 = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	if (!utf8_locale())
		skip();
	picture(&s, n, &p);
	text = shown(&s, &o);
	assert_string_equal(text,
	    "main  system 7281936400112233445   primary node1 (timeline 1, "
	    "written 0/A3C1F60)   2026-11-22 06:05:55Z\n"
	    "  NODE     ROLE     STATE      SYNC   SENT       RECEIVED   "
	    "REPLAYED   RECV LAG  REPLAY LAG   DELAY\n"
	    "\xE2\x97\x8F node1    primary  running    -      -          -     "
	    "     -                 -           -       -\n"
	    "\xE2\x97\x8F \xE2\x94\x9C\xE2\x94\x80node2  standby  streaming  "
	    "async  0/A3C1F60  0/A3C1F60  0/A3C1F60       0 B         0 B  0.4 "
	    "ms\n"
	    "\xE2\x96\xB2 \xE2\x94\x94\xE2\x94\x80node3  standby  catchup    "
	    "async  0/A3C1F60  0/A3B0000  0/8EC1F60     72 kB       21 MB  "
	    "41.2 s\n"
	    "WARNING  node3: replay lag 21 MB is above 16 MB\n"
	    "         hint: long query on node3? SELECT pid, now()-xact_start "
	    "FROM pg_stat_activity WHERE state <> 'idle';\n");
	free(text);
}

static void
without_utf8_all_is_ascii(void **state)
{
	struct show_opts o = {.utf8 = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C"));
	picture(&s, n, &p);
	n[1].name = TEXT("\xED\x95\x9C");
	n[1].severity = SEV_CRITICAL;
	n[0].severity = SEV_UNKNOWN;
	text = shown(&s, &o); /* asked for, but the locale has none */
	for (const char *c = text; *c != '\0'; c++)
		assert_true((unsigned char)*c < 0x80);
	has(text, "\n? node1 ");
	has(text, "\nX |-\\355\\225\\234  standby");
	has(text, "\n! `-node3         standby");
	free(text);
}

static void
unknown_is_a_dash_and_never_zero(void **state)
{
	struct show_opts o = {.rates = true, .verbose = 1};
	struct status_node n[1] = {{0}};
	struct status s = {.nodes = n, .n = 1, .primary = -1, .standbys = 1};
	char *text;

	(void)state;
	n[0] = node("a", ROLE_UNKNOWN, -1);
	n[0].state = NULL;
	n[0].sync = NULL;
	text = shown(&s, &o);
	for (const char *c = strstr(text, "\n* a ") + 5; *c != '\n'; c++)
		assert_true(*c != '0');
	has_not(text, "(null)");
	has_not(text, "no primary");
	free(text);
}

static void
a_narrow_terminal_loses_columns_in_order(void **state)
{
	static const char *const order[] = {"FLUSHED", "UPSTREAM LAG", "SLOT",
	    "VERSION", "TLI", "SYNC", "SENT", "RECEIVED", "REPLAYED",
	    "RECV LAG", "RATE", "ROLE"};
	struct show_opts o = {.utf8 = true, .rates = true, .verbose = 1};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	size_t gone, last = 0;
	char *text;

	(void)state;
	if (!utf8_locale())
		skip();
	picture(&s, n, &p);
	for (o.width = 200; o.width >= 46; o.width--) {
		text = shown(&s, &o);
		no_line_is_wider(text, o.width);
		for (gone = 0;
		     gone < NELEM(order) && strstr(text, order[gone]) == NULL;
		     gone++)
			;
		for (size_t i = gone; i < NELEM(order); i++)
			has(text, order[i]);
		assert_true(gone >= last);
		last = gone;
		has(text, "NODE ");
		has(text, "STATE ");
		has(text, "REPLAY LAG");
		has(text, "DELAY");
		free(text);
	}
	assert_int_equal(last, NELEM(order));
}

static void
a_very_narrow_terminal_is_survived(void **state)
{
	struct show_opts o = {.utf8 = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;

	(void)state;
	if (!utf8_locale())
		skip();
	picture(&s, n, &p);
	for (o.width = 45; o.width > 0; o.width--)
		free(shown(&s, &o));
}

static void
problems_wrap_below_their_text(void **state)
{
	struct show_opts o = {.width = 60};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	text = shown(&s, &o);
	has(text,
	    "WARNING  node3: replay lag 21 MB is above 16 MB\n"
	    "         hint: long query on node3? SELECT pid,\n"
	    "               now()-xact_start FROM pg_stat_activity WHERE\n"
	    "               state <> 'idle';\n");
	free(text);
	p.hint = NULL;
	p.message = TEXT("word-word-word-word-word-word-word-word-word-word-"
			 "word-word-word");
	p.node = -1;
	text = shown(&s, &o);
	has(text,
	    "WARNING  word-word-word-word-word-word-word-word-word-word-w\n"
	    "         ord-word-word\n");
	free(text);
}

static void
foreign_text_cannot_change_the_screen(void **state)
{
	struct show_opts o = {.utf8 = true, .verbose = 1};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	if (!utf8_locale())
		skip();
	picture(&s, n, &p);
	s.cluster = TEXT("a\033[2Jb");
	n[1].name = TEXT("x\ny\xE2\x80\xAEz\\");
	n[1].state = "\033]0;t\a";
	n[2].version_text = TEXT("15\033[H");
	n[2].receiver.slot = TEXT("\xFF");
	p.message = TEXT("FATAL:  no\n\tentry \033[31m");
	text = shown(&s, &o);
	has_not(text, "\033");
	has_not(text, "\a");
	has_not(text, "\xE2\x80\xAE");
	has(text, "a\\033[2Jb");
	has(text, "x y\\342\\200\\256z\\134");
	has(text, "WARNING  node3: FATAL: no entry \\033[31m\n");
	free(text);
}

static void
double_width_names_are_aligned(void **state)
{
	struct show_opts o = {.utf8 = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	if (!utf8_locale())
		skip();
	picture(&s, n, &p);
	n[1].name = TEXT("\xEC\x84\x9C\xEC\x9A\xB8"); /* four columns */
	text = shown(&s, &o);
	has(text, "\xEC\x84\x9C\xEC\x9A\xB8   standby");
	has(text, "node3  standby");
	free(text);
}

static void
a_cascade_and_a_circle_are_drawn_once(void **state)
{
	struct show_opts o = {.utf8 = false};
	struct status_node n[6];
	struct status s = {
	    .nodes = n, .n = 6, .primary = 2, .whole = true, .standbys = 5};
	char *text;

	(void)state;
	n[0] = node("circle1", ROLE_STANDBY, 1);
	n[1] = node("circle2", ROLE_STANDBY, 0);
	n[2] = node("primary1", ROLE_PRIMARY, -1);
	n[3] = node("cascaded", ROLE_STANDBY, 5);
	n[4] = node("self", ROLE_STANDBY, 4);
	n[5] = node("relay", ROLE_STANDBY, 2);
	text = shown(&s, &o);
	has(text, "\n* primary1      primary");
	has(text, "\n* `-relay       standby");
	has(text, "\n*   `-cascaded  standby");
	has(text, "\n* circle1       standby");
	has(text, "\n* `-circle2     standby");
	has(text, "\n* self          standby");
	assert_true(strstr(text, "primary1") < strstr(text, "circle1"));
	free(text);
}

static void
colour_never_stands_alone(void **state)
{
	struct show_opts o = {.color = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	text = shown(&s, &o);
	has(text, "\n\033[33m!\033[0m `-node3");
	has(text, "\033[33mWARNING\033[0m  node3");
	has(text, "\033[33m     21 MB\033[0m");
	free(text);
	o.color = false;
	text = shown(&s, &o);
	has_not(text, "\033");
	free(text);
}

static void
slots_are_shown_when_they_matter(void **state)
{
	struct status_slot slot[] = {
	    {.name = TEXT("used"),
		.active = true,
		.wal_status = TEXT("reserved"),
		.retained = 16},
	    {.name = TEXT("gone"), .wal_status = TEXT("lost"), .retained = -1},
	    {.name = TEXT("idle"), .active = true, .retained = 0},
	};
	struct show_opts o = {.utf8 = false};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	n[0].slots = slot;
	n[0].nslots = NELEM(slot);
	text = shown(&s, &o);
	has_not(text, "gone");
	free(text);
	p.id = "slot-lost";
	p.node = 0;
	text = shown(&s, &o);
	has(text, "\n  gone  node1  physical  inactive  lost         -\n");
	has_not(text, "used");
	free(text);
	p.node = 1;
	o.verbose = 1;
	text = shown(&s, &o);
	has(text, "\n  used  node1  physical  active    reserved      16 B\n");
	has(text, "\n  gone ");
	has_not(text, "\n  idle ");
	free(text);
}

static void
all_is_well_is_said_in_words(void **state)
{
	struct show_opts o = {.utf8 = false};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	s.nproblems = 0;
	s.severity = SEV_OK;
	s.streaming = 2;
	text = shown(&s, &o);
	has(text, "\nOK       2 of 2 standbys streaming\n");
	free(text);
	s.streaming_known = false;
	text = shown(&s, &o);
	has(text, "\nOK       ? of 2 standbys streaming\n");
	free(text);
	s.n = 0;
	s.primary = -1;
	s.standbys = 0;
	text = shown(&s, &o);
	has(text, "main  system 7281936400112233445   no primary");
	has(text, "\nOK       no standby\n");
	free(text);
}

static void
a_lone_standby_names_its_upstream(void **state)
{
	struct show_opts o = {.utf8 = false};
	struct status_node n[1];
	struct status s = {.nodes = n, .n = 1, .primary = -1, .standbys = 1};
	char *text;

	(void)state;
	n[0] = node("db2:5432", ROLE_STANDBY, -1);
	n[0].receiver.host = TEXT("db1");
	n[0].receiver.port = TEXT("5432");
	n[0].delay = 0;
	n[0].replay_lag = 0;
	text = shown(&s, &o);
	assert_true(strncmp(text, LONELY "\n", sizeof(LONELY)) == 0);
	has(text, " 0 B    0 s\n");
	free(text);
}

static void
standbys_alone_name_the_upstream_that_they_share(void **state)
{
	struct show_opts o = {.utf8 = false};
	struct status_node n[3];
	struct status s = {.nodes = n, .n = 3, .primary = -1, .standbys = 3};
	char *text;

	(void)state;
	n[0] = node("db2", ROLE_STANDBY, -1);
	n[0].receiver.host = TEXT("db1");
	n[0].receiver.port = TEXT("5432");
	n[1] = node("below", ROLE_STANDBY, 0);
	n[1].receiver.host = TEXT("db2");
	n[2] = n[0];
	n[2].name = TEXT("db3");
	text = shown(&s, &o);
	assert_true(strncmp(text, LONELY "\n", sizeof(LONELY)) == 0);
	free(text);
	n[2].receiver.port = TEXT("5433");
	text = shown(&s, &o);
	has_not(text, "measured");
	free(text);
	n[2].receiver.port = n[2].receiver.host = NULL;
	text = shown(&s, &o);
	has_not(text, "measured");
	free(text);
}

static void
the_last_known_primary_is_named_when_there_is_none(void **state)
{
	struct trend last = {.set = true,
	    .primary = TEXT("no\033de1"),
	    .primary_time = 1795327555 - 185,
	    .primary_lsn = 0xA3C1F60};
	struct show_opts o = {.last = &last};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	text = shown(&s, &o);
	has_not(text, "last known");
	free(text);
	s.primary = -1;
	text = shown(&s, &o);
	has(text, "   no primary, last known primary no\\033de1 at 0/A3C1F60, "
		  "3 min 5 s ago   2026");
	free(text);
	last.system_identifier = 7; /* of another cluster */
	text = shown(&s, &o);
	has_not(text, "last known");
	free(text);
	last = (struct trend){.set = true};
	text = shown(&s, &o);
	has(text, "   no primary   ");
	has_not(text, "last known");
	free(text);
}

static void
who_was_not_asked_is_said_on_request(void **state)
{
	struct show_opts o = {.utf8 = false};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	n[1].reach = REACH_NOT_ASKED;
	n[2].reach = REACH_NOT_ASKED;
	n[2].role = ROLE_RECEIVEWAL;
	text = shown(&s, &o);
	has_not(text, "not asked");
	free(text);
	o.verbose = 1;
	text = shown(&s, &o);
	has(text, "\n         node2: was not asked, seen from the row of its "
		  "upstream node1 only\n");
	has_not(text, "node3: was not");
	free(text);
	n[1].upstream = -1;
	text = shown(&s, &o);
	has(text, "\n         node2: was not asked\n");
	free(text);
}

static void
a_refused_login_is_a_state_of_its_own(void **state)
{
	struct show_opts o = {.color = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	n[2].reach = REACH_FAILED;
	n[2].alive = true;
	n[2].state = "no login";
	n[2].severity = SEV_UNKNOWN;
	p = (struct status_problem){.id = "unreachable",
	    .severity = SEV_UNKNOWN,
	    .node = 2,
	    .message = TEXT("refuses the login: password")};
	text = shown(&s, &o);
	has(text, "\033[35mno login");
	free(text);
}

static void
two_primaries_are_coloured_both(void **state)
{
	struct show_opts o = {.color = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	p = (struct status_problem){.id = "two-primaries",
	    .severity = SEV_CRITICAL,
	    .node = -1,
	    .message = TEXT("node1 and node3 take writes")};
	n[2].role = ROLE_PRIMARY;
	n[0].severity = n[2].severity = SEV_CRITICAL;
	text = shown(&s, &o);
	has(text, "\033[31mX\033[0m node1    \033[31mprimary");
	has(text, "\033[31mX\033[0m `-node3  \033[31mprimary");
	has_not(text, "\033[31mstandby");
	free(text);
}

static void
rates_outlive_positions_on_80_columns(void **state)
{
	struct show_opts o = {.rates = true, .width = 80};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	n[0].name = TEXT("127.0.0.1:21000");
	n[1].name = TEXT("127.0.0.1:21001");
	n[2].name = TEXT("127.0.0.1:21002");
	n[0].rate = n[1].rate = 5.5 * 1048576;
	n[2].eta = 125;
	text = shown(&s, &o);
	has(text, "RATE");
	has(text, "ETA");
	has_not(text, "RECEIVED");
	has_not(text, "REPLAYED");
	free(text);
}

static void
rates_are_shown_when_asked_for(void **state)
{
	struct show_opts o = {.rates = true};
	struct status_problem p;
	struct status_node n[3];
	struct status s;
	char *text;

	(void)state;
	picture(&s, n, &p);
	n[0].rate = 1048576;
	n[2].rate = 0;
	n[2].eta = 125;
	text = shown(&s, &o);
	has(text, "    RATE        ETA\n");
	has(text, "  1 MB/s          -\n");
	has(text, "0 B/s  2 min 5 s\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_picture_of_the_contract),
	    cmocka_unit_test(without_utf8_all_is_ascii),
	    cmocka_unit_test(unknown_is_a_dash_and_never_zero),
	    cmocka_unit_test(a_narrow_terminal_loses_columns_in_order),
	    cmocka_unit_test(a_very_narrow_terminal_is_survived),
	    cmocka_unit_test(problems_wrap_below_their_text),
	    cmocka_unit_test(foreign_text_cannot_change_the_screen),
	    cmocka_unit_test(double_width_names_are_aligned),
	    cmocka_unit_test(a_cascade_and_a_circle_are_drawn_once),
	    cmocka_unit_test(colour_never_stands_alone),
	    cmocka_unit_test(slots_are_shown_when_they_matter),
	    cmocka_unit_test(all_is_well_is_said_in_words),
	    cmocka_unit_test(a_lone_standby_names_its_upstream),
	    cmocka_unit_test(standbys_alone_name_the_upstream_that_they_share),
	    cmocka_unit_test(
		the_last_known_primary_is_named_when_there_is_none),
	    cmocka_unit_test(who_was_not_asked_is_said_on_request),
	    cmocka_unit_test(a_refused_login_is_a_state_of_its_own),
	    cmocka_unit_test(two_primaries_are_coloured_both),
	    cmocka_unit_test(rates_outlive_positions_on_80_columns),
	    cmocka_unit_test(rates_are_shown_when_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
