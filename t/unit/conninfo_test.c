#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include <libpq-fe.h>

#include "core/conninfo.h"

#define MAX_PAIRS 12

static void
fill(struct conninfo *c, const char *const *pairs)
{
	for (; pairs[0] != NULL; pairs += 2)
		assert_int_equal(conninfo_set(c, pairs[0], pairs[1]), 0);
}

static void
keywords_are_set_replaced_and_removed(void **state)
{
	struct conninfo c = {.n = 0};
	struct buf b = BUF_INIT;

	(void)state;
	assert_null(conninfo_get(&c, "host"));
	assert_int_equal(conninfo_set(&c, "host", NULL), 0);
	fill(&c,
	    (const char *[]){"host", "db1", "port", "5432", "user", "u", NULL});
	assert_int_equal(conninfo_set(&c, "port", "5433"), 0);
	assert_int_equal(conninfo_set(&c, "host", NULL), 0);
	assert_string_equal(conninfo_get(&c, "port"), "5433");
	assert_null(conninfo_get(&c, "host"));
	conninfo_render(&c, false, &b);
	assert_string_equal(buf_str(&b), "port=5433 user=u");
	/* The value may be the one that is replaced. */
	assert_int_equal(conninfo_set(&c, "user", conninfo_get(&c, "user")), 0);
	assert_string_equal(conninfo_get(&c, "user"), "u");
	buf_free(&b);
	conninfo_free(&c);
	conninfo_free(&c);
	conninfo_free(NULL);
}

static void
a_full_list_takes_no_more(void **state)
{
	struct conninfo c = {.n = 0};
	char key[16];

	(void)state;
	for (size_t i = 0; i < NELEM(c.v); i++) {
		(void)snprintf(key, sizeof(key), "k%zu", i);
		assert_int_equal(conninfo_set(&c, key, "v"), 0);
	}
	assert_int_equal(conninfo_set(&c, "more", "v"), -1);
	assert_int_equal(conninfo_set(&c, "k63", "w"), 0);
	assert_string_equal(conninfo_get(&c, "k63"), "w");
	conninfo_free(&c);
}

static void
a_copy_is_its_own(void **state)
{
	struct conninfo a = {.n = 0}, b = {.n = 0};

	(void)state;
	fill(&a, (const char *[]){"host", "db1", NULL});
	fill(&b, (const char *[]){"port", "1", NULL});
	assert_int_equal(conninfo_copy(&b, &a), 0);
	assert_int_equal(conninfo_set(&a, "host", "db2"), 0);
	assert_string_equal(conninfo_get(&b, "host"), "db1");
	assert_null(conninfo_get(&b, "port"));
	assert_int_equal(conninfo_copy(&b, &b), 0);
	assert_string_equal(conninfo_get(&b, "host"), "db1");
	conninfo_free(&a);
	conninfo_free(&b);
}

static const struct {
	const char *value, *want;
} quoting[] = {
    {"db1", "db1"},
    {"", "''"},
    {"/var/run/postgresql", "/var/run/postgresql"},
    {"a=b", "a=b"},
    {"two words", "'two words'"},
    {"tab\there", "'tab\there'"},
    {"line\nend", "'line\nend'"},
    {"it's", "'it\\'s'"},
    {"back\\slash", "'back\\\\slash'"},
    {"'", "'\\''"},
    {"\\", "'\\\\'"},
    {"\\'", "'\\\\\\''"},
    {"\xeb\x8c\x80\xea\xb8\xb0", "'\xeb\x8c\x80\xea\xb8\xb0'"},
    {"\xeb\x8c\x80 '\\\xea\xb8\xb0", "'\xeb\x8c\x80 \\'\\\\\xea\xb8\xb0'"},
    {"$%@#\"`;&", "$%@#\"`;&"},
};

static void
values_are_quoted_when_they_must_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(quoting); i++) {
		struct buf b = BUF_INIT;

		conninfo_add_value(&b, quoting[i].value);
		assert_string_equal(buf_str(&b), quoting[i].want);
		buf_free(&b);
	}
}

/* The judge is libpq itself. */
static void
libpq_reads_back_what_we_quote(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(quoting); i++) {
		struct conninfo c = {.n = 0};
		struct buf b = BUF_INIT;
		PQconninfoOption *all, *o;
		char *why = NULL;

		fill(&c, (const char *[]){"host", "h", "application_name",
			     quoting[i].value, "port", "1", NULL});
		conninfo_render(&c, false, &b);
		all = PQconninfoParse(buf_str(&b), &why);
		if (all == NULL)
			fail_msg("%s: %s", buf_str(&b), why);
		for (o = all; o->keyword != NULL; o++)
			if (strcmp(o->keyword, "application_name") == 0)
				assert_string_equal(o->val, quoting[i].value);
		PQconninfoFree(all);
		buf_free(&b);
		conninfo_free(&c);
	}
}

