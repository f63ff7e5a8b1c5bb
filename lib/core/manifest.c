#include "base/std.h"
#include "core/manifest.h"
#include "core/path.h"
#include "core/text.h"
#include "core/wire.h"

#define ARENA_BLOCK (256u * 1024u)
#define ENTRY_FIXED (1 + 4 + WIRE_STAMP) /* type, mode, stamp */

struct arena {
	struct arena *next;
	size_t used, size;
	char text[];
};

static char *
arena_text(struct manifest *m, const char *s, size_t n)
{
	struct arena *a = m->arena;
	char *p;

	if (a == NULL || a->size - a->used < n + 1) {
		size_t size = MAX_OF(n + 1, ARENA_BLOCK);

		if ((a = malloc(sizeof(*a) + size)) == NULL)
			return NULL;
		*a = (struct arena){.next = m->arena, .size = size};
		m->arena = a;
	}
	p = a->text + a->used;
	memcpy(p, s, n);
	p[n] = '\0';
	a->used += n + 1;
	return p;
}

static int
bad(struct err *e, const char *what, const char *path, size_t n)
{
	struct buf b = BUF_INIT;

	text_add_escaped(&b, path, MIN_OF(n, (size_t)200));
	(void)err_set(
	    e, ERR_PROTOCOL, "manifest: \"%s\": %s", buf_str(&b), what);
	buf_free(&b);
	return -1;
}

static int
grow(struct manifest *m, struct err *e)
{
	size_t cap = m->cap == 0 ? 1024 : m->cap + m->cap / 2;
	struct entry *v;

	if (m->n < m->cap)
		return 0;
	if (m->n >= MANIFEST_MAX)
		return err_set(e, ERR_PROTOCOL,
		    "manifest: more than %u entries", MANIFEST_MAX);
	if ((v = realloc(m->v, cap * sizeof(*v))) == NULL)
		return err_set_nomem(e);
	m->v = v;
	m->cap = cap;
	return 0;
}

/* add: path of n bytes and link of ln (link NULL: none), not terminated. */
static int
add(struct manifest *m, const struct entry *en, const char *path, size_t n,
    const char *link, size_t ln, struct err *e)
{
	const char *why = path_check(path, n);
	struct entry *to;

	if (why != NULL)
		return bad(e, why, path, n);
	if (strchr("fdls", en->type) == NULL || en->type == '\0')
		return bad(e, "unknown type", path, n);
	if (grow(m, e) == -1)
		return -1;
	to = &m->v[m->n];
	*to = *en;
	to->link = NULL;
	if ((to->path = arena_text(m, path, n)) == NULL ||
	    (link != NULL && (to->link = arena_text(m, link, ln)) == NULL))
		return err_set_nomem(e);
	if (m->n > 0 && path_cmp(m->v[m->n - 1].path, to->path) >= 0)
		return bad(e, "out of order or twice", path, n);
	if (en->type == ENTRY_FILE) {
		if (m->bytes > UINT64_MAX - en->size)
			return bad(e, "sum of sizes overflows", path, n);
		m->bytes += en->size;
	}
	m->n++;
	return 0;
}

int
manifest_add(struct manifest *m, const struct entry *en, struct err *e)
{
	return add(m, en, en->path, strlen(en->path), en->link,
	    en->link == NULL ? 0 : strlen(en->link), e);
}

struct filestamp
manifest_stamp(const struct entry *en)
{
	return (struct filestamp){.size = en->size,
	    .mtime_ns = en->mtime_ns,
	    .ctime_ns = en->ctime_ns,
	    .ino = en->ino,
	    .dev = en->dev};
}

static void
set_stamp(struct entry *en, const struct filestamp *s)
{
	en->size = s->size;
	en->mtime_ns = s->mtime_ns;
	en->ctime_ns = s->ctime_ns;
	en->ino = s->ino;
	en->dev = s->dev;
}

void
manifest_encode(struct buf *b, const struct entry *en)
{
	const struct filestamp stamp = manifest_stamp(en);

	buf_add_u8(b, en->type);
	buf_add_u32(b, en->mode);
	wire_add_stamp(b, &stamp);
	wire_add_str(b, en->path, strlen(en->path));
	if (en->type == ENTRY_LINK)
		wire_add_str(b, en->link == NULL ? "" : en->link,
		    en->link == NULL ? 0 : strlen(en->link));
}

int
manifest_decode(struct manifest *m, const void *data, size_t n, struct err *e)
{
	struct wire_str rest = {.s = data, .len = n}, path, link;
	struct filestamp stamp;
	struct entry en;
	const uint8_t *p;

	while (rest.len > 0) {
		if (rest.len < ENTRY_FIXED)
			return err_set(
			    e, ERR_PROTOCOL, "manifest: entry cut short");
		p = (const uint8_t *)rest.s;
		en = (struct entry){.type = p[0], .nlink = 1};
		en.mode = wire_get_u32(p + 1) & 07777;
		wire_get_stamp(p + 5, &stamp);
		set_stamp(&en, &stamp);
		rest.s += ENTRY_FIXED;
		rest.len -= ENTRY_FIXED;
		link = (struct wire_str){0};
		if (wire_next_str(&rest, &path) == -1 ||
		    (en.type == ENTRY_LINK &&
			wire_next_str(&rest, &link) == -1))
			return err_set(
			    e, ERR_PROTOCOL, "manifest: entry cut short");
		if (en.type == ENTRY_SPECIAL ||
		    (en.type == ENTRY_FILE && en.size > INT64_MAX) ||
		    link.len > PATH_LIMIT * 4 ||
		    (link.len > 0 && memchr(link.s, '\0', link.len) != NULL))
			return bad(e, "bad entry", path.s, path.len);
		if (add(m, &en, path.s, path.len,
			en.type == ENTRY_LINK ? (link.s ? link.s : "") : NULL,
			link.len, e) == -1)
			return -1;
	}
	return 0;
}

size_t
manifest_lower(const struct manifest *m, const char *path)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (path_cmp(m->v[mid].path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct entry *
manifest_find(const struct manifest *m, const char *path)
{
	size_t i = manifest_lower(m, path);

	if (i < m->n && strcmp(m->v[i].path, path) == 0)
		return &m->v[i];
	return NULL;
}

void
manifest_free(struct manifest *m)
{
	struct arena *a, *next;

	for (a = m->arena; a != NULL; a = next) {
		next = a->next;
		free(a);
	}
	free(m->v);
	*m = (struct manifest){0};
}
