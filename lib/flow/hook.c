#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "flow/hook.h"

void
hook_pause(const char *phase)
{
#ifdef TEST_HOOKS
	const char *want = getenv("STANDBY_TEST_PAUSE");
	const char *file = getenv("STANDBY_TEST_PAUSE_FILE");
	struct stat st;
	int fd;

	if (want == NULL || file == NULL || strcmp(want, phase) != 0)
		return;
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	(void)close(fd);
	while (stat(file, &st) == 0 && sig_caught() == 0)
		clock_sleep_ms(10, DEADLINE_NEVER);
#else
	(void)phase;
#endif
}
