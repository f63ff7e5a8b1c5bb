#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/pg_many_int.h"
#include "io/proc.h"

#include <linux/tcp.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

/*
 * A few hundred rows are what we ask for, and libpq keeps a whole result: what
 * comes is counted.  It also makes its buffer as long as a message says it is
 * before the message comes, and then fills it in one call as long as there is
 * something to read: a heap that has grown so far is seen before that call.
 */
#define RECEIVED_MAX ((uint64_t)8 * 1024 * 1024)
#define GROWTH_MAX ((size_t)9 * 1024 * 1024)
#define RCVBUF 65536
#define UNIX_READ_MAX 16384 /* what libpq surely takes of what waits */
#define CANCEL_S 2

/* --- facts ---------------------------------------------------------------- */

static void
keep_text(char **to, const char *text)
{
	struct buf b = BUF_INIT;
	char *copy;

	if (text == NULL || *text == '\0')
		return;
	pg_add_clean(&b, text, PG_FIELD_MAX);
	if ((copy = buf_steal(&b)) == NULL)
		return;
	free(*to);
	*to = copy;
}

static void
keep_address(struct pgm_session *s)
{
	struct resolve_addr a = {.len = sizeof(a.sa)};

	if (getpeername(
		PQsocket(s->pg.conn), (struct sockaddr *)&a.sa, &a.len) == -1 ||
	    (a.sa.ss_family != AF_INET && a.sa.ss_family != AF_INET6))
		return;
	(void)resolve_text(&a, s->hostaddr);
}

/* Before the connection goes. */
static void
keep_facts(struct pgm_session *s)
{
	PGconn *conn = s->pg.conn;

	if (conn == NULL)
		return;
	keep_text(&s->host, PQhost(conn));
	keep_text(&s->port, PQport(conn));
	keep_text(&s->user, PQuser(conn));
	keep_text(&s->version_text, PQparameterStatus(conn, "server_version"));
	if (PQserverVersion(conn) > 0)
		s->version = PQserverVersion(conn);
	if (PQsocket(conn) >= 0)
		keep_address(s);
}

/* --- the hosts of a connection string ------------------------------------- */

static size_t
list_length(const char *list)
{
	size_t n = 1;

	if (list == NULL || *list == '\0')
		return 0;
	for (; *list != '\0'; list++)
		n += *list == ',';
	return n;
}

/* Element i of a list, "" when there is none; to be freed. */
static char *
list_get(const char *list, size_t i)
{
	const char *p = list != NULL ? list : "";

	for (; i > 0 && *p != '\0'; i--) {
		p += strcspn(p, ",");
		p += *p == ',';
	}
	return strndup(p, strcspn(p, ","));
}

static int
host_get(struct pgm_host *h, const struct conninfo *c, size_t i)
{
	const char *port = conninfo_get(c, "port");

	h->host = list_get(conninfo_get(c, "host"), i);
	h->addr = list_get(conninfo_get(c, "hostaddr"), i);
	h->port = list_get(port, list_length(port) == 1 ? 0 : i);
	return h->host == NULL || h->addr == NULL || h->port == NULL ? -1 : 0;
}

/* Lists whose lengths do not fit are left to libpq, which says so without
 * looking up any name: then there are no hosts here. */
static int
take_hosts(struct pgm_session *s, const struct conninfo *c)
{
	size_t naddrs = list_length(conninfo_get(c, "hostaddr"));
	size_t nports = list_length(conninfo_get(c, "port"));
	size_t n = list_length(conninfo_get(c, "host"));

	if ((naddrs > 0 && naddrs != n) || (nports > 1 && nports != n))
		return 0;
	if (n == 0 || (s->hosts = calloc(n, sizeof(*s->hosts))) == NULL)
		return n == 0 ? 0 : -1;
	s->nhosts = n;
	for (size_t i = 0; i < n; i++)
		if (host_get(&s->hosts[i], c, i) == -1)
			return -1;
	return 0;
}

/* --- names ---------------------------------------------------------------- */

static bool
must_ask(const struct pgm_host *h)
{
	struct resolve_answer a;

	return h->addr[0] == '\0' && h->host[0] != '\0' && h->host[0] != '/' &&
	       h->host[0] != '@' && !resolve_numeric(h->host, 0, &a);
}

