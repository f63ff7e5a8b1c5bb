#include "base/std.h"
#include "io/kernel.h"

#include <sys/utsname.h>

bool
kernel_release_is(const char *release, unsigned major, unsigned minor)
{
	unsigned has_major, has_minor;

	if (sscanf(release, "%u.%u", &has_major, &has_minor) != 2)
		return false;
	return has_major > major || (has_major == major && has_minor >= minor);
}

bool
kernel_is(unsigned major, unsigned minor)
{
	struct utsname u;

	return uname(&u) == 0 && kernel_release_is(u.release, major, minor);
}
