/*
 * What flow/survey finds, as lines of words, for t/3010-status-old.t:
 *
 *	survey [-n] [-w] [-r TIMES] [-t MS] [NAME=]CONNINFO...
 *
 * -n: nothing is discovered; -r: look so often over the same sessions; -w: say
 * "next" and wait for a line of standard input before each look but the first,
 * and tell of each.  One
 * line per node: "node NAME key=value ...", "-" for what is unknown; then its
 * rows.  "ms N" is how long the last look took, "rss N" the peak in kB.
 */
#include "base/std.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/text.h"
#include "flow/survey.h"
#include "io/pg.h"

#include <sys/resource.h>

/* Escaped, as every program must; the last eight are kept. */
static const char *
text(const char *s)
{
	static struct buf b[8];
	static size_t next;
	struct buf *to = &b[next++ % NELEM(b)];

	if (s == NULL)
		return "-";
	buf_reset(to);
	text_add_escaped(to, s, strlen(s));
	return buf_str(to);
}

static void
show_lsn(const char *name, uint64_t lsn)
{
	char buf[LSN_TEXT];

	printf(" %s=%s", name, lsn != 0 ? lsn_format(lsn, buf) : "-");
}

static void
show_n(const char *name, int64_t n)
{
	if (n < 0)
		printf(" %s=-", name);
	else
		printf(" %s=%" PRId64, name, n);
}

static void
show_s(const char *name, double s)
{
	if (s < 0)
		printf(" %s=-", name);
	else
		printf(" %s=%.3f", name, s);
}

static void
show_receiver(const struct status_receiver *r)
{
	static const char *const sights[] = {"none", "hidden", "seen"};

	printf(
	    " sight=%s present=%d status=%s slot=%s application=%s from=%s:%s",
	    sights[r->sight], r->present, text(r->status), text(r->slot),
	    text(r->application_name), text(r->host), text(r->port));
	show_lsn("flushed", r->flushed);
	show_lsn("latest_end", r->latest_end);
	show_s("heard", r->heard);
	puts("");
}

static void
show_sender(const struct status *s, const struct status_sender *r)
{
	printf("  sender application=%s addr=%s state=%s sync=%s hidden=%d "
	       "node=%s",
	    text(r->application_name), text(r->client_addr), text(r->state),
	    text(r->sync_state), r->hidden,
	    r->node >= 0 ? s->nodes[r->node].name : "-");
	show_lsn("sent", r->sent);
	show_lsn("replay", r->replay);
	puts("");
}

static void
show_slot(const struct status_slot *r)
{
	printf("  slot %s logical=%d active=%d status=%s", text(r->name),
	    r->logical, r->active, text(r->wal_status));
	show_lsn("restart", r->restart_lsn);
	show_n("retained", r->retained);
	show_n("safe", r->safe_bytes);
	puts("");
}

static void
show_node(const struct status *s, const struct status_node *n)
{
	static const char *const reach[] = {
	    "yes", "not-asked", "failed", "hung"};

	printf("node %s reach=%s role=%s version=%d upstream=%s state=%s",
	    n->name, reach[n->reach], status_role_name(n->role), n->version,
	    n->upstream >= 0 ? s->nodes[n->upstream].name : "-",
	    text(n->state));
	show_lsn("written", n->written);
	show_lsn("sent", n->sent);
	show_lsn("received", n->received);
	show_lsn("replayed", n->replayed);
	show_n("receive_lag", n->receive_lag);
	show_n("replay_lag", n->replay_lag);
	show_s("delay", n->delay);
	show_n("paused", n->paused);
	show_n("apply_delay", n->apply_delay);
	printf(" timeline=%u system=%" PRIu64 " clamped=%d user=%s sync=%s",
	    (unsigned)status_timeline(n), n->system_identifier, n->clamped,
	    text(n->user), text(n->sync));
	puts("");
	if (n->reach_text != NULL)
		printf("  why %s\n", text(n->reach_text));
	if (n->reach_hint != NULL)
		printf("  hint %s\n", n->reach_hint);
	if (n->partial != NULL)
		printf("  partial %s\n", text(n->partial));
	printf("  receiver");
	show_receiver(&n->receiver);
	for (size_t i = 0; i < n->nsenders; i++)
		show_sender(s, &n->senders[i]);
	for (size_t i = 0; i < n->nslots; i++)
		show_slot(&n->slots[i]);
}

static int
take_node(struct survey_node *n, const char *word, struct err *e)
{
	const char *at = strchr(word, '=');

	/* "db1=host=..." names it; "host=..." does not. */
	if (at != NULL && strchr(at + 1, '=') != NULL &&
	    strcspn(word, " ") > (size_t)(at - word) &&
	    strcspn(at + 1, " ") > strcspn(at + 1, "=")) {
		if ((n->name = strndup(word, (size_t)(at - word))) == NULL)
			return err_set_nomem(e);
		word = at + 1;
	}
	n->weight = -1;
	return pg_conninfo_parse(word, &n->conninfo, e);
}

static void
show_all(const struct status *s, int64_t ms)
{
	struct rusage use;

	printf("cluster %s primary=%s streaming=%zu standbys=%zu\n",
	    text(s->cluster), s->primary >= 0 ? s->nodes[s->primary].name : "-",
	    s->streaming, s->standbys);
	for (size_t i = 0; i < s->n; i++)
		show_node(s, &s->nodes[i]);
	(void)getrusage(RUSAGE_SELF, &use);
	printf("ms %" PRId64 "\nrss %ld\n", ms, use.ru_maxrss);
}

static void
wait_for_line(void)
{
	puts("next");
	(void)fflush(stdout);
	for (int c = 0; c != EOF && c != '\n';)
		c = getchar();
}

static int
look(struct survey *v, int times, bool waits, struct err *e)
{
	struct status s = {.primary = -1};
	int64_t from;
	int rc = 0;

	for (int i = 0; i < times && rc == 0; i++) {
		if (waits && i > 0)
			wait_for_line();
		from = clock_ms();
		rc = survey_look(v, &s, e);
		if (rc == 0 && (waits || i == times - 1))
			show_all(&s, clock_ms() - from);
	}
	status_free(&s);
	return rc;
}

int
main(int argc, char **argv)
{
	struct survey_opts o = {.application_name = "repl-status",
	    .timeout_ms = 5000,
	    .discover = true,
	    .whole = true};
	struct survey_node *nodes = calloc((size_t)argc, sizeof(*nodes));
	struct survey *v = NULL;
	struct err e = ERR_INIT;
	int c, times = 1, rc = 0;
	bool waits = false;

	while ((c = getopt(argc, argv, "nwr:t:")) != -1) {
		if (c == 'n')
			o.discover = false;
		else if (c == 'w')
			waits = true;
		else if (c == 'r')
			times = atoi(optarg);
		else if (c == 't')
			o.timeout_ms = atoi(optarg);
		else
			return 2;
	}
	if (nodes == NULL || sig_init(&e) == -1)
		return 1;
	o.sigfd = sig_fd();
	o.nodes = nodes;
	for (int i = optind; i < argc && rc == 0; i++)
		rc = take_node(&nodes[o.n++], argv[i], &e);
	if (rc == 0 && survey_new(&v, &o, &e) == 0)
		rc = look(v, times, waits, &e);
	survey_free(v);
	for (size_t i = 0; i < o.n; i++) {
		free(nodes[i].name);
		conninfo_free(&nodes[i].conninfo);
	}
	free(nodes);
	if (!err_is_set(&e))
		return 0;
	fprintf(stderr, "error: %s [%s]\n", e.text, err_name(e.code));
	return e.status;
}
