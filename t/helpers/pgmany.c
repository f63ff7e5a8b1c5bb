/*
 * What t/0310-pg-many.t asks of lib/io/pg_many:
 *
 *	pgmany [-t MS] [-n BATCHES] [-c CYCLES] [-d] [-v] [-s SQL]...
 *CONNINFO...
 *
 * All CONNINFOs at once, each with the statements -s in one batch, -n batches
 * after each other.  -t: the deadline; -d: drop each session that is late
 * before the end; -c: all of it so many times with one struct pg_many, and the
 * sessions dropped in between.  What came is printed for the last cycle, in the
 * order of the operands, one line each:
 *
 *	I state STATE version TEXT host HOST addr ADDR port PORT user USER
 *	I.K row A|B|C		(NULL: left out)
 *	I.K error SQLSTATE TEXT
 *	I error ID TEXT; I detail TEXT; I hint TEXT
 *	lookup NAME: one that blocked everybody; none is what we want
 *	run RC; ms N; end-ms N (of pg_many_free); told N; fds N (left open);
 *	children N; rss KB
 *
 * Names of *.test have their answers here: dead.test never, gone.test has no
 * address, two.test has two, the first of which is 127.0.0.99.
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sig.h"
#include "io/pg_many.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MAX_SQL 64
#define MAX_NODES 256

static const char *sql[MAX_SQL];
static size_t nsql;
static int batches = 1, sent[MAX_NODES], told;
static const char *const states[] = {
    "closed", "connecting", "busy", "idle", "failed"};

static pid_t us;

/* --- the name service of the tests ----------------------------------------*/

typedef int lookup_fn(
    const char *, const char *, const struct addrinfo *, struct addrinfo **);

static lookup_fn *
real_lookup(void)
{
	union {
		void *p;
		lookup_fn *f;
	} u = {.p = dlsym(RTLD_NEXT, "getaddrinfo")};

	return u.f;
}

static int
two_addresses(
    const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	int rc = real_lookup()("127.0.0.99", service, hints, list);

	if (rc != 0)
		return rc;
	return real_lookup()("127.0.0.1", service, hints, &(*list)->ai_next);
}

/* Instead of the C library's, for our code and for libpq. */
int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
    struct addrinfo **list)
{
	bool numeric = hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0;

	if (numeric || host == NULL || strstr(host, ".test") == NULL)
		return real_lookup()(host, service, hints, list);
	if (getpid() == us) {
		printf("lookup %s\n", host);
		return EAI_AGAIN;
	}
	while (strcmp(host, "dead.test") == 0)
		(void)pause();
	if (strcmp(host, "two.test") == 0)
		return two_addresses(service, hints, list);
	if (strcmp(host, "gone.test") == 0)
		return EAI_NONAME;
	return real_lookup()("127.0.0.1", service, hints, list);
}

/* --- the sessions ---------------------------------------------------------*/

static void
settled(void *arg, struct pg_many *m, int i)
{
	struct err e = ERR_INIT;

	(void)arg;
	told++;
	if (pg_many_state(m, i) != PGM_IDLE || sent[i] >= batches || nsql == 0)
		return;
	sent[i]++;
	if (pg_many_send(m, i, sql, nsql, &e) == -1)
		printf("send %d: %s\n", i, e.text);
}

static int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		(void)closedir(d);
	return n;
}

static void
print_rows(const struct pg_many *m, int i, size_t k)
{
	const char *error = NULL;
	const struct pg_rows *r = pg_many_rows(m, i, k, &error);

	if (r == NULL) {
		printf("%d.%zu error %s %s\n", i, k, pg_many_sqlstate(m, i, k),
		    error);
		return;
	}
	for (int row = 0; row < pg_rows_n(r); row++) {
		printf("%d.%zu row ", i, k);
		for (int col = 0; col < 64; col++) {
			const char *s = pg_rows_get(r, row, col);

			if (s != NULL)
				printf("%s%s", col > 0 ? "|" : "", s);
		}
		printf("\n");
	}
}

