#include "base/std.h"
#include "io/knownhosts.h"
#include "io/sshalgo.h"
#include "io/sshhash.h"

#include <setjmp.h>
#include <cmocka.h>

/* Two keys of type ssh-ed25519 and one of type ssh-rsa, made up: 4 bytes
 * length, type, 4 bytes length, key. */
#define ED_A                                                                   \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ED_B                                                                   \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
#define RSA "AAAAB3NzaC1yc2EAAAADAQABAAAABAECAwQ="
#define LINE_A "ssh-ed25519 " ED_A
#define LINE_B "ssh-ed25519 " ED_B

static void
hex(const uint8_t *p, size_t n, char *to)
{
	for (size_t i = 0; i < n; i++)
		(void)snprintf(to + 2 * i, 3, "%02x", p[i]);
}

static void
hashes_agree_with_published_vectors(void **state)
{
	static const struct {
		const char *text, *sha1, *sha256;
	} v[] = {
	    {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
		"ad"},
	    {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8"
		"55"},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06"
		"c1"},
	};
	uint8_t h[SSHHASH_SHA256];
	char text[2 * SSHHASH_SHA256 + 1];

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		sshhash_sha1(v[i].text, strlen(v[i].text), h);
		hex(h, SSHHASH_SHA1, text);
		assert_string_equal(text, v[i].sha1);
		sshhash_sha256(v[i].text, strlen(v[i].text), h);
		hex(h, SSHHASH_SHA256, text);
		assert_string_equal(text, v[i].sha256);
	}
	/* RFC 2202, test case 2 */
	sshhash_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, h);
	hex(h, SSHHASH_SHA1, text);
	assert_string_equal(text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

static void
base64_refuses_what_is_not_base64(void **state)
{
	static const struct {
		const char *text;
		ssize_t n;
	} v[] = {{"", -1}, {"QQ==", 1}, {"QUI=", 2}, {"QUJD", 3},
	    {"QUJDRA==", 4}, {"Q", -1}, {"QQ", -1}, {"QQ=", -1}, {"Q===", -1},
	    {"Q Q=", -1}, {"=QQQ", -1}, {"QQ==QQ==", -1},
	    {"QU\xff"
	     "D",
		-1}};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++)
		assert_int_equal(
		    sshhash_unbase64(v[i].text, strlen(v[i].text), out),
		    v[i].n);
}

static enum knownhosts_verdict
verdict(const char *text, const char *host, unsigned port, const char *key,
    struct knownhosts *k)
{
	struct knownhosts_name n;
	uint8_t blob[100];
	ssize_t len = sshhash_unbase64(key, strlen(key), blob);

	assert_true(len > 0);
	*k = (struct knownhosts){.v = NULL};
	assert_int_equal(knownhosts_name(&n, host, port, NULL, NULL), 0);
	assert_int_equal(
	    knownhosts_parse(k, &n, "test", text, strlen(text), NULL), 0);
	knownhosts_name_free(&n);
	return knownhosts_check(k, blob, (size_t)len, NULL);
}

