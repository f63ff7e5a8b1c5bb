/* Any value survives conninfo quoting, configuration quoting, and both
 * readers. */
#include "base/std.h"
#include "core/conninfo.h"
#include "core/pgconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One value as libpq's conninfo_parse reads it; returns what follows. */
static const char *
read_value(const char *p, struct buf *value)
{
	bool quoted = *p == '\'';

	for (p += quoted; *p != '\0' && !(quoted && *p == '\''); p++) {
		if (!quoted && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
			break;
		if (*p == '\\' && p[1] != '\0')
			p++;
		buf_addc(value, *p);
	}
	if (quoted && *p++ != '\'')
		abort();
	return p;
}

static void
must_equal(const struct buf *a, const struct buf *b)
{
	if (strcmp(buf_str(a), buf_str(b)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int versions[] = {90124, 110022, 150018};
	struct conninfo c = {.n = 0}, to = {.n = 0};
	struct buf s = BUF_INIT, info = BUF_INIT, b = BUF_INIT, back = BUF_INIT;

	buf_add(&s, data, size);
	if (conninfo_set(&c, "application_name", buf_str(&s)) == -1 ||
	    conninfo_set(&c, "password", buf_str(&s)) == -1 ||
	    conninfo_for_standby(&c, 150018, "repl", NULL, &to) == -1)
		abort();
	if (conninfo_get(&to, "password") != NULL)
		abort();
	conninfo_render(&c, true, &info);
	if (*read_value(buf_str(&info) + strlen("application_name="), &b) !=
	    ' ')
		abort();
	must_equal(&b, &s);
	for (size_t i = 0; i < NELEM(versions); i++) {
		buf_reset(&b);
		buf_reset(&back);
		pgconf_add_quoted(&b, buf_str(&info), versions[i]);
		if (pgconf_unquote(buf_str(&b), versions[i], &back) !=
		    (ssize_t)b.len)
			abort();
		must_equal(&back, &info);
	}
	conninfo_free(&c);
	conninfo_free(&to);
	buf_free(&s);
	buf_free(&info);
	buf_free(&b);
	buf_free(&back);
	return 0;
}
