/*
 * Test program: the files of a source directory into a target directory, by the
 * plan, the workers and the agents of standby-clone, but without a server.
 *
 * refresh [-p auto|rsync|whole] [-j workers] [-b block_size] [-s seed]
 *     [-z compress] [-r bytes_per_second] [-g] [-v] -e SSH -A AGENT
 *     SOURCE TARGET
 * SSH starts the agent.  -g: access for the group; -v: pages are verified, and
 * right ones spared.  Prints for each file "P 0 changed size path", ended by a
 * NUL: how it travels, enum wire_file_status, bytes that were written, bytes.
 *
 * refresh -c [-b block_size] [-s seed]
 * Prints two parts of a page with the same sum, in hexadecimal.
 */
#include "base/std.h"
#include "base/err.h"
#include "base/sig.h"
#include "core/parts.h"
#include "core/plan.h"
#include "flow/apply.h"
#include "flow/pool.h"
#include "flow/walk.h"
#include "io/pagedelta.h"

struct run {
	struct remote_opts remote;
	const char *agent, *source, *target;
	unsigned workers;
	struct wire_open open;
	enum plan_pages pages;
	bool group, verify, collide;

	struct pool *pool;
	struct pool_source opened;
	struct tree *tree;
	struct manifest from, to;
	struct plan plan;
	size_t next, answered;
};

/* --- two parts of one sum --------------------------------------------------
 */

#define SLOTS (UINT32_C(1) << 22)
#define PARTS_TRIED (UINT32_C(1) << 20) /* of 32 bits about 128 meet */

static void
print_part(uint32_t number, size_t size)
{
	uint8_t head[4];

	wire_put_u32(head, number);
	for (size_t i = 0; i < size; i++)
		printf("%02x", i < sizeof(head) ? head[i] : 0);
	printf("\n");
}

/* Parts of zeros behind their number, until one has the sum of another. */
static int
collide(const struct run *r)
{
	static uint8_t page[65536];
	static uint32_t number[SLOTS], sum[SLOTS];
	uint8_t sums[PARTS_SUMS];
	size_t size = r->open.block_size / PARTS;

	for (uint32_t n = 1; n < PARTS_TRIED; n += PARTS) {
		for (uint32_t i = 0; i < PARTS; i++)
			wire_put_u32(page + i * size, n + i);
		pagesums(r->open.seed, page, r->open.block_size, sums);
		for (uint32_t i = 0; i < PARTS; i++) {
			uint32_t s = wire_get_u32(sums + i * PARTS_SUM);
			uint32_t at = s % SLOTS;

			while (number[at] != 0 && sum[at] != s)
				at = (at + 1) % SLOTS;
			if (number[at] != 0) {
				print_part(number[at], size);
				print_part(n + i, size);
				return 0;
			}
			number[at] = n + i;
			sum[at] = s;
		}
	}
	return 1;
}

/* --- the transfer ----------------------------------------------------------
 */

static const struct action *
transfer(const struct run *r, size_t i)
{
	return &r->plan.v[r->plan.nremove + r->plan.nmkdir + i];
}

static int
next_job(void *arg, struct fetch_job *job, struct err *e)
{
	struct run *r = arg;
	const struct action *a;

	(void)e;
	if (r->next == r->plan.ntransfer)
		return 0;
	a = transfer(r, r->next);
	*job = (struct fetch_job){.id = (uint32_t)r->next,
	    .kind = a->kind,
	    .flags = a->flags,
	    .size = a->src->size,
	    .mode = plan_mode(a->src->mode, false, r->group),
	    .path = a->src->path};
	r->next++;
	return 1;
}

static int
job_done(void *arg, const struct fetch_result *f, struct err *e)
{
	struct run *r = arg;
	const struct action *a;

	if (f->id >= r->plan.ntransfer)
		return err_set(e, ERR_INTERNAL, "result of no job");
	a = transfer(r, f->id);
	r->answered++;
	printf("%c %u %" PRIu64 " %" PRIu64 " %s%c", plan_letter(a), f->status,
	    f->changed, f->size, a->src->path, '\0');
	return 0;
}

static int
begin(struct run *r, struct err *e)
{
	struct pool_opts o = {.n = r->workers,
	    .remote = &r->remote,
	    .agent = r->agent,
	    .package = PACKAGE_VERSION,
	    .connect_ms = 30000};

	r->open.pgdata = (struct wire_str){r->source, strlen(r->source)};
	if ((r->pool = pool_start(&o, e)) == NULL ||
	    pool_ready(r->pool, e) == -1)
		return -1;
	return pool_open(r->pool, &r->open, &r->opened, e);
}

