/*
 * Text of recovery.conf and of our block in postgresql.auto.conf.  Pure:
 * text in, text out.
 */
#ifndef CORE_PGCONF_H
#define CORE_PGCONF_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct pgconf_recovery {
	int version;                  /* of the standby */
	const char *primary_conninfo; /* conninfo text, unquoted; required */
	const char *slot;             /* or NULL */
	const char *trigger_file;     /* or NULL; refused from 16 */
	const char *restore_command;  /* or NULL */
	const char *min_apply_delay;  /* or NULL */
	/* 12+: settings that the data need and the copied configuration does
	 * not give (postgresql.auto.conf, in our block). */
	const struct pgconf_more {
		const char *name;
		int value;
	} * more;
	size_t nmore;
	/* `more` is all that is needed: what an earlier run wrote of the kind
	 * goes; else it stays in the block. */
	bool all_more;
	/* What pgconf_own_lines gave of an earlier run's output: such a line is
	 * ours wherever it stands, since ALTER SYSTEM writes the file anew
	 * without the marks of our block; NULL: not known. */
	const char *wrote;
	/* Below 12: text of the recovery.conf that is there and whose other
	 * lines stay; NULL: a new file. */
	const char *old;
};

/*
 * A value in single quotes, by the rules of that version's file parser.  Line
 * ends become \n and \r; where the parser has no escapes (9.0) they cannot be
 * written, which pgconf_recovery_conf refuses.
 */
void pgconf_add_quoted(struct buf *b, const char *value, int version);
/* The reverse, for tests and for reading: "'..'" or a bare word; appends to
 * value.  Returns the number of bytes consumed, or -1: neither. */
ssize_t pgconf_unquote(const char *text, int version, struct buf *value);

/*
 * recovery.conf (< 12): whole file; or, with r->old, its lines as
 * pgconf_auto_conf keeps them, and our block.  ERR_RECOVERY_CONF: a setting
 * that this version does not have, or (9.0) a line above 1022 bytes or a line
 * end within a value.
 */
int pgconf_recovery_conf(
    const struct pgconf_recovery *r, struct buf *out, struct err *e);
/*
 * postgresql.auto.conf (12+): `old` with every line that sets one of our keys
 * (primary_conninfo, primary_slot_name, promote_trigger_file,
 * restore_command and recovery_min_apply_delay when given, what `more` names,
 * recovery_target,
 * recovery_target_name, _time, _xid, _lsn, _timeline, _inclusive, _action)
 * commented out, an older block of ours removed, and one block of ours at the
 * end: what is given, recovery_target* = '', recovery_target_timeline =
 * 'latest', and empty values for a slot and (below 16) a trigger file that are
 * not given, since postgresql.conf may hold them.  Foreign lines that were put
 * into our block are kept, before it; settings as `more` names them are ours
 * there, and stay in it unless all_more.  Applying it to its own output changes
 * nothing.
 */
int pgconf_auto_conf(const struct pgconf_recovery *r, const char *old,
    struct buf *out, struct err *e);
/* The last value set for name in a configuration text (no includes), unquoted,
 * replaces value; returns 1, 0 when not set, -1 no memory.  Names compare
 * without case; lines that the server would refuse do not count. */
int pgconf_get(
    const char *text, const char *name, int version, struct buf *value);

/* What one line (up to its end, or that of the text) sets: name and value,
 * unquoted, replaced; returns 1, 0 when it sets nothing that the server would
 * take, -1 no memory.  Includes are lines like any other here. */
int pgconf_line(
    const char *line, int version, struct buf *name, struct buf *value);
/* The lines, from 1, of our block in a text; 0 and 0: there is none.  One
 * without an end goes on to UINT_MAX. */
void pgconf_block(const char *text, unsigned *first, unsigned *last);
/* The lines of our block that nothing but its marks tells from an operator's
 * (not primary_conninfo and the like), added to out. */
void pgconf_own_lines(const char *text, struct buf *out);
/* Is that the value set for name in a text (pgconf_get)? */
bool pgconf_has(
    const char *text, const char *name, const char *value, int version);
/* Does a boolean setting of that value say no?  As the server takes it
 * (parse_bool): any case, and as many letters as tell it from another. */
bool pgconf_is_off(const char *value);
/* Start of the next line, or the end of the text. */
const char *pgconf_next_line(const char *line);

#endif
