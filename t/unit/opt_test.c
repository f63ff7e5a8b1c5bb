#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "core/opt.h"

static const struct opt table[] = {
    {.kind = OPT_HEADING, .name = "Connection"},
    {.kind = OPT_STRING,
	.name = "host",
	.letter = 'h',
	.arg = "HOST",
	.help = "the primary"},
    {.kind = OPT_STRING, .name = "master", .flags = OPT_ALIAS},
    {.kind = OPT_STRING, .name = "primary", .flags = OPT_ALIAS},
    {.kind = OPT_INT,
	.name = "port",
	.letter = 'p',
	.arg = "PORT",
	.min = 1,
	.max = 65535,
	.key = "defaults.port",
	.help = "port of the primary"},
    {.kind = OPT_STRING,
	.name = "dbname",
	.letter = 'd',
	.arg = "CONNINFO",
	.flags = OPT_SECRET,
	.help = "connection string"},
    {.kind = OPT_HEADING, .name = "Transfer"},
    {.kind = OPT_INT,
	.name = "jobs",
	.letter = 'j',
	.arg = "N",
	.builtin = "4",
	.key = "clone.jobs",
	.min = 1,
	.max = 64,
	.help = "copy by that many processes"},
    {.kind = OPT_SIZE,
	.name = "max-rate",
	.letter = 'r',
	.arg = "SIZE",
	.key = "clone.max_rate",
	.help = "at most SIZE per second"},
    {.kind = OPT_STRING,
	.name = "pages",
	.choices = "auto|rsync|whole",
	.builtin = "auto",
	.key = "clone.pages",
	.help = "how changed files travel"},
    {.kind = OPT_STRING,
	.name = "compress",
	.letter = 'Z',
	.choices = "auto|none|zstd[:LEVEL]",
	.builtin = "auto",
	.help = "compress what is sent"},
    {.kind = OPT_LIST,
	.name = "exclude",
	.arg = "PATTERN",
	.key = "clone.exclude",
	.help = "leave out files that match PATTERN; may be given several "
		"times, and all of them count, in addition to the built-in "
		"ones"},
    {.kind = OPT_FLAG, .name = "delta", .flags = OPT_ACTION, .help = "reuse"},
    {.kind = OPT_FLAG,
	.name = "no-sync",
	.key = "clone.no_sync",
	.help = "skip fsync"},
    {.kind = OPT_FLAG,
	.name = "dry-run",
	.letter = 'n',
	.flags = OPT_ACTION,
	.help = "change nothing"},
    {.kind = OPT_TIME,
	.name = "timeout",
	.letter = 't',
	.arg = "TIME",
	.key = "clone.timeout",
	.help = "bound for the whole action"},
    {.kind = OPT_COUNT, .name = "verbose", .letter = 'v', .help = "more talk"},
    {.kind = OPT_STRING, .name = "hidden-thing", .arg = "X"},
    {.kind = OPT_FLAG,
	.name = "help",
	.letter = '?',
	.flags = OPT_ACTION,
	.help = "this"},
};

#define MAX_WORDS 12

/* The set, on one line: "host=db1 jobs=3 verbose#2 exclude=a exclude=b | op" */
static void
render(const struct opt_set *s, struct buf *b)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct opt *o = &s->table[i];
		const struct opt_value *v = &s->v[i];

		if (o->kind == OPT_LIST)
			for (size_t k = 0; k < v->nlist; k++)
				buf_addf(b, "%s=%s ", o->name, v->list[k]);
		else if (v->set &&
			 (o->kind == OPT_FLAG || o->kind == OPT_COUNT))
			buf_addf(b, "%s#%u ", o->name, v->count);
		else if (v->set && o->kind == OPT_STRING)
			buf_addf(b, "%s=%s ", o->name, v->text);
		else if (v->set)
			buf_addf(b, "%s=%" PRId64 " ", o->name, v->number);
	}
	for (size_t i = 0; i < s->nargs; i++)
		buf_addf(b, "| %s ", s->args[i]);
}

static int
count_words(const char *const *words)
{
	int n = 0;

	while (words[n] != NULL)
		n++;
	return n;
}

