/*
 * The protocol between client and agent, in memory (man/standby-wire.5).
 *
 * Frame: u8 type, u32 length (big endian, <= WIRE_MAX), payload.  Integers are
 * big endian, a "str" is u16 length and bytes, not NUL-terminated.  Types with
 * WIRE_ZIPPED set hold u32 raw length and one zstd frame instead.
 */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/filestamp.h"

#define WIRE_MAGIC "STBYWIRE"
/*
 * The number of this protocol, raised with every change of it, also when a
 * request or a verb is added: an end that does not know it must say so at
 * HELLO and not in the middle of a failover.  1: without OPERATE; 2: without
 * the stamps of files; 3: without RATE, the processors in OPENED, and the files
 * that pg_hba.conf names; 4: without the clock since boot in OPENED; 5: without
 * PEEK, WANT and PATCH; 6.
 */
#define WIRE_VERSION 6
#define WIRE_HEADER 5
#define WIRE_MAX (1024u * 1024u)  /* bytes of payload, zipped or raw */
#define WIRE_CHUNK (256u * 1024u) /* bytes of file data per frame */
#define WIRE_ZIPPED 0x80
#define WIRE_NO_ID 0xffffffffu
#define WIRE_HASH 16        /* bytes of a page hash and of a digest */
#define WIRE_PAGES_MAX 1024 /* blocks one PAGES request may span */
#define WIRE_PING_MS 10000
#define WIRE_DEAD_MS 60000

enum wire_type {
	/* both directions */
	WIRE_HELLO = 'H',
	WIRE_PING = 'p',
	WIRE_PONG = 'q', /* u64 bytes read from disk so far */
	WIRE_ERR = '!',  /* struct wire_err; ends the session */
	/* client to agent */
	WIRE_OPEN = 'O',
	WIRE_MANIFEST = 'M', /* answered by ENTRIES* END */
	WIRE_BATCH = 'B',    /* per file: DATA* FILE_END */
	WIRE_PAGES = 'P',    /* RUN* and PEEK*, FILE_END after the last */
	WIRE_WANT = 'W',     /* core/parts.h: to a PEEK; PATCH */
	WIRE_SIG = 'S',      /* DELTA* FILE_END after the last */
	WIRE_CONTROL = 'C',  /* CONTROL_DATA */
	WIRE_VERIFY = 'K',   /* u64 LSN: from now on look at the
			      * checksums of pages; no answer */
	WIRE_RATE = 'A',     /* u64 bytes/s, at least 1: from now on, also in
			      * the middle of an answer; behind OPEN; no
			      * answer */
	WIRE_CONFIG = 'G',   /* CONFIG_FILE*, the last one of kind END */
	WIRE_OPERATE = 'V',  /* OPERATED; needs no OPEN */
	WIRE_DONE = 'X',     /* DONE back, then the agent exits 0 */
	/* agent to client */
	WIRE_OPENED = 'o',
	WIRE_ENTRIES = 'e',  /* core/manifest.h: encoded entries */
	WIRE_END = 'E',      /* struct wire_end */
	WIRE_DATA = 'd',     /* u32 id, bytes of the file in order */
	WIRE_RUN = 'r',      /* u32 id, u32 first block, whole blocks (the last
			      * block of the file may be short) */
	WIRE_SPAN = 's',     /* u32 id, u32 first block behind a PAGES span that
			      * has been dealt with: after every PAGES request
			      * but the last, and after its RUNs and PEEKs */
	WIRE_PEEK = 'n',     /* core/parts.h: pages that differ, and how to
			      * tell where */
	WIRE_PATCH = 'w',    /* core/parts.h: the parts that were wanted; also
			      * behind the FILE_END of the file */
	WIRE_DELTA = 'D',    /* u32 id, librsync delta bytes */
	WIRE_FILE_END = 'F', /* struct wire_file_end */
	WIRE_CONTROL_DATA = 'c',
	WIRE_CONFIG_FILE = 'g', /* struct wire_config_file */
	WIRE_OPERATED = 'v'     /* struct wire_operated */
};

