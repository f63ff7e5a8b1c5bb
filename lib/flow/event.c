#include "base/std.h"
#include "base/clock.h"
#include "flow/command.h"
#include "flow/event.h"

#define EVENT_MS 10000

int
event_run(const char *command, const char *event, const char *node,
    const char *result, const char *detail, int sigfd, struct err *e)
{
	struct command c = {.text = command,
	    .env = {{"STANDBY_EVENT", event}, {"STANDBY_NODE", node},
		{"STANDBY_RESULT", result}, {"STANDBY_DETAIL", detail}},
	    .deadline = deadline_in(EVENT_MS),
	    .sigfd = sigfd,
	    .level = LVL_VERBOSE,
	    .who = "event_command"};
	int status = 0, rc;

	if (command == NULL || *command == '\0')
		return 0;
	rc = command_run(&c, &status, e);
	if (rc == 0 && status != 0)
		rc = err_set(e, ERR_PROC, "it ended with status %d", status);
	return rc == -1 ? err_wrap(e, "event_command \"%s\"", command) : 0;
}
