#include "base/std.h"
#include "io/jdoc.h"
#include "record.h"
#include "show/fields.h"

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
	fields_timeline(d, "source.timeline", r->timeline);
}

static void
put_target(struct jdoc *d, const struct clone_record *r)
{
	static const char *const fate[] = {
	    [CLONE_CONFIG_COPY] = "copy",
	    [CLONE_CONFIG_REPLACE] = "replace",
	    [CLONE_CONFIG_KEEP] = "keep",
	    [CLONE_CONFIG_SAME] = "same",
	};

	jdoc_text(d, "target.pgdata", r->pgdata);
	jdoc_text(d, "target.waldir", r->waldir);
	jdoc_array(d, "target.config");
	for (size_t i = 0; i < r->nconfig; i++) {
		jdoc_item(d, "target.config");
		jdoc_text(d, "target.config.source", r->config[i].source);
		jdoc_text(d, "target.config.target", r->config[i].target);
		jdoc_text(d, "target.config.action", fate[r->config[i].fate]);
	}
}

static void
put_backup(struct jdoc *d, const struct clone_record *r)
{
	jdoc_text(d, "backup.mode",
	    !r->backup     ? NULL
	    : r->exclusive ? "exclusive"
			   : "non-exclusive");
	fields_lsn(d, "backup.start_lsn", r->start_lsn);
	fields_lsn(d, "backup.stop_lsn", r->stop_lsn);
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
	jdoc_number(d, "files.skipped", r->files_skipped);
	if (r->pages_verified)
		jdoc_number(d, "files.bad_pages", r->bad_pages);
	else
		jdoc_null(d, "files.bad_pages");
	jdoc_number(d, "bytes.total", r->bytes_total);
	jdoc_number(d, "bytes.compared", r->bytes_compared);
	jdoc_number(d, "bytes.changed", r->bytes_changed);
	jdoc_number(d, "bytes.sent", r->bytes_sent);
	jdoc_number(d, "bytes.skipped", r->bytes_skipped);
	fields_seconds(d, "seconds.total", r->ms_total);
	fields_seconds(d, "seconds.preflight", r->ms_preflight);
	fields_seconds(d, "seconds.backup_start", r->ms_backup_start);
	fields_seconds(d, "seconds.manifest", r->ms_manifest);
	fields_seconds(d, "seconds.transfer", r->ms_transfer);
	fields_seconds(d, "seconds.backup_stop", r->ms_backup_stop);
	fields_seconds(d, "seconds.seal", r->ms_seal);
	fields_seconds(d, "seconds.start", r->ms_start);
	fields_seconds(d, "seconds.streaming", r->ms_streaming);
}

static void
put_standby(struct jdoc *d, const struct clone_record *r)
{
	jdoc_flag(d, "standby.started", r->started);
	jdoc_flag(d, "standby.streaming", r->streaming);
	fields_lsn(d, "standby.receive_lsn", r->receive_lsn);
	jdoc_text(d, "standby.slot", r->slot[0] ? r->slot : NULL);
	fields_lines(d, "left_behind", buf_str(&r->left_behind));
}

int
record_print(
    const struct clone_record *r, int status, const struct err *e, FILE *to)
{
	struct jdoc *d = jdoc_new();
	int rc;

	if (d == NULL)
		return -1;
	fields_begin(d, "standby-clone", r->status, status, e);
	put_source(d, r);
	put_target(d, r);
	put_backup(d, r);
	put_figures(d, r);
	put_standby(d, r);
	rc = jdoc_print(d, to);
	jdoc_free(d);
	return rc;
}