static void
secrets_are_masked(void **state)
{
	struct conninfo c = {.n = 0};
	struct buf b = BUF_INIT;

	(void)state;
	fill(&c, (const char *[]){"host", "db1", "password", "can'ary",
		     "sslpassword", "canary", "passfile", "/p", NULL});
	conninfo_render(&c, true, &b);
	assert_string_equal(
	    buf_str(&b), "host=db1 password=*** sslpassword=*** passfile=/p");
	buf_reset(&b);
	conninfo_render(&c, false, &b);
	assert_string_equal(buf_str(&b),
	    "host=db1 password='can\\'ary' sslpassword=canary passfile=/p");
	buf_free(&b);
	conninfo_free(&c);
}

static void
a_standby_gets_what_its_libpq_knows(void **state)
{
	static const struct {
		int version;
		const char *user, *name;
		const char *pairs[2 * MAX_PAIRS + 1];
		const char *want;
	} t[] = {
	    {150018, "repl", "node2",
		{"host", "db1", "port", "5432", "user", "postgres", "password",
		    "canary", "dbname", "postgres", NULL},
		"host=db1 port=5432 user=repl application_name=node2"},
	    {150018, NULL, NULL,
		{"host", "db1", "user", "postgres", "application_name", "x",
		    NULL},
		"host=db1 user=postgres application_name=x"},
	    {150018, NULL, NULL,
		{"host", "db1", "options", "-c a=b", "replication", "true",
		    "target_session_attrs", "read-write",
		    "fallback_application_name", "x", "client_encoding", "UTF8",
		    "service", "s", "sslpassword", "canary", "sslmode", "",
		    "nonsense", "1", NULL},
		"host=db1"},
	    {100023, NULL, NULL, {"passfile", "/a b/.pgpass", NULL},
		"passfile='/a b/.pgpass'"},
	    {90624, NULL, NULL, {"host", "h", "passfile", "/p", NULL},
		"host=h"},
	    {90023, NULL, NULL,
		{"host", "h", "requirepeer", "x", "sslmode", "require", NULL},
		"host=h sslmode=require"},
	    {90100, NULL, NULL, {"requirepeer", "x", NULL}, "requirepeer=x"},
	    {110022, NULL, NULL,
		{"host", "h", "gssencmode", "disable", "channel_binding",
		    "require", NULL},
		"host=h"},
	    {120022, NULL, NULL,
		{"host", "h", "gssencmode", "disable", "channel_binding",
		    "require", NULL},
		"host=h gssencmode=disable"},
	    {130023, NULL, NULL,
		{"gssencmode", "disable", "channel_binding", "require",
		    "sslsni", "0", NULL},
		"gssencmode=disable channel_binding=require"},
	    {160014, NULL, NULL,
		{"require_auth", "scram-sha-256", "dbname", "a",
		    "sslnegotiation", "direct", NULL},
		"require_auth=scram-sha-256"},
	    {150018, NULL, NULL, {"require_auth", "md5", "port", "1", NULL},
		"port=1"},
	    {170010, NULL, NULL,
		{"dbname", "a b", "sslnegotiation", "direct", NULL},
		"dbname='a b' sslnegotiation=direct"},
	    {140023, NULL, NULL, {"sslsni", "0", NULL}, "sslsni=0"},
	    {90023, NULL, NULL,
		{"krbsrvname", "postgres", "sslmode", "prefer", NULL},
		"sslmode=prefer"},
	    {90023, NULL, NULL, {"krbsrvname", "pg", NULL}, "krbsrvname=pg"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct conninfo from = {.n = 0}, to = {.n = 0};
		struct buf b = BUF_INIT;

		fill(&from, t[i].pairs);
		assert_int_equal(conninfo_for_standby(&from, t[i].version,
				     t[i].user, t[i].name, &to),
		    0);
		conninfo_render(&to, false, &b);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
		conninfo_free(&from);
		conninfo_free(&to);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keywords_are_set_replaced_and_removed),
	    cmocka_unit_test(a_full_list_takes_no_more),
	    cmocka_unit_test(a_copy_is_its_own),
	    cmocka_unit_test(values_are_quoted_when_they_must_be),
	    cmocka_unit_test(libpq_reads_back_what_we_quote),
	    cmocka_unit_test(secrets_are_masked),
	    cmocka_unit_test(a_standby_gets_what_its_libpq_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
