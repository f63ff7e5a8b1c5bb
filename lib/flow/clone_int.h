/* Inside of flow/clone.c: one run, and the steps in the order they happen. */
#ifndef FLOW_CLONE_INT_H
#define FLOW_CLONE_INT_H

#include "core/exclude.h"
#include "core/label.h"
#include "core/pgconf.h"
#include "core/skipindex.h"
#include "flow/backup.h"
#include "flow/backup_note.h"
#include "flow/clone.h"
#include "flow/distro.h"
#include "flow/pool.h"
#include "flow/preflight.h"
#include "flow/probe.h"
#include "flow/roots.h"
#include "flow/server.h"
#include "flow/target.h"
#include "flow/walfetch.h"
#include "io/fskind.h"

/* The skip index that the target has. */
struct clone_index {
	struct buf file;
	struct skipindex old; /* what file holds, if it is sound */
	bool found, used;
	enum skip_void why; /* not used */
	struct fskind fskind;
	struct filestamp control; /* of pg_control, before the listing */
	bool listed;              /* there was one */
	char boot[64], source_boot[64];
};

#define CLONE_SETTINGS 5 /* that a standby must not have smaller */

struct clone {
	const struct clone_opts *o;
	const struct clone_ui *ui;
	struct clone_record *rec;
	int64_t deadline; /* of the whole run */
	int64_t began, step_began, last_progress;
	enum clone_step step;

	/* S0: what is known */
	struct target target;
	struct pg_opts pg, upstream_pg;
	struct pg *asked; /* the session of preflight, until the backup's */
	struct conninfo conninfo, upstream;
	uint64_t upstream_identifier; /* 0: none, or it does not tell */
	bool heard;  /* somebody answers at the source's address */
	bool absent; /* --cleanup --force, and nobody answers: */
	struct err absent_why;
	bool proven; /* --cleanup: the source is of the cluster of the notes */
	bool replicates; /* the standby's login at the source has been tried */
	struct probe facts;
	struct preflight pf;
	struct pool *pool;
	struct pool_source src;
	struct pgcontrol control;
	struct target_verdict verdict;
	struct buf history; /* of the source's timeline, "" none */
	uint64_t seed;
	uint32_t block_size;
	char *cleanup;         /* the command, as it is typed */
	const char *waits_for; /* what the server is asked for */
	char uuid[37];
	char name[64]; /* of the standby: slot, application_name */
	char *bindir;  /* of the server programs here, or NULL: */
	struct err no_programs;
	int local_version;
	struct server_sizes sizes;
	bool sizes_known;
	bool programs_said; /* clone_settings.c: what they said */
	int said[CLONE_SETTINGS];
	bool same_host;
	/* Settings that no copied file gives (12). */
	struct pgconf_more more[8];
	size_t nmore;
	bool all_more;    /* all of them were judged */
	bool auto_copied; /* postgresql.auto.conf comes from the source */
	const char *wal_dir;
	char log_dir[1100], stats_temp[1100], trigger[1100], tblspc_dir[64];
	struct exclude exclude;
	char **keep; /* patterns of what is the standby's own */
	size_t nkeep;
	char *source_pgdata;             /* as the agent resolved it */
	struct clone_external *external; /* --copy-external-config, or NULL */
	struct distro distro;            /* that knows the target as its own */
	const char *start_command, *stop_command; /* or NULL: pg_ctl */
	/* of an option, or else what the standby had (own) */
	const char *restore_command, *min_apply_delay, *trigger_file;
	char *own[3];

	/* the backup */
	struct pg *slot_pg; /* session on the upstream, if it is another */
	struct slot slot;
	struct backup backup;
	/* of an exclusive backup: an earlier run's, and is there ours now? */
	struct marker old_note;
	bool noted;
	bool slot_done;    /* permanent: no longer ours to drop */
	char slot_at[512]; /* "db1:5432": the server that has the slot */
	bool reserved;     /* a slot keeps the WAL of the copy */
	bool fetch_wal;
	const char *fetch_why;
	struct walfetch *wal;

