/*
 * Rows of the status statements to facts.  The other end may be anything: what
 * is not exactly what belongs there is unknown.
 */
#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "flow/survey_int.h"
#include "io/pg.h"

#include <math.h>

#define TEXT_MAX 8192 /* longer ones are nobody's name or state */

static const struct {
	enum pgfact fact;
	const char *what;
} parts[PART_N] = {
    [PART_NODE] = {PGFACT_STATUS_NODE, "its position"},
    [PART_SENDERS] = {PGFACT_STATUS_SENDERS, "pg_stat_replication"},
    [PART_RECEIVER] = {PGFACT_STATUS_RECEIVER, "pg_stat_wal_receiver"},
    [PART_SLOTS] = {PGFACT_STATUS_SLOTS, "pg_replication_slots"},
    [PART_CONTROL] = {PGFACT_STATUS_CONTROL, "pg_control_system()"},
};

void
survey_rows_batch(struct survey_batch *b, int version)
{
	const char *sql;

	b->n = 0;
	for (int p = 0; p < PART_N; p++) {
		sql = pgver(version, parts[p].fact);
		b->k[p] = sql != NULL ? (int)b->n : -1;
		if (sql != NULL)
			b->sql[b->n++] = sql;
	}
}

int
survey_rows_partial(struct status_node *n, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	char text[1024];
	va_list ap;

	if (n->partial != NULL)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_adds(&b, text);
	n->partial = buf_steal(&b);
	return n->partial != NULL ? 0 : -1;
}

/* --- one value ------------------------------------------------------------ */

struct row {
	const struct pg_rows *rows;
	int i;
};

/* Digits only, at most max; -1: not a number. */
static int
get_uint(const struct row *r, int col, uint64_t max, uint64_t *v)
{
	const char *s = pg_rows_get(r->rows, r->i, col);
	uint64_t n = 0;

	if (s == NULL || *s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' ||
		    n > (max - (uint64_t)(*s - '0')) / 10)
			return -1;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*v = n;
	return 0;
}

/* Not negative; -1: unknown. */
static int64_t
get_int(const struct row *r, int col, int64_t max)
{
	uint64_t v;

	return get_uint(r, col, (uint64_t)max, &v) == 0 ? (int64_t)v : -1;
}

static uint32_t
get_timeline(const struct row *r, int col)
{
	uint64_t v;

	return get_uint(r, col, UINT32_MAX, &v) == 0 ? (uint32_t)v : 0;
}

static uint64_t
get_lsn(const struct row *r, int col)
{
	const char *s = pg_rows_get(r->rows, r->i, col);
	uint64_t lsn;

	return s != NULL && lsn_parse(s, &lsn) == 0 ? lsn : LSN_INVALID;
}

/* Seconds, "12.000345", as the statements make them: not by strtod, which
 * reads by the locale.  -1: unknown, and what is negative. */
static double
get_seconds(const struct row *r, int col)
{
	const char *s = pg_rows_get(r->rows, r->i, col);
	double v = 0, scale = 1;
	size_t n = 0;

	if (s == NULL)
		return -1;
	for (; *s >= '0' && *s <= '9' && n < 18; s++, n++)
		v = v * 10 + (*s - '0');
	if (*s == '.' && n > 0)
		for (s++; *s >= '0' && *s <= '9' && scale < 1e9; s++)
			v += (*s - '0') / (scale *= 10);
	return n > 0 && *s == '\0' && isfinite(v) ? v : -1;
}

/* 1, 0, -1 unknown. */
static int
get_bool(const struct row *r, int col)
{
	const char *s = pg_rows_get(r->rows, r->i, col);

	if (s == NULL)
		return -1;
	return strcmp(s, "t") == 0 ? 1 : strcmp(s, "f") == 0 ? 0 : -1;
}

/* A copy; empty ones and endless ones are unknown.  -1: no memory. */
static int
get_text(const struct row *r, int col, char **to)
{
	const char *s = pg_rows_get(r->rows, r->i, col);

	free(*to);
	*to = NULL;
	if (s == NULL || *s == '\0' || strnlen(s, TEXT_MAX) == TEXT_MAX)
		return 0;
	*to = strdup(s);
	return *to != NULL ? 0 : -1;
}

