#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/crew.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/hook.h"
#include "io/cores.h"

#include <poll.h>

#define PROGRESS_MS 200

/* --- talk ---------------------------------------------------------------- */

void
clone_step(struct clone *c, enum clone_step step)
{
	c->step = step;
	c->step_began = clock_ms();
}

static int64_t *
step_ms(struct clone *c)
{
	struct clone_record *r = c->rec;

	switch (c->step) {
	case CLONE_PREFLIGHT:
		return &r->ms_preflight;
	case CLONE_BACKUP_START:
		return &r->ms_backup_start;
	case CLONE_MANIFEST:
		return &r->ms_manifest;
	case CLONE_TRANSFER:
		return &r->ms_transfer;
	case CLONE_BACKUP_STOP:
		return &r->ms_backup_stop;
	case CLONE_START:
		return &r->ms_start;
	case CLONE_STREAMING:
		return &r->ms_streaming;
	}
	return NULL;
}

/* Who has asked in a step that never waits is not left without; nothing else is
 * shown. */
static void
answer(struct clone *c)
{
	c->last_progress = clock_ms();
	clone_show(c, c->current == NULL ? "" : c->current);
}

void
clone_told(struct clone *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*step_ms(c) = clock_ms() - c->step_began;
	answer(c);
	c->ui->step(c->ui->arg, c->step, text);
}

void
clone_note(struct clone *c, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_one_line(text, sizeof(text));
	c->ui->note(c->ui->arg, text);
}

void
clone_left(struct clone *c, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_one_line(text, sizeof(text));
	buf_addf(&c->rec->left_behind, "%s\n", text);
}

void
clone_show(struct clone *c, const char *what)
{
	struct clone_progress p = {.step = c->step,
	    .total = c->plan.bytes,
	    .ms = clock_ms() - c->step_began,
	    .what = what};
	struct pool_progress g = {0};
	struct pool_worker workers[CREW_MAX];
	struct buf text = BUF_INIT;

	if (c->pool != NULL)
		pool_progress(c->pool, &g);
	text_add_escaped(&text, what, strlen(what));
	p.what = buf_str(&text);
	p.done = MIN_OF(g.handled + c->plan.skipped, p.total);
	p.received = g.in;
	p.asked = sig_status_wanted();
	if (p.asked && c->step == CLONE_TRANSFER) {
		p.files_done = c->answered;
		p.files = c->plan.ntransfer;
		p.workers = workers;
		p.nworkers = c->pool == NULL ? 0
					     : pool_workers(c->pool, workers,
						   NELEM(workers));
	}
	if (p.asked || clock_ms() - c->last_progress >= PROGRESS_MS) {
		c->last_progress = clock_ms();
		c->ui->progress(c->ui->arg, &p);
	}
	buf_free(&text);
}

/* --- what has to be looked after while anything is waited for ------------ */

int64_t
clone_deadline(const struct clone *c, int64_t ms)
{
	int64_t d = deadline_in(ms);

	return MIN_OF(d, c->deadline);
}

static int
wait_fds(void *arg, struct pollfd *fds)
{
	struct clone *c = arg;
	int n = 0, fd = backup_pollfd(&c->backup);

	if (sig_caught() == 0)
		fds[n++] = (struct pollfd){.fd = sig_fd(), .events = POLLIN};
	if (fd != -1)
		fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	return n;
}

int
clone_tick(void *arg, struct err *e)
{
	struct clone *c = arg;

	if (sig_check(e) == -1)
		return -1;
	if (deadline_passed(c->deadline)) {
		(void)err_set(e, ERR_TIMEOUT, "not done within --timeout");
		return err_hint(e, "Run the same command again: it continues.");
	}
	if (c->backup.running && backup_tick(&c->backup, e) == -1)
		return -1;
	if (c->slot_pg != NULL && pg_idle_check(c->slot_pg, e) == -1)
		return err_wrap(e, "--upstream");
	if (c->wal != NULL && c->backup.running &&
	    walfetch_tick(c->wal, c->backup.now_lsn, e) == -1)
		return -1;
	clone_show(c, c->current == NULL ? "" : c->current);
	return 0;
}

