/* Inside of flow/preflight*.c: what one judgement found. */
#ifndef FLOW_PREFLIGHT_INT_H
#define FLOW_PREFLIGHT_INT_H

#include "flow/preflight.h"

enum found { FOUND_NOTHING, FOUND_PROBLEM, FOUND_WARNING };

/* Counts the check, and keeps what was found.  -1: no memory. */
int preflight_keep(struct preflight *p, enum found found, const struct err *e);

/* Is path below dir, or dir?  Both as the server tells them. */
bool preflight_is_below(const char *path, const char *dir);

#endif