static int
make_plan(struct run *r, struct err *e)
{
	static const struct exclude none = {.npatterns = 0};
	struct walk_opts all = {.recurse = true, .into = &r->to};
	struct wire_manifest req = {.flags = WIRE_MANIFEST_RECURSE};
	struct plan_opts o = {.exclude = &none,
	    .pages = r->pages,
	    .unlogged = true,
	    .block_size = r->open.block_size,
	    .wal_dir = "pg_wal",
	    .group = r->group};

	if (pool_manifest(r->pool, &req, NULL, &r->from, NULL, e) == -1 ||
	    (r->tree = tree_open(r->target, e)) == NULL ||
	    walk(r->tree, &all, NULL, e) == -1)
		return -1;
	return plan_build(&r->plan, &r->from, &r->to, &o, e);
}

static int
carry_out(struct run *r, struct err *e)
{
	struct apply_opts ao = {.tree = r->tree, .group = r->group};
	struct pool_work work = {.next = next_job, .done = job_done, .arg = r};

	if (apply_removals(&r->plan, &ao, e) == -1 ||
	    apply_directories(&r->plan, &ao, e) == -1 ||
	    pool_tree(r->pool, r->target, NULL, 0, e) == -1)
		return -1;
	if (r->verify && (pool_verify(r->pool, 0, e) == -1 ||
			     pool_spare(r->pool, 0, 131072, e) == -1))
		return -1;
	pool_crew(r->pool, r->workers);
	if (pool_run(r->pool, &work, e) == -1)
		return -1;
	if (r->answered != r->plan.ntransfer)
		return err_set(e, ERR_INTERNAL, "%zu of %zu files answered",
		    r->answered, r->plan.ntransfer);
	return pool_finish(r->pool, e);
}

static int
refresh(struct run *r)
{
	struct err e = ERR_INIT;
	int rc = -1;

	if (sig_init(&e) == 0 && begin(r, &e) == 0 && make_plan(r, &e) == 0)
		rc = carry_out(r, &e);
	if (rc == -1)
		fprintf(stderr, "refresh: error: %s [%s]\n%s%s", e.text,
		    err_name(e.code), e.detail,
		    e.detail[0] == '\0' ? "" : "\n");
	pool_close(r->pool);
	pool_source_free(&r->opened);
	tree_close(r->tree);
	plan_free(&r->plan);
	manifest_free(&r->from);
	manifest_free(&r->to);
	return rc == 0 ? 0 : e.status;
}

static int
take_args(struct run *r, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:j:b:s:z:r:gvce:A:")) != -1) {
		unsigned long long n =
		    optarg == NULL ? 0 : strtoull(optarg, NULL, 10);

		switch (c) {
		case 'p':
			r->pages = optarg[0] == 'a'   ? PLAN_AUTO
				   : optarg[0] == 'r' ? PLAN_RSYNC
						      : PLAN_WHOLE;
			break;
		case 'j':
			r->workers = (unsigned)n;
			break;
		case 'b':
			r->open.block_size = (uint32_t)n;
			break;
		case 's':
			r->open.seed = n;
			break;
		case 'z':
			r->open.compress = (uint8_t)n;
			break;
		case 'r':
			r->open.max_rate = n;
			break;
		case 'g':
			r->group = true;
			break;
		case 'v':
			r->verify = true;
			break;
		case 'c':
			r->collide = true;
			break;
		case 'e':
			r->remote.ssh_command = optarg;
			break;
		case 'A':
			r->agent = optarg;
			break;
		default:
			return -1;
		}
	}
	if (r->collide)
		return argc == optind ? 0 : -1;
	if (argc != optind + 2 || r->agent == NULL)
		return -1;
	r->source = argv[optind];
	r->target = argv[optind + 1];
	return 0;
}

int
main(int argc, char **argv)
{
	struct run r = {.remote = {.kind = REMOTE_OPENSSH, .host = "127.0.0.1"},
	    .workers = 1,
	    .open = {.block_size = 8192}};

	if (take_args(&r, argc, argv) == -1)
		return 2;
	return r.collide ? collide(&r) : refresh(&r);
}
