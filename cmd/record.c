#include "base/std.h"
#include "core/lsn.h"
#include "io/jdoc.h"
#include "record.h"

static void
put_lsn(struct jdoc *d, const char *path, uint64_t lsn)
{
	char text[LSN_TEXT];

	jdoc_text(d, path, lsn == 0 ? NULL : lsn_format(lsn, text));
}

static void
put_seconds(struct jdoc *d, const char *path, int64_t ms)
{
	if (ms < 0)
		jdoc_null(d, path);
	else
		jdoc_real(d, path, (double)ms / 1000);
}

static void
put_error(struct jdoc *d, const struct err *e)
{
	if (!err_is_set(e)) {
		jdoc_null(d, "error");
		return;
	}
	jdoc_text(d, "error.id", err_name(e->code));
	jdoc_text(d, "error.message", e->text);
	jdoc_text(d, "error.detail", e->detail[0] ? e->detail : NULL);
	jdoc_text(d, "error.hint", e->hint[0] ? e->hint : NULL);
}

static void
put_source(struct jdoc *d, const struct clone_record *r)
{
	char id[24];

	(void)snprintf(id, sizeof(id), "%" PRIu64, r->system_identifier);
	jdoc_text(d, "source.host", r->source_host);
	jdoc_text(d, "source.port", r->source_port);
	if (r->server_version == 0)
		jdoc_null(d, "source.server_version");
	else
		jdoc_number(
		    d, "source.server_version", (uint64_t)r->server_version);
	jdoc_text(d, "source.system_identifier",
	    r->system_identifier == 0 ? NULL : id);
	if (r->timeline == 0)
		jdoc_null(d, "source.timeline");
	else
		jdoc_number(d, "source.timeline", r->timeline);
}

static void
put_backup(struct jdoc *d, const struct clone_record *r)
{
	jdoc_text(d, "target.pgdata", r->pgdata);
	jdoc_text(d, "backup.mode",
	    !r->backup     ? NULL
	    : r->exclusive ? "exclusive"
			   : "non-exclusive");
	put_lsn(d, "backup.start_lsn", r->start_lsn);
	put_lsn(d, "backup.stop_lsn", r->stop_lsn);
	jdoc_text(d, "backup.label", r->label[0] ? r->label : NULL);
}

static void
put_figures(struct jdoc *d, const struct clone_record *r)
{
	jdoc_number(d, "files.total", r->files_total);
	jdoc_number(d, "files.changed", r->files_changed);
	jdoc_number(d, "files.copied", r->files_copied);
	jdoc_number(d, "files.removed", r->files_removed);
	jdoc_number(d, "files.vanished", r->files_vanished);
	jdoc_number(d, "bytes.total", r->bytes_total);
	jdoc_number(d, "bytes.compared", r->bytes_compared);
	jdoc_number(d, "bytes.changed", r->bytes_changed);
	jdoc_number(d, "bytes.sent", r->bytes_sent);
	put_seconds(d, "seconds.total", r->ms_total);
	put_seconds(d, "seconds.preflight", r->ms_preflight);
	put_seconds(d, "seconds.backup_start", r->ms_backup_start);
	put_seconds(d, "seconds.manifest", r->ms_manifest);
	put_seconds(d, "seconds.transfer", r->ms_transfer);
	put_seconds(d, "seconds.backup_stop", r->ms_backup_stop);
	put_seconds(d, "seconds.start", r->ms_start);
	put_seconds(d, "seconds.streaming", r->ms_streaming);
}

static void
put_standby(struct jdoc *d, const struct clone_record *r)
{
	char *text = strdup(buf_str(&r->left_behind)), *rest = text, *line;

	jdoc_flag(d, "standby.started", r->started);
	jdoc_flag(d, "standby.streaming", r->streaming);
	put_lsn(d, "standby.receive_lsn", r->receive_lsn);
	jdoc_text(d, "standby.slot", r->slot[0] ? r->slot : NULL);
	jdoc_array(d, "left_behind");
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0')
		jdoc_push(d, "left_behind", line);
	free(text);
}

int
record_print(
    const struct clone_record *r, int status, const struct err *e, FILE *to)
{
	struct jdoc *d = jdoc_new();
	int rc;

	if (d == NULL)
		return -1;
	jdoc_number(d, "format", 1);
	jdoc_text(d, "tool", "standby-clone");
	jdoc_text(d, "version", PACKAGE_VERSION);
	jdoc_text(d, "status", r->status != NULL ? r->status : "failed");
	jdoc_number(d, "code", (uint64_t)status);
	put_error(d, e);
	put_source(d, r);
	put_backup(d, r);
	put_figures(d, r);
	put_standby(d, r);
	rc = jdoc_print(d, to);
	jdoc_free(d);
	return rc;
}