static struct pgm_name *
new_name(struct pg_many *m, const char *text)
{
	struct pgm_name *name = calloc(1, sizeof(*name));

	if (name == NULL || (name->text = strdup(text)) == NULL) {
		free(name);
		return NULL;
	}
	if (resolve_start(&name->r, text, 0) == -1)
		name->done = name->broken = true;
	name->next = m->names;
	m->names = name;
	return name;
}

/* One question for all who wait for its answer; a later one asks again. */
static struct pgm_name *
find_name(struct pg_many *m, const char *text)
{
	for (struct pgm_name *name = m->names; name != NULL; name = name->next)
		if (!name->done && strcmp(name->text, text) == 0)
			return name;
	return new_name(m, text);
}

static void
release_name(struct pg_many *m, struct pgm_name *name)
{
	struct pgm_name **p = &m->names;

	if (name == NULL || --name->users > 0)
		return;
	while (*p != name)
		p = &(*p)->next;
	*p = name->next;
	resolve_end(&name->r);
	free(name->text);
	free(name);
}

static void
free_hosts(struct pg_many *m, struct pgm_session *s)
{
	for (size_t i = 0; i < s->nhosts; i++) {
		release_name(m, s->hosts[i].name);
		free(s->hosts[i].host);
		free(s->hosts[i].addr);
		free(s->hosts[i].port);
	}
	free(s->hosts);
	s->hosts = NULL;
	s->nhosts = 0;
}

/* 1: names are looked up, 0: there are none. */
static int
ask_names(struct pg_many *m, struct pgm_session *s)
{
	int asked = 0;

	for (size_t i = 0; i < s->nhosts; i++) {
		struct pgm_host *h = &s->hosts[i];

		if (!must_ask(h))
			continue;
		if ((h->name = find_name(m, h->host)) == NULL)
			return err_set_nomem(&s->err);
		h->name->users++;
		asked = 1;
	}
	return asked;
}

static bool
names_known(const struct pgm_session *s)
{
	for (size_t i = 0; i < s->nhosts; i++)
		if (s->hosts[i].name != NULL && !s->hosts[i].name->done)
			return false;
	return true;
}

static bool
names_wanted(const struct pgm_session *s)
{
	for (size_t i = 0; i < s->nhosts; i++)
		if (s->hosts[i].name != NULL)
			return true;
	return false;
}

/* --- what libpq gets ------------------------------------------------------ */

/* The three lists that libpq takes, of the same length. */
struct lists {
	struct buf host, addr, port;
	size_t n;
};

static void
lists_add(struct lists *l, const struct pgm_host *h, const char *addr)
{
	const char *comma = l->n++ > 0 ? "," : "";

	buf_addf(&l->host, "%s%s", comma, h->host);
	buf_addf(&l->addr, "%s%s", comma, addr);
	buf_addf(&l->port, "%s%s", comma, h->port);
}

/* A name with several addresses becomes several hosts; one without is left
 * out, as libpq goes on to the next. */
static void
lists_fill(struct lists *l, const struct pgm_session *s)
{
	char text[RESOLVE_TEXT];

	for (size_t i = 0; i < s->nhosts; i++) {
		const struct pgm_host *h = &s->hosts[i];
		const struct pgm_name *name = h->name;

		if (name == NULL)
			lists_add(l, h, h->addr);
		else if (!name->broken && name->r.answer.gai == 0)
			for (unsigned k = 0; k < name->r.answer.n; k++)
				lists_add(l, h,
				    resolve_text(&name->r.answer.v[k], text));
	}
}

static void
lists_free(struct lists *l)
{
	buf_free(&l->host);
	buf_free(&l->addr);
	buf_free(&l->port);
}

/* None of the names has an address: as libpq says it. */
static int
no_address(struct pgm_session *s)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < s->nhosts; i++) {
		const struct pgm_name *name = s->hosts[i].name;

		if (name == NULL)
			continue;
		buf_addf(&b,
		    "%scould not translate host name \"%s\" to "
		    "address: %s",
		    b.len > 0 ? "\n" : "", name->text,
		    name->broken              ? "nobody could be asked"
		    : name->r.answer.gai != 0 ? gai_strerror(name->r.answer.gai)
					      : "it has none");
	}
	(void)pg_connect_failed(&s->pg, buf_str(&b), &s->err);
	buf_free(&b);
	return -1;
}

