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
	const char *trouble_id; /* with the state file; NULL: none */
	struct err trouble;
	bool unsaved; /* the status is out, and is not remembered */
};

/* What keeps us from remembering; the status is shown all the same. */
static void
complain(struct run *r, const char *id, const struct err *e)
{
	r->trouble_id = id;
	r->trouble = *e;
	if (!r->o->watch)
		cli_print("warning", e);
}

/* Runs that take longer than their pause: somebody has to know. */
static void
overlaps(struct run *r, const char *since)
{
	struct err e = ERR_INIT;

	(void)err_set(&e, ERR_IO,
	    "a previous run with state file \"%s\" is still active since %s",
	    r->o->state_file, since);
	(void)err_hint(&e, "This one does not write it. Is --timeout longer "
			   "than the pause between the runs?");
	complain(r, "overlap", &e);
}

static void
open_state(struct run *r)
{
	const char *path = r->o->state_file;
	struct trend old = {.set = false};
	struct err e = ERR_INIT;
	bool overlap = false;
	char ignored[256];

	r->trouble_id = NULL;
	if (path == NULL)
		return;
	if (statefile_open(&r->file, path, &old, &overlap, ignored,
		sizeof(ignored), &e) == -1)
		complain(r, "state-file", &e);
	else if (overlap && !r->o->watch)
		overlaps(r, ignored);
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

	if (r->file != NULL && statefile_write(r->file, &r->now, &e) == -1) {
		r->unsaved = true;
		complain(r, "state-file", &e);
	}
	statefile_close(r->file);
	r->file = NULL;
}

/* Nobody named that server: to be told how is worth more than how to start
 * one. */
static int
hint_unnamed(struct run *r, struct err *e)
{
	struct status_node *n = r->s.nodes;
	struct buf b = BUF_INIT;

	if (!r->o->nodes.unnamed || r->s.n != 1 || n->reach != REACH_FAILED ||
	    n->alive)
		return 0;
	if (r->o->file == NULL)
		buf_adds(&b, "No configuration file was found");
	else
		buf_addf(&b, "%s names no nodes", r->o->file);
	buf_addf(&b, ". Name a server: %s -h HOST", STATUS_TOOL);
	free(n->reach_hint);
	n->reach_hint = buf_steal(&b);
	return n->reach_hint == NULL ? err_set_nomem(e) : 0;
}

static int
add_trouble(struct run *r)
{
	const struct err *e = &r->trouble;

	if (r->trouble_id == NULL)
		return 0;
	return status_add_problem(&r->s, r->trouble_id, SEV_UNKNOWN, e->text,
	    e->hint[0] != '\0' ? e->hint : NULL);
}

static int
examine(struct run *r, struct err *e)
{
	if (survey_look(r->survey, &r->s, e) == -1 || hint_unnamed(r, e) == -1)
		return -1;
	trend_apply(&r->s, &r->last);
	r->s.last_primary = r->last.primary;
	if (r->o->nodes.primary && r->s.n > 0)
		r->s.nodes[0].named_primary = true;
	if (verdict_judge(&r->s, &r->o->limits) == -1 || add_trouble(r) == -1 ||
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
	    .last = &r->now,
	    .verbose = o->verbose};

	return status_out_render(o, &r->s, &how, b, e);
}

/* Who types a second name of a server looks for it.  What programs read has it
 * as data, or not at all. */
static void
tell_aliases(const struct run *r)
{
	if (r->o->quiet || strcmp(r->o->format, "human") != 0)
		return;
	for (size_t i = 0; i < r->s.n; i++)
		if (r->s.nodes[i].aliases != NULL)
			log_line(LVL_INFO, "note", "%s is %s",
			    r->s.nodes[i].aliases, r->s.nodes[i].name);
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
	tell_aliases(r);
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
	    .file = o->file_given ? o->file : NULL,
	    .timeout_ms = o->timeout_ms,
	    .discover = o->nodes.discover,
	    .whole = o->nodes.whole,
	    .named_part = o->nodes.part,
	    .merge = true,
	    .sigfd = sig_fd()};
	int rc = survey_new(&r.survey, &so, e);

	if (rc == 0)
		rc = o->watch ? watch_run(&w, e) : once(&r, e);
	*status = (int)r.severity;
	if (r.unsaved)
		*status = (int)status_worse(r.severity, SEV_UNKNOWN);
	statefile_close(r.file);
	trend_free(&r.last);
	trend_free(&r.now);
	status_free(&r.s);
	survey_free(r.survey);
	return rc;
}
