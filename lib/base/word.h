/* The nearest word, for hints: "jbos" -> "jobs". */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include "base/std.h"

/*
 * The nearest of n words to s by edit distance (insert, delete, replace, swap
 * of neighbours), at most 3 and at most half of the longer word; the first of
 * equals.  NULL: none is near.  NULL words are skipped.
 */
const char *word_nearest(const char *s, const char *const *words, size_t n);

#endif