/* --- one part ------------------------------------------------------------- */

static int
take_node(struct status_node *n, const struct pg_rows *rows)
{
	const struct row r = {rows, 0};
	int recovery = get_bool(&r, 0);

	if (recovery == -1)
		return survey_rows_partial(n, "it does not say what it is");
	n->says = recovery == 1 ? ROLE_STANDBY : ROLE_PRIMARY;
	n->clock = get_seconds(&r, 1);
	if (recovery == 0) {
		n->written = get_lsn(&r, 2);
		n->timeline = get_timeline(&r, 12);
	} else {
		/* Received can be behind replayed, after a restart. */
		n->replayed = get_lsn(&r, 4);
		n->received = MAX_OF(get_lsn(&r, 3), n->replayed);
		n->replayed_at = get_seconds(&r, 5);
		n->paused = get_bool(&r, 6);
	}
	n->started_at = get_seconds(&r, 7);
	n->listen_port = (int)MAX_OF(get_int(&r, 13, 65535), 0);
	n->apply_delay = get_int(&r, 10, INT32_MAX);
	if (get_text(&r, 8, &n->cluster_name) == -1 ||
	    get_text(&r, 9, &n->synchronous_names) == -1)
		return -1;
	return get_text(&r, 11, &n->user);
}

/* How many of them are taken; more are told as partial. */
static int
bounded(struct status_node *n, const struct pg_rows *rows, const char *what,
    size_t *count)
{
	*count = (size_t)pg_rows_n(rows);
	if (*count <= PGVER_STATUS_ROWS)
		return 0;
	*count = PGVER_STATUS_ROWS;
	return survey_rows_partial(
	    n, "more than %d rows in %s", PGVER_STATUS_ROWS, what);
}

static int
take_sender(struct status_sender *s, const struct row *r)
{
	s->pid = (int)get_int(r, 0, INT_MAX);
	s->sent = get_lsn(r, 5);
	s->write = get_lsn(r, 6);
	s->flush = get_lsn(r, 7);
	s->replay = get_lsn(r, 8);
	s->replay_lag = get_seconds(r, 9);
	s->reply_age = get_seconds(r, 10);
	/* The server shows all rows, but not their values, to everybody. */
	s->hidden = pg_rows_get(r->rows, r->i, 3) == NULL;
	s->slot = s->node = -1;
	if (get_text(r, 1, &s->application_name) == -1 ||
	    get_text(r, 2, &s->client_addr) == -1 ||
	    get_text(r, 3, &s->state) == -1)
		return -1;
	return get_text(r, 4, &s->sync_state);
}

static int
take_senders(struct status_node *n, const struct pg_rows *rows)
{
	size_t count;

	n->senders_sight = SIGHT_SEEN;
	if (bounded(n, rows, parts[PART_SENDERS].what, &count) == -1)
		return -1;
	if (count == 0)
		return 0;
	if ((n->senders = calloc(count, sizeof(*n->senders))) == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct row r = {rows, (int)i};

		if (take_sender(&n->senders[n->nsenders++], &r) == -1)
			return -1;
		if (n->senders[i].hidden)
			n->senders_sight = SIGHT_HIDDEN;
	}
	return 0;
}

/* Before 11 only the connection string says where the upstream is; without a
 * name in it libpq sent the fallback, which 12 makes of cluster_name. */
static int
take_connection(struct status_receiver *w, const char *text)
{
	struct conninfo c = {.n = 0};
	const char *name, *host, *port;
	int rc = 0;

	if (text == NULL || pg_conninfo_parse(text, &c, NULL) == -1)
		goto out;
	if ((name = conninfo_get(&c, "application_name")) == NULL)
		name = conninfo_get(&c, "fallback_application_name");
	host = conninfo_get(&c, "host");
	port = conninfo_get(&c, "port");
	if (name != NULL && (w->application_name = strdup(name)) == NULL)
		rc = -1;
	if (w->host == NULL && host != NULL && strchr(host, ',') == NULL &&
	    (w->host = strdup(host)) == NULL)
		rc = -1;
	if (w->port == NULL && port != NULL && strchr(port, ',') == NULL &&
	    (w->port = strdup(port)) == NULL)
		rc = -1;
out:
	conninfo_free(&c);
	return rc;
}

