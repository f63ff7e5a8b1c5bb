/* The files: who fetches which. */
#include "base/std.h"
#include "base/clock.h"
#include "flow/hook.h"
#include "flow/job.h"
#include "flow/pool_int.h"

/* Jobs that one worker may hold: enough that its line never runs dry. */
#define HOLD_FILES 256
#define HOLD_BYTES (UINT64_C(32) << 20)
#define GROUP_FILES 64
#define GROUP_BYTES (UINT64_C(4) << 20)

static bool
hungry(const struct member *m)
{
	if (m->state != READY || !m->opened)
		return false;
	return m->jobs < 2 || (m->jobs < HOLD_FILES && m->cost < HOLD_BYTES);
}

/* A group of small jobs or one large one for a worker.  1: it got some. */
static int
feed(struct member *m, struct err *e)
{
	struct pool *p = m->pool;
	struct fetch_job job;
	uint8_t count[4];
	uint32_t n = 0;
	uint64_t cost = 0;
	int rc = 0;

	buf_reset(&p->group);
	while (n < GROUP_FILES && cost < GROUP_BYTES) {
		rc = p->work->next(p->work->arg, &job, e);
		if (rc != 1)
			break;
		buf_add_u32(&p->group, job.id);
		buf_add_u8(&p->group, job.kind);
		buf_add_u8(&p->group, job.flags);
		buf_add_u64(&p->group, job.size);
		buf_add_u32(&p->group, job.mode);
		wire_add_str(&p->group, job.path, strlen(job.path));
		cost += pool_cost(job.size);
		n++;
	}
	if (rc == -1)
		return -1;
	if (n == 0)
		return 0;
	if (!buf_ok(&p->group))
		return err_set_nomem(e);
	wire_put_u32(count, n);
	if (m->jobs == 0)
		p->shared_at = 0; /* it may send now */
	m->fed = true;
	m->jobs += n;
	m->cost += cost;
	p->outstanding += n;
	return chan_send(&m->c, JOB_FILES, count, sizeof(count), p->group.data,
		   p->group.len, e) == -1
		   ? -1
		   : 1;
}

/* Round after round, so that all workers get something of the beginning. */
static int
feed_all(struct pool *p, struct err *e)
{
	bool any = true;

	while (any) {
		any = false;
		for (unsigned i = 0; i < p->n; i++) {
			int rc = hungry(&p->m[i]) ? feed(&p->m[i], e) : 0;

			if (rc == -1)
				return -1;
			any = any || rc == 1;
		}
	}
	return 0;
}

/* Until next() has nothing more and every answer is there.  A worker may be
 * done with all that it held in one turn: it is fed again before anything is
 * concluded from nothing being outstanding. */
int
pool_run(struct pool *p, const struct pool_work *w, struct err *e)
{
	int rc;

	p->work = w;
	while ((rc = feed_all(p, e)) == 0 && p->outstanding > 0 &&
	       (rc = pool_turn(p, DEADLINE_NEVER, e)) == 0)
		hook_pause("fed");
	p->work = NULL;
	if (rc == 0)
		pool_dismiss(p);
	return rc;
}

void
pool_progress(const struct pool *p, struct pool_progress *g)
{
	*g = (struct pool_progress){0};
	for (unsigned i = 0; i < p->n; i++) {
		g->handled += p->m[i].progress.handled;
		g->in += p->m[i].progress.in;
		g->out += p->m[i].progress.out;
	}
}
