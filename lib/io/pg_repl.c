#include "base/std.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "io/pg_int.h"

#include <poll.h>

#define HISTORY_MAX (1 << 20) /* TLI_HISTORY_MAX of core/lsn.h */
#define DRAIN_MAX (1 << 17)   /* messages dropped at the end of a stream */

/* --- replication sessions ------------------------------------------------- */

#define SENDER_TRIES 6
#define SENDER_MS 200

/*
 * A session that has ended is given back by its sender a moment later: where
 * max_wal_senders is 1, the next one would not find it free.
 */
static int
open_sender(struct pg **pg, const struct pg_opts *o, bool once, struct err *e)
{
	struct pg_opts ro = *o;
	struct err cause = ERR_INIT;

	ro.replication = true;
	ro.once = once;
	for (int i = 1;; i++) {
		err_clear(&cause);
		if (pg_open(pg, &ro, &cause) == 0)
			return 0;
		if (i == SENDER_TRIES ||
		    strstr(cause.detail, "max_wal_senders") == NULL)
			break;
		clock_sleep_ms(SENDER_MS, deadline_in(SENDER_MS));
	}
	if (e != NULL && !err_is_set(e))
		*e = cause;
	return -1;
}

/* Standby status update: everything up to lsn is flushed. */
static int
put_status(struct pg *pg, uint64_t lsn, struct err *e)
{
	struct buf b = BUF_INIT;
	int ok;

	buf_addc(&b, 'r');
	buf_add_u64(&b, lsn);
	buf_add_u64(&b, lsn);
	buf_add_u64(&b, 0); /* applied: nothing */
	buf_add_u64(&b, 0); /* our clock: the server only shows it */
	buf_add_u8(&b, 0);
	ok = buf_ok(&b) && PQputCopyData(pg->conn, b.data, (int)b.len) == 1 &&
	     PQputCopyEnd(pg->conn, NULL) == 1;
	buf_free(&b);
	return ok ? 0 : pg_session_lost(pg, e);
}

/* Read and drop WAL until the server ends the stream, too. */
static int
drain_copy(struct pg *pg, int64_t deadline, struct err *e)
{
	for (int i = 0; i < DRAIN_MAX; i++) {
		char *data = NULL;
		int n, flush = PQflush(pg->conn);
		enum pg_wait w;

		if (flush != 1) {
			n = PQgetCopyData(pg->conn, &data, 1);
			PQfreemem(data);
			if (n > 0)
				continue;
			if (n < 0)
				return 0;
		}
		w = pg_wait(
		    pg, flush == 1 ? POLLIN | POLLOUT : POLLIN, deadline, e);
		if (w == PG_WAIT_LATE)
			return err_set(e, ERR_TIMEOUT,
			    "%s did not end the replication in time", pg->name);
		if (w == PG_WAIT_STOP)
			return -1;
		if (PQconsumeInput(pg->conn) == 0)
			return pg_session_lost(pg, e);
	}
	return err_set(e, ERR_SQL, "%s: replication did not end", pg->name);
}

static int
stream_once(struct pg *pg, const char *slot, uint64_t lsn, int64_t deadline,
    struct err *e)
{
	char *name = PQescapeIdentifier(pg->conn, slot, strlen(slot));
	struct buf sql = BUF_INIT;
	PGresult *res = NULL;
	int rc = -1;

	if (name == NULL)
		return err_set_nomem(e);
	buf_addf(&sql, "START_REPLICATION SLOT %s PHYSICAL %X/%X", name,
	    (unsigned)(lsn >> 32), (unsigned)lsn);
	if (pg_run(pg, true, &res, deadline, buf_str(&sql), 0, NULL, e) == -1)
		goto out;
	if (PQresultStatus(res) != PGRES_COPY_BOTH) {
		(void)err_set(
		    e, ERR_SQL, "%s: replication did not start", pg->name);
		goto out;
	}
	if (put_status(pg, lsn, e) == -1 || drain_copy(pg, deadline, e) == -1)
		goto out;
	PQclear(res);
	res = NULL;
	if (pg_collect(pg, &res, deadline, e) == PG_WAIT_READY && res != NULL)
		rc = pg_check_result(pg, res, e);
	else
		(void)err_set(e, ERR_TIMEOUT,
		    "%s did not end the replication in time", pg->name);
out:
	PQclear(res);
	PQfreemem(name);
	buf_free(&sql);
	return rc;
}

int
pg_slot_reserve_at(
    const struct pg_opts *o, const char *slot, uint64_t lsn, struct err *e)
{
	struct pg *pg;
	int rc;

	if (open_sender(&pg, o, o->once, e) == -1)
		return -1;
	rc = stream_once(pg, slot, lsn, deadline_in(PG_CONNECT_MS), e);
	pg_close(pg);
	return rc;
}

