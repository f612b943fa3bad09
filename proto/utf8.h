/* Is this strict UTF-8: no overlong form, no surrogate, nothing above U+10FFFF? (NUL and control
 * bytes are the caller's matter.) */
#ifndef LJ_PROTO_UTF8_H
#define LJ_PROTO_UTF8_H

#include <stddef.h>

int lj_utf8_valid(const char *text, size_t n);

#endif
