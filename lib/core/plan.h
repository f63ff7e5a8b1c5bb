/*
 * What to do to the target: source manifest x target manifest -> actions.  Pure
 * decisions; flow/apply.c and flow/worker.c carry them out in this order:
 * removals (contents before their directories), directories, transfers; last
 * come the files for which nothing is done.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "base/std.h"
#include "base/err.h"
#include "core/exclude.h"
#include "core/manifest.h"

enum plan_pages {
	PLAN_AUTO,  /* page delta for paged files, librsync for the rest */
	PLAN_RSYNC, /* librsync for all */
	PLAN_WHOLE  /* no delta */
};

enum action_kind {
	ACT_UNLINK, /* target: file, link, special */
	ACT_RMDIR,
	ACT_MKDIR, /* or its mode is wrong: then dst is set */
	ACT_COPY,  /* whole */
	ACT_PAGES, /* page delta in place */
	ACT_DELTA, /* librsync delta, aside */
	ACT_SKIP   /* nothing: it is the same (core/skipindex.h) */
};

/* The target's file has several hard links: never written in place. */
#define ACT_UNSHARE 1
/* Written under a temporary name and renamed: configuration, and files that
 * are not paged and exist. */
#define ACT_ASIDE 2
/* Bytes at most: the size in the manifest (paged files; WAL has the rest).
 * Else to the end of file. */
#define ACT_LIMIT 4
/* The target has no such file: one that appears meanwhile is not ours. */
#define ACT_NEW 8

struct action {
	const struct entry *src; /* NULL: removal */
	const struct entry *dst; /* NULL: nothing there */
	uint8_t kind;
	uint8_t flags;
};

struct plan {
	struct action *v;
	size_t n;
	size_t nremove, nmkdir, ntransfer, nskip; /* in this order in v */
	uint64_t bytes;       /* of all files that are wanted */
	size_t files;         /* wanted files: transfers and skipped */
	uint64_t skipped;     /* bytes of the skipped */
	size_t kept;          /* the standby's own */
	size_t target_files;  /* files in the target before */
	size_t removed_files; /* of those, to be removed */
	size_t unlogged;      /* left out */
};

struct plan_opts {
	const struct exclude *exclude;
	enum plan_pages pages;
	bool unlogged; /* this version has unlogged relations */
	uint32_t block_size;
	const char *const *keep; /* the standby's own files, fnmatch */
	size_t nkeep;
	const char *wal_dir; /* "pg_wal" */
	bool group;          /* 0750/0640 instead of 0700/0600 */
	/* Is the target's file known to be the source's?  May be NULL. */
	bool (*same)(
	    void *arg, const struct entry *src, const struct entry *dst);
	void *same_arg;
};

/* Keep when the target has them (cli.md --keep). NULL-terminated. */
extern const char *const plan_default_keep[];

/* Both manifests must outlive the plan. */
int plan_build(struct plan *p, const struct manifest *src,
    const struct manifest *dst, const struct plan_opts *o, struct err *e);
void plan_free(struct plan *p);

/* ERR_SYMLINK with the list, when the source has links that are neither
 * tablespaces nor the WAL directory. */
int plan_check_links(
    const struct manifest *src, const char *wal_dir, struct err *e);

/* "50%", "1000": may that many of the target's files be removed? ERR_MAX_DELETE
 * with both numbers, or ERR_USAGE. */
int plan_check_delete(
    const struct plan *p, const char *max_delete, struct err *e);

/* Does a --keep pattern name this very path (not what lies below it)? */
bool plan_keeps(const char *pattern, const char *path);

/* Mode for the target: never setuid, never more than the group may read. */
uint32_t plan_mode(uint32_t mode, bool is_dir, bool group);

/* One action as text, "Cbase/1/10 ": for tests and --itemize-changes. */
char plan_letter(const struct action *a);

/* Paths of relation files (main, fsm, vm) of src whose _init fork is in inits
 * (a listing made later): B31.  Calls back for each. */
int plan_late_unlogged(const struct manifest *src, const struct manifest *inits,
    int (*found)(void *arg, const struct entry *en, struct err *e), void *arg,
    struct err *e);

#endif
