/* May a node follow?  Literal histories and positions, and the nearest ones. */
#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/err.h"
#include "core/follow.h"

#define SYS UINT64_C(7281936400112233445)
#define FORK UINT64_C(0x5000148)
#define FORK2 UINT64_C(0x70000A0)
#define END UINT64_C(0x9000000)

#define TLI2 "1\t0/5000148\tno recovery target specified\n"
#define TLI3 TLI2 "\n2\t0/70000A0\tbefore 2026-11-22\n"
#define TLI4 "1\t0/5000148\tx\n3\t0/70000A0\ty\n" /* 2 was abandoned */

struct row {
	const char *what;
	struct follow_facts f;
	enum follow_verdict want;
	uint64_t fork;
};

#define FACTS(own_tli, own_pos, tli, pos, text)                                \
	{                                                                      \
		.own_system = SYS, .system_identifier = SYS,                   \
		.own_timeline = (own_tli), .timeline = (tli),                  \
		.own_end = (own_pos), .end = (pos), .history = (text)          \
	}

static void
run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t fork = 77;
		enum follow_verdict v = follow_judge(&rows[i].f, &fork);

		if (v != rows[i].want || fork != rows[i].fork)
			fail_msg("%s: verdict %d, fork %" PRIX64, rows[i].what,
			    (int)v, fork);
	}
}

