#include "base/std.h"
#include "core/text.h"
#include "io/jdoc.h"

#include <jansson.h>

#include <math.h>

#define DUMP_FLAGS (JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9))

struct jdoc {
	json_t *root;
	bool failed;
};

struct jdoc *
jdoc_new(void)
{
	struct jdoc *d = calloc(1, sizeof(*d));

	if (d != NULL && (d->root = json_object()) == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void
jdoc_free(struct jdoc *d)
{
	if (d == NULL)
		return;
	json_decref(d->root);
	free(d);
}

/* An array stands for its last object. */
static json_t *
object_of(json_t *v)
{
	size_t n = json_array_size(v);

	return n > 0 ? json_array_get(v, n - 1) : v;
}

/* The object that holds the last part of the path, made on the way. */
static json_t *
holder(struct jdoc *d, const char *path, const char **last)
{
	json_t *at = d->root, *next;
	const char *dot;
	char key[64];

	while ((dot = strchr(path, '.')) != NULL) {
		(void)snprintf(
		    key, sizeof(key), "%.*s", (int)(dot - path), path);
		if ((next = json_object_get(at, key)) == NULL) {
			next = json_object();
			if (json_object_set_new(at, key, next) == -1)
				d->failed = true;
		}
		at = object_of(next);
		path = dot + 1;
	}
	*last = path;
	return at;
}

static void
put(struct jdoc *d, const char *path, json_t *v)
{
	const char *key;
	json_t *in = holder(d, path, &key);

	if (v == NULL || in == NULL || json_object_set_new(in, key, v) == -1)
		d->failed = true;
}

static json_t *
text_value(const char *text)
{
	struct buf b = BUF_INIT;
	json_t *v;

	if (text == NULL)
		return json_null();
	if ((v = json_string(text)) != NULL)
		return v;
	text_add_escaped(&b, text, strlen(text));
	v = json_string(buf_str(&b));
	buf_free(&b);
	return v;
}

void
jdoc_text(struct jdoc *d, const char *path, const char *text)
{
	put(d, path, text_value(text));
}

void
jdoc_number(struct jdoc *d, const char *path, uint64_t n)
{
	put(d, path, json_integer((json_int_t)MIN_OF(n, (uint64_t)INT64_MAX)));
}

void
jdoc_real(struct jdoc *d, const char *path, double v)
{
	put(d, path, isfinite(v) ? json_real(v) : json_null());
}

void
jdoc_known(struct jdoc *d, const char *path, int64_t v)
{
	put(d, path, v < 0 ? json_null() : json_integer((json_int_t)v));
}

void
jdoc_flag(struct jdoc *d, const char *path, bool v)
{
	put(d, path, json_boolean(v));
}

void
jdoc_null(struct jdoc *d, const char *path)
{
	put(d, path, json_null());
}

void
jdoc_array(struct jdoc *d, const char *path)
{
	put(d, path, json_array());
}

void
jdoc_push(struct jdoc *d, const char *path, const char *text)
{
	const char *key;
	json_t *in = holder(d, path, &key), *a = json_object_get(in, key);

	if (a == NULL || json_array_append_new(a, text_value(text)) == -1)
		d->failed = true;
}

void
jdoc_item(struct jdoc *d, const char *path)
{
	const char *key;
	json_t *in = holder(d, path, &key), *a = json_object_get(in, key);

	if (a == NULL) {
		jdoc_array(d, path);
		a = json_object_get(in, key);
	}
	if (a == NULL || json_array_append_new(a, json_object()) == -1)
		d->failed = true;
}

static int
dump_to(const char *data, size_t n, void *out)
{
	buf_add(out, data, n);
	return buf_ok(out) ? 0 : -1;
}

int
jdoc_add(struct jdoc *d, struct buf *out)
{
	if (d->failed ||
	    json_dump_callback(d->root, dump_to, out, DUMP_FLAGS) == -1)
		return -1;
	buf_addc(out, '\n');
	return buf_ok(out) ? 0 : -1;
}

int
jdoc_print(struct jdoc *d, FILE *to)
{
	if (d->failed) {
		errno = ENOMEM;
		return -1;
	}
	if (json_dumpf(d->root, to, DUMP_FLAGS) == -1 ||
	    fputc('\n', to) == EOF || fflush(to) == EOF)
		return -1;
	return 0;
}
