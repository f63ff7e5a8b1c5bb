#include "base/std.h"
#include "io/statefile.h"

#include <setjmp.h>
#include <cmocka.h>

static char dir[64], path[96];

static int
make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/statefile_test.XXXXXX");
	(void)umask(077);
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static void
use(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
}

static int
remove_dir(void **state)
{
	static const char *const names[] = {"state", "state.lock", "bad",
	    "bad.lock", "bad.old", "link", "link.lock", "dir.lock", "held",
	    "held.lock"};

	(void)state;
	for (size_t i = 0; i < NELEM(names); i++) {
		use(names[i]);
		(void)unlink(path);
	}
	use("dir");
	(void)rmdir(path);
	return rmdir(dir);
}

static void
put(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) != EOF);
	assert_int_equal(fclose(f), 0);
}

/* A look with everything in it; what is not known as struct trend has it. */
static void
fill(struct trend *t, struct trend_node *n)
{
	n[0] = (struct trend_node){.name = (char *)"node \"1\"",
	    .time = 1763790000.25,
	    .received = UINT64_MAX,
	    .replayed = UINT64_C(0x16B374D848),
	    .end = LSN_INVALID,
	    .moved = 1763789999.125};
	n[1] = (struct trend_node){
	    .name = (char *)"h\xc3\xb6he", .time = -1, .moved = -1};
	*t = (struct trend){.set = true,
	    .time = 1763790001.5,
	    .system_identifier = UINT64_C(17281936400112233445),
	    .primary = (char *)"node \"1\"",
	    .primary_time = 1763790001,
	    .primary_lsn = UINT64_C(0xA3C1F60),
	    .primary_timeline = UINT32_MAX,
	    .severity = SEV_CRITICAL,
	    .digest = (char *)"hung node2 UNKNOWN\nno-primary CRITICAL\n",
	    .nodes = n,
	    .n = 2};
}

static void
open_ok(struct statefile **f, struct trend *last, const char *want_ignored)
{
	struct err e = ERR_INIT;
	bool overlap = true;
	char ignored[128];

	assert_int_equal(statefile_open(f, path, last, &overlap, ignored,
			     sizeof(ignored), &e),
	    0);
	assert_false(overlap);
	assert_non_null(*f);
	if (want_ignored == NULL)
		assert_string_equal(ignored, "");
	else
		assert_non_null(strstr(ignored, want_ignored));
}

static void
refused(const char *want)
{
	struct trend last = {.set = false};
	struct statefile *f = NULL;
	struct err e = ERR_INIT;
	char ignored[128];
	bool overlap;

	assert_int_equal(statefile_open(&f, path, &last, &overlap, ignored,
			     sizeof(ignored), &e),
	    -1);
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.text, want));
	assert_null(f);
	assert_false(last.set);
}

static void
what_is_written_is_read_again(void **state)
{
	struct trend t, last = {.set = false};
	struct trend_node n[2];
	struct statefile *f;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	use("state");
	open_ok(&f, &last, NULL);
	assert_false(last.set);
	fill(&t, n);
	assert_int_equal(statefile_write(f, &t, &e), 0);
	statefile_close(f);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	open_ok(&f, &last, NULL);
	assert_true(last.set);
	assert_true(last.time == t.time);
	assert_true(last.system_identifier == t.system_identifier);
	assert_string_equal(last.primary, t.primary);
	assert_true(last.primary_time == t.primary_time);
	assert_true(last.primary_lsn == t.primary_lsn);
	assert_true(last.primary_timeline == t.primary_timeline);
	assert_int_equal(last.severity, t.severity);
	assert_string_equal(last.digest, t.digest);
	assert_int_equal(last.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(last.nodes[i].name, n[i].name);
		assert_true(last.nodes[i].time == n[i].time);
		assert_true(last.nodes[i].moved == n[i].moved);
		assert_true(last.nodes[i].received == n[i].received);
		assert_true(last.nodes[i].replayed == n[i].replayed);
		assert_true(last.nodes[i].end == n[i].end);
	}
	statefile_close(f);
	trend_free(&last);
}