static int
parse(struct opt_set *s, const char *const *words, struct err *e)
{
	/* getopt's type: the words themselves stay as they are */
	char *argv[MAX_WORDS + 1];
	int n = count_words(words);

	argv[0] = (char *)(uintptr_t) "standby-clone";
	for (int i = 0; i < n; i++)
		argv[i + 1] = (char *)(uintptr_t)words[i];
	return opt_parse_args(s, n + 1, argv, e);
}

static void
command_lines_are_parsed(void **state)
{
	static const struct {
		const char *words[MAX_WORDS];
		const char *want;
	} t[] = {
	    {{NULL}, ""},
	    {{"--host=db1", "-p", "5433", NULL}, "host=db1 port=5433 "},
	    {{"--host", "db1", "-p5433", NULL}, "host=db1 port=5433 "},
	    {{"-h", "db1", "--host=db2", NULL}, "host=db2 "},
	    {{"--master", "db1", NULL}, "host=db1 "},
	    {{"--primary=db1", NULL}, "host=db1 "},
	    {{"--host=", NULL}, "host= "},
	    {{"--host", "--delta", NULL}, "host=--delta "},
	    {{"-nvvt", "30s", NULL}, "dry-run#1 timeout=30000 verbose#2 "},
	    {{"-vnt5min", "-v", NULL}, "dry-run#1 timeout=300000 verbose#2 "},
	    {{"--verbose", "--delta", "--delta", NULL}, "delta#1 verbose#1 "},
	    {{"a", "--delta", "b", NULL}, "delta#1 | a | b "},
	    {{"-", "--", "--delta", "--", NULL}, "| - | --delta | -- "},
	    {{"--exclude=a", "--exclude", "b", NULL}, "exclude=a exclude=b "},
	    {{"-r", "80MB", NULL}, "max-rate=83886080 "},
	    {{"-d", "host=a b=c", NULL}, "dbname=host=a b=c "},
	    {{"--dbname=host=a", NULL}, "dbname=host=a "},
	    {{"-?", NULL}, "help#1 "},
	    {{"--pages=rsync", "-Znone", NULL}, "pages=rsync compress=none "},
	    {{"-Z", "zstd", NULL}, "compress=zstd "},
	    {{"-Z", "zstd:3", NULL}, "compress=zstd:3 "},
	    {{"-j1", "-j64", NULL}, "jobs=64 "},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct opt_set s;
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;

		assert_int_equal(opt_init(&s, table, NELEM(table), &e), 0);
		if (parse(&s, t[i].words, &e) == -1)
			fail_msg("%s: %s", t[i].want, e.text);
		render(&s, &b);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
		opt_free(&s);
	}
}