	/* the copy */
	struct manifest from, to;
	bool walked; /* to is there already */
	struct plan plan;
	struct roots roots;
	struct marker marker;
	size_t next;               /* of plan, to be handed out */
	size_t answered;           /* of its transfers: the agent has said */
	const char *current;       /* path handed out last, or what is done */
	const struct entry **gone; /* of databases that may be dropped */
	size_t ngone;
	char dropped[PATH_MAX]; /* of clone_map_path */
	uint8_t *digests;       /* 16 bytes an entry of from, or NULL */
	struct clone_index index;
	struct buf label, map; /* as they will be written */
	struct buf pg_control;
	bool group; /* 0750 */
	struct server_state state;
	char *start_log;
};

/* clone.c: for all steps */
int clone_tick(void *arg, struct err *e);
int clone_start_pool(struct clone *c, struct err *e);
/* Those that help the first with the plan: they come by themselves. */
void clone_call_workers(struct clone *c);
void clone_step(struct clone *c, enum clone_step step);
void clone_told(struct clone *c, const char *fmt, ...) PRINTFLIKE(2, 3);
void clone_note(struct clone *c, const char *fmt, ...) PRINTFLIKE(2, 3);
void clone_left(struct clone *c, const char *fmt, ...) PRINTFLIKE(2, 3);
void clone_show(struct clone *c, const char *what);
int64_t clone_deadline(const struct clone *c, int64_t ms);

/* clone_tblspc.c */
struct roots_opts clone_roots_opts(struct clone *c);
int clone_judge_places(struct clone *c, struct err *e);
/* S0, before the backup: the same of all that SQL knows, into c->pf. */
int clone_judge_directories(struct clone *c);
/* What stays elsewhere than on the source, and what is left behind. */
void clone_tell_tablespaces(struct clone *c);
/* Where the WAL will be, into the record. */
int clone_find_waldir(struct clone *c, struct err *e);
int clone_make_waldir(struct clone *c, struct err *e);
int clone_new_tablespaces(struct clone *c, struct err *e);
const char *clone_map_path(void *arg, uint32_t oid, const char *path);
int clone_need_in_place(struct clone *c, struct err *e);
/* clone_plan.c: the plan in words, for --dry-run */
void clone_tell_plan(struct clone *c);
/* clone_command.c: fills c->cleanup; after clone_look has asked the source */
int clone_make_cleanup(struct clone *c, struct err *e);
/* clone_conf.c */
int clone_conninfo(struct clone *c, bool write, struct buf *out, struct err *e);

/* clone_keep.c: S0, fills c->keep: with what the options say, or the first run
 * of this clone; and with what its own files name (problems into c->pf). */
int clone_keep_begin(struct clone *c, struct err *e);
int clone_keep_named(struct clone *c, struct err *e);
/* Does the target keep its own copy of that path below it, or of what is above
 * it? */
bool clone_keeps(const struct clone *c, const char *path);

/* clone_own.c: S0, and what of it a run that continues has to know */
int clone_own_settings(struct clone *c, struct err *e);
int clone_own_remember(const struct clone *c, struct marker *m, struct err *e);

/* clone_identity.c: is `name` with that system identifier of the source's
 * cluster?  0 is one that is not known. */
int clone_same_cluster(
    const struct clone *c, const char *name, uint64_t id, struct err *e);
/* The server of --upstream, where one is given, by a session with it. */
int clone_same_upstream(struct clone *c, struct pg *pg, struct err *e);
/* The source's system identifier, where SQL does not tell it. */
int clone_identify(struct clone *c, struct err *e);
/* --cleanup: refuses to judge `what`, which the target names, by the server
 * `where`: that one may be of another cluster.  -1. */
int clone_unproven(
    struct clone *c, const char *where, const char *what, struct err *e);

/* clone_witness.c: what the server of SQL says of itself, by a session of its
 * own, and does the directory that the agent reads say the same?  ERR_SOURCE:
 * it does not, or cannot be told (9.0). */
struct clone_witness {
	int64_t started; /* s since 1970 */
	int port;        /* that it listens on, whatever was connected to */
};
int clone_witness_ask(struct clone *c, struct clone_witness *w, struct err *e);
int clone_witness_check(
    const struct clone_witness *w, struct pool *p, struct err *e);

