#include "base/std.h"
#include "core/pgconf.h"
#include "core/pgver.h"

#define BLOCK_BEGIN "# standby-tools begin: replaced as a whole by the next run"
#define BLOCK_END "# standby-tools end"
#define TRIGGER_GUC "promote_trigger_file"
/* 9.0 reads recovery.conf by fgets into 1024 bytes, newline and NUL within. */
#define OLD_LINE_MAX 1022

enum key_kind {
	KEY_NONE,
	KEY_ALWAYS,  /* no second one may stand in the file */
	KEY_RESTORE, /* ours when given */
	KEY_DELAY,
	KEY_MORE /* ours within our block only */
};

static const struct {
	const char *name;
	enum key_kind kind;
} our_keys[] = {
    {"standby_mode", KEY_ALWAYS},
    {"primary_conninfo", KEY_ALWAYS},
    {"primary_slot_name", KEY_ALWAYS},
    {TRIGGER_GUC, KEY_ALWAYS},
    {"restore_command", KEY_RESTORE},
    {"recovery_min_apply_delay", KEY_DELAY},
    {"recovery_target", KEY_ALWAYS},
    {"recovery_target_name", KEY_ALWAYS},
    {"recovery_target_time", KEY_ALWAYS},
    {"recovery_target_xid", KEY_ALWAYS},
    {"recovery_target_lsn", KEY_ALWAYS},
    {"recovery_target_timeline", KEY_ALWAYS},
    {"recovery_target_inclusive", KEY_ALWAYS},
    {"recovery_target_action", KEY_ALWAYS},
    {"max_connections", KEY_MORE},
    {"max_worker_processes", KEY_MORE},
    {"max_wal_senders", KEY_MORE},
    {"max_prepared_transactions", KEY_MORE},
    {"max_locks_per_transaction", KEY_MORE},
    {"allow_in_place_tablespaces", KEY_MORE},
};

/* --- the lexical rules of the server (guc-file.l) ------------------------ */

static bool
escapes(int version)
{
	return pgver(version, PGFACT_BACKSLASH_ESCAPE) != NULL;
}

static bool
is_space(char c) /* within a line */
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static bool
is_word(char c) /* in a value without quotes: name, number or both */
{
	return is_name(c) || (c != '\0' && strchr("-+.:/", c) != NULL);
}

void
pgconf_add_quoted(struct buf *b, const char *value, int version)
{
	bool esc = escapes(version);

	buf_addc(b, '\'');
	for (; *value != '\0'; value++) {
		if (*value == '\'')
			buf_adds(b, "''");
		else if (esc && *value == '\\')
			buf_adds(b, "\\\\");
		else if (esc && *value == '\n')
			buf_adds(b, "\\n");
		else if (esc && *value == '\r')
			buf_adds(b, "\\r");
		else
			buf_addc(b, *value);
	}
	buf_addc(b, '\'');
}

/* Behind a backslash, as GUC_scanstr reads it; returns what follows. */
static const char *
unescape(const char *p, struct buf *value)
{
	static const char letters[] = "bfnrt", meaning[] = "\b\f\n\r\t";
	const char *at = strchr(letters, *p);
	unsigned code = 0;
	int n;

	if (*p >= '0' && *p <= '7') {
		for (n = 0; n < 3 && *p >= '0' && *p <= '7'; n++, p++)
			code = code * 8 + (unsigned)(*p - '0');
		buf_addc(value, (char)(code & 0xFF));
		return p;
	}
	buf_addc(value, at != NULL ? meaning[at - letters] : *p);
	return p + 1;
}

/* A quoted value may not go over a line end. */
ssize_t
pgconf_unquote(const char *text, int version, struct buf *value)
{
	bool esc = escapes(version);
	const char *p = text;

	if (*p != '\'') {
		while (is_word(*p))
			p++;
		buf_add(value, text, (size_t)(p - text));
		return p == text ? -1 : p - text;
	}
	for (p++; *p != '\0' && *p != '\n';) {
		if (*p == '\'' && p[1] == '\'') {
			buf_addc(value, '\'');
			p += 2;
		} else if (*p == '\'') {
			return p + 1 - text;
		} else if (esc && *p == '\\') {
			if (p[1] == '\0' || p[1] == '\n')
				return -1;
			p = unescape(p + 1, value);
		} else {
			buf_addc(value, *p++);
		}
	}
	return -1;
}

