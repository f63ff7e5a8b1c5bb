/* io/pagecache.h: which pages are missing; what of a file is in memory before
 * and after it was read. */
#include "base/std.h"
#include "base/buf.h"
#include "io/pagecache.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#define MIB (1024u * 1024u)

/* --- pure ----------------------------------------------------------------- */

/* "begin+number" of each run; was as '1' and '0', by their lowest bit. */
static void
runs(const char *was, size_t max, struct buf *b)
{
	size_t len, at = 0;

	buf_reset(b);
	while ((len = pagecache_missing(
		    (const uint8_t *)was, strlen(was), max, &at)) > 0) {
		buf_addf(b, "%s%zu+%zu", b->len == 0 ? "" : " ", at, len);
		at += len;
	}
}

static void
runs_of_missing_pages(void **state)
{
	static const struct {
		const char *was;
		size_t max;
		const char *want;
	} t[] = {
	    {"", 9, ""},
	    {"1", 9, ""},
	    {"0", 9, "0+1"},
	    {"1111", 9, ""},
	    {"0000", 9, "0+4"},
	    {"0000", 4, "0+4"},
	    {"0000", 3, "0+3 3+1"},
	    {"0000", 1, "0+1 1+1 2+1 3+1"},
	    {"0110", 9, "0+1 3+1"},
	    {"1001", 9, "1+2"},
	    {"1001", 1, "1+1 2+1"},
	    {"0100010000", 3, "0+1 2+3 6+3 9+1"},
	    /* The kernel may use the other bits for something, one day. */
	    {"3232", 9, "1+1 3+1"},
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		runs(t[i].was, t[i].max, &b);
		assert_string_equal(buf_str(&b), t[i].want);
	}
	buf_free(&b);
}

/* --- a file --------------------------------------------------------------- */

static uint8_t data[MIB];

/* was: 1 for each page of the first n bytes that is there; their number. */
static size_t
resident(int fd, size_t n, uint8_t was[8 * PAGECACHE_PAGES])
{
	size_t sum = 0, pages = (n + 4095) / 4096;
	void *map = mmap(NULL, n, PROT_NONE, MAP_SHARED, fd, 0);

	assert_true(map != MAP_FAILED && pages <= 8 * PAGECACHE_PAGES);
	assert_int_equal(mincore(map, n, was), 0);
	(void)munmap(map, n);
	for (size_t i = 0; i < pages; i++)
		sum += was[i] &= 1;
	return sum;
}

static void
forget(int fd)
{
	(void)fdatasync(fd);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* A file of that size on the disk and not in memory, -1: this file system does
 * not do that (tmpfs) or does not tell. */
static int
cold_file(size_t size)
{
	uint8_t was[8 * PAGECACHE_PAGES];
	char path[] = "pagecache_test.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd != -1);
	(void)unlink(path);
	for (size_t at = 0; at < size; at += MIN_OF(size - at, sizeof(data)))
		assert_true(
		    write(fd, data, MIN_OF(size - at, sizeof(data))) > 0);
	forget(fd);
	if (sysconf(_SC_PAGESIZE) == 4096 && resident(fd, size, was) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* Bring one page in, and no other. */
static void
touch(int fd, size_t off)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	assert_int_equal(pread(fd, data, 1, (off_t)off), 1);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL);
}

static void
read_all(int fd, size_t size, size_t step, bool cachestat)
{
	struct pagecache p = {.how = PAGECACHE_OFF};
	uint64_t at = 0;
	ssize_t n;

	pagecache_begin(&p, fd, size);
	if (!cachestat)
		p.how = PAGECACHE_MINCORE;
	do {
		n = pagecache_read(&p, data, step, at);
		assert_true(n >= 0);
		at += (uint64_t)n;
		pagecache_after(&p, at);
	} while (n > 0);
	assert_int_equal(at, size);
	pagecache_end(&p);
	pagecache_end(&p);
}

static const struct {
	size_t size, step;
} reads[] = {
    {1, 4096},
    {8192, 262144},
    {100000, 262144},
    {262145, 262144},
    {MIB, 262144},
    {MIB + 1, MIB},
    {4 * MIB, 262144},
    {5 * MIB + 5000, MIB},
    {5 * MIB + 5000, 1000000}, /* across windows */
    {3 * MIB, 4096},
};

/* The kernel may take a page at any time, and some do in bursts: what is
 * expected must come true in one of some tries. */
#define TRIES 5

enum outcome { AS_BEFORE, NOT_AS_BEFORE, CANNOT_TELL };

/* A file with the given pages in memory (NULL: all, every of them), read: has
 * it the same pages in memory? */
static enum outcome
try_file(size_t size, size_t step, bool cachestat, const size_t *hot, size_t n)
{
	uint8_t before[8 * PAGECACHE_PAGES], after[8 * PAGECACHE_PAGES];
	enum outcome rc = CANNOT_TELL;
	int fd = cold_file(size);

	if (fd == -1)
		return CANNOT_TELL;
	if (hot == NULL)
		n = (size + 4095) / 4096;
	for (size_t i = 0; i < n; i++)
		touch(fd, hot == NULL ? i * 4096 : hot[i]);
	if (resident(fd, size, before) == n) {
		read_all(fd, size, step, cachestat);
		rc = resident(fd, size, after) == n &&
			     memcmp(before, after, (size + 4095) / 4096) == 0
			 ? AS_BEFORE
			 : NOT_AS_BEFORE;
	}
	(void)close(fd);
	return rc;
}

static void
is_as_before(size_t i, bool cachestat, const size_t *hot, size_t n)
{
	enum outcome rc = CANNOT_TELL, last;

	for (int k = 0; k < TRIES && rc != AS_BEFORE; k++) {
		last =
		    try_file(reads[i].size, reads[i].step, cachestat, hot, n);
		rc = last == CANNOT_TELL ? rc : last;
	}
	if (rc == CANNOT_TELL)
		skip();
	if (rc != AS_BEFORE)
		fail_msg("%zu bytes, %zu at once%s", reads[i].size,
		    reads[i].step, cachestat ? "" : ", mincore");
}

static void
what_was_not_there_is_not_there_after(void **state)
{
	static const size_t none[1];

	(void)state;
	for (size_t i = 0; i < 2 * NELEM(reads); i++)
		is_as_before(i / 2, i % 2, none, 0);
}

static void
what_was_there_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * NELEM(reads); i++)
		is_as_before(i / 2, i % 2, NULL, 0);
}