/* clone_other.c */
int clone_conf_only(struct clone *c, struct err *e);
int clone_cleanup(struct clone *c, struct err *e);

/* clone_absent.c: nobody answers.  Was the server asked that the notes name?
 * Before they are forgotten: what was not looked at, each with what to type if
 * that server comes back. */
int clone_absent_check(struct clone *c, struct err *e);
void clone_absent_tell(struct clone *c);

/* clone_prepare.c: the target and the server, for all tasks */
int clone_look(struct clone *c, struct err *e);
/* clone_prepare.c: OPEN of the source's data directory by all agents of p */
int clone_open_source(
    struct clone *c, struct pool *p, struct pool_source *src, struct err *e);
/* clone_prepare.c: S0, all that can be known without changing anything */
int clone_prepare(struct clone *c, struct err *e);
/* clone_judge.c: the judgements of S0.  What is found goes into c->pf; they
 * return -1 only when memory runs out. */
void clone_judge_slot(struct clone *c, struct pg *pg);
int clone_judge_server(struct clone *c, struct err *e); /* what SQL tells */
int clone_judge_rest(struct clone *c, struct err *e);
/* Which programs are here, and what they are; judges nothing. */
void clone_ask_programs(struct clone *c);
/* clone_config.c: A10, whose cluster the target is, and with what configuration
 * and by which commands its server runs.  Judges as those above. */
int clone_config_find(struct clone *c, struct err *e);
/* The standby's own postgresql.conf in its data directory stays. */
bool clone_config_kept(const struct clone *c);
int clone_judge_config(struct clone *c, struct err *e);
/* clone_external.c: --copy-external-config, nothing without it */
int clone_external_ask(struct clone *c, struct err *e);   /* S0 */
int clone_external_plan(struct clone *c, struct err *e);  /* with the plan */
int clone_external_write(struct clone *c, struct err *e); /* S3 */
/* Will the main file be the source's? */
bool clone_external_replaces(const struct clone *c);
/* The files that set something, as the standby will find them: does one of the
 * source's become that one (stays: one is there that would stay otherwise)?
 * Its text, as it will be, is added (1, 0 there is none, -1); the names of
 * those that will be in a directory, each with its NUL, are added. */
bool clone_external_has(const struct clone *c, const char *path, bool stays);
int clone_external_read(
    const struct clone *c, const char *path, struct buf *text, struct err *e);
void clone_external_names(
    const struct clone *c, const char *dir, struct buf *names);
void clone_external_free(struct clone_external *x);
/* The directory that has the standby's postgresql.conf. */
const char *clone_config_dir(const struct clone *c);
/* clone_ssl.c: each line of the configuration that the standby will find, in
 * their order; then a note for each file of ssl_* that is not on this host.  */
#define CLONE_SSL_FILES 6
struct clone_ssl {
	bool on; /* ssl */
	struct buf path[CLONE_SSL_FILES];
};
void clone_ssl_see(struct clone_ssl *s, const char *name, const char *value);
void clone_ssl_tell(struct clone *c, const struct clone_ssl *s);
void clone_ssl_free(struct clone_ssl *s);
/* clone_settings.c: those that a standby must match or exceed */
int clone_judge_settings(struct clone *c);
/* Earlier, while nothing else is to be done: what the server programs here make
 * of a configuration that this clone will not replace. */
void clone_ask_settings(struct clone *c);
/* clone_space.c: A9, each file system of the target against the plan */
int clone_check_space(struct clone *c, struct err *e);
/* After an error in writing: a detail for each file system on which what is
 * still to come has no room. */
void clone_tell_room(struct clone *c, struct err *e);
/* clone_begin.c: the session that owns the slot: another one than the given,
 * when the standby will stream from somebody else. */
int clone_slot_session(struct clone *c, struct pg **pg,
    const struct pg_opts **opts, struct err *e);
/* clone_begin.c: slot and backup */
bool clone_want_slot(
    struct clone *c, struct pg *pg, const char *name, enum slot_want *want);