static void
bad_command_lines_are_named(void **state)
{
	static const struct {
		const char *words[MAX_WORDS];
		const char *text, *hint;
	} t[] = {
	    {{"--jbos=3", NULL}, "unknown option \"--jbos\"",
		"Did you mean \"--jobs\"?"},
	    {{"--exlcude", "x", NULL}, "unknown option \"--exlcude\"",
		"Did you mean \"--exclude\"?"},
	    {{"--tim=3", NULL}, "unknown option \"--tim\"",
		"Did you mean \"--timeout\"?"},
	    {{"--verb", NULL}, "unknown option \"--verb\"",
		"Did you mean \"--verbose\"?"},
	    {{"--Connection", NULL}, "unknown option \"--Connection\"", ""},
	    {{"--no-delta", NULL}, "unknown option \"--no-delta\"",
		"Did you mean \"--delta\"?"},
	    {{"--qqqqqqqqqqqq", NULL}, "unknown option \"--qqqqqqqqqqqq\"", ""},
	    {{"--=x", NULL}, "unknown option \"--\"", ""},
	    {{"-x", NULL}, "unknown option \"-x\"", ""},
	    {{"-nx", NULL}, "unknown option \"-x\"", ""},
	    {{"-\x1b[", NULL}, "unknown option \"-\\033\"", ""},
	    {{"-\xeb\x8c\x80", NULL}, "unknown option \"-\xeb\x8c\x80\"", ""},
	    {{"--host", NULL}, "option \"--host\" needs an argument: HOST", ""},
	    {{"--master", NULL}, "option \"--master\" needs an argument: HOST",
		""},
	    {{"-nh", NULL}, "option \"-h\" needs an argument: HOST", ""},
	    {{"--delta=yes", NULL}, "option \"--delta\" takes no argument", ""},
	    {{"--delta=", NULL}, "option \"--delta\" takes no argument", ""},
	    {{"-p", "x", NULL}, "option \"-p\": \"x\" is not a whole number",
		""},
	    {{"--port=", NULL}, "option \"--port\": \"\" is not a whole number",
		""},
	    {{"-p", " 5", NULL}, "option \"-p\": \" 5\" is not a whole number",
		""},
	    {{"-p", "+5", NULL}, "option \"-p\": \"+5\" is not a whole number",
		""},
	    {{"-p", "5x", NULL}, "option \"-p\": \"5x\" is not a whole number",
		""},
	    {{"-p", "99999999999999999999", NULL},
		"option \"-p\": \"99999999999999999999\" is not a whole number",
		""},
	    {{"-p0", NULL}, "option \"-p\": \"0\" is not within 1 .. 65535",
		""},
	    {{"-p65536", NULL},
		"option \"-p\": \"65536\" is not within 1 .. 65535", ""},
	    {{"-p-1", NULL}, "option \"-p\": \"-1\" is not within 1 .. 65535",
		""},
	    {{"-r80mb", NULL}, "option \"-r\": \"80mb\" is not a size",
		"Write a number and B, kB, MB, GB or TB, for example 80MB."},
	    {{"-r9999999TB", NULL},
		"option \"-r\": \"9999999TB\" is not a size",
		"Write a number and B, kB, MB, GB or TB, for example 80MB."},
	    {{"-t-5s", NULL}, "option \"-t\": \"-5s\" is not a time",
		"Write a number and ms, s, min, h or d, for example 30s."},
	    {{"--pages=rsnyc", NULL},
		"option \"--pages\": \"rsnyc\" is not one of auto, rsync, "
		"whole",
		"Did you mean \"rsync\"?"},
	    {{"-Zzstd:", NULL},
		"option \"-Z\": \"zstd:\" is not one of auto, none, "
		"zstd[:LEVEL]",
		"Did you mean \"zstd\"?"},
	    {{"-Z", "", NULL},
		"option \"-Z\": \"\" is not one of auto, none, zstd[:LEVEL]",
		""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct opt_set s;
		struct err e = ERR_INIT;

		assert_int_equal(opt_init(&s, table, NELEM(table), &e), 0);
		assert_int_equal(parse(&s, t[i].words, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_string_equal(e.text, t[i].text);
		assert_string_equal(e.hint, t[i].hint);
		assert_int_equal(parse(&s, t[i].words, NULL), -1);
		opt_free(&s);
	}
}

static const char *
fake_env(void *arg, const char *name)
{
	const char *const *pairs = arg;

	for (; pairs[0] != NULL; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

static void
the_environment_is_read(void **state)
{
	static const struct {
		const char *pairs[9];
		const char *want, *error;
	} t[] = {
	    {{"STANDBY_MAX_RATE", "80MB", "STANDBY_JOBS", "2", NULL},
		"jobs=2 max-rate=83886080 ", NULL},
	    {{"STANDBY_JOBS", "", NULL}, "", NULL},
	    {{"STANDBY_DELTA", "1", "STANDBY_DRY_RUN", "1", "STANDBY_HELP", "1",
		 NULL},
		"", NULL},
	    {{"STANDBY_NO_SYNC", "yes", "STANDBY_VERBOSE", "2", NULL},
		"no-sync#1 verbose#2 ", NULL},
	    {{"STANDBY_NO_SYNC", "OFF", NULL}, "no-sync#0 ", NULL},
	    {{"STANDBY_EXCLUDE", "a b\n\nc,d\n", NULL},
		"exclude=a b exclude=c,d ", NULL},
	    {{"STANDBY_MASTER", "db1", NULL}, "host=db1 ", NULL},
	    {{"STANDBY_HOST", "db1", "STANDBY_PRIMARY", "db2", NULL},
		"host=db1 ", NULL},
	    {{"STANDBY_MASTER", "db1", "STANDBY_PRIMARY", "db2", NULL},
		"host=db1 ", NULL},
	    {{"STANDBY_CONNECTION", "x", "STANDBY_NONSENSE", "y", NULL}, "",
		NULL},
	    {{"STANDBY_JOBS", "many", NULL}, "",
		"environment variable \"STANDBY_JOBS\": \"many\" is not a "
		"whole number"},
	    {{"STANDBY_NO_SYNC", "maybe", NULL}, "",
		"environment variable \"STANDBY_NO_SYNC\": \"maybe\" is "
		"neither on nor off"},
	    {{"STANDBY_VERBOSE", "99", NULL}, "",
		"environment variable \"STANDBY_VERBOSE\": \"99\" is not "
		"within 0 .. 9"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct opt_set s;
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;
		const char *pairs[9];

		memcpy(pairs, t[i].pairs, sizeof(pairs));
		assert_int_equal(opt_init(&s, table, NELEM(table), &e), 0);
		assert_int_equal(opt_parse_env(&s, fake_env, pairs, &e),
		    t[i].error == NULL ? 0 : -1);
		if (t[i].error != NULL) {
			assert_int_equal(e.code, ERR_USAGE);
			assert_string_equal(e.text, t[i].error);
		}
		render(&s, &b);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
		opt_free(&s);
	}
}

/* One letter per source, in the order of reading: a f e b. */
static void
the_stronger_source_wins_in_any_order(void **state)
{
	static const struct {
		const char *order, *want, *from;
		size_t nlist;
	} t[] = {
	    {"b", "4", "built-in", 0},
	    {"fb", "5", "standby.conf:7", 1},
	    {"fe", "6", "STANDBY_JOBS", 1},
	    {"ef", "6", "STANDBY_JOBS", 1},
	    {"feab", "7", "option", 2},
	    {"aefb", "7", "option", 2},
	    {"ae", "7", "option", 2},
	    {"fa", "7", "option", 2},
	};
	const char *pairs[] = {
	    "STANDBY_JOBS", "6", "STANDBY_EXCLUDE", "env", NULL};
	const char *words[] = {"-j7", "--exclude=x", "--exclude=y", NULL};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct opt_set s;

		assert_int_equal(opt_init(&s, table, NELEM(table), NULL), 0);
		for (const char *p = t[i].order; *p != '\0'; p++) {
			int rc = *p == 'a' ? parse(&s, words, NULL)
				 : *p == 'e'
				     ? opt_parse_env(&s, fake_env, pairs, NULL)
				 : *p == 'b'
				     ? opt_finish(&s, NULL)
				     : opt_set_file(&s, "clone.jobs", "5",
					   "standby.conf:7", NULL) |
					   opt_set_file(&s, "clone.exclude",
					       "file", "standby.conf:8", NULL);

			assert_int_equal(rc, 0);
		}
		assert_string_equal(opt_text(&s, "jobs"), t[i].want);
		assert_string_equal(opt_get(&s, "jobs")->from, t[i].from);
		assert_int_equal(opt_get(&s, "exclude")->nlist, t[i].nlist);
		opt_free(&s);
	}
}

static void
file_values_are_checked(void **state)
{
	static const struct {
		const char *key, *text, *error;
	} t[] = {
	    {"clone.jobs", "65",
		"standby.conf:7: \"clone.jobs\": \"65\" is not within 1 .. "
		"64"},
	    {"clone.max_rate", "80", NULL},
	    {"clone.max_rate", "80 mb",
		"standby.conf:7: \"clone.max_rate\": \"80 mb\" is not a size"},
	    {"clone.no_sync", "true", NULL},
	    {"clone.no_sync", "perhaps",
		"standby.conf:7: \"clone.no_sync\": \"perhaps\" is neither on "
		"nor off"},
	    {"pool.version", "4.3", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct opt_set s;
		struct err e = ERR_INIT;

		assert_int_equal(opt_init(&s, table, NELEM(table), NULL), 0);
		assert_int_equal(
		    opt_set_file(&s, t[i].key, t[i].text, "standby.conf:7", &e),
		    t[i].error == NULL ? 0 : -1);
		if (t[i].error != NULL) {
			assert_int_equal(e.code, ERR_CONFIG);
			assert_string_equal(e.text, t[i].error);
		}
		opt_free(&s);
	}
}

static void
values_are_found_by_name_and_alias(void **state)
{
	const char *words[] = {"--master=db1", "-r", "1kB", "-vv", NULL};
	struct opt_set s;

	(void)state;
	assert_int_equal(opt_init(&s, table, NELEM(table), NULL), 0);
	assert_int_equal(parse(&s, words, NULL), 0);
	assert_int_equal(opt_finish(&s, NULL), 0);
	assert_string_equal(opt_text(&s, "host"), "db1");
	assert_string_equal(opt_text(&s, "primary"), "db1");
	assert_int_equal(opt_number(&s, "max-rate"), 1024);
	assert_int_equal(opt_number(&s, "jobs"), 4);
	assert_int_equal(opt_get(&s, "verbose")->count, 2);
	assert_true(opt_flag(&s, "verbose"));
	assert_false(opt_flag(&s, "delta"));
	assert_false(opt_get(&s, "delta")->set);
	assert_null(opt_text(&s, "hidden-thing"));
	assert_null(opt_get(&s, "nonsense"));
	assert_null(opt_get(&s, "Connection"));
	opt_free(&s);
	opt_free(NULL);
}

static void
an_argument_may_be_optional(void **state)
{
	static const struct opt watch[] = {{.kind = OPT_STRING,
					       .name = "watch",
					       .letter = 'W',
					       .flags = OPT_OPTIONAL},
	    {.kind = OPT_FLAG, .name = "quiet", .letter = 'q'}};
	static const struct {
		const char *words[MAX_WORDS];
		const char *want;
	} t[] = {
	    {{"--watch", NULL}, "watch= "},
	    {{"--watch=5", NULL}, "watch=5 "},
	    {{"--watch", "5", NULL}, "watch= | 5 "},
	    {{"-W", NULL}, "watch= "},
	    {{"-W5", NULL}, "watch=5 "},
	    {{"-qW", "5", NULL}, "watch= quiet#1 | 5 "},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct opt_set s;
		struct buf b = BUF_INIT;

		assert_int_equal(opt_init(&s, watch, 2, NULL), 0);
		assert_int_equal(parse(&s, t[i].words, NULL), 0);
		render(&s, &b);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
		opt_free(&s);
	}
}

static void
a_wrong_table_is_refused(void **state)
{
	static const struct opt twice[] = {
	    {.kind = OPT_FLAG, .name = "a"}, {.kind = OPT_FLAG, .name = "a"}};
	static const struct opt letter[] = {
	    {.kind = OPT_FLAG, .name = "a", .letter = 'x'},
	    {.kind = OPT_FLAG, .name = "b", .letter = 'x'}};
	static const struct opt alias[] = {
	    {.kind = OPT_FLAG, .name = "a", .flags = OPT_ALIAS}};
	static const struct opt builtin[] = {
	    {.kind = OPT_INT, .name = "a", .builtin = "x"}};
	struct err e = ERR_INIT;
	struct opt_set s;

	(void)state;
	assert_int_equal(opt_init(&s, twice, 2, &e), -1);
	assert_int_equal(e.code, ERR_INTERNAL);
	opt_free(&s);
	assert_int_equal(opt_init(&s, letter, 2, NULL), -1);
	opt_free(&s);
	assert_int_equal(opt_init(&s, alias, 1, NULL), -1);
	opt_free(&s);
	err_clear(&e);
	assert_int_equal(opt_init(&s, builtin, 1, &e), 0);
	assert_int_equal(opt_finish(&s, &e), -1);
	assert_int_equal(e.code, ERR_INTERNAL);
	opt_free(&s);
}

static void
help_is_aligned_and_wrapped(void **state)
{
	static const char want[] =
	    "Usage: x\n"
	    "\n"
	    "Connection:\n"
	    "  -h, --host=HOST, --master=HOST, --primary=HOST\n"
	    "                         the primary\n"
	    "  -p, --port=PORT        port of the primary\n"
	    "  -d, --dbname=CONNINFO  connection string\n"
	    "\n"
	    "Transfer:\n"
	    "  -j, --jobs=N           copy by that many processes (default: "
	    "4)\n"
	    "  -r, --max-rate=SIZE    at most SIZE per second\n"
	    "      --pages=auto|rsync|whole\n"
	    "                         how changed files travel (default: "
	    "auto)\n"
	    "  -Z, --compress=auto|none|zstd[:LEVEL]\n"
	    "                         compress what is sent (default: auto)\n"
	    "      --exclude=PATTERN  leave out files that match PATTERN; may "
	    "be given\n"
	    "                         several times, and all of them count, in "
	    "addition to\n"
	    "                         the built-in ones\n"
	    "      --delta            reuse\n"
	    "      --no-sync          skip fsync\n"
	    "  -n, --dry-run          change nothing\n"
	    "  -t, --timeout=TIME     bound for the whole action\n"
	    "  -v, --verbose          more talk\n"
	    "  -?, --help             this\n"
	    "end\n";
	struct buf b = BUF_INIT;
	char *p, *line;

	(void)state;
	opt_help(table, NELEM(table), "Usage: x\n", "end\n", &b);
	assert_string_equal(buf_str(&b), want);
	for (p = b.data; (line = strsep(&p, "\n")) != NULL;)
		assert_true(strlen(line) < 80);
	buf_free(&b);
}

static void
settings_are_shown_with_their_source(void **state)
{
	static const char want[] = "host = db\\0331  # option\n"
				   "port =  # not set\n"
				   "dbname = ***  # STANDBY_DBNAME\n"
				   "jobs = 3  # /etc/standby.conf:12\n"
				   "max-rate =  # not set\n"
				   "pages = auto  # built-in\n"
				   "compress = auto  # built-in\n"
				   "exclude = a  # option\n"
				   "exclude = b  # option\n"
				   "no-sync = off  # STANDBY_NO_SYNC\n"
				   "dry-run = on  # option\n"
				   "timeout =  # not set\n"
				   "verbose = 2  # option\n"
				   "hidden-thing =  # not set\n";
	const char *words[] = {"-h",
	    "db\x1b"
	    "1",
	    "--exclude=a", "--exclude=b", "-nvv", NULL};
	const char *pairs[] = {
	    "STANDBY_DBNAME", "password=canary", "STANDBY_NO_SYNC", "0", NULL};
	struct opt_set s;
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(opt_init(&s, table, NELEM(table), NULL), 0);
	assert_int_equal(parse(&s, words, NULL), 0);
	assert_int_equal(opt_parse_env(&s, fake_env, pairs, NULL), 0);
	assert_int_equal(
	    opt_set_file(&s, "clone.jobs", "3", "/etc/standby.conf:12", NULL),
	    0);
	assert_int_equal(opt_finish(&s, NULL), 0);
	opt_show(&s, &b);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
	opt_free(&s);
}

static void
only_a_connection_string_is_a_secret(void **state)
{
	static const struct {
		const char *given, *shown;
	} rows[] = {
	    {"postgres", "\ndbname = postgres  # option\n"},
	    {"password=canary", "\ndbname = ***  # option\n"},
	    {"postgresql://u:canary@db1/x", "\ndbname = ***  # option\n"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		const char *words[] = {"-d", rows[i].given, NULL};
		struct buf b = BUF_INIT;
		struct opt_set s;

		assert_int_equal(opt_init(&s, table, NELEM(table), NULL), 0);
		assert_int_equal(parse(&s, words, NULL), 0);
		assert_int_equal(opt_finish(&s, NULL), 0);
		opt_show(&s, &b);
		assert_non_null(strstr(buf_str(&b), rows[i].shown));
		buf_free(&b);
		opt_free(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(command_lines_are_parsed),
	    cmocka_unit_test(bad_command_lines_are_named),
	    cmocka_unit_test(the_environment_is_read),
	    cmocka_unit_test(the_stronger_source_wins_in_any_order),
	    cmocka_unit_test(file_values_are_checked),
	    cmocka_unit_test(values_are_found_by_name_and_alias),
	    cmocka_unit_test(an_argument_may_be_optional),
	    cmocka_unit_test(a_wrong_table_is_refused),
	    cmocka_unit_test(help_is_aligned_and_wrapped),
	    cmocka_unit_test(settings_are_shown_with_their_source),
	    cmocka_unit_test(only_a_connection_string_is_a_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
