/* NDJSON: where the lines are. A line is blank if it has only the white space of JSON in it; blank
 * ones are counted and skipped. */
#include "gateway/intake.h"

#include <string.h>

static int is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r') {
            return 0;
        }
    }
    return 1;
}

size_t lj_ndjson_split(const char *text, size_t len, struct lj_ndjson_line *ret, size_t cap,
                       size_t *ret_lines)
{
    size_t found = 0, lines = 0;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        lines++;
        if (!is_blank(text + at, n)) {
            if (found < cap) {
                ret[found] = (struct lj_ndjson_line){(uint32_t)lines, text + at, n};
            }
            found++;
        }
        at += n + 1;
    }
    *ret_lines = lines;
    return found < cap ? found : cap;
}