int clone_begin_backup(struct clone *c, struct err *e);
/* clone_excl.c: word of an exclusive backup, before it is started (nothing for
 * any other); and when none of ours runs any more: refused means that another
 * one was in the way, perhaps that of the note which was there before. */
int clone_excl_note(struct clone *c, struct err *e);
int clone_excl_ended(struct clone *c, bool refused, struct err *e);
/* For c->backup: an agent of its own reads the label. */
struct backup_reader clone_excl_reader(struct clone *c);
/* The source's backup_label, if it is ours; and only the check, nothing for any
 * other backup.  ERR_BACKUP_LOST. */
int clone_excl_label(struct clone *c, struct buf *text, struct err *e);
int clone_excl_check(struct clone *c, struct err *e);
/* The next run: end what the note tells of, where that is certain.  Before the
 * source is judged. */
int clone_excl_next(struct clone *c, struct err *e);
/* --cleanup: end what a killed run of ours left; the session may be another one
 * afterwards. */
int clone_excl_clean(struct clone *c, struct pg **pg, struct err *e);
/* Where the source does not answer: what a note of the target says of it. */
void clone_excl_absent(struct clone *c, struct err *e);
/* By the agent alone: facts.system_identifier of the directory that it reads.
 * No session may be open. */
int clone_excl_identify(struct clone *c, struct err *e);
/* clone_copy.c: manifest, plan (S0); mark (S1); transfer (S2) */
int clone_list(struct clone *c, struct err *e);
int clone_take_over(struct clone *c, struct err *e);
int clone_transfer(struct clone *c, struct err *e);
/* clone_gone.c: an answer says that the file is not there; and at the end,
 * whether the databases are gone that such files were of */
int clone_vanished(struct clone *c, const struct action *a, struct err *e);
int clone_check_gone(struct clone *c, struct err *e);
int clone_late_unlogged(struct clone *c, struct err *e);
/* clone_damage.c: the checksums of the source's pages.  Ask the agents for it,
 * where there are any; note what a file had; before anything is sealed: refuse
 * what is damaged. */
int clone_verify_pages(struct clone *c, struct err *e);
void clone_damaged(
    struct clone *c, const struct entry *src, const struct fetch_result *r);
int clone_judge_damage(struct clone *c, struct err *e);
bool clone_verifies_pages(const struct clone *c);
/* clone_index.c: the skip index.  Read it, before OPEN: its seed is taken over.
 * Judge it, with the manifests there; which then tells of one file whether it
 * is skipped.  Before the transfer; what was sent; what was removed again; the
 * digest of a file of the source, if it is known; and at the end the new one,
 * never an error. */
void clone_index_read(struct clone *c);
int clone_index_judge(struct clone *c, struct err *e);
/* What pg_control of the target is, before it is listed; and before S1, whether
 * it is the same still (ERR_TARGET_CHANGED).  With or without an index. */
void clone_index_listing(struct clone *c);
int clone_index_recheck(struct clone *c, struct err *e);
bool clone_index_same(
    void *arg, const struct entry *src, const struct entry *dst);
int clone_index_begin(struct clone *c, struct err *e);
void clone_index_took(
    struct clone *c, const struct entry *src, const struct fetch_result *f);
void clone_index_forget(struct clone *c, const struct entry *src);
const uint8_t *clone_index_digest(struct clone *c, const struct entry *src);
void clone_index_write(struct clone *c);
void clone_index_free(struct clone_index *x);
/* clone_prepare.c: of the running kernel, "" when it does not tell. */
void clone_boot_id(char *id, size_t size);
/* clone_seal.c: end of the backup (S2), configuration (S3), seal (S4) */
int clone_end_backup(struct clone *c, struct err *e);
int clone_seal(struct clone *c, struct err *e);
/* clone_conf.c: what stands in the recovery configuration */
int clone_write_recovery(struct clone *c, struct err *e);
const char *clone_application_name(const struct clone *c);
/* clone_collation.c: A7, warnings; pg is a session with the standby or NULL */
void clone_check_collations(struct clone *c, struct pg *pg);
/* clone_start.c: S5, S6 */
int clone_start(struct clone *c, struct err *e);
int clone_wait(struct clone *c, struct err *e);

#endif