static void
watch(struct pgm_session *s, PostgresPollingStatusType st)
{
	int fd = PQsocket(s->pg.conn), size = RCVBUF;

	s->events = st == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	if (fd >= 0)
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int
start(const struct pg_many *m, struct pgm_session *s, const struct lists *l)
{
	const char *password = conninfo_get(&s->conninfo, "password");
	struct pg_params p = {.n = 0};

	/* An empty one means: none but that of the password file, whatever the
	 * environment and the service say.  Libpq takes it from a string only;
	 * a later dbname counts as usual. */
	if (password != NULL && *password == '\0')
		pg_params_add(&p, "dbname", "password=''");
	pg_params_fill(&p, &s->conninfo, m->application_name);
	if (l->n > 0) {
		pg_params_add(&p, "host", buf_str(&l->host));
		pg_params_add(&p, "hostaddr", buf_str(&l->addr));
		pg_params_add(&p, "port", buf_str(&l->port));
	}
	s->pg.conn = PQconnectStartParams(
	    p.key, p.value, password != NULL && *password == '\0');
	if (s->pg.conn == NULL)
		return err_set_nomem(&s->err);
	(void)PQsetNoticeReceiver(s->pg.conn, pg_on_notice, &s->pg);
	if (PQstatus(s->pg.conn) == CONNECTION_BAD)
		return pg_connect_failed(
		    &s->pg, PQerrorMessage(s->pg.conn), &s->err);
	watch(s, PGRES_POLLING_WRITING);
	return 0;
}

/* All names are known. */
static int
start_named(struct pg_many *m, struct pgm_session *s)
{
	struct lists l = {.host = BUF_INIT, .addr = BUF_INIT, .port = BUF_INIT};
	int rc;

	if (names_wanted(s))
		lists_fill(&l, s);
	if (!buf_ok(&l.host) || !buf_ok(&l.addr) || !buf_ok(&l.port))
		rc = err_set_nomem(&s->err);
	else if (names_wanted(s) && l.n == 0)
		rc = no_address(s);
	else
		rc = start(m, s, &l);
	lists_free(&l);
	free_hosts(m, s);
	return rc;
}

/* --- connecting ----------------------------------------------------------- */

static int
prepare(struct pgm_session *s, const struct conninfo *effective)
{
	struct buf b = BUF_INIT;

	keep_text(&s->host, conninfo_get(effective, "host"));
	keep_text(&s->port, conninfo_get(effective, "port"));
	keep_text(&s->user, conninfo_get(effective, "user"));
	buf_addf(&b, "%s:%s", s->host != NULL ? s->host : "local",
	    s->port != NULL ? s->port : "default");
	s->pg.name = buf_steal(&b);
	if (s->pg.name == NULL || take_hosts(s, effective) == -1)
		return err_set_nomem(&s->err);
	return 0;
}

static int
connect_start(struct pg_many *m, struct pgm_session *s)
{
	struct conninfo effective = {.n = 0};
	int rc;

	pg_log_connect(&s->conninfo, "");
	rc = pg_conninfo_effective(&s->conninfo, &effective, &s->err);
	if (rc == 0)
		rc = prepare(s, &effective);
	conninfo_free(&effective);
	if (rc == 0)
		rc = ask_names(m, s);
	if (rc == 0 || (rc == 1 && names_known(s)))
		rc = start_named(m, s);
	return rc == -1 ? -1 : 0;
}

void
pg_many_connect(struct pg_many *m, struct pgm_session *s)
{
	s->state = PGM_CONNECTING;
	s->since = clock_ms();
	if (connect_start(m, s) == -1)
		pg_many_fail(m, s);
}

void
pg_many_named(struct pg_many *m, struct pgm_name *name)
{
	name->done = true;
	resolve_end(&name->r);
	name->users++; /* it stays until we are through */
	for (size_t i = 0; i < m->n; i++) {
		struct pgm_session *s = m->v[i];

		if (s->state == PGM_CONNECTING && s->pg.conn == NULL &&
		    names_known(s) && start_named(m, s) == -1)
			pg_many_fail(m, s);
	}
	release_name(m, name);
}

static void
connected(struct pgm_session *s)
{
	(void)PQsetnonblocking(s->pg.conn, 1);
	(void)pg_set_name(&s->pg, NULL);
	keep_facts(s);
	err_clear(&s->err);
	s->state = PGM_IDLE;
	s->tell = true;
}

int
pg_many_connect_step(struct pgm_session *s)
{
	PostgresPollingStatusType st;

	pg_many_count(s);
	st = PQconnectPoll(s->pg.conn);
	if (st == PGRES_POLLING_OK && s->pg.name != NULL) {
		connected(s);
		return 0;
	}
	err_clear(&s->err);
	if (st == PGRES_POLLING_FAILED)
		return pg_connect_failed(
		    &s->pg, PQerrorMessage(s->pg.conn), &s->err);
	watch(s, st);
	return pg_many_flooded(s) ? -1 : 0;
}

void
pg_many_connect_late(struct pgm_session *s)
{
	int64_t ms = clock_ms() - s->since;

	err_clear(&s->err);
	keep_facts(s);
	if (s->pg.conn != NULL) {
		(void)pg_set_name(&s->pg, NULL);
		(void)pg_connect_late(&s->pg, ms, &s->err);
		return;
	}
	(void)err_set(&s->err, ERR_TIMEOUT,
	    "could not connect to %s: its name was not resolved within %" PRId64
	    ".%" PRId64 " s",
	    s->pg.name, ms / 1000, ms % 1000 / 100);
	(void)err_hint(&s->err, "Check the host name and the name servers of"
				" this host, or give the address.");
}

/* --- what comes in -------------------------------------------------------- */

uint64_t
pg_many_received(const struct pgm_session *s)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	if (getsockopt(
		PQsocket(s->pg.conn), IPPROTO_TCP, TCP_INFO, &ti, &len) == 0 &&
	    len >= offsetof(struct tcp_info, tcpi_bytes_received) +
		       sizeof(ti.tcpi_bytes_received))
		return ti.tcpi_bytes_received;
	return s->received;
}

