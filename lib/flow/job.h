/*
 * Frames between standby-clone and its workers, over a socketpair.  Frames of
 * core/wire.h that only pass through (OPEN, MANIFEST, CONTROL and their
 * answers, VERIFY, RATE, ERR) keep their type.
 */
#ifndef FLOW_JOB_H
#define FLOW_JOB_H

enum job_type {
	/* to the worker */
	JOB_TREE = 1,     /* str pgdata, u32 n, n * (str prefix, str dir) */
	JOB_FILES = 2,    /* u32 n, n * (u32 id, u8 kind, u8 flags, u64 size,
			   * u32 mode, str path) */
	JOB_SPARE = 10,   /* u64 start_lsn, u32 relseg_size: of fetch_spare */
	JOB_CONNECT = 11, /* to the source; READY or ERR, then again */
	JOB_QUIT = 3,     /* nothing more: end the agent in good order */
	/* from the worker */
	JOB_READY = 4, /* connected, agent answers; str name of the other end */
	JOB_NOTE = 5,  /* text for the user */
	JOB_RESULT = 6,   /* u32 id, u8 status, u64 size, u64 changed,
			   * digest[16], u32 bad, u32 first_bad, u32 spared,
			   * u8 settled, stamp (core/wire.h) */
	JOB_PROGRESS = 7, /* u64 handled, u64 in, u64 out: totals so far;
			   * then the path of the file that it is at */
	JOB_BYE = 8,      /* agent's DONE came and its counts are right */
	JOB_DATA = 9      /* u32 id, content of a FETCH_READ job */
};

#endif