struct wire_str {
	const char *s; /* borrowed from the frame; not NUL-terminated */
	size_t len;
};

/* HELLO: magic[8], u16 WIRE_VERSION, str package version.  The number must
 * match; the package is for people, and decides nothing: hosts are updated one
 * after the other. */
struct wire_hello {
	unsigned version;
	struct wire_str package; /* empty: another version, and unreadable */
};

/* OPEN: what the agent may serve, and how. */
struct wire_open {
	uint64_t system_identifier; /* 0: not known, any */
	uint64_t seed;              /* of the page hashes */
	uint32_t block_size;        /* 1024..65536, power of two */
	uint64_t max_rate;          /* bytes/s this agent may send; 0: any */
	uint8_t compress;           /* 0 none, 1..22 level, 255 auto */
	struct wire_str pgdata;     /* absolute */
};

struct wire_opened {
	uint64_t system_identifier;
	uint32_t control_version, catalog_version;
	uint32_t mode;              /* of PGDATA */
	uint64_t dev, ino;          /* of PGDATA */
	uint64_t real_ns, boot_ns;  /* the agent's clocks when OPEN came:
				     * CLOCK_REALTIME, CLOCK_BOOTTIME */
	uint32_t cores;             /* processors to be used, 0: unknown */
	struct wire_str boot_id;    /* same kernel as the client? */
	struct wire_str pg_version; /* text of PG_VERSION, e.g. "15" */
	struct wire_str resolved;   /* real path of PGDATA */
	struct wire_str libc;       /* "glibc 2.36" or "" */
	struct wire_str wal_link;   /* where pg_wal/pg_xlog points, "" if a
				     * directory */
};

#define WIRE_MANIFEST_RECURSE 1 /* else only dir itself */
#define WIRE_MANIFEST_INIT 2    /* only names that end in _init */
struct wire_manifest {
	uint8_t flags;
	struct wire_str dir;        /* "" = whole PGDATA with tablespaces */
	struct wire_str log_dir;    /* exclude.h; "" = none */
	struct wire_str stats_temp; /* "" = none */
	struct wire_str trigger;    /* "" = none */
	uint32_t npatterns;         /* then that many str */
	struct wire_str patterns;   /* the raw rest: wire_next_str */
};

struct wire_end {
	uint64_t entries;
	uint8_t digest[WIRE_HASH]; /* XXH3-128 of all raw ENTRIES payloads */
	uint64_t specials;         /* sockets, FIFOs, devices left out */
};

#define WIRE_FILE_TO_EOF                                                       \
	1 /* limit is a hint: send to end of file as it is                     \
	   * at open */
#define WIRE_FILE_SAME                                                         \
	2          /* name must still lead to the same inode when it           \
		    * has been read (WAL segments are recycled) */
struct wire_file { /* one of a BATCH: u32 n first */
	uint32_t id;
	uint8_t flags;
	uint64_t limit; /* bytes at most */
	struct wire_str path;
};

#define WIRE_FIRST 1
#define WIRE_LAST 2
struct wire_pages {
	uint32_t id;
	uint8_t flags;        /* WIRE_FIRST | WIRE_LAST */
	uint64_t limit;       /* FIRST: bytes at most */
	struct wire_str path; /* FIRST: else empty */
	uint32_t block;       /* first block of the span */
	uint32_t count;       /* blocks in the span, <= WIRE_PAGES_MAX */
	uint32_t nhash; /* <= count: the client has these; then the hashes */
	const uint8_t *hash;
};

struct wire_sig {
	uint32_t id;
	uint8_t flags;
	uint64_t limit;       /* FIRST: bytes at most (0: to EOF) */
	uint64_t basis;       /* FIRST: size of the client's file */
	struct wire_str path; /* FIRST */
	const uint8_t *data;
	size_t len;
};

