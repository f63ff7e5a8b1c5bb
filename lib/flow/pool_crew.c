/* Who of the workers is there: they come one after the other, and go on trying
 * where the server does not let them in.  And what each may send. */
#include "base/std.h"
#include "base/clock.h"
#include "core/crew.h"
#include "core/share.h"
#include "flow/job.h"
#include "flow/pool_int.h"

#include <signal.h>

#define STAGGER_MS 100 /* between connections: sshd's MaxStartups */
#define SHARE_MS 200

static void PRINTFLIKE(2, 3) tell(struct pool *p, const char *fmt, ...)
{
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->o.note != NULL)
		p->o.note(p->o.arg, text);
}

/* For people: from 1 on. */
static unsigned
number_of(const struct member *m)
{
	return (unsigned)(m - m->pool->m) + 1;
}

void
pool_crew(struct pool *p, unsigned n)
{
	p->crew = MIN_OF(MAX_OF(n, 1u), p->n);
}

int
pool_recruit(struct pool *p, struct err *e)
{
	int64_t now = clock_ms();
	unsigned coming = 0;

	for (unsigned i = 0; i < p->n; i++)
		coming += p->m[i].state == STARTING;
	for (unsigned i = 0; i < p->crew; i++) {
		struct member *m = &p->m[i];

		if (m->state != WAITING || now < m->retry_at)
			continue;
		if (coming >= crew_at_once(p->drops) || now < p->next_connect)
			break;
		if (chan_send(&m->c, JOB_CONNECT, NULL, 0, NULL, 0, e) == -1)
			return -1;
		m->state = STARTING;
		p->next_connect = now + STAGGER_MS;
		coming++;
	}
	return 0;
}

bool
pool_recruiting(const struct pool *p)
{
	for (unsigned i = 0; i < p->crew; i++)
		if (p->m[i].state == WAITING)
			return true;
	return false;
}

/* May it be let in another time?  The first is waited for: only what is known
 * to pass makes it try again, and not for long. */
static bool
try_again(const struct member *m, const struct err *why)
{
	if (m == m->pool->m)
		return remote_dropped(why) &&
		       !deadline_passed(m->pool->patience);
	return why->code == ERR_SSH_CONNECT || why->code == ERR_TIMEOUT ||
	       why->code == ERR_TRANSFER || why->code == ERR_SSH;
}

void
pool_refused(struct member *m, const struct err *why)
{
	struct pool *p = m->pool;
	unsigned number = number_of(m);

	m->failure = *why;
	m->retry_at = clock_ms() + crew_pause_ms(++m->failures);
	m->state = FAILED;
	if (try_again(m, why)) {
		m->state = WAITING;
		p->drops++;
	}
	if (number == 1) {
		if (m->state == WAITING && m->failures == 1)
			tell(p, "%s: trying again", why->text);
		return;
	}
	if (m->state == FAILED)
		tell(p, "worker %u could not connect (%s): going on without it",
		    number, why->text);
	else if (!p->told)
		tell(p,
		    "worker %u could not connect (%s): going on with %u of "
		    "%u, it tries again",
		    number, why->text, pool_size(p), p->crew);
	p->told = true;
}

/* It is there, and had no job yet: the others can do without it. */
static bool
is_unused(const struct member *m)
{
	return m != m->pool->m && m->state == READY && !m->fed;
}

int
pool_lost(struct member *m, const struct err *why, struct err *e)
{
	if (!is_unused(m)) {
		if (e != NULL && !err_is_set(e))
			*e = *why;
		return -1;
	}
	m->state = FAILED;
	tell(m->pool, "worker %u ended (%s): going on without it", number_of(m),
	    why->text);
	return 0;
}

int
pool_welcome(struct member *m, struct err *e)
{
	const struct pool *p = m->pool;
	const struct {
		uint8_t type;
		const struct buf *b;
	} all[] = {{WIRE_OPEN, &p->open}, {JOB_TREE, &p->tree},
	    {WIRE_VERIFY, &p->verify}, {JOB_SPARE, &p->spare}};

	for (size_t i = 0; i < NELEM(all); i++)
		if (all[i].b->len > 0 &&
		    chan_send_buf(&m->c, all[i].type, all[i].b, e) == -1)
			return -1;
	m->rate = p->rate_late;
	return 0;
}

void
pool_dismiss(struct pool *p)
{
	const struct member *missing = NULL;
	unsigned crew = p->crew;

	for (unsigned i = 0; i < p->n; i++) {
		struct member *m = &p->m[i];

		if (i < crew && m->failures > 0 &&
		    (m->state == STARTING || m->state == WAITING))
			missing = m;
		pool_let_go(m);
	}
	p->crew = 0;
	if (missing != NULL)
		tell(p,
		    "%u of %u workers did it: worker %u could not connect "
		    "(%s)%s",
		    pool_size(p), crew, number_of(missing),
		    missing->failure.text,
		    remote_dropped(&missing->failure)
			? ": see sshd's MaxStartups, PerSourceMaxStartups"
			: "");
}

void
pool_let_go(struct member *m)
{
	bool unopened = is_unused(m) && !m->opened;

	/* It looks at nothing now, or waits for what is not needed. */
	if ((m->state == STARTING || unopened) && m->pid > 0)
		(void)kill(m->pid, SIGTERM);
	if (m->state == STARTING || m->state == WAITING || unopened)
		m->state = FAILED;
}

/* --- --max-rate ---------------------------------------------------------- */

static int
send_rate(struct member *m, uint64_t rate, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	if (rate == m->rate)
		return 0;
	m->rate = rate;
	wire_encode_rate(&b, rate);
	rc = chan_send_buf(&m->c, WIRE_RATE, &b, e);
	buf_free(&b);
	return rc;
}

int
pool_share(struct pool *p, struct err *e)
{
	struct share v[POOL_MAX];
	struct member *who[POOL_MAX];
	int64_t now = clock_ms();
	size_t n = 0;

	if (p->rate == 0 || now - p->shared_at < SHARE_MS)
		return 0;
	p->shared_at = now;
	for (unsigned i = 0; i < p->n; i++) {
		struct member *m = &p->m[i];

		if (m->state != READY || !m->opened)
			continue;
		v[n] = (struct share){
		    .busy = m->jobs > 0 || (i == 0 && p->list != NULL),
		    .speed = m->speed,
		    .rate = m->rate};
		who[n++] = m;
	}
	share_out(p->rate, v, n);
	for (size_t i = 0; i < n; i++)
		if (send_rate(who[i], v[i].rate, e) == -1)
			return -1;
	return 0;
}

/* --- what is told -------------------------------------------------------- */

static const char *
word_of(const struct member *m)
{
	switch (m->state) {
	case WAITING:
		return m->failures > 0 ? "tries again" : "waits";
	case STARTING:
		return "connects";
	case READY:
		return m->jobs > 0 ? "busy" : "idle";
	case FAILED:
		return "gone";
	case ENDED:
		return "done";
	}
	return "";
}

unsigned
pool_workers(const struct pool *p, struct pool_worker *v, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n && n < max; i++) {
		const struct member *m = &p->m[i];

		/* Never called for. */
		if (i >= p->crew && m->state == WAITING && m->failures == 0)
			continue;
		if (m->state == FAILED && m->progress.in == 0 &&
		    m->failures == 0)
			continue;
		v[n++] = (struct pool_worker){.number = number_of(m),
		    .state = word_of(m),
		    .files = m->jobs,
		    .speed = m->state == READY && m->jobs > 0 ? m->speed : 0,
		    .path = m->jobs > 0 ? buf_str(&m->path) : ""};
	}
	return n;
}
