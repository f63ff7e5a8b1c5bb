/* Is a name this host?  A resolver that never answers is in this program:
 * getaddrinfo is its own. */
#include "base/std.h"
#include "base/clock.h"
#include "io/host.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>

#include <cmocka.h>

#define NOBODY "192.0.2.1" /* RFC 5737: of no host */

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);
	bool numeric = (hints->ai_flags & AI_NUMERICHOST) != 0;

	if (!numeric && strcmp(node, "elsewhere") == 0)
		node = NOBODY;
	else if (!numeric && strcmp(node, "near") == 0)
		node = "127.0.0.1";
	else if (!numeric && strcmp(node, "unknown") == 0)
		return EAI_NONAME;
	else if (!numeric)
		for (;;)
			(void)pause();
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, list);
}

static void
sockets_addresses_and_names_are_told_apart(void **state)
{
	static const struct {
		const char *host;
		int local;
	} rows[] = {{NULL, 1}, {"", 1}, {"/tmp", 1}, {"@pg", 1},
	    {"localhost", 1}, {"127.0.0.1", 1}, {NOBODY, 0}, {"near", 1},
	    {"elsewhere", 0}, {"unknown", -1}};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++)
		if (host_is_local(rows[i].host) != rows[i].local)
			fail_msg("row %zu", i);
}

static void
a_resolver_that_is_gone_is_waited_for_once(void **state)
{
	struct host_known k = {.n = 0};

	(void)state;
	assert_int_equal(host_is_local("hangs"), -1);
	assert_int_equal(host_known_local(&k, "hangs", clock_ms() + 1), -1);
	assert_int_equal(k.n, 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
		    host_known_local(&k, "hangs", DEADLINE_NEVER), -1);
	assert_int_equal(host_known_local(&k, "near", DEADLINE_NEVER), 1);
	assert_int_equal(host_known_local(&k, "/tmp", DEADLINE_NEVER), 1);
	assert_int_equal(k.n, 2);
	host_known_free(&k);
	host_known_free(&k);
	host_known_free(NULL);
}

/* Its own name is local even when nobody tells its address. */
static void
the_own_name_is_local_without_a_resolver(void **state)
{
	char own[256] = "";

	(void)state;
	assert_int_equal(gethostname(own, sizeof(own) - 1), 0);
	if (own[0] == '\0' || strcmp(own, "localhost") == 0)
		skip();
	assert_int_equal(host_is_local(own), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sockets_addresses_and_names_are_told_apart),
	    cmocka_unit_test(a_resolver_that_is_gone_is_waited_for_once),
	    cmocka_unit_test(the_own_name_is_local_without_a_resolver),
	};

	(void)alarm(120); /* one that waits for ever is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
