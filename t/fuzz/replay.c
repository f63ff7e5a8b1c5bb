/*
 * Goal: the fuzz drivers are built and run by every make check, with gcc and
 * without libFuzzer.  Linked with NAME_fuzz.c this gives NAME_replay, which
 * feeds the driver every file of t/fuzz/corpus/NAME and mutations of them.
 *
 *	NAME_replay [DIR|FILE]
 *
 * STANDBY_FUZZ_SEED	another seed (printed; the same seed, file and number
 *			make the same mutation)
 * STANDBY_FUZZ_RUNS	mutations of each file; 0 for a FILE
 * STANDBY_FUZZ_MS	processor time after which no more mutations are made
 *
 * The driver runs in a child, so that whatever ends it (abort, a sanitizer,
 * exit in a library) is one "not ok"; the input is left in NAME_replay.crash.
 */
#include "base/std.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define INPUT_MAX ((size_t)64 * 1024)
#define RUNS 300
#define CPU_MS 700
#define HANG_S 120 /* far from what any machine needs */
#define MEMORY ((rlim_t)1 << 30)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#endif
#ifndef ASAN
#define ASAN 0
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	size_t n;
	uint8_t d[INPUT_MAX];
};

struct seed {
	char *name; /* of the file, without its directory */
	struct input in;
};

struct corpus {
	struct seed *v;
	size_t n;
};

struct limits {
	uint64_t seed, runs, ms;
};

/* Shared with the child: what it is at. */
struct progress {
	const char *name;
	uint64_t mutation; /* from 1; 0: the file as it is */
	uint64_t inputs;
	bool early; /* out of processor time */
	struct input in;
};

/* --- mutations ----------------------------------------------------------- */