static void
on_the_same_timeline_it_must_not_have_more(void **state)
{
	static const struct row rows[] = {
	    {"behind", FACTS(1, FORK, 1, END, ""), FOLLOW_OK, 0},
	    {"equal", FACTS(1, END, 1, END, ""), FOLLOW_OK, 0},
	    {"one byte more", FACTS(1, END + 1, 1, END, ""), FOLLOW_FORKED,
		END},
	    {"timeline 3", FACTS(3, END, 3, END, TLI3), FOLLOW_OK, 0},
	    {"no history needed", FACTS(3, END, 3, END, NULL), FOLLOW_OK, 0},
	    {"own end not known", FACTS(1, 0, 1, END, ""), FOLLOW_UNKNOWN, 0},
	    {"end not known", FACTS(1, FORK, 1, 0, ""), FOLLOW_UNKNOWN, 0},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

#define TWIN(own_tli, tli, text, recovery, primary, bytes, at)                 \
	{                                                                      \
		.own_system = SYS, .system_identifier = SYS,                   \
		.own_timeline = (own_tli), .timeline = (tli), .own_end = FORK, \
		.end = END, .history = (text), .in_recovery = (recovery),      \
		.was_primary = (primary), .wal = (bytes), .differs = (at)      \
	}

static void
timelines_of_one_number_are_told_apart_by_their_bytes_or_roles(void **state)
{
	static const struct row rows[] = {
	    {"same bytes", TWIN(2, 2, TLI2, false, true, FOLLOW_WAL_SAME, 0),
		FOLLOW_OK, 0},
	    {"other bytes",
		TWIN(2, 2, TLI2, false, false, FOLLOW_WAL_OTHER, FORK - 9),
		FOLLOW_FORKED, FORK - 9},
	    {"other bytes from the first on",
		TWIN(2, 2, TLI2, true, false, FOLLOW_WAL_OTHER, 0),
		FOLLOW_FORKED, 0},
	    {"other bytes on an ancestor",
		TWIN(1, 2, TLI2, false, false, FOLLOW_WAL_OTHER, FORK - 9),
		FOLLOW_FORKED, FORK - 9},
	    {"a standby, not known",
		TWIN(2, 2, TLI2, false, false, FOLLOW_WAL_UNKNOWN, 0),
		FOLLOW_OK, 0},
	    {"two primaries, not known",
		TWIN(2, 2, TLI2, false, true, FOLLOW_WAL_UNKNOWN, 0),
		FOLLOW_FORKED, 0},
	    {"a primary below a standby, not known",
		TWIN(2, 2, TLI2, true, true, FOLLOW_WAL_UNKNOWN, 0), FOLLOW_OK,
		0},
	    {"the old primary of a switchover, not known",
		TWIN(1, 2, TLI2, false, true, FOLLOW_WAL_UNKNOWN, 0), FOLLOW_OK,
		FORK},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

static void
on_an_older_timeline_it_must_not_have_wal_behind_the_fork(void **state)
{
	static const struct row rows[] = {
	    {"before", FACTS(1, FORK - 1, 2, END, TLI2), FOLLOW_OK, FORK},
	    {"exactly at the fork", FACTS(1, FORK, 2, END, TLI2), FOLLOW_OK,
		FORK},
	    {"one byte behind", FACTS(1, FORK + 1, 2, END, TLI2), FOLLOW_FORKED,
		FORK},
	    {"more than the new primary", FACTS(1, END + 1, 2, END, TLI2),
		FOLLOW_FORKED, FORK},
	    {"end of the new primary not known", FACTS(1, FORK, 2, 0, TLI2),
		FOLLOW_OK, FORK},
	    {"own end not known", FACTS(1, 0, 2, END, TLI2), FOLLOW_UNKNOWN,
		FORK},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

static void
a_chain_of_promotions_is_followed_from_any_link(void **state)
{
	static const struct row rows[] = {
	    {"from 1", FACTS(1, FORK, 3, END, TLI3), FOLLOW_OK, FORK},
	    {"from 1, forked at the first", FACTS(1, FORK + 1, 3, END, TLI3),
		FOLLOW_FORKED, FORK},
	    {"from 2", FACTS(2, FORK2, 3, END, TLI3), FOLLOW_OK, FORK2},
	    {"from 2, before the second", FACTS(2, FORK + 1, 3, END, TLI3),
		FOLLOW_OK, FORK2},
	    {"from 2, forked", FACTS(2, FORK2 + 1, 3, END, TLI3), FOLLOW_FORKED,
		FORK2},
	    {"from 3 to 4", FACTS(3, FORK2, 4, END, TLI4), FOLLOW_OK, FORK2},
	    {"from a timeline that was abandoned", FACTS(2, FORK, 4, END, TLI4),
		FOLLOW_FORKED, 0},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

static void
a_primary_on_an_older_timeline_is_not_followed(void **state)
{
	static const struct row rows[] = {
	    {"behind", FACTS(2, FORK, 1, END, ""), FOLLOW_OLDER, 0},
	    {"ahead", FACTS(3, END + 1, 2, END, TLI2), FOLLOW_OLDER, 0},
	    {"position not known", FACTS(2, 0, 1, END, ""), FOLLOW_OLDER, 0},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

static void
another_cluster_is_told_first(void **state)
{
	struct row rows[] = {
	    {"other system", FACTS(1, FORK, 1, END, ""), FOLLOW_CLUSTER, 0},
	    {"other system, forked", FACTS(1, FORK + 1, 2, END, TLI2),
		FOLLOW_CLUSTER, 0},
	    {"own one not known", FACTS(1, FORK, 1, END, ""), FOLLOW_UNKNOWN,
		0},
	    {"not known", FACTS(1, FORK, 1, END, ""), FOLLOW_UNKNOWN, 0},
	    {"none known", FACTS(1, FORK, 1, END, ""), FOLLOW_UNKNOWN, 0},
	};

	(void)state;
	rows[0].f.own_system++;
	rows[1].f.system_identifier--;
	rows[2].f.own_system = 0;
	rows[3].f.system_identifier = 0;
	rows[4].f.own_system = rows[4].f.system_identifier = 0;
	run_rows(rows, NELEM(rows));
}

static void
what_is_not_known_is_never_ok(void **state)
{
	static const struct row rows[] = {
	    {"own timeline", FACTS(0, FORK, 2, END, TLI2), FOLLOW_UNKNOWN, 0},
	    {"timeline", FACTS(1, FORK, 0, END, TLI2), FOLLOW_UNKNOWN, 0},
	    {"no history", FACTS(1, FORK, 2, END, NULL), FOLLOW_UNKNOWN, 0},
	    {"empty history", FACTS(1, FORK, 2, END, ""), FOLLOW_UNKNOWN, 0},
	    {"broken history", FACTS(1, FORK, 2, END, "1\t0/\tx\n"),
		FOLLOW_UNKNOWN, 0},
	    {"history of another timeline", FACTS(1, FORK, 2, END, TLI3),
		FOLLOW_UNKNOWN, 0},
	    {"fork at 0/0", FACTS(1, FORK, 2, END, "1\t0/0\tx\n"),
		FOLLOW_UNKNOWN, 0},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

#define SAYS "standby-follow: error: the histories parted " FOLLOW_FORKED_MARK

static void
it_says_by_a_mark_that_the_histories_forked(void **state)
{
	char id[32];

	static const struct {
		const char *said;
		bool forked;
	} rows[] = {
	    {SAYS, true},
	    {SAYS "\n", true},
	    {"standby-follow: note: x\n" SAYS "\nstandby-follow: hint: y\n",
		true},
	    {"standby-follow: \033[31merror: \033[0mx " FOLLOW_FORKED_MARK,
		true},
	    {NULL, false},
	    {"", false},
	    {"\n\n", false},
	    {FOLLOW_FORKED_MARK, false},
	    {" " FOLLOW_FORKED_MARK, false},
	    /* Other refusals hint at a copy, too. */
	    {"standby-follow: error: db2 is on an older timeline\n"
	     "standby-follow: hint: standby-clone --delta, once the histories "
	     "forked at 0/3000060\n",
		false},
	    {"standby-follow: error: \"/srv/x " FOLLOW_FORKED_MARK
	     "/y\" is gone\n",
		false},
	    {"standby-follow: note: see " FOLLOW_FORKED_MARK "\n", false},
	    {"standby-follow: error: x\n " FOLLOW_FORKED_MARK "\n", false},
	};

	(void)state;
	(void)snprintf(id, sizeof(id), "[%s]", err_name(ERR_FORKED));
	assert_string_equal(id, FOLLOW_FORKED_MARK);
	for (size_t i = 0; i < NELEM(rows); i++) {
		if (follow_said_forked(STATUS_REFUSED, rows[i].said) !=
		    rows[i].forked)
			fail_msg("row %zu", i);
		assert_false(follow_said_forked(STATUS_OK, rows[i].said));
		assert_false(follow_said_forked(STATUS_FAILED, rows[i].said));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(on_the_same_timeline_it_must_not_have_more),
	    cmocka_unit_test(
		timelines_of_one_number_are_told_apart_by_their_bytes_or_roles),
	    cmocka_unit_test(
		on_an_older_timeline_it_must_not_have_wal_behind_the_fork),
	    cmocka_unit_test(a_chain_of_promotions_is_followed_from_any_link),
	    cmocka_unit_test(a_primary_on_an_older_timeline_is_not_followed),
	    cmocka_unit_test(another_cluster_is_told_first),
	    cmocka_unit_test(what_is_not_known_is_never_ok),
	    cmocka_unit_test(it_says_by_a_mark_that_the_histories_forked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
