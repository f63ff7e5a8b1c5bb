#include "base/std.h"
#include "io/self.h"

int
self_dir(char *dir, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", dir, size);
	char *slash;

	if (n <= 0 || (size_t)n >= size)
		n = 0;
	dir[n] = '\0';
	if ((slash = strrchr(dir, '/')) == NULL)
		return -1;
	*slash = '\0';
	return 0;
}

int
self_beside(const char *name, char *path, size_t size)
{
	char dir[PATH_MAX];
	int n;

	if (self_dir(dir, sizeof(dir)) == 0) {
		n = snprintf(path, size, "%s/%s", dir, name);
		if (n > 0 && (size_t)n < size && access(path, X_OK) == 0)
			return 0;
	}
	path[0] = '\0';
	return -1;
}
