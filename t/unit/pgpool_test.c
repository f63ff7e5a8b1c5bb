#include "base/std.h"
#include "core/pgpool.h"

#include <setjmp.h>

#include <cmocka.h>

static void
words_are_taken_by_their_place(void **state)
{
	static const struct {
		const char *words[8];
		const char *want; /* the command, or "error: " and its text */
	} rows[] = {
	    {{"/p", "db2", "/srv/d", "5432", "1", "5433", "db1"},
		"'clone' '--host' 'db1' '--port' '5432' '--pgdata' '/srv/d' "
		"'--delta' '--no-start' '--yes'"},
	    {{"/p", "db2", "/srv/d", "5432", "1", "5433"},
		"'clone' '--host' 'here' '--port' '5432' '--pgdata' '/srv/d' "
		"'--delta' '--no-start' '--yes'"},
	    {{"/p", "db2", "/a b'c", "5432", "1", "5433", "db1"},
		"'clone' '--host' 'db1' '--port' '5432' '--pgdata' "
		"'/a b'\\''c' '--delta' '--no-start' '--yes'"},
	    {{"/p", "db2", "/d", "5432", "1"},
		"error: --pgpool-recovery wants the 6 or 7 words of pgpool's "
		"recovery_1st_stage_command, not 5"},
	    {{"/p", "-oProxyCommand=x", "/d", "5432", "1", "5433"},
		"error: --pgpool-recovery: word 2 is not a host: "
		"\"-oProxyCommand=x\""},
	    {{"/p", "db2", "d", "5432", "1", "5433"},
		"error: --pgpool-recovery: word 3 is not a directory: \"d\""},
	    {{"/p", "db2", "/d", "54x", "1", "5433"},
		"error: --pgpool-recovery: word 4 is not a port: \"54x\""},
	    {{"/p", "db2", "/d", "5432", "1", "5433", "a;b"},
		"error: --pgpool-recovery: word 7 is not a host: \"a;b\""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct err e = ERR_INIT;
		struct pgpool_recovery r;
		struct buf b = BUF_INIT;
		size_t n = 0;

		while (rows[i].words[n] != NULL)
			n++;
		if (pgpool_recovery_words(rows[i].words, n, &r, &e) == -1)
			buf_addf(&b, "error: %s", e.text);
		else
			pgpool_recovery_command(&r, "here", "clone", &b);
		assert_string_equal(buf_str(&b), rows[i].want);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_taken_by_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
