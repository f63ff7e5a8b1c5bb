/* core/plan.h: every decision, as one line of letters and paths. */
#include "base/std.h"
#include "base/buf.h"
#include "core/path.h"
#include "core/plan.h"

#include <setjmp.h>

#include <cmocka.h>

/*
 * A manifest as text, in any order: "dbase fbase/1/10=100*2 lpg_wal ssock" are
 * a directory, a file of 100 bytes (8192) with 2 names, a link, a socket;
 * "!0755" behind them is a mode.
 */
static int
by_path(const void *a, const void *b)
{
	char p[2][200];

	for (int i = 0; i < 2; i++) {
		const char *s = *(const char *const *)(i == 0 ? a : b) + 1;

		(void)snprintf(
		    p[i], sizeof(p[i]), "%.*s", (int)strcspn(s, "=*!"), s);
	}
	return path_cmp(p[0], p[1]);
}

static void
cut_off(char *word, char what, unsigned long *to, int base)
{
	char *p = strrchr(word, what);

	if (p != NULL) {
		*to = strtoul(p + 1, NULL, base);
		*p = '\0';
	}
}

static void
make(struct manifest *m, const char *text)
{
	char *copy = strdup(text), *words[64], *save = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;

	*m = (struct manifest){0};
	assert_non_null(copy);
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		assert_true(n < NELEM(words));
		words[n++] = w;
	}
	qsort(words, n, sizeof(*words), by_path);
	for (size_t i = 0; i < n; i++) {
		struct entry en = {
		    .type = (uint8_t)words[i][0], .path = words[i] + 1};
		unsigned long size = 8192, nlink = 1,
			      mode = en.type == 'd' ? 0700 : 0600;

		cut_off(words[i], '!', &mode, 8);
		cut_off(words[i], '*', &nlink, 10);
		cut_off(words[i], '=', &size, 10);
		en.size = en.type == 'f' ? size : 0;
		en.nlink = (uint32_t)nlink;
		en.mode = (uint32_t)mode;
		en.link = en.type == 'l' ? "/elsewhere" : NULL;
		if (manifest_add(m, &en, &e) == -1)
			fail_msg("%s: %s", text, e.text);
	}
	free(copy);
}

/* "Rold Mbase Cbase/1/10 Pbase/1/11+u": flags behind the name: a aside, u
 * unshare, l limit. */
static const char *
render(const struct plan *p, struct buf *b)
{
	buf_reset(b);
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		buf_addf(b, "%s%c%s", i > 0 ? " " : "", plan_letter(a),
		    a->src != NULL ? a->src->path : a->dst->path);
		if (a->kind == ACT_RMDIR)
			buf_addc(b, '/');
		/* New exactly where the target has nothing. */
		assert_int_equal((a->flags & ACT_NEW) != 0,
		    a->src != NULL && a->src->type == ENTRY_FILE &&
			a->dst == NULL);
		if ((a->flags & ~ACT_NEW) != 0)
			buf_addf(b, "+%s%s%s", a->flags & ACT_ASIDE ? "a" : "",
			    a->flags & ACT_UNSHARE ? "u" : "",
			    a->flags & ACT_LIMIT ? "l" : "");
	}
	assert_int_equal(
	    p->nremove + p->nmkdir + p->ntransfer + p->nskip, p->n);
	return buf_str(b);
}

static const char *const own[] = {"postgresql.conf", "conf.d", "*.key"};
static const struct exclude excludes = {
    .log_dir = "log", .tblspc_dir = "PG_15_1"};

static struct plan_opts
options(void)
{
	return (struct plan_opts){.exclude = &excludes,
	    .pages = PLAN_AUTO,
	    .unlogged = true,
	    .block_size = 8192,
	    .keep = own,
	    .nkeep = NELEM(own),
	    .wal_dir = "pg_wal"};
}

struct row {
	const char *src, *dst, *want;
};

