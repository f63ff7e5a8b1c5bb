/*
 * The replication slot of the new standby (cli.md -S -C --no-slot; faults B29,
 * B33, B34).
 *
 * From 10 the copy is covered by a temporary slot of the backup session; it is
 * turned into the permanent one just before the seal.  On 9.6 the permanent
 * slot is made reserving; on 9.4 and 9.5 it is made and set by one status
 * update.  Only what we made is dropped.
 */
#ifndef FLOW_SLOT_H
#define FLOW_SLOT_H

#include "base/std.h"
#include "base/err.h"
#include "io/pg.h"

enum slot_want {
	SLOT_AUTO,        /* make if absent, reuse if inactive */
	SLOT_MUST_EXIST,  /* -S */
	SLOT_MUST_CREATE, /* -C */
	SLOT_NONE         /* --no-slot */
};

struct slot {
	char name[64];
	char temp_name[64]; /* of this run, from 10 */
	enum slot_want want;
	struct pg *pg;              /* borrowed session on the upstream */
	const struct pg_opts *opts; /* of that session */
	int version;
	bool made;      /* the permanent one is ours */
	bool temporary; /* a temporary one covers the copy */
	bool existed;   /* reused */
	bool remade;    /* existed, had lost its WAL, made again: say so */
	uint64_t restart_lsn; /* 0: reserves nothing */
};

struct slot_facts { /* one row of pg_replication_slots */
	bool exists, active, physical, temporary;
	uint64_t restart_lsn; /* 0: NULL */
	char wal_status[16];  /* "" before 13 */
};
int slot_read(struct pg *pg, const char *name, struct slot_facts *f,
    int64_t deadline, struct err *e);

/* Bytes of WAL that a physical slot in nobody's use keeps, by its restart_lsn;
 * 1, 0 there is no such slot or it keeps none, -1. */
int slot_keeps(struct pg *pg, const char *name, uint64_t *bytes, struct err *e);

/* Why this slot cannot be used, from facts alone; 0 or -1 with e (ERR_SLOT). */
int slot_judge(const struct slot_facts *f, enum slot_want want,
    const char *name, int max_slots, int used, struct err *e);

/* Could slot_prepare do its work?  Reads only: for preflight and dry runs.
 * 0, or -1 with its refusal. */
int slot_check(
    struct pg *pg, const char *name, enum slot_want want, struct err *e);

/*
 * Before the first byte is copied: make sure WAL from here on is kept.
 * Returns 1 when WAL is reserved, 0 when no slot is possible (max 0, before
 * 9.4, SLOT_NONE; *why says it, static or s-owned) and WAL must be fetched,
 * -1 with e.  From 10 pg must stay open until slot_make_permanent: the
 * temporary slot is its own.  A slot that exists and keeps WAL is left as it
 * is.
 */
int slot_prepare(struct slot *s, struct pg *pg, const struct pg_opts *o,
    const char *name, enum slot_want want, const char *uuid, const char **why,
    struct err *e);
/* Just before the seal: the permanent slot at a restart_lsn <= start_lsn. */
int slot_make_permanent(struct slot *s, uint64_t start_lsn, struct err *e);
/* Drop the slot if we made it, by a session of its own (pg may be closed by
 * then; opts must not).  Returns 0, or -1 with the SQL to run in e's hint.
 * Safe on a zeroed struct, and twice. */
int slot_end_failed(struct slot *s, struct err *e);

#endif