static void
a_name_that_is_not_utf8_is_kept_as_far_as_json_can(void **state)
{
	struct trend_node n = {.name = (char *)"h\xf6he"};
	struct trend t = {.set = true, .nodes = &n, .n = 1};
	struct trend last = {.set = false};
	struct statefile *f;
	struct err e = ERR_INIT;

	(void)state;
	use("state");
	open_ok(&f, &last, NULL);
	assert_int_equal(statefile_write(f, &t, &e), 0);
	statefile_close(f);
	open_ok(&f, &last, NULL);
	assert_true(last.set);
	assert_null(last.primary);
	assert_string_equal(last.digest, "");
	assert_string_equal(last.nodes[0].name, "h?he");
	statefile_close(f);
	trend_free(&last);
}

#define HEAD "{\"format\":1,\"tool\":\"repl-status\",\"digest\":\"\","
#define TIME "\"time\":1,\"code\":0,\"system_identifier\":\"1\","
#define PRIMARY                                                                \
	"\"primary\":{\"name\":null,\"time\":-1,\"lsn\":\"0/0\","              \
	"\"timeline\":0}"
#define NODE(name, lsn)                                                        \
	HEAD TIME PRIMARY ",\"nodes\":[{\"name\":" name ",\"time\":1,"         \
			  "\"received\":" lsn ",\"replayed\":\"0/0\","         \
			  "\"end\":\"0/0\",\"moved\":1}]}"

static void
what_is_no_state_file_is_ignored_and_replaced(void **state)
{
	static const struct {
		const char *text, *why; /* why NULL: it is right */
	} cases[] = {
	    {HEAD TIME PRIMARY ",\"nodes\":[]}", NULL},
	    {NODE("\"a\"", "\"FFFFFFFF/FFFFFFFF\""), NULL},
	    {"", "empty"},
	    {"x", "damaged"},
	    {"{", "damaged"},
	    {"[]", "not a state file"},
	    {"{}", "not a state file"},
	    {"{\"format\":1,\"tool\":\"repl-status\",\"nodes\":[]}",
		"not a state file"},
	    {"{\"format\":1,\"tool\":\"other\",\"digest\":\"\"}",
		"not a state file"},
	    {"{\"format\":2,\"tool\":\"repl-status\",\"digest\":\"\"}",
		"format"},
	    {HEAD TIME PRIMARY "}", "damaged"},
	    {HEAD TIME "\"primary\":null,\"nodes\":[]}", "damaged"},
	    {HEAD PRIMARY ",\"nodes\":[]}", "damaged"},
	    {HEAD "\"time\":1,\"code\":4,\"system_identifier\":\"1\"," PRIMARY
		  ",\"nodes\":[]}",
		"damaged"},
	    {HEAD "\"time\":1,\"code\":0,\"system_identifier\":\"-1\"," PRIMARY
		  ",\"nodes\":[]}",
		"damaged"},
	    {HEAD "\"time\":1,\"code\":0,"
		  "\"system_identifier\":\"18446744073709551616\"," PRIMARY
		  ",\"nodes\":[]}",
		"damaged"},
	    {NODE("null", "\"0/0\""), "damaged"},
	    {NODE("\"a\"", "\"0\""), "damaged"},
	    {NODE("\"a\"", "\"0/\""), "damaged"},
	    {NODE("\"a\"", "\"0/0 \""), "damaged"},
	    {NODE("\"a\"", "\"000000001/0\""), "damaged"},
	    {NODE("\"a\"", "1"), "damaged"},
	};
	struct trend last = {.set = false}, t = {.set = true};
	struct statefile *f;
	struct err e = ERR_INIT;

	(void)state;
	use("bad");
	for (size_t i = 0; i < NELEM(cases); i++) {
		put(cases[i].text);
		open_ok(&f, &last, cases[i].why);
		assert_int_equal(last.set, cases[i].why == NULL);
		assert_int_equal(statefile_write(f, &t, &e), 0);
		statefile_close(f);
		open_ok(&f, &last, NULL);
		assert_true(last.set);
		statefile_close(f);
	}
	trend_free(&last);
}