static void
of_a_file_that_is_partly_there_that_part_stays(void **state)
{
	static const size_t hot[] = {0, 7 * 4096, 255 * 4096, 256 * 4096,
	    3 * MIB + 8192, 5 * MIB - 4096, 5 * MIB + 4096};

	(void)state;
	for (size_t i = 0; i < 2 * NELEM(reads); i++)
		if (reads[i / 2].size > hot[NELEM(hot) - 1])
			is_as_before(i / 2, i % 2, hot, NELEM(hot));
}

/* What was written while it was read is the writer's. */
static void
what_is_added_meanwhile_stays(void **state)
{
	struct pagecache p = {.how = PAGECACHE_OFF};
	uint8_t was[8 * PAGECACHE_PAGES];
	int fd = cold_file(MIB);

	(void)state;
	if (fd == -1)
		skip();
	pagecache_begin(&p, fd, MIB);
	assert_int_equal(pagecache_read(&p, data, MIB, 0), MIB);
	assert_int_equal(pwrite(fd, data, MIB, MIB), MIB);
	(void)fdatasync(fd);
	pagecache_after(&p, MIB);
	assert_int_equal(pagecache_read(&p, data, MIB, MIB), MIB);
	pagecache_after(&p, 2 * (uint64_t)MIB);
	pagecache_end(&p);
	/* Most of it, as said above. */
	assert_in_range(resident(fd, 2 * MIB, was), 128, 256);
	assert_int_equal(resident(fd, MIB, was), 0);
	(void)close(fd);
}

static void
nothing_is_asked_of_an_empty_file_or_a_bad_descriptor(void **state)
{
	struct pagecache p = {.how = PAGECACHE_OFF};

	(void)state;
	pagecache_after(&p, MIB);
	pagecache_end(&p);
	pagecache_begin(&p, -1, 0);
	assert_int_equal(pagecache_read(&p, data, 0, 0), 0);
	pagecache_end(&p);
	pagecache_begin(&p, -1, MIB);
	assert_int_equal(pagecache_read(&p, data, MIB, 0), -1);
	assert_int_equal(p.how, PAGECACHE_OFF);
	pagecache_after(&p, MIB);
	pagecache_end(&p);
}

/* As on Linux before 6.5; and without mincore(2), to see whether it is asked.
 */
static bool
forbid_asking(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		(uint32_t)offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 451, 1, 0), /* cachestat */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mincore, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog prog = {NELEM(code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* How the second file is looked at, that is all in memory. */
static int
second_file(int fd)
{
	struct pagecache p = {.how = PAGECACHE_OFF};

	if (!forbid_asking())
		return -1;
	for (int i = 0; i < 2; i++) {
		pagecache_end(&p);
		pagecache_begin(&p, fd, 8192);
		if (pagecache_read(&p, data, sizeof(data), 0) != 8192)
			return -1;
	}
	return (int)p.how;
}

static void
without_cachestat_a_hot_file_is_only_read(void **state)
{
	int status = -1, fd = cold_file(8192);
	pid_t pid;

	(void)state;
	if (fd == -1)
		skip();
	assert_int_equal(pread(fd, data, sizeof(data), 0), 8192);
	if ((pid = fork()) == 0)
		_exit(second_file(fd) & 0xff);
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	(void)close(fd);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 0xff)
		skip();
	assert_int_equal(WEXITSTATUS(status), PAGECACHE_MINCORE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(runs_of_missing_pages),
	    cmocka_unit_test(what_was_not_there_is_not_there_after),
	    cmocka_unit_test(what_was_there_stays),
	    cmocka_unit_test(of_a_file_that_is_partly_there_that_part_stays),
	    cmocka_unit_test(what_is_added_meanwhile_stays),
	    cmocka_unit_test(
		nothing_is_asked_of_an_empty_file_or_a_bad_descriptor),
	    cmocka_unit_test(without_cachestat_a_hot_file_is_only_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
