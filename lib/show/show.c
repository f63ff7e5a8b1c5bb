#include "base/std.h"
#include "show/show_int.h"

#include <math.h>

#define MAX_SECONDS 253402300799.0 /* the end of year 9999 */
#define MAX_EXACT 9e12             /* times a million still fits 64 bits */
#define MAX_NUMBER 1e19

static const struct {
	const char *name;
	show_fn *fn;
} formats[] = {
    {"human", show_human},
    {"json", show_json},
    {"nagios", show_nagios},
    {"prometheus", show_prometheus},
    {"pgpool", show_pgpool},
    {"tsv", show_tsv},
};

show_fn *
show_find(const char *name)
{
	for (size_t i = 0; i < NELEM(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].fn;
	return NULL;
}

bool
show_known(double v)
{
	return isfinite(v) && v >= 0;
}

/* By integers: printf takes the decimal point of the locale. */
void
show_add_number(struct buf *b, double v)
{
	uint64_t millionths;
	char part[8];
	size_t n = 6;

	if (v > MAX_EXACT) {
		buf_addf(b, "%.0f", MIN_OF(v, MAX_NUMBER));
		return;
	}
	millionths = (uint64_t)(v * 1e6 + 0.5);
	buf_addf(b, "%" PRIu64, millionths / 1000000);
	(void)snprintf(
	    part, sizeof(part), "%06u", (unsigned)(millionths % 1000000));
	while (n > 0 && part[n - 1] == '0')
		n--;
	if (n > 0) {
		buf_addc(b, '.');
		buf_add(b, part, n);
	}
}

const struct status_node *
show_node(const struct status *s, int node)
{
	return node < 0 || (size_t)node >= s->n ? NULL : &s->nodes[node];
}

const char *
show_name(const struct status *s, int node)
{
	const struct status_node *n = show_node(s, node);

	return n == NULL ? NULL : n->name;
}

const struct status_sender *
show_sender(const struct status *s, const struct status_node *n, int *version)
{
	const struct status_node *up = show_node(s, n->upstream);

	if (up == NULL || n->sender < 0 || (size_t)n->sender >= up->nsenders)
		return NULL;
	*version = up->version;
	return &up->senders[n->sender];
}

const char *
show_slot(const struct status *s, const struct status_node *n)
{
	const struct status_node *up = show_node(s, n->upstream);
	const struct status_sender *r;
	int version;

	if (n->receiver.slot != NULL && n->receiver.slot[0] != '\0')
		return n->receiver.slot;
	if ((r = show_sender(s, n, &version)) == NULL || r->slot < 0 ||
	    (size_t)r->slot >= up->nslots)
		return NULL;
	return up->slots[r->slot].name;
}

const char *
show_time(double t, char *buf)
{
	struct tm tm;
	time_t at;

	if (!show_known(t) || t > MAX_SECONDS)
		return NULL;
	at = (time_t)t;
	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(buf, SHOW_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return NULL;
	return buf;
}

int64_t
show_streaming(const struct status *s)
{
	return s->n > 0 && s->streaming_known ? (int64_t)s->streaming : -1;
}

void
show_add_streaming(struct buf *b, const struct status *s)
{
	if (show_streaming(s) < 0)
		buf_addc(b, '?');
	else
		buf_addf(b, "%zu", s->streaming);
}

const char *
show_role(const struct status_node *n)
{
	return n->role == ROLE_UNKNOWN ? NULL : status_role_name(n->role);
}

int
show_reachable(const struct status_node *n)
{
	return n->reach == REACH_NOT_ASKED ? -1 : n->reach == REACH_YES;
}

int64_t
show_receive_lag(const struct status_node *n)
{
	return n->role == ROLE_PRIMARY ? -1 : n->receive_lag;
}

int64_t
show_replay_lag(const struct status_node *n)
{
	return n->role == ROLE_PRIMARY ? -1 : n->replay_lag;
}

double
show_delay(const struct status_node *n)
{
	return n->role == ROLE_PRIMARY || !show_known(n->delay) ? -1 : n->delay;
}