/* The name that a line sets: its start and length, 0 when it sets none. */
static size_t
line_name(const char *line, const char **name)
{
	const char *p;

	while (is_space(*line))
		line++;
	*name = line;
	if (*line >= '0' && *line <= '9')
		return 0;
	for (p = line; is_name(*p) || *p == '.'; p++)
		;
	return (size_t)(p - line);
}

static bool
name_is(const char *name, size_t n, const char *want)
{
	return strlen(want) == n && strncasecmp(name, want, n) == 0;
}

bool
pgconf_is_off(const char *value)
{
	static const struct {
		const char *word;
		size_t least;
	} words[] = {{"off", 2}, {"false", 1}, {"no", 1}, {"0", 1}};
	size_t n = strlen(value);

	for (size_t i = 0; i < NELEM(words); i++)
		if (n >= words[i].least && n <= strlen(words[i].word) &&
		    strncasecmp(value, words[i].word, n) == 0)
			return true;
	return false;
}

const char *
pgconf_next_line(const char *line)
{
	const char *nl = strchr(line, '\n');

	return nl == NULL ? line + strlen(line) : nl + 1;
}

/* What stands behind the name of a line; 0, or -1: not a value. */
static int
line_value(const char *p, int version, struct buf *value)
{
	ssize_t used;

	while (is_space(*p))
		p++;
	if (*p == '=')
		p++;
	while (is_space(*p))
		p++;
	if ((used = pgconf_unquote(p, version, value)) == -1)
		return -1;
	p += used;
	while (is_space(*p))
		p++;
	return *p == '\0' || *p == '\n' || *p == '#' ? 0 : -1;
}

int
pgconf_get(const char *text, const char *name, int version, struct buf *value)
{
	struct buf one = BUF_INIT;
	const char *line, *at;
	int found = 0;
	size_t n;

	for (line = text; *line != '\0'; line = pgconf_next_line(line)) {
		n = line_name(line, &at);
		if (n == 0 || !name_is(at, n, name))
			continue;
		buf_reset(&one);
		if (line_value(at + n, version, &one) == -1)
			continue;
		buf_reset(value);
		buf_add(value, one.data, one.len);
		found = buf_ok(&one) && buf_ok(value) ? 1 : -1;
		if (found == -1)
			break;
	}
	buf_free(&one);
	return found;
}

int
pgconf_line(const char *line, int version, struct buf *name, struct buf *value)
{
	const char *at;
	size_t n = line_name(line, &at);

	buf_reset(name);
	buf_reset(value);
	if (n == 0 || line_value(at + n, version, value) == -1)
		return 0;
	buf_add(name, at, n);
	return buf_ok(name) && buf_ok(value) ? 1 : -1;
}

/* --- what we write ------------------------------------------------------- */

static void
add_setting(struct buf *out, const char *name, const char *value, int version)
{
	buf_addf(out, "%s = ", name);
	pgconf_add_quoted(out, value, version);
	buf_addc(out, '\n');
}

/* A setting that is wanted must exist in this version. */
static int
check_param(const struct pgconf_recovery *r, const char *value,
    enum pgfact fact, const char *what, struct err *e)
{
	char major[16];

	if (value == NULL || pgver(r->version, fact) != NULL)
		return 0;
	(void)err_set(e, ERR_RECOVERY_CONF,
	    "%s \"%s\" cannot be set: PostgreSQL %s has no such setting", what,
	    value, pgver_major(r->version, major, sizeof(major)));
	if (fact == PGFACT_TRIGGER_PARAM)
		(void)err_hint(e, "Leave out --trigger-file: pg_ctl promote or "
				  "pg_promote() promotes this standby.");
	return -1;
}

static int
check_recovery(const struct pgconf_recovery *r, bool guc, struct err *e)
{
	bool is_guc = pgver(r->version, PGFACT_RECOVERY_IS_GUC) != NULL;

	if (is_guc != guc || r->primary_conninfo == NULL)
		return err_set(e, ERR_INTERNAL,
		    "recovery configuration asked for in the wrong form");
	if (check_param(r, r->slot, PGFACT_SLOT_PARAM, "slot", e) == -1 ||
	    check_param(r, r->trigger_file, PGFACT_TRIGGER_PARAM,
		"trigger file", e) == -1 ||
	    check_param(r, r->min_apply_delay, PGFACT_DELAY_PARAM,
		"recovery delay", e) == -1)
		return -1;
	return 0;
}

