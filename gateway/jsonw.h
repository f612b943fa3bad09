/* Writing JSON into a buffer: strings are escaped, and whatever is no UTF-8 is replaced, so that
 * the output is always valid. */
#ifndef LJ_GATEWAY_JSONW_H
#define LJ_GATEWAY_JSONW_H

#include <stddef.h>

#include "common/buf.h"

/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void lj_jsonw_text(struct lj_buf *b, const char *s, size_t n);
/* `"name":"value"`, with a comma before it when *first is 0; *first = 0 afterwards. */
void lj_jsonw_member(struct lj_buf *b, int *first, const char *name, const char *value);

#endif
