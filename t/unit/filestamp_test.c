/* base/filestamp.h: when a stamp proves anything.  io/fskind.h: where. */
#include "base/std.h"
#include "base/filestamp.h"
#include "io/fskind.h"

#include <setjmp.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define T0 (1700000000 * S) /* on a day of 2023 */

static void
every_member_of_a_stamp_counts(void **state)
{
	const struct filestamp a = {1, 2, 3, 4, 5};
	static const struct filestamp other[] = {{2, 2, 3, 4, 5},
	    {1, 3, 3, 4, 5}, {1, 2, 4, 4, 5}, {1, 2, 3, 5, 5}, {1, 2, 3, 4, 6}};
	struct filestamp b = a;

	(void)state;
	assert_true(filestamp_same(&a, &b));
	for (size_t i = 0; i < NELEM(other); i++)
		assert_false(filestamp_same(&a, &other[i]));
}

static void
a_file_is_at_rest_when(void **state)
{
	static const struct {
		const char *what;
		int64_t ctime, opened_real, opened_boot, now_real, now_boot;
		bool want;
	} t[] = {
	    {"written long ago", T0 + 1, T0 + 60 * S, S, T0 + 60 * S, S, true},
	    {"2 s before the session", T0 + 1, T0 + 1 + 2 * S, S, T0 + 9 * S,
		7 * S, true},
	    {"a nanosecond less", T0 + 2, T0 + 1 + 2 * S, S, T0 + 9 * S, 7 * S,
		false},
	    {"since the session began, long before it is read", T0 + 61 * S + 1,
		T0 + 60 * S, S, T0 + 3600 * S, 3541 * S, false},
	    {"in the clock's future", T0 + 3600 * S + 1, T0 + 60 * S, S,
		T0 + 61 * S, 2 * S, false},
	    {"in whole seconds: no nanoseconds there", T0, T0 + 60 * S, S,
		T0 + 60 * S, S, false},
	    {"never", 0, T0 + 60 * S, S, T0 + 60 * S, S, false},
	    {"before 1970", -1, T0 + 60 * S, S, T0 + 60 * S, S, false},
	    {"the clock was set back since", T0 + 1, T0 + 60 * S, S,
		T0 + 30 * S, 11 * S, false},
	    {"the clock was set forward since", T0 + 1, T0 + 60 * S, S,
		T0 + 3600 * S, 11 * S, false},
	    {"a leap second since", T0 + 1, T0 + 60 * S, S, T0 + 69 * S, 11 * S,
		true},
	    {"a leap second and a tick", T0 + 1, T0 + 60 * S, S,
		T0 + 69 * S - 1, 11 * S, false},
	    {"another boot", T0 + 1, T0 + 60 * S, 100 * S, T0 + 61 * S, S,
		false},
	    {"no clock at the beginning", T0 + 1, 0, 0, T0 + 61 * S, S, false},
	    {"no clock now", T0 + 1, T0 + 60 * S, S, 0, 0, false},
	    {"absurd clocks", T0 + 1, T0 + 60 * S, 1, INT64_MAX, 1, false},
	    {"absurd clocks, the other way", T0 + 1, INT64_MAX, 1, 1, INT64_MAX,
		false},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		const struct filestamp s = {.ctime_ns = t[i].ctime};
		const struct filestamp_clock opened = {
		    t[i].opened_real, t[i].opened_boot};
		const struct filestamp_clock now = {
		    t[i].now_real, t[i].now_boot};

		if (filestamp_settled(&s, &opened, &now) != t[i].want)
			fail_msg("%s", t[i].what);
	}
}

static void
four_file_systems_are_known(void **state)
{
	static const uint64_t known[] = {
	    0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1};
	static const uint64_t not_known[] = {
	    0x6969 /* NFS */,
	    0x65735546 /* FUSE */,
	    0xff534d42 /* CIFS */,
	    0xfe534d42 /* SMB2 */,
	    0x794c7630 /* overlayfs */,
	    0x01021994 /* tmpfs */,
	    0x00c36400 /* Ceph */,
	    0x4d44 /* FAT */,
	    0,
	};

	(void)state;
	for (size_t i = 0; i < NELEM(known); i++)
		assert_true(filestamp_known_fs(known[i]));
	for (size_t i = 0; i < NELEM(not_known); i++)
		assert_false(filestamp_known_fs(not_known[i]));
}