/* 9.0: no escapes, and a line that fgets cuts would be read as two. */
static int
check_old_line(const char *name, const char *value, size_t len, struct err *e)
{
	if (value[strcspn(value, "\r\n")] != '\0')
		return err_set(e, ERR_RECOVERY_CONF,
		    "value of \"%s\" holds a line end, which recovery.conf "
		    "of this PostgreSQL cannot",
		    name);
	if (len <= OLD_LINE_MAX)
		return 0;
	(void)err_set(e, ERR_RECOVERY_CONF,
	    "line \"%s\" of recovery.conf is %zu bytes long, and this "
	    "PostgreSQL reads at most %d",
	    name, len, OLD_LINE_MAX);
	return err_hint(
	    e, "Shorten the value; for a command, put it into a script.");
}

static int
add_recovery_line(const struct pgconf_recovery *r, struct buf *out,
    const char *name, const char *value, struct err *e)
{
	size_t from = out->len;

	if (value == NULL)
		return 0;
	add_setting(out, name, value, r->version);
	if (!buf_ok(out))
		return err_set_nomem(e);
	if (escapes(r->version))
		return 0;
	return check_old_line(name, value, out->len - from - 1, e);
}

static enum key_kind
key_kind(const char *line)
{
	const char *name;
	size_t n = line_name(line, &name);

	for (size_t i = 0; n > 0 && i < NELEM(our_keys); i++)
		if (name_is(name, n, our_keys[i].name))
			return our_keys[i].kind;
	return KEY_NONE;
}

static bool
is_marker(const char *line, const char *marker)
{
	size_t n = strlen(marker);

	if (strncmp(line, marker, n) != 0)
		return false;
	while (is_space(line[n]))
		n++;
	return line[n] == '\0' || line[n] == '\n';
}

/* Must this line outside our block be commented out? */
static bool
is_replaced(const struct pgconf_recovery *r, enum key_kind kind)
{
	return kind == KEY_ALWAYS ||
	       (kind == KEY_RESTORE && r->restore_command != NULL) ||
	       (kind == KEY_DELAY && r->min_apply_delay != NULL);
}

/* A line that sets what we write beside our keys. */
static bool
is_more(const struct pgconf_recovery *r, const char *line)
{
	const char *name;
	size_t n = line_name(line, &name);

	for (size_t i = 0; n > 0 && i < r->nmore; i++)
		if (name_is(name, n, r->more[i].name))
			return true;
	return false;
}

void
pgconf_block(const char *text, unsigned *first, unsigned *last)
{
	unsigned n = 0;

	*first = *last = 0;
	for (; *text != '\0'; text = pgconf_next_line(text)) {
		n++;
		if (is_marker(text, BLOCK_BEGIN)) {
			*first = n;
			*last = UINT_MAX;
		} else if (is_marker(text, BLOCK_END) && *last == UINT_MAX) {
			*last = n;
		}
	}
}

void
pgconf_own_lines(const char *text, struct buf *out)
{
	bool in_block = false;
	const char *next;
	enum key_kind kind;

	for (; *text != '\0'; text = next) {
		next = pgconf_next_line(text);
		if (is_marker(text, BLOCK_BEGIN) || is_marker(text, BLOCK_END))
			in_block = is_marker(text, BLOCK_BEGIN);
		kind = in_block ? key_kind(text) : KEY_NONE;
		if (kind != KEY_NONE && kind != KEY_ALWAYS)
			buf_add(out, text, (size_t)(next - text));
	}
}

bool
pgconf_has(const char *text, const char *name, const char *value, int version)
{
	struct buf have = BUF_INIT;
	bool has = pgconf_get(text, name, version, &have) == 1 &&
		   strcmp(buf_str(&have), value) == 0;

	buf_free(&have);
	return has;
}

static bool
is_wrote(const struct pgconf_recovery *r, const char *line)
{
	struct buf name = BUF_INIT, value = BUF_INIT;
	bool is =
	    r->wrote != NULL &&
	    pgconf_line(line, r->version, &name, &value) == 1 &&
	    pgconf_has(r->wrote, buf_str(&name), buf_str(&value), r->version);

	buf_free(&name);
	buf_free(&value);
	return is;
}

