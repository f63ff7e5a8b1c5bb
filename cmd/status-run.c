#include "base/std.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/trend.h"
#include "io/statefile.h"
#include "status-out.h"
#include "status-run.h"
#include "watch.h"

struct run {
	const struct status_opts *o;
	struct survey *survey;
	struct status s;
	struct trend last, now;
	struct statefile *file;        /* locked during a look */
	enum status_severity severity; /* of the last complete look */
	bool utf8;
	bool degraded; /* what should be remembered is not */
};

static void
complain(struct run *r, const char *kind, const struct err *e)
{
	r->degraded = true;
	if (!r->o->watch)
		cli_print(kind, e);
}

/* Runs that take longer than their pause: somebody has to know. */
static void
say_overlap(struct run *r, const char *since)
{
	if (r->o->watch)
		return;
	r->degraded = true;
	log_line(LVL_WARNING, "warning",
	    "a previous run with state file \"%s\" is still active "
	    "since %s, this one does not write it",
	    r->o->state_file, since);
}

/* A status without a memory is still a status: trouble is said, and the exit
 * status is not 0. */
static void
open_state(struct run *r)
{
	const char *path = r->o->state_file;
	struct trend old = {.set = false};
	struct err e = ERR_INIT;
	bool overlap = false;
	char ignored[256];

	if (path == NULL)
		return;
	if (statefile_open(&r->file, path, &old, &overlap, ignored,
		sizeof(ignored), &e) == -1)
		complain(r, "warning", &e);
	else if (overlap)
		say_overlap(r, ignored);
	else if (ignored[0] != '\0' && !r->o->watch)
		log_line(LVL_WARNING, "warning",
		    "state file \"%s\" is not used: %s", path, ignored);
	if (!r->last.set && old.set)
		r->last = old;
	else
		trend_free(&old);
}

static void
save_state(struct run *r)
{
	struct err e = ERR_INIT;

	if (r->file != NULL && statefile_write(r->file, &r->now, &e) == -1)
		complain(r, "warning", &e);
	statefile_close(r->file);
	r->file = NULL;
}

static int
examine(struct run *r, struct err *e)
{
	if (survey_look(r->survey, &r->s, e) == -1)
		return -1;
	trend_apply(&r->s, &r->last);
	if (verdict_judge(&r->s, &r->o->limits) == -1 ||
	    trend_take(&r->now, &r->s, &r->last) == -1)
		return err_set_nomem(e);
	r->severity = r->s.severity;
	return 0;
}

static int
render(struct run *r, int width, struct buf *b, struct err *e)
{
	const struct status_opts *o = r->o;
	struct show_opts how = {.limits = &o->limits,
	    .tool = STATUS_TOOL,
	    .version = PACKAGE_VERSION,
	    .color =
		cli_color(o->color, o->output == NULL ? STDOUT_FILENO : -1),
	    .utf8 = r->utf8,
	    .width = width,
	    .rates = o->watch || r->last.set,
	    .named = o->named,
	    .verbose = o->verbose};

	return status_out_render(o, &r->s, &how, b, e);
}

static int
once(struct run *r, struct err *e)
{
	struct buf b = BUF_INIT;
	bool print = !r->o->quiet || r->o->output != NULL;
	int rc = -1;

	open_state(r);
	if (examine(r, e) == -1)
		goto out;
	if (!print)
		print = r->last.set ? trend_changed(&r->last, &r->now)
				    : r->s.severity != SEV_OK;
	if (print && (render(r, status_out_width(r->o), &b, e) == -1 ||
			 status_out_write(r->o, &b, e) == -1))
		goto out;
	save_state(r);
	rc = 0;
out:
	buf_free(&b);
	return rc;
}

static int
watch_look(void *arg, struct err *e)
{
	struct run *r = arg;

	trend_free(&r->last);
	r->last = r->now;
	r->now = (struct trend){.set = false};
	open_state(r);
	if (examine(r, e) == -1)
		return -1;
	save_state(r);
	return 0;
}

static int
watch_draw(void *arg, int width, struct buf *out, struct err *e)
{
	return render(arg, width, out, e);
}

int
status_run(const struct status_opts *o, int *status, struct err *e)
{
	struct run r = {
	    .o = o, .severity = SEV_UNKNOWN, .utf8 = status_out_utf8(o)};
	struct watch w = {.interval_ms = o->interval_ms,
	    .sigfd = sig_fd(),
	    .look = watch_look,
	    .draw = watch_draw,
	    .arg = &r};
	struct survey_opts so = {.nodes = o->nodes.v,
	    .n = o->nodes.n,
	    .application_name = STATUS_TOOL,
	    .cluster = o->cluster,
	    .timeout_ms = o->timeout_ms,
	    .discover = o->nodes.discover,
	    .whole = o->nodes.whole,
	    .sigfd = sig_fd()};
	int rc = survey_new(&r.survey, &so, e);

	if (rc == 0)
		rc = o->watch ? watch_run(&w, e) : once(&r, e);
	*status = (int)r.severity;
	if (r.degraded)
		*status = (int)status_worse(r.severity, SEV_UNKNOWN);
	statefile_close(r.file);
	trend_free(&r.last);
	trend_free(&r.now);
	status_free(&r.s);
	survey_free(r.survey);
	return rc;
}