/* splitmix64: small, and the same everywhere. */
static uint64_t
next(uint64_t *rng)
{
	uint64_t z = *rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t
below(uint64_t *rng, size_t n)
{
	return n == 0 ? 0 : (size_t)(next(rng) % n);
}

/* As many of the n bytes as fit; src must not lie in the input. */
static void
insert(struct input *in, size_t at, const uint8_t *src, size_t n)
{
	n = MIN_OF(n, INPUT_MAX - in->n);
	memmove(in->d + at + n, in->d + at, in->n - at);
	memcpy(in->d + at, src, n);
	in->n += n;
}

static void
flip_bit(struct input *in, uint64_t *rng, const struct corpus *c)
{
	(void)c;
	if (in->n > 0)
		in->d[below(rng, in->n)] ^= (uint8_t)(1u << below(rng, 8));
}

static void
set_byte(struct input *in, uint64_t *rng, const struct corpus *c)
{
	(void)c;
	if (in->n > 0)
		in->d[below(rng, in->n)] = (uint8_t)next(rng);
}

/* A number at which lengths and counts go wrong, in 1 to 8 bytes. */
static void
set_number(struct input *in, uint64_t *rng, const struct corpus *c)
{
	static const uint64_t numbers[] = {0, 1, 0x7f, 0xff, 0x100, 0x3ff,
	    0x400, 0x401, 0x7fff, 0xffff, 0x10000, 0x100000, 0x100001,
	    0x7fffffff, UINT64_C(0x80000000), UINT64_C(0xffffffff), INT64_MAX,
	    UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX};
	uint64_t v = numbers[below(rng, NELEM(numbers))];
	size_t width = (size_t)1 << below(rng, 4), at;
	bool big = below(rng, 4) != 0;

	(void)c;
	if (in->n < width)
		return;
	at = below(rng, in->n - width + 1);
	for (size_t i = 0; i < width; i++)
		in->d[at + (big ? width - 1 - i : i)] = (uint8_t)(v >> 8 * i);
}

static void
cut(struct input *in, uint64_t *rng, const struct corpus *c)
{
	size_t at = below(rng, in->n), n = below(rng, in->n - at + 1);

	(void)c;
	if (below(rng, 2) == 0)
		n = MIN_OF(n, (size_t)4);
	memmove(in->d + at, in->d + at + n, in->n - at - n);
	in->n -= n;
}

static void
end_early(struct input *in, uint64_t *rng, const struct corpus *c)
{
	(void)c;
	in->n = below(rng, in->n + 1);
}

static void
repeat(struct input *in, uint64_t *rng, const struct corpus *c)
{
	size_t at = below(rng, in->n), n = below(rng, in->n - at + 1);
	uint8_t part[256];

	(void)c;
	n = MIN_OF(n, sizeof(part));
	memcpy(part, in->d + at, n);
	for (size_t i = below(rng, 8) + 1; i > 0; i--)
		insert(in, at, part, n);
}

static void
insert_word(struct input *in, uint64_t *rng, const struct corpus *c)
{
	static const struct {
		const char *s;
		size_t n;
	} words[] = {
#define WORD(s) {s, sizeof(s) - 1}
	    WORD("/"),
	    WORD(".."),
	    WORD("/../"),
	    WORD("'"),
	    WORD("''"),
	    WORD("\\"),
	    WORD("\""),
	    WORD("#"),
	    WORD("="),
	    WORD(","),
	    WORD(" "),
	    WORD("\n"),
	    WORD("\r\n"),
	    WORD("\0"),
	    WORD("\x1b[2J"),
	    WORD("\x7f"),
	    WORD("\xc3\xa9"),
	    WORD("%s%n"),
	    WORD("-1"),
	    WORD("4294967296"),
	    WORD("18446744073709551616"),
	    WORD("FFFFFFFF/FFFFFFFF"),
#undef WORD
	};
	size_t i = below(rng, NELEM(words));

	(void)c;
	insert(
	    in, below(rng, in->n + 1), (const uint8_t *)words[i].s, words[i].n);
}

/* The end of another file of the corpus. */
static void
from_other(struct input *in, uint64_t *rng, const struct corpus *c)
{
	const struct input *from = &c->v[below(rng, c->n)].in;
	size_t at = below(rng, from->n + 1);

	in->n = below(rng, in->n + 1);
	insert(in, in->n, from->d + at, from->n - at);
}

static void
mutate(struct input *in, uint64_t *rng, const struct corpus *c)
{
	static void (*const ways[])(
	    struct input *, uint64_t *, const struct corpus *) = {flip_bit,
	    flip_bit, set_byte, set_byte, set_number, set_number, set_number,
	    cut, end_early, repeat, insert_word, insert_word, from_other};

	for (size_t i = below(rng, 4) + 1; i > 0; i--)
		ways[below(rng, NELEM(ways))](in, rng, c);
}

/* By name, so that a new file does not change what is made of the others. */
static uint64_t
start_of(uint64_t seed, const char *name, uint64_t mutation)
{
	for (; *name != '\0'; name++)
		seed = (seed ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	seed += mutation;
	return next(&seed);
}

/* --- the child ----------------------------------------------------------- */

/* In memory of exactly its size, for the sanitizers. */
static void
feed(const struct input *in)
{
	uint8_t *d = malloc(in->n);

	if (d == NULL && in->n > 0)
		abort();
	if (in->n > 0)
		memcpy(d, in->d, in->n);
	(void)LLVMFuzzerTestOneInput(d, in->n);
	free(d);
}

static bool
time_left(uint64_t ms)
{
	struct timespec ts;

	return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0 &&
	       (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000 < ms;
}

/* Every file as it is; then the first mutation of each, the second, ... */
static void
feed_all(const struct corpus *c, const struct limits *l, struct progress *p)
{
	for (uint64_t m = 0; m <= l->runs; m++)
		for (size_t i = 0; i < c->n; i++) {
			uint64_t rng = start_of(l->seed, c->v[i].name, m);

			if (m > 0 && (p->early = !time_left(l->ms)))
				return;
			p->name = c->v[i].name;
			p->mutation = m;
			p->in.n = c->v[i].in.n;
			memcpy(p->in.d, c->v[i].in.d, p->in.n);
			if (m > 0)
				mutate(&p->in, &rng, c);
			feed(&p->in);
			p->inputs++;
		}
}

/* What a hostile length makes a library allocate must not depend on how much
 * memory this machine has. */
static void
set_limits(void)
{
	const struct rlimit none = {0, 0}, memory = {MEMORY, MEMORY};

	(void)setrlimit(RLIMIT_CORE, &none);
	if (!ASAN)
		(void)setrlimit(RLIMIT_AS, &memory);
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(HANG_S);
}

/* --- the parent ---------------------------------------------------------- */

static void
bail(const char *what, const char *object)
{
	printf("Bail out! %s \"%s\": %s\n", what, object, strerror(errno));
	exit(1);
}

static void
load(struct corpus *c, const char *path, const char *name)
{
	struct seed *v = realloc(c->v, (c->n + 1) * sizeof(*v));
	FILE *f = fopen(path, "re");

	if (v == NULL || f == NULL)
		bail("could not read", path);
	c->v = v;
	v += c->n++;
	v->name = strdup(name);
	v->in.n = fread(v->in.d, 1, INPUT_MAX, f);
	if (v->name == NULL || ferror(f) != 0)
		bail("could not read", path);
	(void)fclose(f);
}

static int
no_dot(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void
load_dir(struct corpus *c, const char *dir)
{
	struct dirent **v = NULL;
	int n = scandir(dir, &v, no_dot, alphasort);
	char path[PATH_MAX + NAME_MAX + 2];

	if (n == -1)
		bail("could not read directory", dir);
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name);
		load(c, path, v[i]->d_name);
		free(v[i]);
	}
	free(v);
}

static uint64_t
from_env(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s == NULL ? otherwise : strtoull(s, NULL, 0);
}

static void
keep_input(const struct progress *p, const char *driver)
{
	char path[300];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s_replay.crash", driver);
	if ((f = fopen(path, "we")) == NULL ||
	    fwrite(p->in.d, 1, p->in.n, f) != p->in.n || fclose(f) != 0)
		bail("could not write", path);
	printf("# input: %s, mutation %" PRIu64
	       "; again: t/fuzz/%s_replay %s\n",
	    p->name, p->mutation, driver, path);
}

/* Returns true when the driver took everything. */
static bool
judge(int status, const struct progress *p, const char *driver)
{
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	printf("%sok 1 - %s takes its corpus and mutations of it\n",
	    good ? "" : "not ", driver);
	printf("# %" PRIu64 " inputs%s\n", p->inputs,
	    p->early ? ", then the processor time was used up" : "");
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	else if (!good)
		printf("# exit status %d\n", WEXITSTATUS(status));
	if (!good && p->name != NULL)
		keep_input(p, driver);
	return good;
}

static bool
replay(const struct corpus *c, const struct limits *l, const char *driver)
{
	struct progress *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	bool good;
	pid_t pid;

	if (p == MAP_FAILED)
		bail("could not map memory for", driver);
	printf("1..1\n# %zu files, seed %" PRIu64 ", %" PRIu64
	       " mutations of each\n",
	    c->n, l->seed, l->runs);
	(void)fflush(stdout);
	if ((pid = fork()) == -1)
		bail("could not fork", driver);
	if (pid == 0) {
		set_limits();
		feed_all(c, l, p);
		p->name = NULL; /* a leak is of no one input */
		exit(0);        /* not _exit: leaks are looked for */
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			bail("could not wait for", driver);
	good = judge(status, p, driver);
	(void)munmap(p, sizeof(*p));
	return good;
}

/* "wire" of "./t/fuzz/wire_replay". */
static void
driver_name(const char *program, char *to, size_t size)
{
	const char *base = strrchr(program, '/');

	base = base == NULL ? program : base + 1;
	(void)snprintf(to, size, "%.*s", (int)strcspn(base, "_"), base);
}

static bool
load_any(struct corpus *c, const char *path)
{
	const char *base = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) == -1)
		bail("could not find", path);
	if (S_ISDIR(st.st_mode))
		load_dir(c, path);
	else
		load(c, path, base == NULL ? path : base + 1);
	errno = ENOENT;
	if (c->n == 0)
		bail("no input in", path);
	return S_ISDIR(st.st_mode);
}

int
main(int argc, char **argv)
{
	struct corpus c = {.n = 0};
	const char *top = getenv("TOP_SRCDIR");
	char driver[100], path[PATH_MAX];
	struct limits l;
	bool good;

	driver_name(argv[0], driver, sizeof(driver));
	(void)snprintf(path, sizeof(path), "%s/t/fuzz/corpus/%s",
	    top == NULL ? "." : top, driver);
	l.runs = load_any(&c, argc > 1 ? argv[1] : path) ? RUNS : 0;
	l.runs = from_env("STANDBY_FUZZ_RUNS", l.runs);
	l.seed = from_env("STANDBY_FUZZ_SEED", 1);
	l.ms = from_env("STANDBY_FUZZ_MS", CPU_MS);
	good = replay(&c, &l, driver);
	for (size_t i = 0; i < c.n; i++)
		free(c.v[i].name);
	free(c.v);
	return good ? 0 : 1;
}
