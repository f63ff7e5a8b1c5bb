/* A10: the configuration of the source outside its data directory. */
#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "flow/preflight_int.h"

bool
preflight_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

/* The files outside; and of them those that the standby would miss. */
static bool
find_outside(const struct probe *f, const struct preflight_config *w,
    struct buf *outside)
{
	const char *const files[] = {
	    f->config_file, f->hba_file, f->ident_file};
	const char *dir =
	    f->data_directory != NULL ? f->data_directory : w->source_pgdata;
	bool main_outside = false, misses = false;

	for (size_t i = 0; dir != NULL && i < NELEM(files); i++) {
		if (files[i] == NULL || preflight_is_below(files[i], dir))
			continue;
		buf_addf(outside, "%s\"%s\"", outside->len > 0 ? ", " : "",
		    files[i]);
		if (i == 0)
			main_outside = true;
		/* A file of one's own names its own others. */
		else if (!main_outside && !w->is_here(files[i]))
			misses = true;
	}
	/* Where it is may not be asked; it is not where it could be. */
	if (f->config_file == NULL && dir != NULL && !w->has_main)
		misses = true;
	return misses || (main_outside && !w->has_main);
}

static void
hint_choices(const struct probe *f, bool starts, struct err *e)
{
	char major[16];

	if (starts)
		(void)err_hint(e,
		    "Take it over: --copy-external-config. Or give the standby "
		    "its own (Debian: pg_createcluster %s NAME), name the "
		    "command that starts it with its configuration: "
		    "--start-command=CMD, or leave the start out: --no-start.",
		    pgver_major(f->version, major, sizeof(major)));
	else
		(void)err_hint(e,
		    "It is not copied without --copy-external-config. Put the "
		    "standby's own files in place before the start.");
}

int
preflight_config(struct preflight *p, const struct probe *f,
    const struct preflight_config *w)
{
	enum found found = FOUND_NOTHING;
	struct buf outside = BUF_INIT;
	struct err e = ERR_INIT;
	bool misses = find_outside(f, w, &outside);
	int rc;

	if (!buf_ok(&outside))
		return -1;
	if (misses && !w->copied) {
		found = w->starts ? FOUND_PROBLEM : FOUND_WARNING;
		(void)err_set(&e, w->starts ? ERR_SETTING : ERR_CONFIG,
		    "configuration of the source lies outside its data "
		    "directory%s%s%s",
		    w->starts ? " (" : ": ",
		    outside.len > 0 ? buf_str(&outside)
				    : "the role may not ask where",
		    w->starts ? "), and the standby would not start without"
			      : "");
		hint_choices(f, w->starts, &e);
	}
	rc = preflight_keep(p, found, &e);
	buf_free(&outside);
	return rc;
}
