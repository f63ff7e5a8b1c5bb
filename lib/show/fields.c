#include "base/std.h"
#include "core/lsn.h"
#include "core/text.h"
#include "show/fields.h"

#define FORMAT 1

void
fields_lsn(struct jdoc *d, const char *path, uint64_t lsn)
{
	char text[LSN_TEXT];

	jdoc_text(d, path, lsn == LSN_INVALID ? NULL : lsn_format(lsn, text));
}

void
fields_timeline(struct jdoc *d, const char *path, uint32_t timeline)
{
	jdoc_known(d, path, timeline == 0 ? -1 : (int64_t)timeline);
}

void
fields_seconds(struct jdoc *d, const char *path, int64_t ms)
{
	if (ms < 0)
		jdoc_null(d, path);
	else
		jdoc_real(d, path, (double)ms / 1000);
}

void
fields_lines(struct jdoc *d, const char *path, const char *text)
{
	struct buf line = BUF_INIT;

	jdoc_array(d, path);
	while (text_line(&text, &line))
		jdoc_push(d, path, buf_str(&line));
	buf_free(&line);
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

void
fields_begin(struct jdoc *d, const char *tool, const char *status, int code,
    const struct err *e)
{
	jdoc_number(d, "format", FORMAT);
	jdoc_text(d, "tool", tool);
	jdoc_text(d, "version", PACKAGE_VERSION);
	jdoc_text(d, "status", status != NULL ? status : "failed");
	jdoc_number(d, "code", (uint64_t)code);
	put_error(d, e);
}
