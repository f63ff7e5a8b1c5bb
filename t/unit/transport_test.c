#include "base/std.h"
#include "base/clock.h"
#include "io/remote.h"
#include "io/sshalgo.h"
#include "io/sshconf.h"
#include "io/sshkey.h"
#include "io/transport.h"

#include <poll.h>
#include <signal.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <cmocka.h>

static void
two_descriptors_move_bytes_both_ways_to_the_end(void **state)
{
	struct pollfd fds[TRANSPORT_MAXPOLL];
	struct transport *t;
	char data[16];
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t = transport_fds(s[0], s[0], "peer", NULL);
	assert_non_null(t);
	assert_int_equal(
	    transport_read(t, data, sizeof(data), NULL), TRANSPORT_AGAIN);
	assert_int_equal(t->ops->pollfds(t, true, fds), 1);
	assert_int_equal(fds[0].events, POLLIN | POLLOUT);
	assert_int_equal(transport_write(t, "abc", 3, NULL), 3);
	assert_int_equal(read(s[1], data, sizeof(data)), 3);
	assert_int_equal(write(s[1], "xy", 2), 2);
	assert_int_equal(transport_read(t, data, sizeof(data), NULL), 2);
	assert_int_equal(t->bytes_in, 2);
	assert_int_equal(t->bytes_out, 3);
	t->ops->shutdown(t);
	assert_int_equal(read(s[1], data, sizeof(data)), 0);
	assert_int_equal(write(s[1], "z", 1), 1);
	assert_int_equal(transport_read(t, data, sizeof(data), NULL), 1);
	assert_int_equal(close(s[1]), 0);
	assert_int_equal(transport_read(t, data, sizeof(data), NULL), 0);
	assert_int_not_equal(fcntl(s[0], F_GETFD) & FD_CLOEXEC, 0);
	transport_close(t, clock_ms(), NULL);
	assert_int_equal(fcntl(s[0], F_GETFD), -1);
	transport_close(NULL, clock_ms(), NULL);
}

static void
a_full_pipe_says_again_and_a_broken_one_is_an_error(void **state)
{
	struct pollfd fds[TRANSPORT_MAXPOLL];
	char data[65536] = "";
	struct err e = ERR_INIT;
	struct transport *t;
	int in[2], out[2];
	ssize_t n;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(in) | pipe(out), 0);
	t = transport_fds(in[0], out[1], "peer", NULL);
	assert_non_null(t);
	do
		n = transport_write(t, data, sizeof(data), &e);
	while (n > 0);
	assert_int_equal(n, TRANSPORT_AGAIN);
	assert_int_equal(t->ops->pollfds(t, true, fds), 2);
	assert_int_equal(t->ops->pollfds(t, false, fds), 1);
	assert_int_equal(close(out[0]), 0);
	assert_int_equal(transport_write(t, data, 1, &e), -1);
	assert_int_equal(e.code, ERR_TRANSFER);
	assert_int_equal(close(in[1]), 0);
	transport_close(t, clock_ms(), NULL);
}

static void
stderr_is_kept_to_64_kb_and_shown_escaped(void **state)
{
	static const struct transport_ops none = {.read = NULL};
	struct transport t = {.name = NULL};
	struct err e = ERR_INIT;
	char data[40000], tail[64];

	(void)state;
	assert_int_equal(transport_init(&t, &none, "u@h:22", NULL), 0);
	memset(data, 'a', sizeof(data));
	transport_keep_stderr(&t, data, sizeof(data));
	memset(data, 'b', sizeof(data));
	transport_keep_stderr(&t, data, sizeof(data));
	assert_int_equal(t.err_text.len, 65536);
	assert_int_equal(t.err_text.data[0], 'a');
	assert_int_equal(t.err_text.data[65535], 'b');
	transport_keep_stderr(&t, "x\r\n\033[1m\377end\n\n", 13);
	transport_stderr_tail(&t, tail, 24);
	assert_string_equal(tail, "bbbbbx | \\033[1m\\377end");
	transport_stderr_tail(&t, tail, sizeof(tail));
	assert_non_null(strstr(tail, "x | \\033[1m\\377end"));
	transport_explain(&t, NULL, &e);
	assert_int_equal(e.code, ERR_AGENT);
	assert_non_null(strstr(e.detail, "\\377end"));
	transport_fini(&t);
}

