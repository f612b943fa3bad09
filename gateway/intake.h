/* Splitting an NDJSON body into lines; the rest of intake is reached through gateway.h. */
#ifndef LJ_GATEWAY_INTAKE_H
#define LJ_GATEWAY_INTAKE_H

#include <stddef.h>
#include <stdint.h>

struct lj_ndjson_line {
    uint32_t number;  /* counted from 1, blank lines too */
    const char *text; /* without its line end */
    size_t len;
};

/* The non-blank lines of a body, at most cap of them. *ret_lines is how many lines there are in
 * all: a caller compares it with its limit. shape: lines end with LF (a CR before it belongs to the
 * blank space around the JSON); the last one may lack its end owner: borrows text; ret points into
 * it */
size_t lj_ndjson_split(const char *text, size_t len, struct lj_ndjson_line *ret, size_t cap,
                       size_t *ret_lines);

/* What a refusal by the broker or the client library is called to the client, and where in an event
 * it points. shape: negative LJ_E_* both ways */
int lj_intake_outward(int code, const char **ret_pointer);

#endif
