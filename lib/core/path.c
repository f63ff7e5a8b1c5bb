#include "base/std.h"
#include "core/path.h"

#include <fnmatch.h>

const char *
path_check(const char *p, size_t len)
{
	size_t start = 0;

	if (len == 0)
		return "empty";
	if (len > PATH_LIMIT)
		return "too long";
	for (size_t i = 0; i <= len; i++) {
		if (i < len && p[i] == '\0')
			return "holds a NUL byte";
		if (i < len && p[i] != '/')
			continue;
		if (i == start)
			return start == 0 ? "absolute" : "has an empty part";
		if (i - start > PATH_COMPONENT)
			return "has a part that is too long";
		if (p[start] == '.' && i - start == 1)
			return "has a part \".\"";
		if (p[start] == '.' && p[start + 1] == '.' && i - start == 2)
			return "has a part \"..\"";
		start = i + 1;
	}
	return NULL;
}

/* '/' before every other byte, the end before '/'. */
static unsigned
rank(char c)
{
	if (c == '\0')
		return 0;
	return c == '/' ? 1 : (unsigned)(unsigned char)c + 1;
}

int
path_cmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return rank(*a) < rank(*b) ? -1 : rank(*a) > rank(*b);
}

bool
path_below(const char *p, const char *dir, bool self)
{
	size_t n = strlen(dir);

	if (strncmp(p, dir, n) != 0)
		return false;
	return p[n] == '/' || (self && p[n] == '\0');
}

const char *
path_base(const char *p)
{
	const char *s = strrchr(p, '/');

	return s == NULL ? p : s + 1;
}

/* What a pattern says of one byte of a name without a look at the rest. */
static bool
literal(char c)
{
	switch (c) {
	case '\0':
	case '*':
	case '?':
	case '[':
	case ']':
	case '\\':
		return false;
	default:
		return true;
	}
}

bool
path_matches(const char *pattern, const char *name, int flags)
{
	size_t n, m;

	if (literal(pattern[0]) && pattern[0] != name[0])
		return false;
	if (pattern[0] == '*' && (n = strlen(name)) > 0 &&
	    literal(pattern[(m = strlen(pattern)) - 1]) &&
	    pattern[m - 1] != name[n - 1])
		return false;
	return fnmatch(pattern, name, flags) == 0;
}

/* A decimal number of up to 10 digits; NULL when there is none. */
static const char *
skip_number(const char *p, uint64_t *v)
{
	const char *s = p;

	for (*v = 0; *p >= '0' && *p <= '9' && p - s < 10; p++)
		*v = *v * 10 + (uint64_t)(*p - '0');
	return p == s ? NULL : p;
}

size_t
path_tablespace(const char *p, uint32_t *oid)
{
	const char *end;
	uint64_t v;

	if (strncmp(p, "pg_tblspc/", 10) != 0)
		return 0;
	end = skip_number(p + 10, &v);
	if (end == NULL || v > UINT32_MAX || (*end != '/' && *end != '\0'))
		return 0;
	if (oid != NULL)
		*oid = (uint32_t)v;
	return (size_t)(end - p);
}

/* The part of a relation's path in front of the file name; NULL when p does
 * not lie in a directory of relations. */
static const char *
relation_dir(const char *p)
{
	uint64_t oid;
	size_t n;

	if (strncmp(p, "global/", 7) == 0)
		return p + 7;
	if (strncmp(p, "base/", 5) == 0) {
		p += 5;
	} else if ((n = path_tablespace(p, NULL)) > 0) {
		p += n;
		if (strncmp(p, "/PG_", 4) != 0 ||
		    (p = strchr(p + 1, '/')) == NULL)
			return NULL;
		p++;
	} else {
		return NULL;
	}
	p = skip_number(p, &oid);
	return p == NULL || *p != '/' ? NULL : p + 1;
}

static const char *
relation_fork(const char *p, enum path_fork *fork)
{
	static const struct {
		const char *suffix;
		enum path_fork fork;
	} forks[] = {
	    {"_fsm", FORK_FSM}, {"_vm", FORK_VM}, {"_init", FORK_INIT}};

	*fork = FORK_MAIN;
	for (size_t i = 0; i < NELEM(forks); i++) {
		size_t n = strlen(forks[i].suffix);

		if (strncmp(p, forks[i].suffix, n) == 0) {
			*fork = forks[i].fork;
			return p + n;
		}
	}
	return p;
}

bool
path_relation(const char *path, struct relpath *r)
{
	const char *p = relation_dir(path);
	uint64_t v;

	*r = (struct relpath){0};
	if (p == NULL)
		return false;
	if (*p == 't') {
		if ((p = skip_number(p + 1, &v)) == NULL || *p++ != '_')
			return false;
		r->temporary = true;
	}
	if ((p = skip_number(p, &v)) == NULL)
		return false;
	r->stem = (size_t)(p - path);
	p = relation_fork(p, &r->fork);
	if (*p == '.') {
		if ((p = skip_number(p + 1, &v)) == NULL || v > UINT32_MAX)
			return false;
		r->segment = (unsigned)v;
	}
	return *p == '\0';
}

bool
path_paged(const char *p)
{
	static const char *const slru[] = {"pg_xact", "pg_clog",
	    "pg_multixact/members", "pg_multixact/offsets", "pg_commit_ts"};
	struct relpath r;

	if (path_relation(p, &r))
		return true;
	for (size_t i = 0; i < NELEM(slru); i++)
		if (path_below(p, slru[i], false))
			return true;
	return false;
}
