/* Any postgresql.auto.conf: the block is written once, our value is the one
 * that counts, and a second run changes nothing. */
#include "base/std.h"
#include "core/pgconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must_get(const struct buf *text, const char *name, const char *want)
{
	struct buf value = BUF_INIT;

	if (pgconf_get(buf_str(text), name, 150018, &value) != 1 ||
	    strcmp(buf_str(&value), want) != 0)
		abort();
	buf_free(&value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pgconf_recovery r = {.version = 150018,
	    .primary_conninfo = "host=db1 application_name='a\\'b'",
	    .slot = "node2"};
	struct buf old = BUF_INIT, once = BUF_INIT, twice = BUF_INIT;
	struct buf value = BUF_INIT;

	buf_add(&old, data, size);
	(void)pgconf_unquote(buf_str(&old), 90023, &value);
	(void)pgconf_unquote(buf_str(&old), 150018, &value);
	(void)pgconf_get(buf_str(&old), "port", 150018, &value);
	if (pgconf_auto_conf(&r, buf_str(&old), &once, NULL) == -1 ||
	    pgconf_auto_conf(&r, buf_str(&once), &twice, NULL) == -1 ||
	    strcmp(buf_str(&once), buf_str(&twice)) != 0)
		abort();
	must_get(&once, "primary_conninfo", r.primary_conninfo);
	must_get(&once, "primary_slot_name", r.slot);
	must_get(&once, "recovery_target_timeline", "latest");
	must_get(&once, "recovery_target_xid", "");
	buf_free(&old);
	buf_free(&once);
	buf_free(&twice);
	buf_free(&value);
	return 0;
}