static void
ssh_words_are_split_without_a_shell(void **state)
{
	static const struct {
		const char *s;
		const char *want; /* joined by "|", NULL: refused */
	} v[] = {
	    {"ssh", "ssh"},
	    {"  /usr/bin/ssh\t-v ", "/usr/bin/ssh|-v"},
	    {"ssh -o 'ProxyCommand=nc %h %p'", "ssh|-o|ProxyCommand=nc %h %p"},
	    {"ssh \"a b\"c '' \\\"", "ssh|a bc||\""},
	    {"ssh $(id) `id` ~ *", "ssh|$(id)|`id`|~|*"},
	    {"ssh 'open", NULL},
	    {"", NULL},
	    {"  ", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		struct sshconf_list l = {.v = NULL};
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;
		int rc = sshconf_words(&l, v[i].s, &e);

		assert_int_equal(rc, v[i].want == NULL ? -1 : 0);
		for (size_t k = 0; k < l.n; k++)
			buf_addf(&b, "%s%s", k > 0 ? "|" : "", l.v[k]);
		if (rc == 0)
			assert_string_equal(buf_str(&b), v[i].want);
		else
			assert_int_equal(e.code, ERR_USAGE);
		sshconf_list_free(&l);
		buf_free(&b);
	}
}

static void
ssh_g_fills_what_the_user_left_open(void **state)
{
	static const char text[] = "user ann\nhostname db1.example\nport 2222\n"
				   "proxycommand none\nproxyjump bastion\n"
				   "identityfile ~/.ssh/id_x\n"
				   "identityfile %d/.ssh/id_y\n"
				   "hostkeyalias db\nidentitiesonly yes\n"
				   "globalknownhostsfile /a /b\nnonsense\n"
				   "userknownhostsfile ~/.ssh/k none\n"
				   "identityagent ~/agent\n"
				   "ciphers a,b\n";
	struct sshconf c = {.port = 0};

	(void)state;
	assert_int_equal(sshconf_parse(&c, text, "/h"), 0);
	assert_string_equal(c.user, "ann");
	assert_string_equal(c.hostname, "db1.example");
	assert_int_equal(c.port, 2222);
	assert_string_equal(c.proxy, "ProxyJump bastion");
	assert_string_equal(c.alias, "db");
	assert_string_equal(c.agent, "/h/agent");
	assert_string_equal(c.ciphers, "a,b");
	assert_true(c.identity_only);
	assert_int_equal(c.identity.n, 2);
	assert_string_equal(c.identity.v[0], "/h/.ssh/id_x");
	assert_string_equal(c.identity.v[1], "/h/.ssh/id_y");
	assert_int_equal(c.known.n, 3);
	assert_string_equal(c.known.v[2], "/h/.ssh/k");
	sshconf_free(&c);
	c.port = 22;
	c.user = strdup("bob");
	c.identity_given = c.known_given = true;
	assert_int_equal(sshconf_parse(&c, text, "/h"), 0);
	assert_string_equal(c.user, "bob");
	assert_int_equal(c.port, 22);
	assert_int_equal(c.identity.n + c.known.n, 0);
	sshconf_free(&c);
}

/* The order of 6.8 to 9.9, and of 10.0. */
static void
aes_is_asked_for_before_chacha20_unless_somebody_chose(void **state)
{
	static const struct {
		const char *list, *want;
	} v[] = {
	    {"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,"
	     "aes128-gcm@openssh.com,aes256-gcm@openssh.com",
		"aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
		"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
		"aes256-ctr"},
	    {"chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,"
	     "aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr",
		"aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
		"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
		"aes256-ctr"},
	    {"chacha20-poly1305@openssh.com,aes128-gcm@openssh.com", NULL},
	    {"aes256-ctr,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
	     "aes128-gcm@openssh.com,aes256-gcm@openssh.com",
		NULL},
	    {"aes128-cbc", NULL},
	    {"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		char *to;

		assert_int_equal(sshalgo_aes_first(v[i].list, &to), 0);
		if (v[i].want == NULL)
			assert_null(to);
		else
			assert_string_equal(to, v[i].want);
		free(to);
	}
}

static void
key_files_tell_type_and_encryption(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *type;
		bool encrypted;
	} v[] = {
	    {"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n", 0, "ssh-rsa", false},
	    {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", 0,
		"ssh-rsa", true},
	    {"-----BEGIN EC PRIVATE KEY-----\n", 0, "ecdsa", false},
	    {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 0, "", true},
	    /* magic, "none", "none", "", 1, {"ssh-ed25519" + 1 byte} */
	    {"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	     "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAFAAA\n"
	     "AAtzc2gtZWQyNTUxOQAAAAFB\n-----END OPENSSH PRIVATE KEY-----\n",
		0, "ssh-ed25519", false},
	    {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END ", -1, "",
		false},
	    {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", -1, "", false},
	    {"ssh-ed25519 AAAA me@here\n", -1, "", false},
	    {"", -1, "", false},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		struct sshkey k = {.path = NULL};

		buf_adds(&k.text, v[i].text);
		assert_int_equal(sshkey_parse(&k), v[i].rc);
		assert_string_equal(k.type, v[i].type);
		assert_int_equal(k.encrypted, v[i].encrypted);
		sshkey_free(&k);
	}
}

static void
words_that_a_shell_would_read_are_refused(void **state)
{
	static const struct {
		const char *host, *user, *command, *fingerprint;
	} v[] = {
	    {"h", NULL, "agent; id", NULL},
	    {"h", NULL, "$(id)", NULL},
	    {"h", NULL, "", NULL},
	    {"h", NULL, "-x", NULL},
	    {"-oProxyCommand=id", NULL, "agent", NULL},
	    {"", NULL, "agent", NULL},
	    {"a b", NULL, "agent", NULL},
	    {"h", "-x", "agent", NULL},
	    {"h", "u'", "agent", NULL},
	    {"h", NULL, "agent", "MD5:aa"},
	    {"h", NULL, "agent", "SHA256:short"},
	};
	struct transport *t = NULL;

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		struct remote_opts o = {.host = v[i].host,
		    .user = v[i].user,
		    .fingerprint = v[i].fingerprint};
		struct err e = ERR_INIT;

		assert_int_equal(
		    remote_start(&t, &o, v[i].command, -1, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_null(t);
	}
}

static void
ssh_goes_where_it_is_said_or_to_the_first_host(void **state)
{
	static const struct {
		const char *ssh, *host, *want, *user;
		unsigned port;
		int rc;
	} v[] = {
	    {NULL, "db1", "db1", NULL, 0, 0},
	    {NULL, "db1,db2", "db1", NULL, 0, 0},
	    {"ops@gw:2222", "db1", "gw", "ops", 2222, 0},
	    {"gw:x", "db1", "db1", NULL, 0, -1},
	    {NULL, NULL, NULL, NULL, 0, -1},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		struct remote_opts o = {.kind = REMOTE_AUTO};
		struct err e = ERR_INIT;
		char *text;

		assert_int_equal(
		    remote_at(v[i].ssh, v[i].host, &o, &text, &e), v[i].rc);
		if (v[i].rc == 0) {
			assert_string_equal(o.host, v[i].want);
			assert_int_equal(o.port, v[i].port);
			assert_true(v[i].user == NULL
					? o.user == NULL
					: strcmp(o.user, v[i].user) == 0);
		} else
			assert_int_equal(e.code, ERR_USAGE);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_descriptors_move_bytes_both_ways_to_the_end),
	    cmocka_unit_test(
		a_full_pipe_says_again_and_a_broken_one_is_an_error),
	    cmocka_unit_test(stderr_is_kept_to_64_kb_and_shown_escaped),
	    cmocka_unit_test(ssh_words_are_split_without_a_shell),
	    cmocka_unit_test(ssh_g_fills_what_the_user_left_open),
	    cmocka_unit_test(
		aes_is_asked_for_before_chacha20_unless_somebody_chose),
	    cmocka_unit_test(key_files_tell_type_and_encryption),
	    cmocka_unit_test(words_that_a_shell_would_read_are_refused),
	    cmocka_unit_test(ssh_goes_where_it_is_said_or_to_the_first_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
