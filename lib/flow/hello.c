#include "base/std.h"
#include "base/clock.h"
#include "core/text.h"
#include "core/wire.h"
#include "flow/hello.h"

#define NOISE_MAX 4096
#define PUSH_READY "standby-agent-upload"

/* Where a HELLO frame begins in the bytes read so far, or -1. */
static ssize_t
find_hello(const struct buf *in)
{
	const char *p;

	for (size_t i = 0; i + WIRE_HEADER + 8 <= in->len; i++) {
		p = in->data + i;
		if (p[0] == WIRE_HELLO && p[1] == 0 && p[2] == 0 &&
		    memcmp(p + WIRE_HEADER, WIRE_MAGIC, 8) == 0)
			return (ssize_t)i;
	}
	return -1;
}

static int
no_hello(struct chan *c, const char *agent, struct err *e)
{
	struct buf text = BUF_INIT;

	text_add_escaped(&text, c->in.data, MIN_OF(c->in.len, (size_t)200));
	if (!c->eof) {
		(void)err_set(e, ERR_AGENT,
		    "\"%s\" on %s does not answer as standby-agent", agent,
		    c->t->name);
		(void)err_detail(e, "The login's start-up files print: \"%s\".",
		    buf_str(&text));
		(void)err_hint(e, "Let ~/.bashrc and the like print nothing "
				  "when the shell is not interactive.");
	} else {
		transport_explain(c->t, NULL, e);
	}
	buf_free(&text);
	return -1;
}

/* Whose programs are to be updated: the protocol's number says which are the
 * older ones. */
static int
other_version(struct chan *c, const char *package, const struct wire_hello *h,
    struct err *e)
{
	bool older = h->version < WIRE_VERSION;
	struct buf name = BUF_INIT;

	text_add_escaped(
	    &name, h->package.s, MIN_OF(h->package.len, (size_t)40));
	(void)err_set(e, ERR_AGENT,
	    "standby-agent on %s is %s than this program: version %s, protocol "
	    "%u; here %s, protocol %d",
	    c->t->name, older ? "older" : "newer",
	    name.len > 0 ? buf_str(&name) : "unknown", h->version, package,
	    WIRE_VERSION);
	(void)err_hint(e,
	    "Update standby-tools %s.  standby-clone may bring its own agent: "
	    "--push-agent.",
	    older ? "on that host" : "on this host");
	buf_free(&name);
	return -1;
}

static int
check_hello(struct chan *c, const char *package, struct err *e)
{
	struct wire_hello h;
	struct frame f;
	int rc = chan_next(c, &f, e);

	if (rc != 1)
		return rc;
	if (wire_decode_hello(f.data, f.len, &h, e) == -1)
		return -1;
	return h.version == WIRE_VERSION ? 1 : other_version(c, package, &h, e);
}

int
hello_client(struct chan *c, const char *package, const char *agent,
    int64_t deadline, struct err *e)
{
	struct buf hello = BUF_INIT;
	bool found = false;
	ssize_t at;
	int rc = -1;

	wire_encode_hello(&hello, package);
	if (chan_send_buf(c, WIRE_HELLO, &hello, e) == -1)
		goto out;
	for (;;) {
		if (chan_pump(c, e) == -1) {
			/* The ssh program's own error says more. */
			struct err cause = ERR_INIT;

			transport_explain(c->t, NULL, &cause);
			if (err_is_set(&cause))
				*e = cause;
			goto out;
		}
		if (!found && (at = find_hello(&c->in)) >= 0) {
			c->in_pos = (size_t)at;
			found = true;
		}
		if (found && (rc = check_hello(c, package, e)) != 0) {
			rc = rc == 1 ? 0 : -1;
			goto out;
		}
		if (c->eof || (!found && c->in.len > NOISE_MAX)) {
			rc = no_hello(c, agent, e);
			goto out;
		}
		if (deadline_passed(deadline)) {
			rc = err_set(e, ERR_TIMEOUT,
			    "\"%s\" on %s did not answer in time", agent,
			    c->t->name);
			goto out;
		}
		rc = -1;
		if (chan_wait(c, NULL, 0, deadline, e) == -1)
			goto out;
	}
out:
	buf_free(&hello);
	return rc;
}

/* The shell of the other host has begun with our script. */
static int
wait_ready(struct chan *c, int64_t deadline, struct err *e)
{
	const char *at;

	for (;;) {
		if (chan_pump(c, e) == -1)
			return -1;
		at = c->in.len == 0 ? NULL
				    : memmem(c->in.data, c->in.len,
					  PUSH_READY "\n", sizeof(PUSH_READY));
		if (at != NULL) {
			buf_consume(&c->in,
			    (size_t)(at - c->in.data) + sizeof(PUSH_READY));
			return 0;
		}
		if (c->eof || c->in.len > NOISE_MAX)
			return no_hello(c, "sh", e);
		if (deadline_passed(deadline))
			return err_set(e, ERR_TIMEOUT,
			    "the shell on %s did not answer in time",
			    c->t->name);
		if (chan_wait(c, NULL, 0, deadline, e) == -1)
			return -1;
	}
}

int
hello_push_agent(
    struct chan *c, const char *file, int64_t deadline, struct err *e)
{
	struct buf script = BUF_INIT;
	struct stat st;
	char *p;
	int fd, rc = -1;

	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 || st.st_size > (64 << 20)) {
		(void)err_set_errno(
		    e, ERR_AGENT, "could not read \"%s\" to upload it", file);
		(void)err_hint(e,
		    "That program of this host is uploaded: install "
		    "standby-tools here, or leave out --push-agent where the "
		    "source has it.");
		goto out;
	}
	/* One line for sh.  It may read ahead what is there: so the program
	 * itself comes when sh says that it is at work.  head(1) takes exactly
	 * its bytes, the agent gets what follows.  No name of ours in it.  Of
	 * SIGPIPE sh would die without its trap. */
	buf_addf(&script,
	    "umask 077; d=$(mktemp -d) && { trap 'rm -rf \"$d\"' EXIT; "
	    "trap 'exit 1' HUP INT PIPE TERM; echo " PUSH_READY "; "
	    "head -c %lld >\"$d/standby-agent\" && "
	    "[ \"$(wc -c <\"$d/standby-agent\")\" -eq %lld ] && "
	    "chmod 700 \"$d/standby-agent\" && \"$d/standby-agent\"; exit; }; "
	    "exit 1\n",
	    (long long)st.st_size, (long long)st.st_size);
	if (chan_send_raw(c, script.data, script.len, e) == -1 ||
	    wait_ready(c, deadline, e) == -1)
		goto out;
	buf_reset(&script);
	p = buf_reserve(&script, (size_t)st.st_size);
	if (p == NULL || read(fd, p, (size_t)st.st_size) != st.st_size) {
		(void)err_set_errno(
		    e, ERR_AGENT, "could not read \"%s\"", file);
		goto out;
	}
	script.len += (size_t)st.st_size;
	if (chan_send_raw(c, script.data, script.len, e) == 0)
		rc = chan_flush(c, deadline, e);
out:
	if (fd != -1)
		(void)close(fd);
	buf_free(&script);
	return rc;
}
