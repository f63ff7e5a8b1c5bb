#include "base/std.h"
#include "flow/backup_note.h"

int
backup_note_write(
    struct tree *t, const struct marker *m, bool sync, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	marker_render(m, &b);
	rc = !buf_ok(&b) ? err_set_nomem(e)
			 : tree_write_file(
			       t, BACKUP_NOTE, b.data, b.len, 0600, sync, e);
	buf_free(&b);
	return rc;
}

int
backup_note_read(struct tree *t, struct marker *m, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	*m = (struct marker){.pid = 0};
	if (tree_read_file(t, BACKUP_NOTE, MARKER_MAX, &b) == -1) {
		buf_free(&b);
		if (errno == ENOENT)
			return 0;
		return err_set_errno(e, ERR_TARGET_NOT_PGDATA,
		    "could not read file \"%s/" BACKUP_NOTE "\"", tree_path(t));
	}
	rc = marker_parse(buf_str(&b), b.len, m, e);
	buf_free(&b);
	if (rc == 0 && m->label != NULL)
		return 1;
	marker_free(m);
	if (rc == 0)
		(void)err_set(
		    e, ERR_TARGET_NOT_PGDATA, "it names no backup label");
	(void)err_wrap(e, "file \"%s/" BACKUP_NOTE "\"", tree_path(t));
	return err_hint(e,
	    "It told of an exclusive backup of an earlier run. Look on the "
	    "primary whether one runs; then remove the file.");
}

int
backup_note_remove(struct tree *t, bool sync, struct err *e)
{
	if (tree_unlink(t, BACKUP_NOTE) == -1) {
		if (errno == ENOENT)
			return 0;
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not remove file \"%s/" BACKUP_NOTE "\"",
		    tree_path(t));
	}
	if (!sync || tree_fsync_dir(t, "") == 0)
		return 0;
	return err_set_errno(
	    e, ERR_TARGET_IO, "could not sync directory \"%s\"", tree_path(t));
}
