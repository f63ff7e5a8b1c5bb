#include "base/std.h"
#include "base/clock.h"
#include "flow/agent.h"
#include "flow/agent_int.h"

#define LAST_WORDS_MS 2000 /* to get an ERR frame out */

static int
send_hello(struct agent *a, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	wire_encode_hello(&b, PACKAGE_VERSION);
	rc = buf_ok(&b) ? chan_send_buf(a->c, WIRE_HELLO, &b, e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc;
}

/* The client says the same of us; this is for one that does not. */
static int
other_version(const struct wire_hello *h, struct err *e)
{
	bool older = h->version < WIRE_VERSION;

	(void)err_set(e, ERR_AGENT,
	    "the client is %s than this standby-agent: version %.*s, protocol "
	    "%u; here %s, protocol %d",
	    older ? "older" : "newer",
	    h->package.len == 0 ? 7 : (int)MIN_OF(h->package.len, (size_t)40),
	    h->package.len == 0 ? "unknown" : h->package.s, h->version,
	    PACKAGE_VERSION, WIRE_VERSION);
	return err_hint(e, "Update standby-tools on the host of the %s.",
	    older ? "client" : "agent");
}

static int
take_hello(struct agent *a, struct err *e)
{
	struct wire_hello h;

	if (wire_decode_hello(a->req.data, a->req.len, &h, e) == -1)
		return -1;
	if (h.version != WIRE_VERSION)
		return other_version(&h, e);
	a->greeted = true;
	return 0;
}

static int
send_done(struct agent *a, struct err *e)
{
	struct wire_done d = {.files = a->files, .bytes = a->bytes_sent};
	struct buf b = BUF_INIT;
	int rc;

	if (a->req.len != 0)
		return err_set(e, ERR_PROTOCOL, "DONE has a payload");
	if (a->pages.active || a->sig.active)
		return err_set(
		    e, ERR_PROTOCOL, "DONE while a file is not at its end");
	if (a->hold.n > 0)
		return err_set(e, ERR_PROTOCOL,
		    "DONE while a PEEK of %u pages is not answered", a->hold.n);
	streamdigest_end(a->ends, d.digest);
	wire_encode_done(&b, &d);
	rc = buf_ok(&b) ? chan_send_buf(a->c, WIRE_DONE, &b, e)
			: err_set_nomem(e);
	buf_free(&b);
	if (rc == 0)
		rc = chan_flush(a->c, deadline_in(WIRE_DEAD_MS), e);
	return rc;
}

static const struct request {
	uint8_t type;
	int (*serve)(struct agent *a, struct err *e);
} requests[] = {
    {WIRE_MANIFEST, agent_open_manifest},
    {WIRE_BATCH, agent_files_batch},
    {WIRE_PAGES, agent_pages},
    {WIRE_SIG, agent_files_sig},
    {WIRE_CONTROL, agent_open_control},
    {WIRE_VERIFY, agent_verify_request},
    {WIRE_CONFIG, agent_config},
};

/* HELLO, OPEN, then requests, OPERATE at any time; 1 after DONE. */
static int
serve_one(struct agent *a, struct err *e)
{
	uint8_t type;

	if (agent_io_next(a, &type, e) == -1)
		return -1;
	if (!a->greeted)
		return type == WIRE_HELLO
			   ? take_hello(a, e)
			   : err_set(e, ERR_PROTOCOL,
				 "the first frame is not HELLO but type %u",
				 type);
	if (type == WIRE_OPERATE)
		return agent_operate(a, e);
	if (type == WIRE_DONE)
		return send_done(a, e) == -1 ? -1 : 1;
	if (a->t == NULL)
		return type == WIRE_OPEN
			   ? agent_open(a, e)
			   : err_set(e, ERR_PROTOCOL,
				 "a request of type %u before OPEN", type);
	for (size_t i = 0; i < NELEM(requests); i++)
		if (requests[i].type == type)
			return requests[i].serve(a, e);
	return err_set(e, ERR_PROTOCOL,
	    "a request of type %u is not known or not due", type);
}

static int
serve(struct agent *a, struct err *e)
{
	int rc;

	if (send_hello(a, e) == -1)
		return -1;
	if (geteuid() == 0) {
		(void)err_set(
		    e, ERR_ROOT, "standby-agent must not run as root");
		return err_hint(e, "Log in as the user that runs the server: "
				   "--ssh=USER@HOST.");
	}
	while ((rc = serve_one(a, e)) == 0)
		;
	return rc == 1 ? 0 : -1;
}

/* Tell the client what happened, if it still listens. */
static void
last_words(struct agent *a, const struct err *e)
{
	struct buf b = BUF_INIT;

	wire_encode_err(&b, a->id, e);
	if (buf_ok(&b) && chan_send_buf(a->c, WIRE_ERR, &b, NULL) == 0)
		(void)chan_flush(a->c, deadline_in(LAST_WORDS_MS), NULL);
	buf_free(&b);
}

static void
agent_free(struct agent *a)
{
	agent_files_free(&a->pages);
	agent_files_free(&a->sig);
	agent_hold_free(a);
	rsdiff_free(a->diff);
	streamdigest_free(a->ends);
	zip_free(a->zip);
	tree_close(a->t);
	buf_free(&a->queue);
	buf_free(&a->req);
	buf_free(&a->raw);
	buf_free(&a->zipped);
	free(a->data);
}

int
agent_serve(struct chan *c, const char *program_dir, struct err *e)
{
	int64_t now = clock_ms();
	struct err own = ERR_INIT;
	struct agent a = {
	    .c = c,
	    .program_dir = program_dir,
	    .id = WIRE_NO_ID,
	    .heard = now,
	    .next_ping = now + WIRE_PING_MS,
	    .chunk = WIRE_CHUNK,
	    .pages = {.fd = -1},
	    .sig = {.fd = -1},
	};
	int rc = -1;

	if (e == NULL)
		e = &own;
	agent_guest_begin(&a);
	a.data = malloc(AGENT_READ);
	a.ends = streamdigest_new();
	if (a.data == NULL || a.ends == NULL)
		(void)err_set_nomem(e);
	else
		rc = serve(&a, e);
	if (rc == -1)
		last_words(&a, e);
	agent_free(&a);
	return rc;
}
