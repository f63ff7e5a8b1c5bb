#include "base/std.h"
#include "core/pagesum.h"
#include "core/path.h"
#include "core/text.h"
#include "flow/clone_int.h"

/* More names do not help, and a broken disk has many. */
#define NAMED 5

bool
clone_verifies_pages(const struct clone *c)
{
	return c->o->verify_checksums &&
	       c->control.checksum_version == PAGESUM_VERSION;
}

int
clone_verify_pages(struct clone *c, struct err *e)
{
	if (!clone_verifies_pages(c))
		return 0;
	c->rec->pages_verified = true;
	if (pool_verify(c->pool, c->backup.start_lsn, e) == -1)
		return -1;
	/* With --force the copy is what the source is: an older page in it
	 * would be an error that no checksum shows. */
	if (c->o->force)
		return 0;
	return pool_spare(
	    c->pool, c->backup.start_lsn, c->control.relseg_size, e);
}

/* A file's number is not a table's name: SQL has it. */
static void
hint_relation(struct err *w, const char *path)
{
	char stem[PATH_LIMIT + 1];
	const char *number = path_base(path);
	struct relpath r;
	char *db;

	if (!path_relation(path, &r))
		return;
	(void)snprintf(
	    stem, sizeof(stem), "%.*s", (int)(number - path - 1), path);
	db = strrchr(stem, '/');
	(void)err_hint(w,
	    "Whose it is, type in %s%s: SELECT oid::regclass FROM pg_class "
	    "WHERE pg_relation_filenode(oid) = %.*s;",
	    db == NULL ? "any database" : "the database with the OID ",
	    db == NULL ? "" : db + 1, (int)(r.stem - (size_t)(number - path)),
	    number);
}

void
clone_damaged(
    struct clone *c, const struct entry *src, const struct fetch_result *r)
{
	struct buf bad = BUF_INIT, all = BUF_INIT;
	struct err w = ERR_INIT;

	if (r->bad == 0)
		return;
	c->rec->bad_pages += r->bad;
	c->rec->spared_pages += r->spared;
	if (++c->rec->bad_files == NAMED + 1)
		clone_note(c, "more files of the source have damaged pages: "
			      "they are counted, not named");
	if (c->rec->bad_files > NAMED)
		return;
	text_add_count(&bad, r->bad);
	text_add_count(&all, r->size / c->block_size);
	(void)err_set(&w, ERR_DAMAGED_PAGES,
	    "\"%s\" on the source: %s of %s pages %s a wrong checksum, the "
	    "first is block %" PRIu32,
	    src->path, buf_str(&bad), buf_str(&all),
	    r->bad == 1 ? "has" : "have", r->first_bad);
	if (r->spared > 0)
		(void)err_detail(&w,
		    "The target has %" PRIu32 " of them with a right checksum; "
		    "%s left as %s there.",
		    r->spared, r->spared == 1 ? "it is" : "they are",
		    r->spared == 1 ? "it is" : "they are");
	hint_relation(&w, src->path);
	c->ui->warning(c->ui->arg, &w);
	buf_free(&bad);
	buf_free(&all);
}

/* Those of the target that were left alone may be the only good ones there
 * are. */
static void
refuse(const struct clone *c, struct err *w)
{
	const struct clone_record *r = c->rec;

	if (r->spared_pages == 0)
		(void)err_detail(w,
		    "The copy has the same damage, so it is not made one that "
		    "can be started.");
	else
		(void)err_detail(w,
		    "%" PRIu64 " page%s in their place in \"%s\" %s a right "
		    "checksum and %s left there, perhaps the only good %s; the "
		    "copy is not made one that can be started.",
		    r->spared_pages, r->spared_pages == 1 ? "" : "s",
		    c->target.path, r->spared_pages == 1 ? "has" : "have",
		    r->spared_pages == 1 ? "is" : "are",
		    r->spared_pages == 1 ? "one" : "ones");
	(void)err_hint(w,
	    "Look at the disk of %s and at its server's log, restore what is "
	    "damaged there, and run the same command again: it continues. To "
	    "have the copy with the damage, add --force%s.",
	    c->rec->source_host,
	    r->spared_pages == 0
		? ""
		: ", which writes it over the target's pages, too");
}

int
clone_judge_damage(struct clone *c, struct err *e)
{
	const struct clone_record *r = c->rec;
	struct buf pages = BUF_INIT, files = BUF_INIT;
	struct err w = ERR_INIT;

	if (r->bad_pages == 0)
		return 0;
	text_add_count(&pages, r->bad_pages);
	text_add_count(&files, r->bad_files);
	(void)err_set(&w, ERR_DAMAGED_PAGES,
	    "%s page%s of %s file%s of the source %s a wrong checksum",
	    buf_str(&pages), r->bad_pages == 1 ? "" : "s", buf_str(&files),
	    r->bad_files == 1 ? "" : "s", r->bad_pages == 1 ? "has" : "have");
	buf_free(&pages);
	buf_free(&files);
	if (c->o->force) {
		(void)err_detail(&w,
		    "The copy has the same damage; it is sealed because of "
		    "--force.");
		c->ui->warning(c->ui->arg, &w);
		return 0;
	}
	refuse(c, &w);
	if (e != NULL)
		*e = w;
	return -1;
}