static void
each_line_form_gets_its_verdict(void **state)
{
	static const struct {
		const char *text, *host;
		unsigned port;
		enum knownhosts_verdict want;
		size_t bad;
	} v[] = {
	    {"", "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"db1 " LINE_A, "db1", 22, KNOWNHOSTS_MATCH, 0},
	    {"db1 " LINE_A "\n", "DB1", 22, KNOWNHOSTS_MATCH, 0},
	    {"DB1 " LINE_A "\n", "db1", 22, KNOWNHOSTS_MATCH, 0},
	    {"db1 " LINE_A "\r\n", "db1", 22, KNOWNHOSTS_MATCH, 0},
	    {"db1\t" LINE_A " a comment\n", "db1", 22, KNOWNHOSTS_MATCH, 0},
	    {"x,db1,10.0.0.1 " LINE_A, "db1", 22, KNOWNHOSTS_MATCH, 0},
	    {"x,db1,10.0.0.1 " LINE_A, "10.0.0.1", 22, KNOWNHOSTS_MATCH, 0},
	    {"db11 " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"db " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"# db1 " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"db1 " LINE_B, "db1", 22, KNOWNHOSTS_MISMATCH, 0},
	    {"db1 ssh-rsa " RSA, "db1", 22, KNOWNHOSTS_MISMATCH, 0},
	    {"db1 " LINE_B "\ndb1 " LINE_A, "db1", 22, KNOWNHOSTS_MATCH, 0},
	    /* port */
	    {"[db1]:2222 " LINE_A, "db1", 2222, KNOWNHOSTS_MATCH, 0},
	    {"[db1]:2222 " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"[db1]:2223 " LINE_A, "db1", 2222, KNOWNHOSTS_UNKNOWN, 0},
	    {"db1 " LINE_A, "db1", 2222, KNOWNHOSTS_MATCH, 0},
	    {"db1 " LINE_B, "db1", 2222, KNOWNHOSTS_UNKNOWN, 0},
	    {"db1 " LINE_A "\n[db1]:2222 " LINE_B, "db1", 2222,
		KNOWNHOSTS_MISMATCH, 0},
	    /* revoked comes first, wildcards or not, wherever it stands */
	    {"@revoked db1 " LINE_A, "db1", 22, KNOWNHOSTS_REVOKED, 0},
	    {"db1 " LINE_A "\n@revoked * " LINE_A, "db1", 22,
		KNOWNHOSTS_REVOKED, 0},
	    {"@revoked *.net,d?1 " LINE_A "\ndb1 " LINE_A, "db1", 22,
		KNOWNHOSTS_REVOKED, 0},
	    {"db1 " LINE_A "\n@revoked db1 " LINE_A, "db1", 2222,
		KNOWNHOSTS_REVOKED, 0},
	    {"@revoked db2 " LINE_A "\ndb1 " LINE_A, "db1", 22,
		KNOWNHOSTS_MATCH, 0},
	    {"@revoked * " LINE_B "\ndb1 " LINE_A, "db1", 22, KNOWNHOSTS_MATCH,
		0},
	    {"@revoked * " LINE_B, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    /* as if they were not there */
	    {"@cert-authority * " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"@cert-authority db1 " LINE_B, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"* " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"d?1,db* " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"db1,!db1 " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    {"db1,!d* " LINE_A, "db1", 22, KNOWNHOSTS_UNKNOWN, 0},
	    /* bad lines cost themselves */
	    {"db1\ndb1 " LINE_A, "db1", 22, KNOWNHOSTS_MATCH, 1},
	    {"db1 ssh-ed25519 AA*A\ndb1 " LINE_A, "db1", 22, KNOWNHOSTS_MATCH,
		1},
	    {"db1 ssh-rsa " ED_B "\ndb1 " LINE_A, "db1", 22, KNOWNHOSTS_MATCH,
		1},
	    {"db1 1024 35 1234\n@new db1 " LINE_A "\n@revoked\n", "db1", 22,
		KNOWNHOSTS_UNKNOWN, 3},
	    {"|1|x|y " LINE_A "\n|1| " LINE_A "\n", "db1", 22,
		KNOWNHOSTS_UNKNOWN, 0},
	};
	struct knownhosts k;

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		enum knownhosts_verdict got =
		    verdict(v[i].text, v[i].host, v[i].port, ED_A, &k);

		if (got != v[i].want || k.bad_lines != v[i].bad)
			fail_msg("%s: verdict %d, %zu bad lines", v[i].text,
			    got, k.bad_lines);
		knownhosts_free(&k);
	}
}

/* Made by ssh-keygen -H. */
static void
hashed_names_match_their_host_only(void **state)
{
	static const char salt[] = "0123456789abcdefghij";
	uint8_t h[SSHHASH_SHA1];
	char *s = sshhash_base64(salt, 20), *m, text[400];
	struct knownhosts k;

	(void)state;
	sshhash_hmac_sha1(salt, 20, "[db1]:2222", 10, h);
	m = sshhash_base64(h, sizeof(h));
	(void)snprintf(text, sizeof(text), "|1|%s|%s " LINE_A "\n", s, m);
	assert_int_equal(
	    verdict(text, "db1", 2222, ED_A, &k), KNOWNHOSTS_MATCH);
	knownhosts_free(&k);
	assert_int_equal(
	    verdict(text, "db1", 2222, ED_B, &k), KNOWNHOSTS_MISMATCH);
	knownhosts_free(&k);
	assert_int_equal(
	    verdict(text, "db2", 2222, ED_A, &k), KNOWNHOSTS_UNKNOWN);
	knownhosts_free(&k);
	free(s);
	free(m);
}

static void
a_long_line_and_a_nul_byte_cost_only_their_line(void **state)
{
	struct knownhosts k = {.v = NULL};
	struct knownhosts_name n;
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(knownhosts_name(&n, "db1", 22, NULL, NULL), 0);
	buf_adds(&b, "db1 ssh-ed25519 ");
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, 'A');
	buf_adds(&b, "\ndb1 ");
	buf_addc(&b, '\0');
	buf_adds(&b, LINE_B "\ndb1 " LINE_A "\n");
	assert_int_equal(
	    knownhosts_parse(&k, &n, "f", buf_str(&b), b.len, NULL), 0);
	assert_int_equal(k.bad_lines, 2);
	assert_string_equal(buf_str(&k.bad), "f:1, f:2");
	assert_int_equal(k.n, 1);
	assert_int_equal(k.v[0].line, 3);
	assert_true(knownhosts_has(&k, "ssh-ed25519"));
	assert_false(knownhosts_has(&k, "ssh-rsa"));
	knownhosts_free(&k);
	knownhosts_name_free(&n);
	buf_free(&b);
}

static int
load(const char *file, bool required, struct err *e)
{
	struct knownhosts k = {.v = NULL};
	struct knownhosts_name n;
	int rc;

	err_clear(e);
	assert_int_equal(knownhosts_name(&n, "db1", 22, NULL, NULL), 0);
	rc = knownhosts_load(&k, &n, file, required, e);
	knownhosts_free(&k);
	knownhosts_name_free(&n);
	return rc;
}

static void
a_file_that_cannot_be_trusted_is_an_error(void **state)
{
	char dir[] = "/tmp/knownhosts.XXXXXX", file[100], fifo[100];
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/known_hosts", dir);
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(load(file, false, &e), 0);
	assert_int_equal(load(file, true, &e), -1);
	assert_int_equal(e.code, ERR_SSH_HOSTKEY);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && close(fd) == 0);
	assert_int_equal(load(file, true, &e), 0);
	assert_int_equal(chmod(file, 0646), 0);
	assert_int_equal(load(file, true, &e), -1);
	assert_non_null(strstr(e.text, "written by others"));
	assert_int_equal(load(dir, true, &e), -1);
	assert_non_null(strstr(e.text, "not a regular file"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(load(fifo, true, &e), -1);
	assert_non_null(strstr(e.text, "not a regular file"));
	assert_int_equal(unlink(file) | unlink(fifo) | rmdir(dir), 0);
}

static void
known_types_come_first_in_the_preference(void **state)
{
	static const char *const have[] = {"c", "aa", "a"};
	struct knownhosts k;
	struct buf b = BUF_INIT;

	(void)state;
	sshalgo_filter(&b, "a,b,aaa,c,", have, NELEM(have));
	assert_string_equal(buf_str(&b), "a,c");
	buf_reset(&b);
	(void)verdict("db1 ssh-rsa " RSA, "db1", 22, ED_A, &k);
	sshalgo_hostkeys(&b, &k, NULL);
	assert_int_equal(strncmp(buf_str(&b), "rsa-sha2-512,", 13), 0);
	assert_non_null(strstr(buf_str(&b), ",ssh-ed25519,"));
	buf_reset(&b);
	sshalgo_hostkeys(&b, &k, "ssh-ed25519");
	assert_string_equal(buf_str(&b), "ssh-ed25519");
	buf_free(&b);
	knownhosts_free(&k);
}

static void
our_lists_hold_nothing_weak(void **state)
{
	static const char *const weak[] = {
	    "cbc", "arcfour", "3des", "md5", "sha1", "group1-", "dss", "none"};

	(void)state;
	for (int i = 0; i < SSHALGO_KINDS; i++)
		for (size_t j = 0; j < NELEM(weak); j++)
			assert_null(strstr(
			    sshalgo_ours((enum sshalgo_kind)i), weak[j]));
}

static void
the_offer_of_a_server_is_read_at_any_length(void **state)
{
	struct buf b = BUF_INIT;
	struct sshalgo_offer o = {.version = ""};
	static const char *const lists[] = {
	    "kex1,kex2", "key1", "c1", "c2", "m1", "m2"};

	(void)state;
	buf_adds(&b, "welcome\r\nSSH-2.0-Open\033SSH_9\r\n");
	buf_add_u32(&b, 100);
	buf_adds(&b, "\004\024cookiecookiecook");
	for (size_t i = 0; i < NELEM(lists); i++) {
		buf_add_u32(&b, (uint32_t)strlen(lists[i]));
		buf_adds(&b, lists[i]);
	}
	for (size_t n = 0; n < b.len; n++) {
		assert_false(sshalgo_parse(&o, b.data, n));
		sshalgo_offer_free(&o);
	}
	assert_true(sshalgo_parse(&o, b.data, b.len));
	assert_string_equal(o.version, "SSH-2.0-Open?SSH_9");
	for (size_t i = 0; i < NELEM(lists); i++)
		assert_string_equal(o.list[i], lists[i]);
	sshalgo_offer_free(&o);
	buf_free(&b);
	assert_true(sshalgo_common("a,bb,c", "x,bb"));
	assert_false(sshalgo_common("a,bb,c", "b,aa,"));
	assert_false(sshalgo_common("", ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes_agree_with_published_vectors),
	    cmocka_unit_test(base64_refuses_what_is_not_base64),
	    cmocka_unit_test(each_line_form_gets_its_verdict),
	    cmocka_unit_test(hashed_names_match_their_host_only),
	    cmocka_unit_test(a_long_line_and_a_nul_byte_cost_only_their_line),
	    cmocka_unit_test(a_file_that_cannot_be_trusted_is_an_error),
	    cmocka_unit_test(known_types_come_first_in_the_preference),
	    cmocka_unit_test(our_lists_hold_nothing_weak),
	    cmocka_unit_test(the_offer_of_a_server_is_read_at_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
