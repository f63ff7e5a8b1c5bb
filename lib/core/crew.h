/*
 * How many workers a copy gets, and how they come: decisions over numbers.
 *
 * A session carries 285 MB/s by libssh2 and 430 to 500 MB/s by the ssh program
 * (measured, one processor of each end busy with it), so four fill 10 Gb/s, and
 * the source's processors are the primary's: more must be asked for.  More than
 * the processors of either end gain nothing.  A session costs 0.1 to 0.3 s
 * before it carries anything: for that there must be something to carry.
 *
 * sshd counts connections that have not logged in yet and drops new ones, all
 * above MaxStartups' third number or some, at random, above its first
 * (PerSourceMaxStartups: of one address).  So they come one after the other,
 * and once one was dropped, one at a time, each trying again after a while.
 */
#ifndef CORE_CREW_H
#define CORE_CREW_H

#include "base/std.h"

#define CREW_MAX 32
#define CREW_AUTO_MAX 4

struct crew_facts {
	unsigned asked;        /* --jobs; 0: decide */
	unsigned here, there;  /* processors to be used; 0: not known */
	uint64_t files, bytes; /* to be copied or compared */
};

/* 1 to CREW_MAX; what was asked for is obeyed. */
unsigned crew_size(const struct crew_facts *f);
/* The most that crew_size may say before the work is known: of the same facts,
 * files and bytes not looked at, there not known. */
unsigned crew_most(unsigned asked, unsigned here);

/* Connections that may be on their way at once; drops: of this run so far. */
unsigned crew_at_once(unsigned drops);
/* How long a worker waits after its failure number n (1 is the first). */
int64_t crew_pause_ms(unsigned n);

#endif
