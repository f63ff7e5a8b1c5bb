/*
 * Test program: one request of flow/operate.h, over SSH or here.
 *
 * operate [-h] [-k libssh2|openssh] [-p port] [-i identity] [-K known_hosts]
 *     [-A agent] [-V package] [-t ms] VERB PGDATA [KEY=VALUE]...
 * -h: here.  Keys: self node system tli from bindir start stop programs
 * primary.  Prints "running=1 pid=7 status=0 wal=0/0 tli=0" and the text behind
 * it; or an error as cli.md shows it, and exits with its status.
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "flow/operate.h"

static const char *const verbs[] = {[OPERATE_STATUS] = "status",
    [OPERATE_START] = "start",
    [OPERATE_STOP] = "stop",
    [OPERATE_PROMOTE] = "promote",
    [OPERATE_WAL_END] = "wal-end",
    [OPERATE_FOLLOW] = "follow",
    [OPERATE_DELTA] = "delta",
    [OPERATE_MAY] = "may"};

struct args {
	struct remote_opts r;
	struct operate_local l;
	struct operate_request q;
	const char *agent, *package;
	int64_t ms;
	bool here;
};

static int
fail(const struct err *e)
{
	fprintf(
	    stderr, "operate: error: %s [%s]\n", e->text, err_name(e->code));
	if (e->detail[0] != '\0')
		fprintf(stderr, "operate: detail: %s\n", e->detail);
	if (e->hint[0] != '\0')
		fprintf(stderr, "operate: hint: %s\n", e->hint);
	return e->status;
}

static void
take_key(struct args *a, const char *s)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {{"self=", &a->q.self}, {"node=", &a->q.node},
	    {"bindir=", &a->l.bindir}, {"start=", &a->l.start},
	    {"stop=", &a->l.stop}, {"programs=", &a->l.program_dir},
	    {"primary=", &a->l.primary}};

	for (size_t i = 0; i < NELEM(texts); i++)
		if (strncmp(s, texts[i].key, strlen(texts[i].key)) == 0)
			*texts[i].to = s + strlen(texts[i].key);
	if (strncmp(s, "system=", 7) == 0)
		a->q.system_identifier = strtoull(s + 7, NULL, 10);
	if (strncmp(s, "tli=", 4) == 0)
		a->q.timeline = (uint32_t)strtoul(s + 4, NULL, 10);
	if (strncmp(s, "from=", 5) == 0 && lsn_parse(s + 5, &a->q.from) == -1)
		fprintf(stderr, "operate: bad LSN\n");
}

static int
take_args(struct args *a, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "hk:p:i:K:A:V:t:")) != -1) {
		switch (c) {
		case 'h':
			a->here = true;
			break;
		case 'k':
			a->r.kind = strcmp(optarg, "openssh") == 0
					? REMOTE_OPENSSH
					: REMOTE_LIBSSH2;
			break;
		case 'p':
			a->r.port = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'i':
			a->r.identity = optarg;
			break;
		case 'K':
			a->r.known_hosts = optarg;
			break;
		case 'A':
			a->agent = optarg;
			break;
		case 'V':
			a->package = optarg;
			break;
		case 't':
			a->ms = strtol(optarg, NULL, 10);
			break;
		default:
			return -1;
		}
	}
	if (argc - optind < 2)
		return -1;
	for (size_t i = 1; i < NELEM(verbs); i++)
		if (strcmp(verbs[i], argv[optind]) == 0)
			a->q.verb = (enum operate_verb)i;
	a->q.pgdata = argv[optind + 1];
	for (int i = optind + 2; i < argc; i++)
		take_key(a, argv[i]);
	return 0;
}

int
main(int argc, char **argv)
{
	struct args a = {.r = {.host = "127.0.0.1"},
	    .package = PACKAGE_VERSION,
	    .ms = 30000};
	struct operate_answer o;
	struct err e = ERR_INIT;
	char lsn[LSN_TEXT];
	int rc;

	if (take_args(&a, argc, argv) == -1)
		return 2;
	if (sig_init(&e) == -1)
		return fail(&e);
	rc = a.here
		 ? operate_here(&a.l, &a.q, &o, deadline_in(a.ms), sig_fd(), &e)
		 : operate_remote(&a.r, a.agent, a.package, &a.q, &o,
		       deadline_in(a.ms), sig_fd(), &e);
	if (rc == -1)
		return fail(&e);
	printf("running=%d pid=%ld status=%d wal=%s tli=%" PRIu32 "\n%s",
	    o.running, o.pid, o.status, lsn_format(o.wal_end, lsn), o.timeline,
	    o.text);
	operate_answer_free(&o);
	return 0;
}
