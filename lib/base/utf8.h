/* UTF-8, and what of it may not reach a terminal or a log as it is. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/std.h"

/*
 * Length of the UTF-8 character at p (n bytes, at least one), 0 when it is not
 * one: overlong forms, surrogates and values above U+10FFFF are not.  *code is
 * its value.
 */
size_t utf8_char(const unsigned char *p, size_t n, uint32_t *code);

/* Characters that move the cursor, end a line, or reorder what is read: C0,
 * DEL, C1, line and paragraph separator, bidirectional marks; and the backslash
 * that escapes begin with. */
bool utf8_is_unsafe(uint32_t code);

#endif