enum wire_file_status {
	WIRE_FILE_OK = 0,
	WIRE_FILE_VANISHED = 1,
	WIRE_FILE_CHANGED = 2,    /* WIRE_FILE_SAME did not hold */
	WIRE_FILE_NOT_REGULAR = 3 /* became a link, directory, device */
};
struct wire_file_end {
	uint32_t id;
	uint8_t status;
	uint64_t size;             /* bytes of the file as sent/compared */
	uint8_t digest[WIRE_HASH]; /* io/pagedelta.h */
	uint32_t bad;              /* pages with a wrong checksum */
	uint32_t first_bad;        /* block number in the fork; bad 0: 0 */
	bool settled;              /* it was at rest (base/filestamp.h) */
	struct filestamp stamp;    /* before its first byte was read */
};

struct wire_done {                 /* agent -> client */
	uint64_t files;            /* FILE_ENDs sent */
	uint64_t bytes;            /* raw bytes of DATA, RUN, PATCH and DELTA */
	uint8_t digest[WIRE_HASH]; /* XXH3-128 of all FILE_END payloads */
};

/* Something about the server of a directory (flow/operate.h has the verbs).
 * Names are looked up in the agent's own standby.conf. */
#define WIRE_VERB_MAX 8
#define WIRE_OPERATE_MS_MAX (60u * 60 * 1000)
#define WIRE_OUTPUT_MAX (64u * 1024)
struct wire_operate {
	uint8_t verb;               /* 1..WIRE_VERB_MAX */
	uint64_t system_identifier; /* 0: any */
	uint32_t timeline;          /* WAL_END */
	uint64_t from;              /* WAL_END */
	uint32_t timeout_ms;        /* 1..WIRE_OPERATE_MS_MAX */
	struct wire_str pgdata;     /* absolute */
	struct wire_str self;       /* name of the node there, or "" */
	struct wire_str node;       /* FOLLOW: name of the new primary */
};

#define WIRE_RUNS_NOT 0
#define WIRE_RUNS 1
#define WIRE_RUNS_UNKNOWN 2
#define WIRE_STATE_MAX 6
struct wire_operated {
	uint8_t running;
	uint64_t pid;         /* 0: unknown */
	uint32_t status;      /* of the command, 0..255 */
	uint64_t wal_end;     /* WAL_END, 0: none found */
	uint32_t timeline;    /* of wal_end */
	uint8_t state;        /* enum pgcontrol_state, of pg_control */
	bool standby;         /* a signal file or recovery.conf is there */
	struct wire_str text; /* the rest, at most WIRE_OUTPUT_MAX, no NUL */
};

/*
 * A file of the configuration that the server of the directory uses, wherever
 * it is.  The request has no payload: which files those are the agent takes
 * from the server's own words, never from the client.
 */
enum wire_config_kind {
	WIRE_CONFIG_END,  /* no more; path and data empty */
	WIRE_CONFIG_MAIN, /* config_file: the first */
	WIRE_CONFIG_INCLUDED,
	WIRE_CONFIG_HBA,
	WIRE_CONFIG_IDENT,
	WIRE_CONFIG_NAMED /* by the last HBA or IDENT, or what that names */
};
#define WIRE_CONFIG_MAX (1000u * 1000) /* bytes of a file */
#define WIRE_CONFIG_FILES 66           /* of an answer */
struct wire_config_file {
	uint8_t kind;
	uint32_t mode;
	struct wire_str path; /* absolute */
	struct wire_str data; /* the file, no NUL */
};

struct wire_err {
	uint32_t id; /* of the file, or WIRE_NO_ID */
	struct wire_str code, text, detail, hint;
};

/* Header of a frame. Returns -1 when the length is over WIRE_MAX. */
int wire_decode_header(const uint8_t *p, uint8_t *type, uint32_t *len);
void wire_encode_header(uint8_t *p, uint8_t type, uint32_t len);

void wire_add_str(struct buf *b, const char *s, size_t n); /* n <= 65535 */