static void
check(const struct row *t, size_t n, const struct plan_opts *o)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		struct manifest src, dst;
		struct err e = ERR_INIT;
		struct plan p;

		make(&src, t[i].src);
		make(&dst, t[i].dst);
		if (plan_build(&p, &src, &dst, o, &e) == -1)
			fail_msg("%s", e.text);
		if (strcmp(render(&p, &b), t[i].want) != 0)
			fail_msg("%zu: [%s] over [%s]:\n%s\nnot\n%s", i,
			    t[i].src, t[i].dst, buf_str(&b), t[i].want);
		plan_free(&p);
		plan_free(&p);
		manifest_free(&src);
		manifest_free(&dst);
	}
	buf_free(&b);
}

static void
how_each_file_travels(void **state)
{
	static const struct row t[] = {
	    {"", "", ""},
	    {"dbase dbase/1 fbase/1/10", "", "Mbase Mbase/1 Cbase/1/10+l"},
	    {"fPG_VERSION", "", "CPG_VERSION"},
	    {"fPG_VERSION", "fPG_VERSION", "CPG_VERSION+a"},
	    {"fbase/1/10", "fbase/1/10", "Pbase/1/10+l"},
	    {"fbase/1/10", "fbase/1/10=999", "Pbase/1/10+l"},
	    {"fbase/1/10=0", "fbase/1/10=8192", "Pbase/1/10+l"},
	    {"fbase/1/10", "fbase/1/10=0", "Cbase/1/10+al"},
	    {"fpg_xact/0000", "fpg_xact/0000", "Ppg_xact/0000+l"},
	    {"fbig=20000", "fbig=20000", "Dbig+a"},
	    {"fbig=16384", "fbig=16384", "Dbig+a"},
	    {"fbig=16383", "fbig=20000", "Cbig+a"},
	    {"fbig=20000", "fbig=16383", "Cbig+a"},
	    {"fbig=20000", "", "Cbig"},
	    {"fbig=20000", "fbig=68719476736", "Dbig+a"},
	    {"fbig=20000", "fbig=68719476737", "Cbig+a"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
}

static void
rsync_and_whole(void **state)
{
	static const struct row rsync[] = {
	    {"fbase/1/10=80000 fmap=80000", "fbase/1/10=80000 fmap=80000",
		"Dbase/1/10+al Dmap+a"},
	    {"fbase/1/10", "fbase/1/10", "Cbase/1/10+al"},
	};
	static const struct row whole[] = {
	    {"fbase/1/10=80000 fmap=80000", "fbase/1/10=80000 fmap=80000",
		"Cbase/1/10+al Cmap+a"},
	};
	struct plan_opts o = options();

	(void)state;
	o.pages = PLAN_RSYNC;
	check(rsync, NELEM(rsync), &o);
	o.pages = PLAN_WHOLE;
	check(whole, NELEM(whole), &o);
}

/* faults.md B32: whatever happens to a file of several names, it is not
 * written in place. */
static void
B32_files_of_several_names_are_not_written_in_place(void **state)
{
	static const struct row t[] = {
	    {"fbase/1/10", "fbase/1/10*2", "Pbase/1/10+ul"},
	    {"fbase/1/10", "fbase/1/10=0*2", "Cbase/1/10+al"},
	    {"fmap=80000", "fmap=80000*3", "Dmap+a"},
	    {"fmap=80", "fmap=80*3", "Cmap+a"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
	for (int k = PLAN_AUTO; k <= PLAN_WHOLE; k++) {
		struct manifest src, dst;
		struct plan p;

		o.pages = (enum plan_pages)k;
		make(&src, "fbase/1/10=99999 fbase/1/11=0 fx=1 fy=99999");
		make(&dst,
		    "fbase/1/10=99999*2 fbase/1/11=5*2 fx=1*2 fy=99999*2");
		assert_int_equal(plan_build(&p, &src, &dst, &o, NULL), 0);
		assert_int_equal(p.ntransfer, 4);
		for (size_t i = 0; i < p.n; i++)
			assert_true(p.v[i].flags & (ACT_ASIDE | ACT_UNSHARE));
		plan_free(&p);
		manifest_free(&src);
		manifest_free(&dst);
	}
}

/* faults.md B31, B26. */
static void
B31_unlogged_and_temporary_relations(void **state)
{
	static const struct row t[] = {
	    {"fbase/1/10 fbase/1/10.1 fbase/1/10_fsm fbase/1/10_vm "
	     "fbase/1/10_init",
		"", "Cbase/1/10_init+l"},
	    {"fbase/1/10 fbase/1/10_init fbase/1/100", "",
		"Cbase/1/100+l Cbase/1/10_init+l"},
	    {"fbase/1/10 fbase/2/10_init", "",
		"Cbase/1/10+l Cbase/2/10_init+l"},
	    {"fbase/1/10 fbase/1/10_init", "fbase/1/10 fbase/1/10_init",
		"Rbase/1/10 Pbase/1/10_init+l"},
	    {"fbase/1/10_init", "fbase/1/10 fbase/1/10_fsm",
		"Rbase/1/10_fsm Rbase/1/10 Cbase/1/10_init+l"},
	    {"fbase/1/t3_123 fbase/1/t3_123_fsm fbase/1/123", "",
		"Cbase/1/123+l"},
	    {"fbase/1/t3_123", "fbase/1/t3_123", "Rbase/1/t3_123"},
	    {"fpg_tblspc/1/PG_15_1/5/10 fpg_tblspc/1/PG_15_1/5/10_init", "",
		"Cpg_tblspc/1/PG_15_1/5/10_init+l"},
	};
	static const struct row old[] = {
	    {"fbase/1/10 fbase/1/10_init", "",
		"Cbase/1/10+l Cbase/1/10_init+l"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
	o.unlogged = false; /* 9.0 */
	check(old, NELEM(old), &o);
}

static void
the_standby_keeps_its_own_files(void **state)
{
	static const struct row t[] = {
	    {"fpostgresql.conf", "fpostgresql.conf=7", ""},
	    {"fpostgresql.conf", "", "Cpostgresql.conf+a"},
	    {"", "fpostgresql.conf", ""},
	    {"", "dconf.d fconf.d/a fconf.d/b", ""},
	    {"dconf.d fconf.d/a fconf.d/c", "dconf.d fconf.d/a fconf.d/b", ""},
	    {"dconf.d fconf.d/c", "", "Mconf.d Cconf.d/c"},
	    {"fserver.key", "fserver.key", ""},
	    {"fsub/server.key", "fsub/server.key=1", "Csub/server.key+a"},
	    {"", "fsub/postgresql.conf", "Rsub/postgresql.conf"},
	    {"dpostgresql.conf fpostgresql.conf/x", "fpostgresql.conf", ""},
	    /* what --copy-external-config moved away */
	    {"", "fpg_hba.conf.bak fpg_hba.conf.bak1 fserver.crt.bak12", ""},
	    {"fpg_hba.conf.bak", "fpg_hba.conf.bak=9", ""},
	    {"fpg_hba.conf.bak", "", "Cpg_hba.conf.bak"},
	    {"", "dpg_hba.conf.bak", "Rpg_hba.conf.bak/"},
	    {"", "fpg_hba.conf.bakx", "Rpg_hba.conf.bakx"},
	    {"", "fother.bak", "Rother.bak"},
	    {"", "fsub/pg_hba.conf.bak", "Rsub/pg_hba.conf.bak"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
}

static void
what_changed_its_kind_goes_first(void **state)
{
	static const struct row t[] = {
	    {"fx", "dx", "Rx/ Cx"},
	    {"fx", "dx fx/y dx/z fx/z/w", "Rx/z/w Rx/z/ Rx/y Rx/ Cx"},
	    {"dx fx/y", "fx", "Rx Mx Cx/y"},
	    {"fx", "lx", "Rx Cx"},
	    {"dx", "lx", "Rx Mx"},
	    {"fx", "sx", "Rx Cx"},
	    {"", "sx", "Rx"},
	    {"", "lx", "Rx"},
	    {"lx", "fx", "Rx"},
	    {"lx", "lx", "Rx"},
	    {"fbase/1/10", "lbase/1/10", "Rbase/1/10 Cbase/1/10+l"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
}

static void
tablespaces_come_and_go(void **state)
{
	static const struct row t[] = {
	    /* there and there: the links are flow/roots.c's */
	    {"dpg_tblspc lpg_tblspc/1 dpg_tblspc/1/PG_15_1",
		"dpg_tblspc lpg_tblspc/1 dpg_tblspc/1/PG_15_1", ""},
	    {"dpg_tblspc lpg_tblspc/1 dpg_tblspc/1/PG_15_1 "
	     "fpg_tblspc/1/PG_15_1/5/10",
		"dpg_tblspc",
		"Mpg_tblspc/1/PG_15_1 Cpg_tblspc/1/PG_15_1/5/10+l"},
	    /* dropped */
	    {"dpg_tblspc",
		"dpg_tblspc lpg_tblspc/1 dpg_tblspc/1/PG_15_1 "
		"dpg_tblspc/1/PG_15_1/5 fpg_tblspc/1/PG_15_1/5/10",
		"Rpg_tblspc/1/PG_15_1/5/10 Rpg_tblspc/1/PG_15_1/5/ "
		"Rpg_tblspc/1/PG_15_1/ Rpg_tblspc/1"},
	    /* dropped; another version's files beside ours stay */
	    {"dpg_tblspc",
		"dpg_tblspc lpg_tblspc/1 dpg_tblspc/1/PG_14_9 "
		"fpg_tblspc/1/PG_14_9/x fpg_tblspc/1/note",
		"Rpg_tblspc/1"},
	    /* in place */
	    {"dpg_tblspc dpg_tblspc/1 dpg_tblspc/1/PG_15_1", "",
		"Mpg_tblspc Mpg_tblspc/1 Mpg_tblspc/1/PG_15_1"},
	    {"dpg_tblspc", "dpg_tblspc dpg_tblspc/1 dpg_tblspc/1/PG_15_1",
		"Rpg_tblspc/1/PG_15_1/ Rpg_tblspc/1/"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
}

/* faults.md B26: always removed, whatever the source has. */
static void
B26_what_must_go_goes(void **state)
{
	static const struct row t[] = {
	    {"dpg_wal", "dpg_wal fpg_wal/00000003.history",
		"Rpg_wal/00000003.history"},
	    {"dpg_wal", "lpg_wal fpg_wal/000000010000000000000001",
		"Rpg_wal/000000010000000000000001 Mpg_wal"},
	    {"lpg_wal", "dpg_wal", ""},
	    {"lpg_wal", "lpg_wal", ""},
	    {"dpg_replslot", "dpg_replslot dpg_replslot/a fpg_replslot/a/state",
		"Rpg_replslot/a/state Rpg_replslot/a/"},
	    {"fbackup_label fstandby.signal fpromote",
		"fbackup_label fbackup_label.old fstandby.signal "
		"frecovery.signal frecovery.conf fpromote fpostmaster.pid "
		"fpostmaster.opts",
		"Rstandby.signal Rrecovery.signal Rrecovery.conf Rpromote "
		"Rpostmaster.pid Rpostmaster.opts Rbackup_label.old "
		"Rbackup_label"},
	    {"f.standby-clone.state", "f.standby-clone.state", ""},
	    {"fbase/1/10.standby-clone.tmp", "fbase/1/10.standby-clone.tmp",
		"Rbase/1/10.standby-clone.tmp"},
	    {"dlog flog/a", "dlog flog/b", ""},
	    {"dglobal", "dglobal fglobal/pg_internal.init",
		"Rglobal/pg_internal.init"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
}

static void
pg_control_is_not_the_plans(void **state)
{
	static const struct row t[] = {
	    {"dglobal fglobal/pg_control", "", "Mglobal"},
	    {"dglobal fglobal/pg_control", "dglobal fglobal/pg_control", ""},
	    {"dglobal",
		"dglobal fglobal/pg_control fglobal/pg_control.standby-clone",
		""},
	};
	struct plan_opts o = options();
	struct manifest src, dst;
	struct plan p;

	(void)state;
	check(t, NELEM(t), &o);
	make(&src, "fPG_VERSION fglobal/pg_control");
	make(&dst, "fPG_VERSION fglobal/pg_control");
	assert_int_equal(plan_build(&p, &src, &dst, &o, NULL), 0);
	assert_int_equal(p.removed_files, 0);
	assert_int_equal(p.target_files, 1);
	assert_int_equal(plan_check_delete(&p, "0", NULL), 0);
	plan_free(&p);
	manifest_free(&src);
	manifest_free(&dst);
}

static void
removals_then_directories_then_the_largest_first(void **state)
{
	static const struct row t[] = {
	    {"da da/b fa/b/1=5 fa/small=100 fa/big=9000000 fa/bigger=9000001 "
	     "fz=1048575 fy=1048576",
		"dold dold/x fold/x/1 fzz",
		"Rzz Rold/x/1 Rold/x/ Rold/ Ma Ma/b Ca/bigger Ca/big Cy "
		"Ca/b/1 Ca/small Cz"},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
}

static void
a_directory_with_another_mode_is_set_right(void **state)
{
	static const struct row t[] = {
	    {"da", "da", ""},
	    {"da", "da!0755", "Ma"},
	    {"da!0755", "da", ""},
	};
	static const struct row group[] = {
	    {"da", "da", "Ma"},
	    {"da", "da!0750", ""},
	};
	struct plan_opts o = options();

	(void)state;
	check(t, NELEM(t), &o);
	o.group = true;
	check(group, NELEM(group), &o);
	for (uint32_t mode = 0; mode <= 07777; mode++) {
		assert_int_equal(plan_mode(mode, true, false), 0700);
		assert_int_equal(plan_mode(mode, true, true), 0750);
		assert_int_equal(plan_mode(mode, false, false), 0600);
		assert_int_equal(plan_mode(mode, false, true), 0640);
	}
}

static void
the_sums(void **state)
{
	struct plan_opts o = options();
	struct manifest src, dst;
	struct buf b = BUF_INIT;
	struct plan p;

	(void)state;
	make(&src, "dbase fnew=100 fgrown=300 fshrunk=50 fsame=10 "
		   "fbase/1/10=8192 fbase/1/10_init=0 fbase/1/t1_2=999 "
		   "fpostgresql.conf=5");
	make(&dst, "fgrown=200 fshrunk=60 fsame=10 fgone=1000 flinked=2000*2 "
		   "fpostgresql.conf=7 fpostmaster.pid=30 "
		   "dpg_wal fpg_wal/000000010000000000000001=16777216");
	assert_int_equal(plan_build(&p, &src, &dst, &o, NULL), 0);
	buf_addf(&b,
	    "bytes %" PRIu64
	    " files %zu kept %zu target %zu removed %zu unlogged %zu",
	    p.bytes, p.files, p.kept, p.target_files, p.removed_files,
	    p.unlogged);
	assert_string_equal(buf_str(&b), "bytes 460 files 5 kept 1 target 6 "
					 "removed 2 unlogged 1");
	buf_free(&b);
	plan_free(&p);
	manifest_free(&src);
	manifest_free(&dst);
}

static void
B8_links_that_cannot_be_copied_are_listed(void **state)
{
	static const struct {
		const char *src, *want;
	} t[] = {
	    {"dpg_wal dpg_tblspc", NULL},
	    {"lpg_wal lpg_tblspc/16385", NULL},
	    {"lpg_log", " pg_log -> /elsewhere;"},
	    {"lpg_xlog lbase/1/10", " base/1/10 -> /elsewhere; pg_xlog -> "
				    "/elsewhere;"},
	    {"lpg_tblspc/x", " pg_tblspc/x -> /elsewhere;"},
	    {"lpg_tblspc/1/PG_15_1", " pg_tblspc/1/PG_15_1 -> /elsewhere;"},
	};
	char want[200];

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct manifest src;
		struct err e = ERR_INIT;

		make(&src, t[i].src);
		assert_int_equal(plan_check_links(&src, "pg_wal", &e),
		    t[i].want == NULL ? 0 : -1);
		if (t[i].want != NULL) {
			(void)snprintf(
			    want, sizeof(want), "Links:%s", t[i].want);
			assert_int_equal(e.code, ERR_SYMLINK);
			assert_string_equal(e.detail, want);
		}
		manifest_free(&src);
	}
}

static void
B25_max_delete(void **state)
{
	static const struct {
		size_t removed, target;
		const char *limit;
		enum err_code want;
	} t[] = {
	    {0, 0, "50%", ERR_NONE},
	    {0, 0, "0", ERR_NONE},
	    {1, 2, "50%", ERR_NONE},
	    {2, 3, "50%", ERR_MAX_DELETE},
	    {1, 3, "33%", ERR_MAX_DELETE},
	    {50, 100, "50%", ERR_NONE},
	    {51, 100, "50%", ERR_MAX_DELETE},
	    {149, 299, "50%", ERR_NONE},
	    {150, 299, "50%", ERR_MAX_DELETE},
	    {100, 100, "100%", ERR_NONE},
	    {1, 100, "0%", ERR_MAX_DELETE},
	    {5, 5, "5", ERR_NONE},
	    {6, 6, "5", ERR_MAX_DELETE},
	    {SIZE_MAX / 2, SIZE_MAX, "50%", ERR_NONE},
	    {1, 1, "", ERR_USAGE},
	    {1, 1, "x", ERR_USAGE},
	    {1, 1, "%", ERR_USAGE},
	    {1, 1, "-1", ERR_USAGE},
	    {1, 1, " -1", ERR_USAGE},
	    {1, 1, "+1", ERR_USAGE},
	    {1, 1, "1.5", ERR_USAGE},
	    {1, 1, "5%%", ERR_USAGE},
	    {1, 1, "5 %", ERR_USAGE},
	    {1, 1, "101%", ERR_USAGE},
	    {1, 1, "99999999999999999999999", ERR_USAGE},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct plan p = {
		    .removed_files = t[i].removed, .target_files = t[i].target};
		struct err e = ERR_INIT;

		(void)plan_check_delete(&p, t[i].limit, &e);
		if (e.code != t[i].want)
			fail_msg("%zu of %zu with \"%s\": %s", t[i].removed,
			    t[i].target, t[i].limit, err_name(e.code));
	}
}

static int
note(void *arg, const struct entry *en, struct err *e)
{
	buf_addf(arg, "%s ", en->path);
	if (strcmp(en->path, "base/1/99") == 0)
		return err_set(e, ERR_INTERNAL, "stop");
	return 0;
}

/* faults.md B31, the second look. */
static void
B31_relations_that_turn_out_to_be_unlogged(void **state)
{
	struct manifest src, inits, none;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	make(&src, "fbase/1/10 fbase/1/10.1 fbase/1/10_fsm fbase/1/10_vm "
		   "fbase/1/11 fbase/1/12 fbase/1/12_init fbase/1/100 "
		   "fbase/1/t1_10 fbase/2/10 dbase/1");
	make(&inits, "fbase/1/10_init fbase/1/12_init fbase/1/13_init");
	make(&none, "");
	assert_int_equal(plan_late_unlogged(&src, &none, note, &b, &e), 0);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(plan_late_unlogged(&src, &inits, note, &b, &e), 0);
	assert_string_equal(buf_str(&b),
	    "base/1/10 base/1/10.1 base/1/10_fsm base/1/10_vm base/1/12 ");
	manifest_free(&src);
	manifest_free(&inits);
	make(&src, "fbase/1/99 fbase/1/990");
	make(&inits, "fbase/1/99_init fbase/1/990_init");
	assert_int_equal(plan_late_unlogged(&src, &inits, note, &b, &e), -1);
	assert_string_equal(e.text, "stop");
	manifest_free(&src);
	manifest_free(&inits);
	buf_free(&b);
}

static void
the_default_keep_list(void **state)
{
	static const char *const yes[] = {"postgresql.conf",
	    "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", "conf.d",
	    "server.crt", "server.key", "root.pem", "root.crl"};
	static const char *const no[] = {"PG_VERSION", "base/x.key",
	    "conf.d/a.conf", "recovery.conf", "postgresql.conf.sample"};

	(void)state;
	for (size_t i = 0; i < NELEM(yes) + NELEM(no); i++) {
		const char *p = i < NELEM(yes) ? yes[i] : no[i - NELEM(yes)];
		bool kept = false;

		for (size_t k = 0; plan_default_keep[k] != NULL; k++)
			kept = kept || plan_keeps(plan_default_keep[k], p);
		if (kept != (i < NELEM(yes)))
			fail_msg("%s", p);
	}
}

/* All but those whose name ends in 9 are said to be the same. */
static bool
nearly_all(void *arg, const struct entry *src, const struct entry *dst)
{
	(void)arg;
	assert_string_equal(src->path, dst->path);
	return src->path[strlen(src->path) - 1] != '9';
}

static void
what_is_the_same_is_skipped(void **state)
{
	static const struct row t[] = {
	    {"fbase/1/10 fbase/1/19", "fbase/1/10 fbase/1/19",
		"Pbase/1/19+l Sbase/1/10"},
	    /* Not there, another kind, a mode that is to be changed. */
	    {"fbase/1/10 fx", "dx", "Rx/ Cbase/1/10+l Cx"},
	    {"fbase/1/10", "fbase/1/10!0640", "Pbase/1/10+l"},
	    {"fbase/1/10", "fbase/1/10!0666", "Pbase/1/10+l"},
	    /* Neither what is kept nor what is unlogged is asked about. */
	    {"fpostgresql.conf", "fpostgresql.conf", ""},
	    {"fbase/1/10 fbase/1/10_init", "fbase/1/10 fbase/1/10_init",
		"Rbase/1/10 Sbase/1/10_init"},
	    /* Transfers by size, then what is skipped by name. */
	    {"fa1 fb9=3000000 fc8=5000000 fd9=4000000 fe2",
		"fa1 fb9=3000000 fc8=5000000 fd9=4000000 fe2",
		"Dd9+a Db9+a Sa1 Sc8 Se2"},
	    {"dbase fbase/1", "dbase!0755 fbase/1", "Mbase Sbase/1"},
	};
	struct plan_opts o = options();
	struct manifest src, dst;
	struct plan p;

	(void)state;
	o.same = nearly_all;
	check(t, NELEM(t), &o);
	make(&src, "fa1=10 fb9=200 fc3=4000");
	make(&dst, "fa1=10 fb9=200 fc3=4000");
	assert_int_equal(plan_build(&p, &src, &dst, &o, NULL), 0);
	assert_true(p.files == 3 && p.bytes == 4210);
	assert_true(p.ntransfer == 1 && p.nskip == 2 && p.skipped == 4010);
	plan_free(&p);
	manifest_free(&src);
	manifest_free(&dst);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(how_each_file_travels),
	    cmocka_unit_test(rsync_and_whole),
	    cmocka_unit_test(
		B32_files_of_several_names_are_not_written_in_place),
	    cmocka_unit_test(B31_unlogged_and_temporary_relations),
	    cmocka_unit_test(the_standby_keeps_its_own_files),
	    cmocka_unit_test(what_changed_its_kind_goes_first),
	    cmocka_unit_test(tablespaces_come_and_go),
	    cmocka_unit_test(B26_what_must_go_goes),
	    cmocka_unit_test(pg_control_is_not_the_plans),
	    cmocka_unit_test(removals_then_directories_then_the_largest_first),
	    cmocka_unit_test(a_directory_with_another_mode_is_set_right),
	    cmocka_unit_test(the_sums),
	    cmocka_unit_test(B8_links_that_cannot_be_copied_are_listed),
	    cmocka_unit_test(B25_max_delete),
	    cmocka_unit_test(B31_relations_that_turn_out_to_be_unlogged),
	    cmocka_unit_test(the_default_keep_list),
	    cmocka_unit_test(what_is_the_same_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