static void
print_session(const struct pg_many *m, int i)
{
	const struct err *e = pg_many_error(m, i);

	printf("%d state %s version %s host %s addr %s port %s user %s\n", i,
	    states[pg_many_state(m, i)], pg_many_version_text(m, i),
	    pg_many_host(m, i), pg_many_hostaddr(m, i), pg_many_port(m, i),
	    pg_many_user(m, i));
	if (err_is_set(e)) {
		printf("%d error %s %s\n", i, err_name(e->code), e->text);
		printf("%d detail %s\n", i, e->detail);
		printf("%d hint %s\n", i, e->hint);
	}
	if (pg_many_state(m, i) == PGM_IDLE)
		for (size_t k = 0; k < nsql; k++)
			print_rows(m, i, k);
}

static int
cycle(struct pg_many *m, char **infos, int n, int64_t ms, bool say)
{
	struct err e = ERR_INIT;
	int64_t began = clock_ms();
	int rc;

	told = 0;
	memset(sent, 0, sizeof(sent));
	for (int i = 0; i < n; i++) {
		struct conninfo c = {.n = 0};

		if (pg_conninfo_parse(infos[i], &c, &e) == -1 ||
		    pg_many_add(m, &c, &e) != i) {
			fprintf(stderr, "pgmany: %s\n", e.text);
			exit(2);
		}
		conninfo_free(&c);
	}
	rc = pg_many_run(m, began + ms, &e);
	if (!say)
		return rc;
	printf(
	    "run %d\nms %" PRId64 "\ntold %d\n", rc, clock_ms() - began, told);
	if (rc == -1)
		printf("error %s\n", e.text);
	for (int i = 0; i < n; i++)
		print_session(m, i);
	return rc;
}

static int
all(char **infos, int n, int64_t ms, int cycles, bool drop)
{
	struct pg_many_opts o = {.application_name = "pgmany",
	    .sigfd = sig_fd(),
	    .settled = settled};
	struct pg_many *m = NULL;
	struct err e = ERR_INIT;
	struct rusage ru;
	int fds = open_fds(), children = 0, rc = 0;
	int64_t began;

	if (pg_many_new(&m, &o, &e) == -1)
		return 2;
	while (cycles-- > 0) {
		rc = cycle(m, infos, n, ms, cycles == 0);
		for (int i = 0; i < n; i++)
			if (cycles > 0 ||
			    (drop && pg_many_state(m, i) != PGM_IDLE))
				pg_many_drop(m, i);
	}
	began = clock_ms();
	pg_many_free(m);
	printf("end-ms %" PRId64 "\nfds %d\n", clock_ms() - began,
	    open_fds() - fds);
	while (waitpid(-1, NULL, WNOHANG) != -1)
		children++;
	(void)getrusage(RUSAGE_SELF, &ru);
	printf("children %d\nrss %ld\n", children, ru.ru_maxrss);
	return rc == -1 ? 3 : 0;
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int64_t ms = 5000;
	int cycles = 1, c;
	bool drop = false;

	us = getpid();
	while ((c = getopt(argc, argv, "t:n:c:dvs:")) != -1) {
		switch (c) {
		case 't':
			ms = strtol(optarg, NULL, 10);
			break;
		case 'n':
			batches = (int)strtol(optarg, NULL, 10);
			break;
		case 'c':
			cycles = (int)strtol(optarg, NULL, 10);
			break;
		case 'd':
			drop = true;
			break;
		case 'v':
			log_init("pgmany", LVL_DEBUG);
			break;
		case 's':
			if (nsql < MAX_SQL)
				sql[nsql++] = optarg;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind > MAX_NODES || sig_init(&e) == -1)
		return 2;
	return all(argv + optind, argc - optind, ms, cycles, drop);
}
