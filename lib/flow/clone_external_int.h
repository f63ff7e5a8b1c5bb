/* Inside of flow/clone_external.c: what the agent sent, and where it goes. */
#ifndef FLOW_CLONE_EXTERNAL_INT_H
#define FLOW_CLONE_EXTERNAL_INT_H

#include "core/confmap.h"
#include "core/confwalk.h"
#include "flow/clone_int.h"

struct config_file {
	uint8_t kind;
	uint32_t mode;
	char *path, *text;
};

struct clone_external {
	struct config_file v[WIRE_CONFIG_FILES];
	size_t n;
	struct confmap map;
	struct confwalk_place port; /* that the standby had */
	struct tree *tree;          /* of map.to_dir; else NULL */
	bool keeps_main;
};

/* A path of confmap_path, below the tree that has it: t is set, to NULL where
 * that is a target that is not there yet.  Borrowed from to. */
const char *clone_external_split(
    struct clone *c, const char *to, bool inside, struct tree **t);
/* Does the file there say just that? */
bool clone_external_is_same(
    struct tree *t, const char *path, const struct buf *text);

#endif
