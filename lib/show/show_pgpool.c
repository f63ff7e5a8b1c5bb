/*
 * What pgpool reads from replication_delay_source_cmd (4.8): one line, delays
 * in ms of the standbys in the order of its backends.  It leaves the primary
 * out, of its arguments and of what it reads, and counts: a 0 for the primary
 * would be taken for the next standby.  -1 keeps the delay it had; what it
 * cannot read it takes for 0.  Nodes besides the operands (a primary to measure
 * against) are no backends.
 */
#include "base/std.h"
#include "show/show_int.h"

/* Discovered ones are no backends, unless there is nothing else. */
static bool
is_backend(const struct status *s, const struct show_opts *o, size_t i)
{
	if (o->named > 0)
		return i < o->named;
	if (s->nodes[i].role == ROLE_RECEIVEWAL || (int)i == s->primary)
		return false;
	if (s->nodes[i].expected)
		return true;
	for (size_t j = 0; j < s->n; j++)
		if (s->nodes[j].expected && (int)j != s->primary)
			return false;
	return true;
}

/* -1: unknown, or down whatever others say of it. */
static double
delay_ms(const struct status_node *n)
{
	if (n->reach == REACH_FAILED || n->reach == REACH_HUNG)
		return -1;
	return n->role == ROLE_STANDBY && show_known(n->delay) ? n->delay * 1000
							       : -1;
}

/*
 * Without a primary nobody knows which place is not printed: then nothing is
 * known of any.
 */
static double
value(const struct status *s, const struct show_opts *o, size_t i)
{
	if ((int)i == s->primary)
		return 0;
	return s->primary < 0 && o->named == 0 ? -1 : delay_ms(&s->nodes[i]);
}

int
show_pgpool(const struct status *s, const struct show_opts *o, struct buf *out)
{
	const char *between = "";
	double ms;

	for (size_t i = 0; i < s->n; i++) {
		if (!is_backend(s, o, i))
			continue;
		buf_adds(out, between);
		between = " ";
		if ((ms = value(s, o, i)) < 0)
			buf_adds(out, "-1");
		else
			show_add_number(out, ms);
	}
	buf_addc(out, '\n');
	return buf_ok(out) ? 0 : -1;
}