static int
take_receiver(struct status_node *n, const struct pg_rows *rows)
{
	struct status_receiver *w = &n->receiver;
	const struct row r = {rows, 0};
	const char *conninfo = pg_rows_get(rows, 0, 10);

	w->sight = SIGHT_SEEN;
	w->present = pg_rows_n(rows) > 0;
	if (!w->present)
		return 0;
	if (pg_rows_get(rows, 0, 0) == NULL)
		w->sight = SIGHT_HIDDEN;
	w->timeline = get_timeline(&r, 1);
	w->written = get_lsn(&r, 2);
	w->flushed = get_lsn(&r, 3);
	w->latest_end = get_lsn(&r, 4);
	w->heard = get_seconds(&r, 5);
	w->sent_ago = get_seconds(&r, 6);
	if (get_text(&r, 0, &w->status) == -1 ||
	    get_text(&r, 7, &w->slot) == -1 ||
	    get_text(&r, 8, &w->host) == -1 || get_text(&r, 9, &w->port) == -1)
		return -1;
	if (conninfo != NULL && strnlen(conninfo, TEXT_MAX) == TEXT_MAX)
		conninfo = NULL;
	return take_connection(w, conninfo);
}

static int
take_slot(struct status_slot *s, const struct row *r)
{
	s->logical = get_bool(r, 1) == 1;
	s->active = get_bool(r, 2) == 1;
	s->temporary = get_bool(r, 3) == 1;
	s->synced = get_bool(r, 4) == 1;
	s->pid = (int)get_int(r, 5, INT_MAX);
	s->restart_lsn = get_lsn(r, 6);
	s->safe_bytes = get_int(r, 8, INT64_MAX);
	s->retained = -1;
	if (get_text(r, 0, &s->name) == -1 ||
	    get_text(r, 7, &s->wal_status) == -1)
		return -1;
	return get_text(r, 9, &s->invalid_reason);
}

static int
take_slots(struct status_node *n, const struct pg_rows *rows)
{
	size_t count;

	n->slots_sight = SIGHT_SEEN;
	if (bounded(n, rows, parts[PART_SLOTS].what, &count) == -1)
		return -1;
	if (count == 0)
		return 0;
	if ((n->slots = calloc(count, sizeof(*n->slots))) == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct row r = {rows, (int)i};
		struct status_slot *s = &n->slots[n->nslots];

		if (pg_rows_get(rows, r.i, 0) == NULL)
			continue;
		n->nslots++;
		if (take_slot(s, &r) == -1)
			return -1;
		if (s->name == NULL && (s->name = strdup("?")) == NULL)
			return -1;
	}
	return 0;
}

static int
take_control(struct status_node *n, const struct pg_rows *rows)
{
	const struct row r = {rows, 0};
	uint64_t id;

	if (get_uint(&r, 0, UINT64_MAX, &id) == 0)
		n->system_identifier = id;
	if (n->says == ROLE_STANDBY)
		n->timeline = get_timeline(&r, 1);
	return 0;
}

/* It is there, and cannot be looked at: never "there is none". */
static int
take_failure(struct status_node *n, enum survey_part part, const char *error)
{
	if (part == PART_SENDERS)
		n->senders_sight = SIGHT_HIDDEN;
	else if (part == PART_RECEIVER)
		n->receiver.sight = SIGHT_HIDDEN;
	else if (part == PART_SLOTS)
		n->slots_sight = SIGHT_HIDDEN;
	return survey_rows_partial(n, "could not read %s: %.512s",
	    parts[part].what, error != NULL ? error : "no answer");
}

int
survey_rows_take(struct status_node *n, enum survey_part part,
    const struct pg_rows *rows, const char *error)
{
	if (rows == NULL)
		return take_failure(n, part, error);
	switch (part) {
	case PART_NODE:
		return take_node(n, rows);
	case PART_SENDERS:
		return take_senders(n, rows);
	case PART_RECEIVER:
		return take_receiver(n, rows);
	case PART_SLOTS:
		return take_slots(n, rows);
	case PART_CONTROL:
		return take_control(n, rows);
	case PART_N:
		break;
	}
	return 0;
}