static int
read_identity(struct pg *pg, const PGresult *res, uint64_t *system_identifier,
    uint32_t *timeline, uint64_t *lsn, struct err *e)
{
	unsigned hi = 0, lo = 0;

	if (PQntuples(res) != 1 || PQnfields(res) < 2)
		return err_set(
		    e, ERR_SQL, "%s: odd answer to IDENTIFY_SYSTEM", pg->name);
	*system_identifier = strtoull(PQgetvalue(res, 0, 0), NULL, 10);
	*timeline = (uint32_t)strtoul(PQgetvalue(res, 0, 1), NULL, 10);
	if (PQnfields(res) > 2)
		(void)sscanf(PQgetvalue(res, 0, 2), "%8X/%8X", &hi, &lo);
	*lsn = (uint64_t)hi << 32 | lo;
	return 0;
}

int
pg_identify_system(const struct pg_opts *o, uint64_t *system_identifier,
    uint32_t *timeline, uint64_t *lsn, struct err *e)
{
	int64_t by = pg_open_by(o);
	PGresult *res = NULL;
	struct pg *pg;
	int rc = -1;

	if (open_sender(&pg, o, true, e) == -1)
		return -1;
	if (pg_run(pg, true, &res, by, "IDENTIFY_SYSTEM", 0, NULL, e) == 0)
		rc =
		    read_identity(pg, res, system_identifier, timeline, lsn, e);
	PQclear(res);
	pg_close(pg);
	return rc;
}

static int
read_history(
    struct pg *pg, const PGresult *res, struct buf *text, struct err *e)
{
	int n;

	if (PQntuples(res) != 1 || PQnfields(res) < 2 || PQgetisnull(res, 0, 1))
		return err_set(
		    e, ERR_SQL, "%s: odd answer to TIMELINE_HISTORY", pg->name);
	n = PQgetlength(res, 0, 1);
	if (n > HISTORY_MAX)
		return err_set(e, ERR_SQL,
		    "%s: a timeline history of %d bytes is too long", pg->name,
		    n);
	buf_add(text, PQgetvalue(res, 0, 1), (size_t)n);
	return buf_ok(text) ? 0 : err_set_nomem(e);
}

int
pg_timeline_history(
    const struct pg_opts *o, uint32_t timeline, struct buf *text, struct err *e)
{
	int64_t by = pg_open_by(o);
	char sql[64];
	PGresult *res = NULL;
	struct pg *pg;
	int rc = -1;

	(void)snprintf(sql, sizeof(sql), "TIMELINE_HISTORY %" PRIu32, timeline);
	if (open_sender(&pg, o, true, e) == -1)
		return -1;
	if (pg_run(pg, true, &res, by, sql, 0, NULL, e) == 0)
		rc = read_history(pg, res, text, e);
	PQclear(res);
	pg_close(pg);
	return rc;
}

/* One message of a stream: 'w', start, end, time, WAL; others say nothing. */
static int
take_wal(struct pg *pg, const char *data, int len, uint64_t from, size_t n,
    struct buf *wal, struct err *e)
{
	const int head = 1 + 3 * 8;
	uint64_t start;

	if (len < head || data[0] != 'w')
		return 0;
	start = bytes_be64(data + 1);
	if (start != from + wal->len)
		return err_set(e, ERR_SQL,
		    "%s sent WAL of another position than was asked for",
		    pg->name);
	buf_add(wal, data + head, MIN_OF((size_t)(len - head), n - wal->len));
	return buf_ok(wal) ? 0 : err_set_nomem(e);
}

static int
collect_wal(struct pg *pg, uint64_t from, size_t n, struct buf *wal, int64_t by,
    struct err *e)
{
	while (wal->len < n) {
		char *data = NULL;
		int rc, len = PQgetCopyData(pg->conn, &data, 1);

		if (len > 0) {
			rc = take_wal(pg, data, len, from, n, wal, e);
			PQfreemem(data);
			if (rc == -1)
				return -1;
			continue;
		}
		if (len == -1)
			return err_set(e, ERR_SQL,
			    "%s has less WAL of that timeline", pg->name);
		if (len < 0)
			return pg_session_lost(pg, e);
		switch (pg_wait(pg, POLLIN, by, e)) {
		case PG_WAIT_LATE:
			return err_set(e, ERR_TIMEOUT,
			    "%s did not send its WAL in time", pg->name);
		case PG_WAIT_STOP:
			return -1;
		case PG_WAIT_READY:
			break;
		}
		if (PQconsumeInput(pg->conn) == 0)
			return pg_session_lost(pg, e);
	}
	return 0;
}

int
pg_read_wal(const struct pg_opts *o, uint32_t timeline, uint64_t from, size_t n,
    struct buf *wal, struct err *e)
{
	int64_t by = pg_open_by(o);
	char sql[96];
	PGresult *res = NULL;
	struct pg *pg;
	int rc = -1;

	(void)snprintf(sql, sizeof(sql),
	    "START_REPLICATION %X/%X TIMELINE %" PRIu32, (unsigned)(from >> 32),
	    (unsigned)from, timeline);
	if (open_sender(&pg, o, true, e) == -1)
		return -1;
	if (pg_run(pg, true, &res, by, sql, 0, NULL, e) == -1)
		goto out;
	if (PQresultStatus(res) == PGRES_COPY_BOTH)
		rc = collect_wal(pg, from, n, wal, by, e);
	else
		(void)err_set(
		    e, ERR_SQL, "%s: replication did not start", pg->name);
out:
	PQclear(res);
	pg_close(pg);
	return rc;
}