/* The text of FILE.old, or NULL. */
static const char *
kept(char *text, size_t size)
{
	char name[128];
	FILE *f;
	size_t n;

	(void)snprintf(name, sizeof(name), "%s.old", path);
	if ((f = fopen(name, "r")) == NULL)
		return NULL;
	n = fread(text, 1, size - 1, f);
	text[n] = '\0';
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
what_is_no_state_file_is_kept_beside_it(void **state)
{
	static const char *const texts[] = {"my thesis", "its second chapter"};
	struct trend last = {.set = false}, t = {.set = true};
	char text[64], name[128];
	struct statefile *f;
	struct err e = ERR_INIT;

	(void)state;
	use("bad");
	(void)snprintf(name, sizeof(name), "%s.old", path);
	(void)unlink(name);
	put("");
	open_ok(&f, &last, "empty");
	statefile_close(f);
	assert_null(kept(text, sizeof(text)));
	for (size_t i = 0; i < NELEM(texts); i++) {
		put(texts[i]);
		open_ok(&f, &last, name);
		assert_string_equal(kept(text, sizeof(text)), texts[i]);
		assert_int_equal(statefile_write(f, &t, &e), 0);
		statefile_close(f);
	}
	open_ok(&f, &last, NULL); /* one of ours is not kept */
	assert_int_equal(statefile_write(f, &t, &e), 0);
	statefile_close(f);
	assert_string_equal(kept(text, sizeof(text)), texts[1]);
	trend_free(&last);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(mkdir(name, 0700), 0);
	put("cannot be kept");
	refused("could not be kept");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(rmdir(name), 0);
	assert_int_equal(unlink(path), 0);
}

static void
a_file_that_is_too_large_is_not_read(void **state)
{
	struct trend last = {.set = false};
	struct statefile *f;

	(void)state;
	use("bad");
	put("{");
	assert_int_equal(truncate(path, 1 << 30), 0);
	open_ok(&f, &last, "too large");
	assert_false(last.set);
	statefile_close(f);
}

static void
links_and_directories_are_refused(void **state)
{
	char target[128];

	(void)state;
	use("link");
	(void)snprintf(target, sizeof(target), "%s/absent", dir);
	assert_int_equal(symlink(target, path), 0);
	refused("symbolic link");
	use("dir");
	assert_int_equal(mkdir(path, 0700), 0);
	refused("not a regular file");
	(void)snprintf(path, sizeof(path), "%s/absent/state", dir);
	refused("could not open");
}

/* Root may open everything, and is told all the same. */
static void
a_file_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	use("bad");
	put("x");
	assert_int_equal(chown(path, 65534, 65534), 0);
	refused("another user");
	assert_int_equal(unlink(path), 0);
}

static void
a_second_run_reads_and_does_not_write(void **state)
{
	struct trend last = {.set = false}, t = {.set = true, .time = 7};
	struct statefile *first, *second = NULL;
	struct err e = ERR_INIT;
	bool overlap = false;
	char ignored[128];

	(void)state;
	use("held");
	open_ok(&first, &last, NULL);
	assert_int_equal(statefile_write(first, &t, &e), 0);
	assert_int_equal(statefile_open(&second, path, &last, &overlap, ignored,
			     sizeof(ignored), &e),
	    0);
	assert_true(overlap);
	assert_int_equal(ignored[0], '2'); /* since 20.. */
	assert_null(second);
	assert_true(last.set);
	assert_true(last.time == 7);
	statefile_close(first);
	open_ok(&second, &last, NULL);
	statefile_close(second);
	statefile_close(NULL);
	trend_free(&last);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_again),
	    cmocka_unit_test(
		a_name_that_is_not_utf8_is_kept_as_far_as_json_can),
	    cmocka_unit_test(what_is_no_state_file_is_ignored_and_replaced),
	    cmocka_unit_test(what_is_no_state_file_is_kept_beside_it),
	    cmocka_unit_test(a_file_that_is_too_large_is_not_read),
	    cmocka_unit_test(links_and_directories_are_refused),
	    cmocka_unit_test(a_file_of_another_user_is_refused),
	    cmocka_unit_test(a_second_run_reads_and_does_not_write),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
