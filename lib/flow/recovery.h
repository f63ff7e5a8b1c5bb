/*
 * S3: the files that make the copy a standby, in the order that is safe: signal
 * file or recovery.conf (with the settings) first, tablespace_map, then
 * backup_label.  Also --conf-only.
 */
#ifndef FLOW_RECOVERY_H
#define FLOW_RECOVERY_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/pgconf.h"
#include "io/tree.h"

/*
 * C1, C2: writes recovery.conf, or standby.signal and then postgresql.auto.conf
 * (never a moment at which a directory with pg_control would start as a
 * primary); removes the wrong ones of recovery.conf, recovery.done,
 * recovery.signal, standby.signal.  Run again it changes nothing.
 *
 * C4: a stale trigger file at r->trigger_file is removed, wherever it is; so
 * are "promote", "fallback_promote", and one that the configuration found in
 * the target names, but that only inside PGDATA: the file may come from the
 * source, and what we write makes it void.  A removal that fails is
 * ERR_RECOVERY_CONF.
 *
 * Notes: one line for each trigger file that was removed, escaped, owned by the
 * caller; may be NULL.
 */
int recovery_write(struct tree *t, const struct pgconf_recovery *r, bool sync,
    struct buf *notes, struct err *e);
/* What the last recovery_write into that directory wrote and nothing but the
 * marks of our block tells from an operator's lines (pgconf_own_lines), for
 * when ALTER SYSTEM has taken those away: 1, 0 nothing, -1. */
#define RECOVERY_OWN ".standby-clone.settings"
int recovery_own(struct tree *t, struct buf *text, struct err *e);
/* Notes, as above, on settings that came with the data and act on a standby:
 * archive_mode always, restore_command, ... */
int recovery_report(struct tree *t, const struct pgconf_recovery *r,
    struct buf *notes, struct err *e);

/* tablespace_map, then backup_label, byte for byte (map: may be empty: then no
 * file, and an old one is removed).  A label that is none is refused. */
int recovery_write_label(struct tree *t, const struct buf *label,
    const struct buf *map, bool sync, struct err *e);

/* Configuration that a standby of the target would use: value of a setting in
 * postgresql.auto.conf over postgresql.conf (includes are not followed). 1, 0,
 * -1. */
int recovery_setting(struct tree *t, int version, const char *name,
    struct buf *value, struct err *e);
/* The same of the file that we write: postgresql.auto.conf, or recovery.conf
 * (< 12). */
int recovery_own_setting(struct tree *t, int version, const char *name,
    struct buf *value, struct err *e);

#endif
