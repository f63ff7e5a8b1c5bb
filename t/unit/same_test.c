/* core/same: two names of one server, or two servers. */
#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "core/same.h"

#define STARTED 1700000000.123456

static struct status_node
server(void)
{
	return (struct status_node){.reach = REACH_YES,
	    .version = 150018,
	    .system_identifier = UINT64_C(7281936400112233445),
	    .listen_port = 5432,
	    .started_at = STARTED};
}

static void
equal_facts_are_one_server(void **state)
{
	struct status_node a = server(), b = server();

	(void)state;
	a.says = ROLE_PRIMARY;
	b.says = ROLE_STANDBY; /* promoted between the two answers */
	assert_true(same_server(&a, &b));
	a.version = b.version = 90026;
	a.system_identifier = b.system_identifier = 0; /* SQL has none */
	assert_true(same_server(&a, &b));
}

static void
one_other_fact_is_another_server(void **state)
{
	struct status_node a = server(), b[4];

	(void)state;
	for (size_t i = 0; i < NELEM(b); i++)
		b[i] = server();
	b[0].version = 150019;
	b[1].system_identifier++;
	b[2].listen_port++;
	b[3].started_at = 1700000000.123457;
	for (size_t i = 0; i < NELEM(b); i++)
		assert_false(same_server(&a, &b[i]));
}

static void
what_is_unknown_is_equal_to_nothing(void **state)
{
	struct status_node v[7];

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++)
		v[i] = server();
	v[0].version = 0;
	v[1].system_identifier = 0;
	v[2].listen_port = 0;
	v[3].started_at = -1;
	v[4].reach = REACH_NOT_ASKED;
	v[5].reach = REACH_FAILED;
	v[6].reach = REACH_HUNG;
	for (size_t i = 0; i < NELEM(v); i++)
		assert_false(same_server(&v[i], &v[i]));
}

static void
names_of_one_address_are_one_host(void **state)
{
	static const char *const v4[] = {"127.0.0.1"},
				 *const both[] = {"::1", "127.0.0.1"},
				 *const twice[] = {"127.0.0.1", "127.0.0.1"},
				 *const other[] = {"127.0.0.2"},
				 *const v6[] = {"::1"};

	(void)state;
	assert_true(same_host(v4, 1, v4, 1));
	assert_true(same_host(both, 2, v4, 1));
	assert_true(same_host(v6, 1, both, 2));
	assert_true(same_host(twice, 2, both, 2));
	assert_false(same_host(other, 1, both, 2));
	assert_false(same_host(v6, 1, v4, 1));
	assert_false(same_host(v4, 0, v4, 0));
}

/* A name that a pool of servers has is none of them. */
static void
a_name_of_several_hosts_is_no_host(void **state)
{
	static const char *const pool[] = {"10.0.0.1", "10.0.0.2"},
				 *const pool6[] = {"fd00::1", "fd00::2"},
				 *const one[] = {"10.0.0.1"},
				 *const one6[] = {"fd00::1"};

	(void)state;
	assert_false(same_host(pool, 2, one, 1));
	assert_false(same_host(one, 1, pool, 2));
	assert_false(same_host(pool, 2, pool, 2));
	assert_false(same_host(pool6, 2, one6, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_facts_are_one_server),
	    cmocka_unit_test(one_other_fact_is_another_server),
	    cmocka_unit_test(what_is_unknown_is_equal_to_nothing),
	    cmocka_unit_test(names_of_one_address_are_one_host),
	    cmocka_unit_test(a_name_of_several_hosts_is_no_host),
	};

	return cmocka_run_group_tests_name("same", tests, NULL, NULL);
}
