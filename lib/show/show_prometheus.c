/*
 * Prometheus' text format, for the textfile collector: gauges, base units, no
 * time stamps.  What is unknown has no sample, so that an alert on its absence
 * can be written; it is never 0.
 */
#include "base/std.h"
#include "core/text.h"
#include "show/show_int.h"

#define NO_VALUE (-1.0)

struct metric {
	const char *name, *help;
	double (*of)(const struct status_node *n); /* < 0: none */
};

/* --- values of a node ----------------------------------------------------- */

static double
is_up(const struct status_node *n)
{
	return show_reachable(n);
}

static double
is_primary(const struct status_node *n)
{
	return n->role == ROLE_UNKNOWN ? NO_VALUE : n->role == ROLE_PRIMARY;
}

static double
timeline(const struct status_node *n)
{
	return status_shown_timeline(n) > 0 ? status_shown_timeline(n)
					    : NO_VALUE;
}

static double
receive_lag(const struct status_node *n)
{
	return (double)show_receive_lag(n);
}

static double
replay_lag(const struct status_node *n)
{
	return (double)show_replay_lag(n);
}

static double
severity(const struct status_node *n)
{
	return n->severity;
}

static const struct metric metrics[] = {
    {"standby_node_up", "Whether the node answers (1) or not (0).", is_up},
    {"standby_is_primary", "Whether the node is a primary (1) or not (0).",
	is_primary},
    {"standby_timeline", "Timeline of the node.", timeline},
    {"standby_receive_lag_bytes",
	"WAL of the primary that the standby has not received.", receive_lag},
    {"standby_replay_lag_bytes",
	"WAL of the primary that the standby has not replayed.", replay_lag},
    {"standby_replay_delay_seconds",
	"Age of what the standby shows; 0 when it has replayed everything.",
	show_delay},
    {"standby_node_status",
	"Status of the node: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
	severity},
};

/* --- the format ----------------------------------------------------------- */

static void
add_head(struct buf *b, const char *name, const char *help)
{
	buf_addf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* Backslash, quote and newline as the format has it; other characters that are
 * no text become \ooo. */
static void
add_part(struct buf *b, const char *text, size_t n)
{
	struct buf t = BUF_INIT;

	text_add_escaped(&t, text, n);
	for (const char *p = buf_str(&t); *p != '\0'; p++) {
		if (*p == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *p);
	}
	b->failed |= t.failed;
	buf_free(&t);
}

static void
add_label(struct buf *b, const char *name, const char *text)
{
	size_t n;

	buf_addf(b, "%s=\"", name);
	while (text != NULL && *text != '\0') {
		n = strcspn(text, "\\\"\n");
		add_part(b, text, n);
		text += n;
		if (*text == '\0')
			break;
		buf_addc(b, '\\');
		buf_addc(b, *text == '\n' ? 'n' : *text);
		text++;
	}
	buf_addc(b, '"');
}

static void
add_start(struct buf *b, const char *metric, const struct status *s,
    const struct status_node *n)
{
	buf_addf(b, "%s{", metric);
	add_label(b, "cluster", s->cluster);
	if (n != NULL) {
		buf_addc(b, ',');
		add_label(b, "node", n->name);
	}
}

static void
add_end(struct buf *b, double v)
{
	buf_adds(b, "} ");
	show_add_number(b, v);
	buf_addc(b, '\n');
}

/* --- families ------------------------------------------------------------- */

static void
add_metric(struct buf *b, const struct status *s, const struct metric *m)
{
	bool any = false;
	double v;

	for (size_t i = 0; i < s->n; i++) {
		if (!show_known(v = m->of(&s->nodes[i])))
			continue;
		if (!any)
			add_head(b, m->name, m->help);
		any = true;
		add_start(b, m->name, s, &s->nodes[i]);
		add_end(b, v);
	}
}

static void
add_slots(struct buf *b, const struct status *s)
{
	static const char name[] = "standby_slot_retained_bytes";
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];

		for (size_t j = 0; j < n->nslots; j++) {
			if (n->slots[j].retained < 0)
				continue;
			if (!any)
				add_head(b, name,
				    "WAL that the node keeps for the slot.");
			any = true;
			add_start(b, name, s, n);
			buf_addc(b, ',');
			add_label(b, "slot", n->slots[j].name);
			add_end(b, (double)n->slots[j].retained);
		}
	}
}

static void
add_cluster(struct buf *b, const struct status *s, const char *name,
    const char *help, double v)
{
	if (!show_known(v))
		return;
	add_head(b, name, help);
	add_start(b, name, s, NULL);
	add_end(b, v);
}

int
show_prometheus(
    const struct status *s, const struct show_opts *o, struct buf *out)
{
	(void)o;
	for (size_t i = 0; i < NELEM(metrics); i++)
		add_metric(out, s, &metrics[i]);
	add_slots(out, s);
	add_cluster(out, s, "standby_streaming_standbys",
	    "Standbys that stream.", (double)show_streaming(s));
	add_cluster(out, s, "standby_status",
	    "Status of the cluster: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
	    s->severity);
	add_cluster(out, s, "standby_check_timestamp_seconds",
	    "When this was read, in seconds since 1970.", s->time);
	return buf_ok(out) ? 0 : -1;
}
