/*
 * Connection strings as lists of keyword and value.  Parsing is libpq's
 * (io/pg.h: pg_conninfo_parse); here is what we keep, quote and hide.
 */
#ifndef CORE_CONNINFO_H
#define CORE_CONNINFO_H

#include "base/std.h"
#include "base/buf.h"

struct conninfo {
	struct {
		char *key, *value; /* owned */
	} v[64];
	size_t n;
};

/* Is what -d takes a database's name alone, no conninfo string and no URI? */
bool conninfo_plain_dbname(const char *text);
/* Set or replace a keyword; value NULL removes it.  0, or -1 no memory/full. */
int conninfo_set(struct conninfo *c, const char *key, const char *value);
const char *conninfo_get(const struct conninfo *c, const char *key);
/* Replaces what `to` held (an initialised list); on -1 it is as before. */
int conninfo_copy(struct conninfo *to, const struct conninfo *from);
void conninfo_free(struct conninfo *c); /* wipes all values */
/* One value as it stands in a conninfo string: quoted when it must be
 * (empty, white space, ' or \, bytes that some locale takes for space). */
void conninfo_add_value(struct buf *b, const char *value);
/* "host=db1 port=5432 user=repl".  Masked: the values of secrets (password,
 * sslpassword, SCRAM keys, OAuth secret) as ***; else everything is there. */
void conninfo_render(const struct conninfo *c, bool masked, struct buf *b);
/*
 * The primary_conninfo of a standby of server version `version`: keeps the
 * keywords that the libpq of that server knows and a walreceiver can use, and
 * that are not empty.  Not kept: krbsrvname=postgres, which is the default and
 * unknown to a libpq without GSSAPI; every secret (passfile= or ~/.pgpass
 * supplies it), options, service, fallback_*, replication,
 * target_session_attrs, client_encoding, and dbname, which a walreceiver below
 * 17 ignores.  Adds user and application_name (when not NULL).  Replaces what
 * `to` held.
 */
int conninfo_for_standby(const struct conninfo *from, int version,
    const char *user, const char *application_name, struct conninfo *to);

#endif
