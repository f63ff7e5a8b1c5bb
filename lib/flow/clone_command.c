/* Commands of ours that a person is to type, as a whole. */
#include "base/std.h"
#include "base/shell.h"
#include "flow/clone_int.h"

static void
add_option(struct buf *b, const char *option, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	buf_addf(b, " %s", option);
	shell_add_word(b, value);
}

/* Where SSH goes, unless it follows from the source's name. */
static void
add_ssh(const struct clone *c, struct buf *b)
{
	const struct remote_opts *r = &c->o->remote;
	bool v6 = strchr(r->host, ':') != NULL;
	struct buf to = BUF_INIT;

	if (r->user != NULL)
		buf_addf(&to, "%s@", r->user);
	buf_addf(&to, "%s%s%s", v6 ? "[" : "", r->host, v6 ? "]" : "");
	if (r->port != 0)
		buf_addf(&to, ":%u", r->port);
	if (strcmp(buf_str(&to), c->rec->source_host) != 0)
		add_option(b, "--ssh=", buf_str(&to));
	buf_free(&to);
	add_option(b, "--ssh-identity=", r->identity);
	add_option(b, "--known-hosts=", r->known_hosts);
	add_option(b, "--host-fingerprint=", r->fingerprint);
	add_option(b, "--ssh-command=", r->ssh_command);
	if (r->kind != REMOTE_AUTO)
		add_option(b, "--transport=",
		    r->kind == REMOTE_OPENSSH ? "openssh" : "libssh2");
	if (c->o->push_agent != NULL)
		buf_adds(b, " --push-agent");
	else if (c->o->agent_named)
		add_option(b, "--agent=", c->o->agent);
}

/* Passwords are where they were: not among the options. */
int
clone_make_cleanup(struct clone *c, struct err *e)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "standby-clone --cleanup");
	add_option(&b, "--master=", c->rec->source_host);
	add_option(&b, "-p ", c->rec->source_port);
	add_option(&b, "-U ", conninfo_get(&c->conninfo, "user"));
	add_option(&b, "--service=", conninfo_get(&c->o->conninfo, "service"));
	add_option(&b, "-D ", c->target.path);
	add_option(&b, "--source-pgdata=", c->o->source_pgdata);
	add_ssh(c, &b);
	if ((c->cleanup = buf_steal(&b)) != NULL)
		return 0;
	buf_free(&b);
	return err_set_nomem(e);
}
