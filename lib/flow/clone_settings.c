#include "base/std.h"
#include "flow/clone_int.h"
#include "flow/recovery.h"

#define SETTING_MS 5000

/* What the server programs make of the target's configuration, includes and
 * all; else what its files say. -1: not known. */
static int
own_setting(struct clone *c, const char *name)
{
	struct buf v = BUF_INIT;
	int value = -1;

	if (c->bindir == NULL ||
	    server_setting(c->bindir, c->target.path, name, &v,
		clone_deadline(c, SETTING_MS), NULL) == -1) {
		buf_reset(&v);
		if (recovery_setting(
			c->target.tree, c->facts.version, name, &v, NULL) != 1)
			buf_reset(&v);
	}
	if (v.len > 0)
		value = (int)strtol(buf_str(&v), NULL, 10);
	buf_free(&v);
	return value;
}

/* A standby that keeps a configuration of its own must not be smaller. */
int
clone_judge_settings(struct clone *c)
{
	struct preflight_setting s[] = {
	    {"max_connections", c->control.max_connections, -1},
	    {"max_worker_processes", c->control.max_worker_processes, -1},
	    {"max_wal_senders", c->control.max_wal_senders, -1},
	    {"max_prepared_transactions", c->control.max_prepared_xacts, -1},
	    {"max_locks_per_transaction", c->control.max_locks_per_xact, -1},
	};

	if (c->target.kind != TARGET_PGDATA || c->target.tree == NULL)
		return 0;
	for (size_t i = 0; i < NELEM(s); i++) {
		s[i].have = own_setting(c, s[i].name);
		/* A configuration elsewhere (Debian) is not ours to guess. */
		if (s[i].have == -1)
			s[i].have = s[i].want;
	}
	return preflight_settings(&c->pf, s, NELEM(s), "postgresql.conf");
}
