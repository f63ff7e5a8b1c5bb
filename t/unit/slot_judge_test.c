/* Which slots can be used: facts in, refusal out. */
#include "base/std.h"
#include "flow/slot.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct slot_facts absent = {.exists = false};
static const struct slot_facts idle = {.exists = true,
    .physical = true,
    .restart_lsn = 0x2000000,
    .wal_status = "reserved"};
static const struct slot_facts empty = {.exists = true, .physical = true};
static const struct slot_facts lost = {
    .exists = true, .physical = true, .wal_status = "lost"};
static const struct slot_facts active = {
    .exists = true, .physical = true, .active = true, .restart_lsn = 0x2000000};
static const struct slot_facts logical = {
    .exists = true, .restart_lsn = 0x2000000};
static const struct slot_facts temporary = {
    .exists = true, .physical = true, .temporary = true};

static const struct judge_case {
	const char *name;
	const struct slot_facts *facts;
	enum slot_want want;
	int max, used;
	const char *text, *hint; /* NULL: may be used */
} cases[] = {
    {"absent, default", &absent, SLOT_AUTO, 10, 3, NULL, NULL},
    {"absent, default, full: WAL is fetched", &absent, SLOT_AUTO, 10, 10, NULL,
	NULL},
    {"absent, default, none allowed: WAL is fetched", &absent, SLOT_AUTO, 0, 0,
	NULL, NULL},
    {"absent, -C", &absent, SLOT_MUST_CREATE, 10, 9, NULL, NULL},
    {"absent, -C, room unknown", &absent, SLOT_MUST_CREATE, -1, -1, NULL, NULL},
    {"absent, -C, full", &absent, SLOT_MUST_CREATE, 10, 10,
	"10 of 10 slots are used", "max_replication_slots"},
    {"absent, -S", &absent, SLOT_MUST_EXIST, 10, 3, "does not exist", "-C"},
    {"idle, default", &idle, SLOT_AUTO, 10, 3, NULL, NULL},
    {"idle, default, full", &idle, SLOT_AUTO, 10, 10, NULL, NULL},
    {"idle, -S", &idle, SLOT_MUST_EXIST, 10, 10, NULL, NULL},
    {"idle, -C", &idle, SLOT_MUST_CREATE, 10, 3, "exists already", "-S node2"},
    {"empty, default", &empty, SLOT_AUTO, 10, 3, NULL, NULL},
    {"lost, default: made again", &lost, SLOT_AUTO, 10, 3, NULL, NULL},
    {"active, default", &active, SLOT_AUTO, 10, 3, "is active",
	"made: -C -S NAME"},
    {"active, -S", &active, SLOT_MUST_EXIST, 10, 3, "is active",
	"made: -C -S NAME"},
    {"logical, default", &logical, SLOT_AUTO, 10, 3, "logical",
	"made: -C -S NAME"},
    {"temporary, -S", &temporary, SLOT_MUST_EXIST, 10, 3, "temporary",
	"made: -C -S NAME"},
    {"active, --no-slot", &active, SLOT_NONE, 10, 10, NULL, NULL},
};

static void
slot_is_judged_from_facts_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		const struct judge_case *c = &cases[i];
		struct err e = ERR_INIT;
		int rc =
		    slot_judge(c->facts, c->want, "node2", c->max, c->used, &e);

		if (rc != (c->text == NULL ? 0 : -1))
			fail_msg("%s: %d, %s", c->name, rc, e.text);
		if (c->text == NULL)
			continue;
		assert_int_equal(e.code, ERR_SLOT);
		assert_int_equal(e.status, STATUS_REFUSED);
		if (strstr(e.text, c->text) == NULL ||
		    strstr(e.text, "\"node2\"") == NULL ||
		    strstr(e.hint, c->hint) == NULL)
			fail_msg("%s: %s / %s", c->name, e.text, e.hint);
	}
}

static void
end_of_a_slot_that_was_never_made_does_nothing(void **state)
{
	struct slot s = {.made = false};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(slot_end_failed(&s, &e), 0);
	assert_int_equal(slot_end_failed(&s, &e), 0);
	assert_false(err_is_set(&e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slot_is_judged_from_facts_alone),
	    cmocka_unit_test(end_of_a_slot_that_was_never_made_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
