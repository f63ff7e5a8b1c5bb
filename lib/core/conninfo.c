#include "base/std.h"
#include "core/conninfo.h"
#include "core/pgver.h"

static const char *const secrets[] = {"password", "sslpassword",
    "scram_client_key", "scram_server_key", "oauth_client_secret"};

bool
conninfo_plain_dbname(const char *text)
{
	return strchr(text, '=') == NULL && strstr(text, "://") == NULL;
}

/* The compiler may not drop it, as it may drop a memset before free. */
static void
wipe_free(char *s)
{
	if (s == NULL)
		return;
	for (volatile char *p = s; *p != '\0'; p++)
		*p = '\0';
	free(s);
}

static size_t
find(const struct conninfo *c, const char *key)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->v[i].key, key) == 0)
			break;
	return i;
}

static void
remove_at(struct conninfo *c, size_t i)
{
	if (i >= c->n)
		return;
	free(c->v[i].key);
	wipe_free(c->v[i].value);
	c->n--;
	memmove(&c->v[i], &c->v[i + 1], (c->n - i) * sizeof(c->v[0]));
}

int
conninfo_set(struct conninfo *c, const char *key, const char *value)
{
	size_t i = find(c, key);
	char *k = NULL, *v;

	if (value == NULL) {
		remove_at(c, i);
		return 0;
	}
	if (i == NELEM(c->v) || (v = strdup(value)) == NULL)
		return -1;
	if (i == c->n) {
		if ((k = strdup(key)) == NULL) {
			wipe_free(v);
			return -1;
		}
		c->v[c->n++].key = k;
	} else {
		wipe_free(c->v[i].value);
	}
	c->v[i].value = v;
	return 0;
}

const char *
conninfo_get(const struct conninfo *c, const char *key)
{
	size_t i = find(c, key);

	return i < c->n ? c->v[i].value : NULL;
}

int
conninfo_copy(struct conninfo *to, const struct conninfo *from)
{
	struct conninfo new = {.n = 0};

	for (size_t i = 0; i < from->n; i++)
		if (conninfo_set(&new, from->v[i].key, from->v[i].value) ==
		    -1) {
			conninfo_free(&new);
			return -1;
		}
	conninfo_free(to);
	*to = new;
	return 0;
}

void
conninfo_free(struct conninfo *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].key);
		wipe_free(c->v[i].value);
	}
	*c = (struct conninfo){.n = 0};
}

/* libpq asks isspace() of the process's locale, so other people's letters are
 * quoted too. */
static bool
must_quote(const char *value)
{
	if (*value == '\0')
		return true;
	for (; *value != '\0'; value++)
		if ((*value >= '\t' && *value <= '\r') || *value == ' ' ||
		    *value == '\'' || *value == '\\' ||
		    (unsigned char)*value >= 0x80)
			return true;
	return false;
}

void
conninfo_add_value(struct buf *b, const char *value)
{
	if (!must_quote(value)) {
		buf_adds(b, value);
		return;
	}
	buf_addc(b, '\'');
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *value);
	}
	buf_addc(b, '\'');
}

static bool
is_secret(const char *key)
{
	for (size_t i = 0; i < NELEM(secrets); i++)
		if (strcmp(secrets[i], key) == 0)
			return true;
	return false;
}

void
conninfo_render(const struct conninfo *c, bool masked, struct buf *b)
{
	for (size_t i = 0; i < c->n; i++) {
		if (i > 0)
			buf_addc(b, ' ');
		buf_adds(b, c->v[i].key);
		buf_addc(b, '=');
		if (masked && is_secret(c->v[i].key))
			buf_adds(b, "***");
		else
			conninfo_add_value(b, c->v[i].value);
	}
}

/* krbsrvname is unknown to a libpq that was built without GSSAPI, and unknown
 * is an error there: so its default is never said. */
static bool
is_built_in(const char *key, const char *value)
{
	return strcmp(key, "krbsrvname") == 0 && strcmp(value, "postgres") == 0;
}

int
conninfo_for_standby(const struct conninfo *from, int version, const char *user,
    const char *application_name, struct conninfo *to)
{
	struct conninfo new = {.n = 0};

	for (size_t i = 0; i < from->n; i++)
		if (from->v[i].value[0] != '\0' &&
		    !is_built_in(from->v[i].key, from->v[i].value) &&
		    pgver_walreceiver_takes(version, from->v[i].key) &&
		    conninfo_set(&new, from->v[i].key, from->v[i].value) == -1)
			goto fail;
	if (user != NULL && conninfo_set(&new, "user", user) == -1)
		goto fail;
	if (application_name != NULL &&
	    conninfo_set(&new, "application_name", application_name) == -1)
		goto fail;
	conninfo_free(to);
	*to = new;
	return 0;
fail:
	conninfo_free(&new);
	return -1;
}
