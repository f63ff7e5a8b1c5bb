/* What the renderers of lib/show share. */
#ifndef SHOW_INT_H
#define SHOW_INT_H

#include "show/show.h"

/* Unknown (negative, not a number, infinite)? */
bool show_known(double v);
/* v known.  "41.2", "0.0004", "30": at most six decimals, a point in every
 * locale. */
void show_add_number(struct buf *b, double v);
/* By index; NULL for -1. */
const struct status_node *show_node(const struct status *s, int node);
const char *show_name(const struct status *s, int node);
/* The row of its upstream that feeds a node; *version is the upstream's.  NULL
 * unknown. */
const struct status_sender *show_sender(
    const struct status *s, const struct status_node *n, int *version);
/* Name of the slot that a standby says it uses, or that its sender uses; NULL
 * unknown or none.  Borrowed. */
const char *show_slot(const struct status *s, const struct status_node *n);
/* "2026-11-22T06:05:55Z"; NULL when t is unknown. */
#define SHOW_TIME 32
const char *show_time(double t, char *buf /* SHOW_TIME */);
/* How many standbys stream; -1: that is not certain. */
int64_t show_streaming(const struct status *s);
void show_add_streaming(struct buf *b, const struct status *s); /* or "?" */
/* Role as JSON and tsv name it; NULL unknown. */
const char *show_role(const struct status_node *n);
/* 1, 0, -1: it was not asked. */
int show_reachable(const struct status_node *n);
/* Of a standby; < 0 unknown, and of a primary, which has none. */
int64_t show_receive_lag(const struct status_node *n);
int64_t show_replay_lag(const struct status_node *n);
double show_delay(const struct status_node *n);

#endif
