#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/text.h"
#include "flow/event.h"
#include "io/proc.h"

#define EVENT_MS 10000
#define LINES 20

static char *
variable(const char *name, const char *value)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s=%s", name, value != NULL ? value : "");
	return buf_steal(&b);
}

static void
log_output(const struct buf *out)
{
	struct buf text = BUF_INIT, line = BUF_INIT;
	const char *at;

	text_add_tail(&text, out->data, out->len, LINES, "");
	at = buf_str(&text);
	while (text_line(&at, &line))
		log_line(LVL_VERBOSE, "event_command", "%s", buf_str(&line));
	buf_free(&line);
	buf_free(&text);
}

int
event_run(const char *command, const char *event, const char *node,
    const char *result, const char *detail, int sigfd, struct err *e)
{
	char *own[] = {variable("STANDBY_EVENT", event),
	    variable("STANDBY_NODE", node), variable("STANDBY_RESULT", result),
	    variable("STANDBY_DETAIL", detail)};
	const char *env[] = {own[0], own[1], own[2], own[3], NULL};
	const char *argv[] = {"/bin/sh", "-c", command, NULL};
	struct buf out = BUF_INIT;
	struct proc_opts o = {.argv = argv,
	    .env = env,
	    .out = &out,
	    .err = &out,
	    .deadline = deadline_in(EVENT_MS),
	    .whole = true, /* or its shell ends, and what it started goes on */
	    .sigfd = sigfd};
	int status = 0, rc = 0;

	if (command == NULL || *command == '\0')
		goto out;
	for (size_t i = 0; i < NELEM(own); i++)
		if (own[i] == NULL)
			rc = err_set_nomem(e);
	if (rc == 0)
		rc = proc_run(&o, &status, e);
	log_output(&out);
	if (rc == 0 && status != 0)
		rc = err_set(e, ERR_PROC, "it ended with status %d", status);
	if (rc == -1)
		(void)err_wrap(e, "event_command \"%s\"", command);
out:
	for (size_t i = 0; i < NELEM(own); i++)
		free(own[i]);
	buf_free(&out);
	return rc;
}
