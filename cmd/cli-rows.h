/*
 * Rows of the option tables that several commands have: the same name, letter,
 * argument and words in each of them.  key: of standby.conf(5), or NULL; group:
 * that of its keys; text: the help where it is not the same.
 */
#ifndef CMD_CLI_ROWS_H
#define CMD_CLI_ROWS_H

#include "core/opt.h"

#define CLI_HEAD(text)                                                         \
	{                                                                      \
		.kind = OPT_HEADING, .name = text                              \
	}
#define CLI_STRING(option, what, conf_key, text)                               \
	{                                                                      \
		.kind = OPT_STRING, .name = option, .arg = what,               \
		.key = conf_key, .help = text                                  \
	}
#define CLI_CHOICE(option, words, conf_key, text)                              \
	{                                                                      \
		.kind = OPT_STRING, .name = option, .builtin = "auto",         \
		.choices = words, .key = conf_key, .help = text                \
	}
#define CLI_FLAG(option, conf_key, text)                                       \
	{                                                                      \
		.kind = OPT_FLAG, .name = option, .key = conf_key,             \
		.help = text                                                   \
	}
#define CLI_ACTION(option, l, text)                                            \
	{                                                                      \
		.kind = OPT_FLAG, .name = option, .letter = l,                 \
		.flags = OPT_ACTION, .help = text                              \
	}

/* --- connection ----------------------------------------------------------- */

#define CLI_HOST(text)                                                         \
	{                                                                      \
		.kind = OPT_STRING, .name = "host", .letter = 'h',             \
		.arg = "HOST", .help = text                                    \
	}
/* Behind CLI_HOST. */
#define CLI_MASTER                                                             \
	{.kind = OPT_STRING,                                                   \
	    .name = "master",                                                  \
	    .flags = OPT_ALIAS,                                                \
	    .help = "the same, under the names that runbooks use"},            \
	{                                                                      \
		.kind = OPT_STRING, .name = "primary", .flags = OPT_ALIAS      \
	}
#define CLI_PORT(conf_key, text)                                               \
	{                                                                      \
		.kind = OPT_INT, .name = "port", .letter = 'p', .arg = "PORT", \
		.min = 1, .max = 65535, .key = conf_key, .help = text          \
	}
#define CLI_USERNAME(text)                                                     \
	{                                                                      \
		.kind = OPT_STRING, .name = "username", .letter = 'U',         \
		.arg = "NAME", .key = "defaults.user", .help = text            \
	}
#define CLI_DBNAME(text)                                                       \
	{                                                                      \
		.kind = OPT_STRING, .name = "dbname", .letter = 'd',           \
		.arg = "CONNINFO", .key = "defaults.dbname",                   \
		.flags = OPT_SECRET, .help = text                              \
	}
#define CLI_SERVICE                                                            \
	CLI_STRING("service", "NAME", "defaults.service",                      \
	    "service of pg_service.conf")
#define CLI_PASSWORD(l)                                                        \
	CLI_ACTION("password", l, "ask for a password (on a terminal only)")

/* --- SSH ------------------------------------------------------------------ */

#define CLI_SSH(conf_key, text)                                                \
	CLI_STRING("ssh", "[USER@]HOST[:PORT]", conf_key, text)
#define CLI_SSH_USER                                                           \
	CLI_STRING("ssh-user", "NAME", "defaults.ssh_user", "user for SSH")
#define CLI_SSH_IDENTITY(group)                                                \
	CLI_STRING("ssh-identity", "FILE", group ".ssh_identity", "private key")
#define CLI_KNOWN_HOSTS(group)                                                 \
	CLI_STRING(                                                            \
	    "known-hosts", "FILE", group ".known_hosts", "known host keys")
#define CLI_HOST_FINGERPRINT(conf_key)                                         \
	CLI_STRING("host-fingerprint", "SHA256:...", conf_key,                 \
	    "admit the host key with this fingerprint, in this run")
#define CLI_TRANSPORT(group)                                                   \
	CLI_CHOICE("transport", "auto|libssh2|openssh", group ".transport",    \
	    "who speaks SSH")
#define CLI_SSH_COMMAND(group)                                                 \
	CLI_STRING(                                                            \
	    "ssh-command", "CMD", group ".ssh_command", "the ssh program")
#define CLI_AGENT(group, text)                                                 \
	{                                                                      \
		.kind = OPT_STRING, .name = "agent", .arg = "PATH",            \
		.builtin = AGENT_PATH, .key = group ".agent", .help = text     \
	}