/* The lines of others; of our block, what stays in it is added to ours.  A
 * block without an end loses nothing but our keys. */
static void
add_kept(const struct pgconf_recovery *r, const char *old, struct buf *out,
    struct buf *ours)
{
	bool in_block = false, more, mine;
	const char *next;
	enum key_kind kind;

	for (; *old != '\0'; old = next) {
		next = pgconf_next_line(old);
		if (is_marker(old, BLOCK_BEGIN) || is_marker(old, BLOCK_END)) {
			in_block = is_marker(old, BLOCK_BEGIN);
			continue;
		}
		kind = key_kind(old);
		more = is_more(r, old);
		mine = in_block || is_wrote(r, old);
		if (mine && kind == KEY_MORE && !more && !r->all_more)
			buf_add(ours, old, (size_t)(next - old));
		if (mine && (kind != KEY_NONE || more))
			continue;
		/* The reader without escapes takes what is behind its longest
		 * line for a line of its own. */
		if (is_replaced(r, kind) && !escapes(r->version))
			continue;
		if (is_replaced(r, kind) || more)
			buf_adds(out, "# ");
		buf_add(out, old, (size_t)(next - old));
	}
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
	if (ours->len > 0 && ours->data[ours->len - 1] != '\n')
		buf_addc(ours, '\n');
}

int
pgconf_recovery_conf(
    const struct pgconf_recovery *r, struct buf *out, struct err *e)
{
	if (check_recovery(r, false, e) == -1)
		return -1;
	const struct {
		const char *name, *value;
	} lines[] = {
	    {"standby_mode", "on"},
	    {"primary_conninfo", r->primary_conninfo},
	    {pgver(r->version, PGFACT_SLOT_PARAM), r->slot},
	    {pgver(r->version, PGFACT_TRIGGER_PARAM), r->trigger_file},
	    {"restore_command", r->restore_command},
	    {pgver(r->version, PGFACT_DELAY_PARAM), r->min_apply_delay},
	    {"recovery_target_timeline", "latest"},
	};

	struct buf none = BUF_INIT;

	if (r->old == NULL)
		buf_adds(out, "# Written by standby-clone.\n");
	else
		add_kept(r, r->old, out, &none);
	buf_free(&none);
	if (r->old != NULL)
		buf_adds(out, BLOCK_BEGIN "\n");
	for (size_t i = 0; i < NELEM(lines); i++)
		if (add_recovery_line(
			r, out, lines[i].name, lines[i].value, e) == -1)
			return -1;
	if (r->old != NULL)
		buf_adds(out, BLOCK_END "\n");
	return buf_ok(out) ? 0 : err_set_nomem(e);
}

int
pgconf_auto_conf(const struct pgconf_recovery *r, const char *old,
    struct buf *out, struct err *e)
{
	if (check_recovery(r, true, e) == -1)
		return -1;
	const char *trigger = pgver(r->version, PGFACT_TRIGGER_PARAM);
	const struct {
		const char *name, *value;
	} lines[] = {
	    {"primary_conninfo", r->primary_conninfo},
	    {"primary_slot_name", r->slot != NULL ? r->slot : ""},
	    {trigger, r->trigger_file != NULL ? r->trigger_file : ""},
	    {"restore_command", r->restore_command},
	    {"recovery_min_apply_delay", r->min_apply_delay},
	    {"recovery_target", ""},
	    {"recovery_target_name", ""},
	    {"recovery_target_time", ""},
	    {"recovery_target_xid", ""},
	    {"recovery_target_lsn", ""},
	    {"recovery_target_timeline", "latest"},
	};

	struct buf ours = BUF_INIT;
	int rc;

	add_kept(r, old, out, &ours);
	buf_adds(out, BLOCK_BEGIN "\n");
	for (size_t i = 0; i < NELEM(lines); i++)
		if (lines[i].name != NULL && lines[i].value != NULL)
			add_setting(
			    out, lines[i].name, lines[i].value, r->version);
	buf_add(out, ours.data, ours.len);
	for (size_t i = 0; i < r->nmore; i++)
		buf_addf(out, "%s = %d\n", r->more[i].name, r->more[i].value);
	buf_adds(out, BLOCK_END "\n");
	rc = buf_ok(&ours) && buf_ok(out) ? 0 : err_set_nomem(e);
	buf_free(&ours);
	return rc;
}