/* Bytes that malloc has of the system; 0: nobody says it. */
static size_t
heap_size(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
	struct mallinfo2 mi = mallinfo2();

	return mi.arena + mi.hblkhd;
#else
	return 0;
#endif
}

void
pg_many_count(struct pgm_session *s)
{
	int n = 0;

	s->heap = heap_size();
	if (ioctl(PQsocket(s->pg.conn), FIONREAD, &n) == 0 && n > 0)
		s->received += (uint64_t)MIN_OF(n, UNIX_READ_MAX);
}

bool
pg_many_flooded(struct pgm_session *s)
{
	uint64_t n = pg_many_received(s);

	if ((n < s->base || n - s->base <= RECEIVED_MAX) &&
	    heap_size() <= s->heap + GROWTH_MAX)
		return false;
	(void)err_set(&s->err, ERR_DB_CONNECT,
	    "%s sends more than %d MB, and was cut off", s->pg.name,
	    (int)(RECEIVED_MAX / 1024 / 1024));
	return true;
}

/* --- the end -------------------------------------------------------------- */

void
pg_many_close(struct pg_many *m, struct pgm_session *s)
{
	keep_facts(s);
	PQfinish(s->pg.conn);
	s->pg.conn = NULL;
	free_hosts(m, s);
}

void
pg_many_fail(struct pg_many *m, struct pgm_session *s)
{
	pg_many_close(m, s);
	pg_many_items_free(s);
	s->state = PGM_FAILED;
	s->tell = true;
}

/*
 * PQcancel connects and waits for the end of that connection, which a stopped
 * postmaster never gives: nobody waits for this process, the alarm ends it.
 * It holds none of our descriptors, so nobody who reads our output waits.
 */
static void __attribute__((noreturn)) cancel_main(PGconn *conn)
{
	PGcancel *cancel;
	char text[256];

	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL);
	(void)alarm(CANCEL_S);
	proc_close_fds(-1);
	if ((cancel = PQgetCancel(conn)) != NULL)
		(void)PQcancel(cancel, text, sizeof(text));
	_exit(0);
}

/* Only a process between us and them has children to be waited for, and it
 * ends at once: init waits for them. */
void
pg_many_cancel(const struct pg_many *m, const struct pgm_session *one)
{
	bool any = false;
	pid_t pid;

	for (size_t i = 0; i < m->n; i++)
		any |= m->v[i]->state == PGM_BUSY &&
		       (one == NULL || one == m->v[i]);
	if (!any || (pid = fork()) == -1)
		return;
	if (pid > 0) {
		(void)proc_wait(pid, DEADLINE_NEVER, NULL);
		return;
	}
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i]->state == PGM_BUSY &&
		    (one == NULL || one == m->v[i]) && fork() == 0)
			cancel_main(m->v[i]->pg.conn);
	_exit(0);
}
