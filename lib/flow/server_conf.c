/* What the server programs here make of a configuration: "postgres -C", which
 * reads it as a start would, and starts nothing (9.2). */
#include "base/std.h"
#include "base/sig.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/server.h"
#include "io/proc.h"

#define VALUE_MAX 8192
/* Without a configuration.  Any directory that is there does, when the file is
 * named: only postgresql.auto.conf is looked for in it. */
#define NO_DIR "/"
#define NO_FILE "config_file=/dev/null"

static int
said_no(const struct buf *said, const char *name, struct err *e)
{
	struct buf shown = BUF_INIT;

	(void)err_set(
	    e, ERR_SETTING, "the server programs here cannot tell %s", name);
	text_add_tail(&shown, said->data, said->len, 4, "  ");
	if (shown.len > 0)
		(void)err_detail(e, "They said:\n%s", buf_str(&shown));
	buf_free(&shown);
	return -1;
}

/* set: up to two "name=value", NULL at the end. */
static int
ask_one(const char *bindir, const char *dir, const char *const *set,
    const char *name, struct buf *value, int64_t deadline, struct err *e)
{
	static const char *const env[] = {"LC_ALL=C", NULL};
	struct buf path = BUF_INIT, said = BUF_INIT;
	/* -C third: so PostgreSQL wants it of one who is root. */
	const char *argv[12] = {NULL, "-D", dir, "-C", name}, *words[64];
	struct proc_opts o = {.argv = words,
	    .env = env,
	    .out = value,
	    .err = &said,
	    .max_out = VALUE_MAX,
	    .deadline = deadline,
	    .sigfd = sig_fd()};
	int status = -1, rc;

	for (size_t n = 5; set != NULL && *set != NULL; set++) {
		argv[n++] = "-c";
		argv[n++] = *set;
	}
	buf_addf(&path, "%s/postgres", bindir);
	argv[0] = buf_str(&path);
	buf_reset(value);
	rc = buf_ok(&path) ? server_words(argv, words, NELEM(words), e)
			   : err_set_nomem(e);
	if (rc == 0)
		rc = proc_run(&o, &status, e);
	if (rc == 0 && status != 0)
		rc = said_no(&said, name, e);
	if (rc == 0 && value->len > 0 && value->data[value->len - 1] == '\n')
		value->data[--value->len] = '\0';
	buf_free(&path);
	buf_free(&said);
	return rc == 0 && !buf_ok(value) ? err_set_nomem(e) : rc;
}

/* One after the other: this is done while SSH connects, which shall have the
 * other processors. */
static int
ask(const char *bindir, const char *dir, const char *const *set,
    const char *const *names, size_t n, struct buf *values, int64_t deadline,
    struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = ask_one(
		    bindir, dir, set, names[i], &values[i], deadline, e);
	return rc;
}

int
server_settings(const char *bindir, const char *config_dir,
    const char *const *names, size_t n, struct buf *values, int64_t deadline,
    struct err *e)
{
	return ask(bindir, config_dir, NULL, names, n, values, deadline, e);
}

int
server_accepts(const char *bindir, const char *name, const char *value,
    int64_t deadline, struct err *e)
{
	struct buf one = BUF_INIT, out = BUF_INIT;
	const char *set[] = {NO_FILE, NULL, NULL};
	int rc;

	buf_addf(&one, "%s=%s", name, value);
	set[1] = buf_str(&one);
	rc = buf_ok(&one)
		 ? ask(bindir, NO_DIR, set, &name, 1, &out, deadline, e)
		 : err_set_nomem(e);
	buf_free(&one);
	buf_free(&out);
	return rc;
}

int
server_sizes(const char *bindir, int version, struct server_sizes *s,
    int64_t deadline, struct err *e)
{
	static const char *const set[] = {NO_FILE, NULL};
	const struct {
		const char *name;
		uint32_t *to;
	} rows[] = {
	    {"block_size", &s->block},
	    {"wal_block_size", &s->wal_block},
	    {"segment_size", &s->segment},
	    {"wal_segment_size", &s->wal_segment},
	};
	const char *names[NELEM(rows)];
	uint32_t *to[NELEM(rows)];
	struct buf values[NELEM(rows)] = {BUF_INIT};
	size_t n = 0;
	int rc;

	*s = (struct server_sizes){.block = 0};
	for (size_t i = 0; i < NELEM(rows); i++) {
		if (!pgver_lists(version, PGFACT_LOCAL_SIZES, rows[i].name))
			continue;
		names[n] = rows[i].name;
		to[n++] = rows[i].to;
	}
	rc = ask(bindir, NO_DIR, set, names, n, values, deadline, e);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			*to[i] =
			    (uint32_t)strtoul(buf_str(&values[i]), NULL, 10);
		buf_free(&values[i]);
	}
	/* Its unit; from 11, when it is not built in any more, it is bytes. */
	s->wal_segment *= s->wal_block;
	return rc;
}
