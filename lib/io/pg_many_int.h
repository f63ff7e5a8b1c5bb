/* What the files of io/pg_many share: the sessions. */
#ifndef IO_PG_MANY_INT_H
#define IO_PG_MANY_INT_H

#include "base/std.h"
#include "io/pg_int.h"
#include "io/pg_many.h"
#include "io/resolve.h"

/* A name that is looked up, once for all sessions that wait for it. */
struct pgm_name {
	struct pgm_name *next;
	char *text;
	struct resolve r;
	bool ready; /* its pipe, by the last poll */
	bool done;
	bool broken; /* there is no answer */
	unsigned users;
};

/* One of the hosts of a connection string. */
struct pgm_host {
	char *host, *addr, *port;
	struct pgm_name *name; /* NULL: nothing to look up */
};

/* A statement's answer: rows or an error. */
struct pgm_item {
	struct pg_rows rows;
	char *error;
	char sqlstate[6];
};

struct pgm_session {
	enum pg_many_state state;
	bool tell;    /* settled() is to be called */
	bool ready;   /* its socket, by the last poll */
	short events; /* that libpq waits for */
	struct pg pg; /* conn: NULL before its names are known, and after */
	struct conninfo conninfo;
	struct pgm_host *hosts;
	size_t nhosts;
	int64_t since;     /* connecting, or the batch, began */
	uint64_t received; /* bytes, where the kernel does not count them */
	uint64_t base;     /* received before this batch */
	size_t heap;       /* of the process, before this step */
	/* facts that outlive the connection */
	char *host, *port, *user, *version_text;
	char hostaddr[RESOLVE_TEXT];
	int version;
	struct err err;
	/* the batch */
	const char **sql;
	struct pgm_item *items;
	size_t n;
	size_t next; /* statement whose answer comes next */
	size_t end;  /* behind the last statement that was sent */
	bool began;  /* the answer of SET has come */
	bool failed; /* the server gives up the rest of what was sent */
	bool single; /* one by one: the server could not parse them all */
};

struct pg_many {
	struct pg_many_opts o;
	char *application_name;
	struct pgm_session **v;
	size_t n;
	struct pgm_name *names;
	struct pollfd *fds;
	size_t nfds;   /* allocated */
	int64_t muted; /* the signal pipe is not looked at until then */
};

/* --- pg_many_conn.c --- */

/* Begin to connect; a failure makes the session PGM_FAILED. */
void pg_many_connect(struct pg_many *m, struct pgm_session *s);
/* The name has an answer, or none: go on with who waited for it. */
void pg_many_named(struct pg_many *m, struct pgm_name *name);
/* The socket of a connecting session is ready.  -1: s->err is set. */
int pg_many_connect_step(struct pgm_session *s);
/* The session is over; s->err says why. */
void pg_many_fail(struct pg_many *m, struct pgm_session *s);
/* Close without a word about it. */
void pg_many_close(struct pg_many *m, struct pgm_session *s);
/* ERR_TIMEOUT in s->err: it still connects. */
void pg_many_connect_late(struct pgm_session *s);
/* Does the server send more than anybody needs?  Then s->err is set. */
bool pg_many_flooded(struct pgm_session *s);
/* Bytes that came until now. */
uint64_t pg_many_received(const struct pgm_session *s);
/* A step begins: look at what waits in the socket before libpq takes it. */
void pg_many_count(struct pgm_session *s);
/* Cancel what runs on `one`, or on all when it is NULL. */
void pg_many_cancel(const struct pg_many *m, const struct pgm_session *one);

/* --- pg_many_query.c --- */

/* Send what is left of the batch.  -1: s->err is set. */
int pg_many_query(struct pgm_session *s);
/* The socket of a busy session is ready.  -1: s->err is set. */
int pg_many_query_step(struct pgm_session *s);
/* ERR_TIMEOUT in s->err: it still runs. */
void pg_many_query_late(struct pgm_session *s);
void pg_many_items_free(struct pgm_session *s);

#endif