/* --- copies --------------------------------------------------------------- */

#define NODE(field) offsetof(struct status_node, field)
static const size_t node_texts[] = {NODE(aliases), NODE(host), NODE(port),
    NODE(addr), NODE(conf_upstream), NODE(conf_slot), NODE(reach_text),
    NODE(reach_hint), NODE(partial), NODE(user), NODE(version_text),
    NODE(cluster_name), NODE(synchronous_names), NODE(receiver.status),
    NODE(receiver.slot), NODE(receiver.application_name), NODE(receiver.host),
    NODE(receiver.port)};
#define SENDER(field) offsetof(struct status_sender, field)
static const size_t sender_texts[] = {SENDER(application_name),
    SENDER(client_addr), SENDER(state), SENDER(sync_state)};
#define SLOT(field) offsetof(struct status_slot, field)
static const size_t slot_texts[] = {
    SLOT(name), SLOT(wal_status), SLOT(invalid_reason)};

/* One struct without pointers of its own for its texts: they stay those of
 * from until they are copied, all of them or, without memory, NULL. */
static int
copy_texts(void *to, const void *from, const size_t *offsets, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		char *text;

		memcpy(&text, (const char *)from + offsets[i], sizeof(text));
		if (text != NULL && (text = strdup(text)) == NULL)
			rc = -1;
		memcpy((char *)to + offsets[i], &text, sizeof(text));
	}
	return rc;
}

int
survey_rows_cut(struct status_node *n, size_t *left)
{
	size_t keep = MIN_OF(n->nsenders, *left);

	*left -= keep;
	if (keep == n->nsenders)
		return 0;
	for (size_t i = keep; i < n->nsenders; i++)
		for (size_t k = 0; k < NELEM(sender_texts); k++) {
			char *text;

			memcpy(&text, (char *)&n->senders[i] + sender_texts[k],
			    sizeof(text));
			free(text);
		}
	n->nsenders = keep;
	n->senders_sight = SIGHT_HIDDEN; /* nobody is missing */
	return survey_rows_partial(n,
	    "all nodes have more than %d rows in pg_stat_replication",
	    SURVEY_SENDERS_MAX);
}

/* An array of n structs of that size, with their texts. */
static int
copy_rows(void *to, const void *from, size_t n, size_t size,
    const size_t *offsets, size_t noffsets)
{
	int rc = 0;

	memcpy(to, from, n * size);
	for (size_t i = 0; i < n; i++)
		if (copy_texts((char *)to + i * size,
			(const char *)from + i * size, offsets, noffsets) == -1)
			rc = -1;
	return rc;
}

static int
copy_senders(struct status_node *to, const struct status_node *from)
{
	if (from->nsenders == 0)
		return 0;
	to->senders = calloc(from->nsenders, sizeof(*to->senders));
	if (to->senders == NULL)
		return -1;
	to->nsenders = from->nsenders;
	return copy_rows(to->senders, from->senders, from->nsenders,
	    sizeof(*to->senders), sender_texts, NELEM(sender_texts));
}

static int
copy_slots(struct status_node *to, const struct status_node *from)
{
	if (from->nslots == 0)
		return 0;
	to->slots = calloc(from->nslots, sizeof(*to->slots));
	if (to->slots == NULL)
		return -1;
	to->nslots = from->nslots;
	return copy_rows(to->slots, from->slots, from->nslots,
	    sizeof(*to->slots), slot_texts, NELEM(slot_texts));
}

int
survey_rows_copy(struct status_node *to, const struct status_node *from)
{
	char *name = to->name;
	int rc;

	*to = *from;
	to->name = name;
	to->senders = NULL;
	to->slots = NULL;
	to->nsenders = to->nslots = 0;
	rc = copy_texts(to, from, node_texts, NELEM(node_texts));
	if (copy_senders(to, from) == -1)
		rc = -1;
	if (copy_slots(to, from) == -1)
		rc = -1;
	return rc;
}