/* Encoders append the payload to b (see buf_ok).  Decoders return 0, or -1
 * with ERR_PROTOCOL: too short, too long (trailing bytes), value out of range.
 * Strings point into data. */
void wire_encode_hello(struct buf *b, const char *package);
int wire_decode_hello(
    const void *d, size_t n, struct wire_hello *, struct err *e);
void wire_encode_open(struct buf *b, const struct wire_open *);
int wire_decode_open(
    const void *d, size_t n, struct wire_open *, struct err *e);
void wire_encode_opened(struct buf *b, const struct wire_opened *);
int wire_decode_opened(
    const void *d, size_t n, struct wire_opened *, struct err *e);
void wire_encode_manifest(
    struct buf *b, const struct wire_manifest *, const char *const *patterns);
int wire_decode_manifest(
    const void *d, size_t n, struct wire_manifest *, struct err *e);
/* Take the next str off *rest; -1 at the end or when malformed. */
int wire_next_str(struct wire_str *rest, struct wire_str *s);
void wire_encode_end(struct buf *b, const struct wire_end *);
int wire_decode_end(const void *d, size_t n, struct wire_end *, struct err *e);
/* BATCH: u32 n, then n files. Encode: the caller writes the count first. */
void wire_encode_file(struct buf *b, const struct wire_file *);
int wire_decode_batch(const void *d, size_t n, uint32_t *nfiles,
    struct wire_str *rest, struct err *e);
int wire_next_file(struct wire_str *rest, struct wire_file *, struct err *e);
void wire_encode_pages(struct buf *b, const struct wire_pages *);
int wire_decode_pages(
    const void *d, size_t n, struct wire_pages *, struct err *e);
void wire_encode_sig(struct buf *b, const struct wire_sig *);
int wire_decode_sig(const void *d, size_t n, struct wire_sig *, struct err *e);
void wire_encode_file_end(struct buf *b, const struct wire_file_end *);
int wire_decode_file_end(
    const void *d, size_t n, struct wire_file_end *, struct err *e);
void wire_encode_done(struct buf *b, const struct wire_done *);
int wire_decode_done(
    const void *d, size_t n, struct wire_done *, struct err *e);
void wire_encode_operate(struct buf *b, const struct wire_operate *);
int wire_decode_operate(
    const void *d, size_t n, struct wire_operate *, struct err *e);
void wire_encode_operated(struct buf *b, const struct wire_operated *);
int wire_decode_operated(
    const void *d, size_t n, struct wire_operated *, struct err *e);
void wire_encode_config_file(struct buf *b, const struct wire_config_file *);
int wire_decode_config_file(
    const void *d, size_t n, struct wire_config_file *, struct err *e);
void wire_encode_err(struct buf *b, uint32_t id, const struct err *what);
/* Always fills *e from the frame (code by name, texts escaped and cut); e must
 * be clear.  Returns -1, the id through *id (may be NULL). */
int wire_decode_err(const void *d, size_t n, uint32_t *id, struct err *e);
void wire_encode_verify(struct buf *b, uint64_t start_lsn);
int wire_decode_verify(
    const void *d, size_t n, uint64_t *start_lsn, struct err *e);
void wire_encode_rate(struct buf *b, uint64_t rate);
int wire_decode_rate(const void *d, size_t n, uint64_t *rate, struct err *e);
void wire_encode_pong(struct buf *b, uint64_t bytes_read);
int wire_decode_pong(
    const void *d, size_t n, uint64_t *bytes_read, struct err *e);

uint32_t wire_get_u32(const uint8_t *p);
uint64_t wire_get_u64(const uint8_t *p);
void wire_put_u32(uint8_t *p, uint32_t v);

/* u64 size, mtime_ns, ctime_ns, inode, device: WIRE_STAMP bytes. */
#define WIRE_STAMP 40
void wire_add_stamp(struct buf *b, const struct filestamp *s);
void wire_get_stamp(const uint8_t *p, struct filestamp *s);

#endif