static void
lazytime_is_found_in_the_line_of_the_mount(void **state)
{
	static const char text[] =
	    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
	    "28 27 254:1 / /lazytime rw,relatime shared:1 - xfs /dev/vdb rw\n"
	    "2 27 254:2 / /b rw,relatime - ext4 /dev/vdc rw,lazytime\n"
	    "29 27 254:3 / /c rw,lazytime,relatime - btrfs /dev/vdd "
	    "rw,subvol=/c\n"
	    "30 27 254:4 / /d rw,nolazytime - ext4 /dev/vde rw,lazytimes\n"
	    "31 27 254:5 / /e rw - ext4 /dev/vdf lazytime,rw";
	static const struct {
		uint64_t mount;
		int want;
	} t[] = {{27, 0}, {28, 0}, {2, 1}, {29, 1}, {30, 0}, {31, 1}, {1, -1},
	    {7, -1}, {3, -1}, {0, -1}};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		if (filestamp_lazytime(text, t[i].mount, 0) != t[i].want)
			fail_msg("mount %" PRIu64, t[i].mount);
	assert_int_equal(filestamp_lazytime("", 1, 0), -1);
	assert_int_equal(filestamp_lazytime("\n\n27", 27, 0), -1);
}

/* A chroot shows no mount but those within. */
static void
another_mount_of_the_device_tells_where_the_own_is_out_of_sight(void **state)
{
	static const char text[] =
	    "27 1 254:1 / /a rw - ext4 /dev/vdb rw\n"
	    "28 27 254:16 /sub /b rw - ext4 /dev/vdc rw,lazytime\n"
	    "29 27 254:16 / /c rw - ext4 /dev/vdc rw\n"
	    "30 27 254:17 /1 /c1 rw - ext4 /dev/vdd rw\n"
	    "31 27 254:17 /2 /c2 rw - ext4 /dev/vdd rw,lazytime\n"
	    "32 254:18 / /d rw - ext4 /dev/vde rw\n"
	    "33 27 254: / /e rw - ext4 /dev/vdf rw\n"
	    "x 27 254:19 / /f rw - ext4 /dev/vdg rw\n"
	    "34 27 254:20\n"
	    "35 27 254:2x / /g rw - ext4 /dev/vdh rw\n"
	    "36 27 - ext4 254:21";
	static const struct {
		unsigned minor;
		uint64_t mount;
		int want;
	} t[] = {{1, 99, 0}, {16, 99, 1}, {17, 99, 1}, {2, 99, -1},
	    {18, 99, -1}, {0, 99, -1}, {19, 99, -1}, {20, 99, -1}, {21, 99, -1},
	    {1, 31, 1}, {16, 29, 0}, {17, 30, 0}};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		if (filestamp_lazytime(text, t[i].mount,
			makedev(254, t[i].minor)) != t[i].want)
			fail_msg("device 254:%u, mount %" PRIu64, t[i].minor,
			    t[i].mount);
	assert_int_equal(filestamp_lazytime(text, 99, makedev(8, 1)), -1);
}

static void
what_is_not_known_keeps_nothing(void **state)
{
	struct fskind k = {.n = 0};
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd != -1);
	assert_false(fskind_keeps(&k, fd, 1));
	k.v[0].keeps = true; /* asked once */
	assert_true(fskind_keeps(&k, fd, 1));
	for (uint64_t dev = 2; dev < 100; dev++)
		assert_false(fskind_keeps(&k, fd, dev));
	assert_int_equal(k.n, FSKIND_MAX);
	assert_false(fskind_keeps(&k, fd, 1));
	(void)close(fd);
	assert_false(fskind_keeps(&k, -1, 1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_member_of_a_stamp_counts),
	    cmocka_unit_test(a_file_is_at_rest_when),
	    cmocka_unit_test(four_file_systems_are_known),
	    cmocka_unit_test(lazytime_is_found_in_the_line_of_the_mount),
	    cmocka_unit_test(
		another_mount_of_the_device_tells_where_the_own_is_out_of_sight),
	    cmocka_unit_test(what_is_not_known_keeps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