/* --- the local server ----------------------------------------------------- */

#define CLI_PGDATA                                                             \
	{                                                                      \
		.kind = OPT_STRING, .name = "pgdata", .letter = 'D',           \
		.arg = "DIR", .key = "defaults.pgdata",                        \
		.help = "local data directory (default: $PGDATA)"              \
	}
#define CLI_SLOT(text)                                                         \
	{                                                                      \
		.kind = OPT_STRING, .name = "slot", .letter = 'S',             \
		.arg = "NAME", .key = "clone.slot", .help = text               \
	}
#define CLI_NO_SLOT CLI_FLAG("no-slot", "clone.no_slot", "use no slot")
#define CLI_APPLICATION_NAME                                                   \
	CLI_STRING("application-name", "NAME", "clone.application_name",       \
	    "name of the standby in pg_stat_replication")
#define CLI_REPLICATION_USER                                                   \
	CLI_STRING("replication-user", "NAME", "clone.replication_user",       \
	    "role that the standby streams as")
#define CLI_BINDIR                                                             \
	CLI_STRING("pg-bindir", "DIR", "defaults.bindir", "server programs")
#define CLI_NO_START(text) CLI_FLAG("no-start", "clone.no_start", text)
#define CLI_NO_WAIT                                                            \
	CLI_FLAG("no-wait", "clone.no_wait", "do not wait until it streams")
#define CLI_START_COMMAND                                                      \
	CLI_STRING("start-command", "CMD", "defaults.start",                   \
	    "instead of pg_ctl start")
#define CLI_STOP_COMMAND                                                       \
	CLI_STRING(                                                            \
	    "stop-command", "CMD", "defaults.stop", "instead of pg_ctl stop")
#define CLI_NO_SYNC                                                            \
	CLI_FLAG("no-sync", "clone.no_sync",                                   \
	    "do not wait for the disk (tests only)")

/* --- general -------------------------------------------------------------- */

#define CLI_CONFIG(text)                                                       \
	{                                                                      \
		.kind = OPT_STRING, .name = "config", .letter = 'f',           \
		.arg = "FILE", .help = text                                    \
	}
#define CLI_LIST_NODES                                                         \
	CLI_ACTION(                                                            \
	    "list-nodes", 0, "names of the nodes in the configuration file")
#define CLI_DRY_RUN                                                            \
	CLI_ACTION("dry-run", 'n',                                             \
	    "check everything, change nothing, print the plan")
#define CLI_YES(text) CLI_ACTION("yes", 'y', text)
#define CLI_FORCE                                                              \
	CLI_ACTION("force", 0, "continue past a refusal that may be overridden")
#define CLI_TIMEOUT(value, conf_key, text)                                     \
	{                                                                      \
		.kind = OPT_TIME, .name = "timeout", .letter = 't',            \
		.arg = "TIME", .builtin = value, .key = conf_key, .help = text \
	}
#define CLI_JSON(text) CLI_FLAG("json", NULL, text)
#define CLI_JSON_RECORD CLI_JSON("one JSON document on stdout")
#define CLI_QUIET(text)                                                        \
	{                                                                      \
		.kind = OPT_FLAG, .name = "quiet", .letter = 'q', .help = text \
	}
#define CLI_VERBOSE(text)                                                      \
	{                                                                      \
		.kind = OPT_COUNT, .name = "verbose", .letter = 'v',           \
		.help = text                                                   \
	}
#define CLI_QUIET_TALK CLI_QUIET("errors and warnings only")
#define CLI_VERBOSE_TALK CLI_VERBOSE("say more; twice: SQL and requests")
#define CLI_COLOR(group)                                                       \
	CLI_CHOICE("color", "auto|always|never", group ".color", "colours")
#define CLI_LOG(group)                                                         \
	{                                                                      \
		.kind = OPT_STRING, .name = "log", .key = group ".log",        \
		.builtin = "stderr", .arg = "stderr|syslog[:FACILITY]|FILE",   \
		.help = "where talk goes"                                      \
	}
/* What cli_answer answers; the last rows of every table. */
#define CLI_ANSWERS                                                            \
	CLI_ACTION("show-config", 0,                                           \
	    "every setting, its value and where it came from"),                \
	    CLI_ACTION("version", 'V', "print versions"),                      \
	    CLI_ACTION("help", '?', "print this")

#endif
