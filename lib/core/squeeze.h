/*
 * How hard to compress what is sent: a decision made anew several times a
 * second from where the time went.
 *
 * Two things can be scarce.  While the sender has time left (it waits for the
 * line, or for the other end, more than half of the time) and the machine has,
 * too, the next step up saves bytes.  While the processor is short (the machine
 * has nothing left, or the sender does nothing but compute) the next step down
 * saves time.  Waiting for a disk is neither.  The lowest step, "thrift",
 * compresses only what costs less to compress than to encrypt and to carry: on
 * the machine where this was measured zstd -1 packs the pages of pgbench at 3
 * GB/s and 35:1, a table of hexadecimal text at 0.7 GB/s and 1.5:1, while a
 * byte over OpenSSH costs both ends together 1.0 to 1.4 s of processor time per
 * GB.
 *
 * A processor is not asked for when the line is so slow that a step would cost
 * it less than a tenth of its time: a machine that is busy with other things is
 * no reason to send a slow line more than need be.  The last step, which gains
 * little for much, is for such lines only.
 *
 * A step that was left because it did not help is tried again after a time
 * that doubles, so that two neighbours do not alternate.
 */
#ifndef CORE_SQUEEZE_H
#define CORE_SQUEEZE_H

#include "base/std.h"

/* What a step does: zstd levels, and which data is tried at all. */
struct squeeze_step {
	int level;      /* of zstd; negative ones are fast */
	int also;       /* another level: the smaller result goes; 0: none */
	unsigned min;   /* how small a sample must get: 16 * raw / packed */
	unsigned speed; /* bytes per us, of what it is slow with */
};

#define SQUEEZE_STEPS 4

struct squeeze {
	unsigned step;  /* 0..SQUEEZE_STEPS-1 */
	unsigned wait;  /* windows before the last change may be undone */
	unsigned pause; /* the next wait */
	int last;       /* last change: -1 down, 0 none, 1 up */
};

/* A while of sending; times in us. */
struct squeeze_window {
	uint64_t raw;    /* bytes that were to be sent, before compression */
	uint64_t wall;   /* length of the window */
	uint64_t waited; /* of that, for the line, the rate, a request */
	uint64_t cpu;    /* of that, computing */
	int idle;        /* the machine's idle processors, in percent of one;
			  * -1: not known */
};

void squeeze_begin(struct squeeze *s);
const struct squeeze_step *squeeze_step(const struct squeeze *s);
/* Judge a window, at least SQUEEZE_WINDOW_US long.  1: the step changed. */
#define SQUEEZE_WINDOW_US (200 * 1000)
int squeeze_adapt(struct squeeze *s, const struct squeeze_window *w);

#endif
