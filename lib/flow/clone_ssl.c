/* Certificates and keys that the standby's configuration names outside of its
 * data directory: they are each host's own, and never copied.  The server does
 * not start without them (be-secure-openssl.c: be_tls_init), and says so only
 * then. */
#include "base/std.h"
#include "core/path.h"
#include "core/pgconf.h"
#include "core/text.h"
#include "flow/clone_int.h"

static const struct {
	const char *name;
	const char *without; /* NULL: it does not start */
} files[CLONE_SSL_FILES] = {
    {"ssl_cert_file", NULL},
    {"ssl_key_file", NULL},
    {"ssl_ca_file", NULL},
    {"ssl_crl_file", NULL},
    {"ssl_dh_params_file", NULL},
    /* Seen on 15: it starts. */
    {"ssl_crl_dir", "no client certificate is accepted without it"},
};

void
clone_ssl_see(struct clone_ssl *s, const char *name, const char *value)
{
	if (strcasecmp(name, "ssl") == 0)
		s->on = !pgconf_is_off(value);
	for (size_t i = 0; i < NELEM(files); i++)
		if (strcasecmp(name, files[i].name) == 0) {
			buf_reset(&s->path[i]);
			buf_adds(&s->path[i], value);
		}
}

/* What lies in the data directory comes with the data, or is kept. */
static bool
is_missing(const struct clone *c, const char *path)
{
	return path[0] == '/' && !path_below(path, c->target.path, true) &&
	       access(path, F_OK) == -1 &&
	       (errno == ENOENT || errno == ENOTDIR);
}

void
clone_ssl_tell(struct clone *c, const struct clone_ssl *s)
{
	struct buf shown = BUF_INIT;

	for (size_t i = 0; s->on && i < NELEM(files); i++) {
		if (!is_missing(c, buf_str(&s->path[i])))
			continue;
		buf_reset(&shown);
		text_add_escaped(&shown, s->path[i].data, s->path[i].len);
		clone_note(c, "%s is \"%s\", which is not here and %s: %s",
		    files[i].name, buf_str(&shown), "is never copied",
		    files[i].without != NULL
			? files[i].without
			: "the server will not start without it, unless "
			  "ssl = off");
	}
	buf_free(&shown);
}

void
clone_ssl_free(struct clone_ssl *s)
{
	for (size_t i = 0; i < NELEM(s->path); i++)
		buf_free(&s->path[i]);
}