static void
pool_note(void *arg, const char *text)
{
	clone_note(arg, "%s", text);
}

void
clone_call_workers(struct clone *c)
{
	struct crew_facts f = {.asked = c->o->jobs,
	    .here = cores_usable(),
	    .there = c->src.o.cores,
	    .files = c->plan.ntransfer,
	    .bytes = c->plan.bytes - MIN_OF(c->plan.skipped, c->plan.bytes)};

	pool_crew(c->pool, crew_size(&f));
}

int
clone_start_pool(struct clone *c, struct err *e)
{
	struct pool_opts po = {.n = crew_most(c->o->jobs, cores_usable()),
	    .remote = &c->o->remote,
	    .agent = c->o->agent,
	    .push_agent = c->o->push_agent,
	    .package = c->o->package,
	    .connect_ms = 30000,
	    .note = pool_note,
	    .pollfds = wait_fds,
	    .tick = clone_tick,
	    .arg = c};

	if (c->o->remote.connect_ms > 0)
		po.connect_ms = c->o->remote.connect_ms * 3;
	c->pool = pool_start(&po, e);
	return c->pool == NULL ? -1 : 0;
}

/* --- the end of a run, good or bad --------------------------------------- */

static void
unmark(struct clone *c)
{
	struct err e = ERR_INIT;

	if (!c->target.marked || c->target.sealed || c->o->dry_run ||
	    c->o->conf_only || c->o->cleanup)
		return;
	if (target_unmark(&c->target, &e) == -1)
		clone_left(c, "%s", e.text);
	if (c->target.marked)
		clone_left(c,
		    "unfinished data directory \"%s\": it cannot be "
		    "started; the same command continues",
		    c->target.path);
}

static void
end_slot(struct clone *c)
{
	struct err e = ERR_INIT;

	if (c->slot_done || c->target.sealed ||
	    slot_end_failed(&c->slot, &e) == 0)
		return;
	clone_left(
	    c, "replication slot \"%s\": %s %s", c->slot.name, e.text, e.hint);
}

/* What to type is behind a sentence, at the end of a line each. */
static void
left_backup(struct clone *c, const struct err *own)
{
	const char *at = own->hint;
	struct buf line = BUF_INIT;

	clone_left(
	    c, "exclusive backup \"%s\": %s", c->backup.label, own->text);
	while (text_line(&at, &line))
		clone_left(c, "exclusive backup \"%s\": %s", c->backup.label,
		    buf_str(&line));
	buf_free(&line);
}

static void
end_backup(struct clone *c, struct err *e)
{
	struct err own = ERR_INIT;

	bool refused = err_is_set(e) && e->code == ERR_BACKUP_RUNNING;

	if (backup_end(&c->backup, &own) == 0) {
		if (clone_excl_ended(c, refused, &own) == -1)
			clone_left(c, "%s", own.text);
		return;
	}
	left_backup(c, &own);
	if (!err_is_set(e))
		*e = own;
	err_raise(e, STATUS_INCOMPLETE);
}

static void
finish_record(struct clone *c, int rc, const struct err *e)
{
	struct clone_record *r = c->rec;
	struct pool_progress g = {0};

	r->ms_total = clock_ms() - c->began;
	if (c->pool != NULL) {
		pool_progress(c->pool, &g);
		r->bytes_sent = g.in;
	}
	if (rc == 0)
		r->status = c->o->dry_run ? "dry-run" : "ok";
	else
		r->status = e->status == STATUS_REFUSED ? "refused" : "failed";
}

