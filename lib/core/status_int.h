/* Between the parts of core/status: sender rows to nodes, then lags. */
#ifndef CORE_STATUS_INT_H
#define CORE_STATUS_INT_H

#include "core/status.h"

/* NULL and the empty text are equal to nothing. */
static inline bool
status_same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && a[0] != '\0' && strcmp(a, b) == 0;
}

/* A socket, or an address that means another machine on each machine. */
bool status_is_local(const char *host);
void status_node_free(struct status_node *n);

/* Is the node known from sender rows only, and nobody's wish? */
bool status_is_derived(const struct status_node *n);
/* Of the cluster that the status is about, or not known to be of another? */
bool status_in_cluster(const struct status *s, int i);
/* The row that feeds node i; NULL: none, or its columns are hidden. */
const struct status_sender *status_row(const struct status *s, int i);
/* A process that receives and never replays, as far as the row tells. */
bool status_row_receivewal(const struct status_sender *r);
/* The node that the receiver of node i names as its upstream, by host and port;
 * -1: none of them, several, or not known.  The other one: a node of which only
 * the address is known. */
int status_points(const struct status *s, int i);
int status_points_unasked(const struct status *s, int i);

/* Fills logical and slot of all rows. */
void status_match_mark(struct status *s);
/* Rows to nodes: node of the rows, upstream and sender of the nodes; adds and
 * removes derived nodes.  0, -1: no memory. */
int status_match(struct status *s);
/* state, sync, sent, end, lags, delay, retained, counts: of a complete tree. */
void status_lag(struct status *s);

#endif
