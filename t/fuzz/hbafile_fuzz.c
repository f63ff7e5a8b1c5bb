/* Any pg_hba.conf: the walk ends; a copy with other names has these, and a copy
 * of that is the same. */
#include "base/std.h"
#include "core/hbafile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every file has the same text. */
static int
read_same(void *arg, const char *path, struct buf *text, struct err *e)
{
	(void)path;
	(void)e;
	buf_reset(text);
	buf_adds(text, arg);
	return 1;
}

static int
list_none(void *arg, const char *dir, struct buf *names, struct err *e)
{
	(void)arg;
	(void)dir;
	(void)e;
	buf_reset(names);
	return 1;
}

/* A text with many names would be read as often. */
static int
see(void *arg, const struct hbafile_line *l, struct err *e)
{
	unsigned *files = arg;

	if (l->kind != HBAFILE_FILE)
		return l->path[0] == '/' ? 0 : (abort(), -1);
	return ++*files > 20 ? err_set(e, ERR_SETTING, "enough") : 0;
}

static int
rename_all(void *arg, enum hbafile_kind kind, const char *name,
    struct buf *instead, struct err *e)
{
	(void)arg;
	(void)kind;
	(void)e;
	if (strcmp(name, "new \"name\"") == 0)
		return 0;
	buf_adds(instead, "new \"name\"");
	return 1;
}

static void
change(const char *text, int version)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;

	if (hbafile_edit(text, version, rename_all, NULL, &once, NULL) == -1 ||
	    hbafile_edit(buf_str(&once), version, rename_all, NULL, &twice,
		NULL) == -1 ||
	    strcmp(buf_str(&once), buf_str(&twice)) != 0)
		abort();
	buf_free(&once);
	buf_free(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int versions[] = {90023, 150018, 180000};
	struct buf text = BUF_INIT;

	buf_add(&text, data, strnlen((const char *)data, size));
	for (size_t i = 0; i < NELEM(versions); i++) {
		const struct confwalk_io io = {.read = read_same,
		    .list = list_none,
		    .arg = (void *)(uintptr_t)buf_str(&text)};
		unsigned files = 0;

		(void)hbafile_walk(
		    &io, "/e/hba", versions[i], see, &files, NULL);
		change(buf_str(&text), versions[i]);
	}
	buf_free(&text);
	return 0;
}