static void
release(struct clone *c)
{
	pool_close(c->pool);
	pool_source_free(&c->src);
	pg_close(c->slot_pg);
	pg_close(c->asked);
	backup_free(&c->backup);
	walfetch_free(c->wal);
	plan_free(&c->plan);
	manifest_free(&c->from);
	manifest_free(&c->to);
	roots_free(&c->roots);
	preflight_free(&c->pf);
	probe_free(&c->facts);
	target_close(&c->target);
	marker_free(&c->marker);
	marker_free(&c->old_note);
	conninfo_free(&c->conninfo);
	conninfo_free(&c->upstream);
	buf_free(&c->history);
	buf_free(&c->label);
	buf_free(&c->map);
	buf_free(&c->pg_control);
	clone_external_free(c->external);
	free(c->source_pgdata);
	free(c->cleanup);
	distro_free(&c->distro);
	for (size_t i = 0; i < c->nkeep; i++)
		free(c->keep[i]);
	free(c->keep);
	for (size_t i = 0; i < NELEM(c->own); i++)
		free(c->own[i]);
	free(c->digests);
	free(c->gone);
	clone_index_free(&c->index);
	free(c->bindir);
	free(c->start_log);
}

/* Everything in order; each step ends with a state of faults.md section 3. */
static int
story(struct clone *c, struct err *e)
{
	if (clone_look(c, e) == -1)
		return -1;
	if (c->o->cleanup)
		return clone_cleanup(c, e);
	if (c->o->conf_only)
		return clone_conf_only(c, e);
	if (clone_prepare(c, e) == -1)
		return -1;
	if (c->o->dry_run)
		return clone_list(c, e);
	if (clone_begin_backup(c, e) == -1 || clone_list(c, e) == -1)
		return -1;
	/* This is the point of no return for what the target held. */
	if (clone_take_over(c, e) == -1 || clone_transfer(c, e) == -1 ||
	    clone_end_backup(c, e) == -1 || clone_seal(c, e) == -1)
		return -1;
	if (!c->o->start || !c->o->wait)
		clone_note(c, "unlogged relations that were made during the "
			      "copy are looked for only where it is waited "
			      "until the standby streams: restart it once "
			      "before it is promoted");
	if (!c->o->start)
		return 0;
	if (clone_start(c, e) == -1)
		return -1;
	return c->o->wait ? clone_wait(c, e) : 0;
}

int
clone_run(const struct clone_opts *o, const struct clone_ui *ui,
    struct clone_record *rec, struct err *e)
{
	struct clone c = {.o = o, .ui = ui, .rec = rec};
	int rc;

	c.began = clock_ms();
	c.deadline = deadline_in(o->timeout_ms);
	rec->ms_preflight = rec->ms_backup_start = rec->ms_manifest =
	    rec->ms_transfer = rec->ms_backup_stop = rec->ms_seal =
		rec->ms_start = rec->ms_streaming = -1;
	clone_step(&c, CLONE_PREFLIGHT);
	rc = story(&c, e);
	answer(&c);
	/* What refuses after the target was changed is no refusal any more. */
	if (rc == -1 && e->status == STATUS_REFUSED &&
	    c.step >= CLONE_TRANSFER && !o->conf_only && !o->cleanup)
		err_raise(e, STATUS_TRANSFER);
	finish_record(&c, rc, e);
	pool_close(c.pool); /* nothing is written any more */
	c.pool = NULL;
	if (rc == -1) {
		end_backup(&c, e);
		end_slot(&c);
		if (err_is_set(e) && e->code == ERR_TARGET_IO)
			clone_tell_room(&c, e);
		unmark(&c);
	} else {
		(void)backup_end(&c.backup, NULL);
	}
	release(&c);
	return rc;
}

void
clone_record_free(struct clone_record *r)
{
	free(r->source_host);
	free(r->source_port);
	free(r->pgdata);
	free(r->waldir);
	for (size_t i = 0; i < r->nconfig; i++) {
		free(r->config[i].source);
		free(r->config[i].target);
	}
	free(r->config);
	buf_free(&r->left_behind);
	*r = (struct clone_record){0};
}
