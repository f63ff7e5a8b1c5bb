/*
 * First include of every file: configuration, the C library, and the list of
 * functions that this tree does not use.
 */
#ifndef BASE_STD_H
#define BASE_STD_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#if defined(__GNUC__)
#define PRINTFLIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#undef sprintf /* with _FORTIFY_SOURCE some are macros */
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#pragma GCC poison system popen sprintf vsprintf strcpy strcat strncpy strncat
#pragma GCC poison mktemp tmpnam tempnam
#else
#define PRINTFLIKE(fmt, first)
#endif

#endif
