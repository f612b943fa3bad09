/* Writing JSON strings.
 *
 * Texts that reach an answer come from peers and from the database, cut at fixed sizes on the way:
 * a cut may fall inside a character. An answer must be valid JSON all the same, so the bytes are
 * read as UTF-8 here and what is none becomes U+FFFD, one for each bad byte. */
#include "gateway/jsonw.h"

#include <stdint.h>
#include <string.h>

/* Length of the valid UTF-8 character at s, 0 where there is none. source: Unicode 15, table 3-7 */
static size_t utf8_len(const uint8_t *s, size_t left)
{
    uint8_t c = s[0];
    size_t n = c < 0x80                   ? 1
               : (c >= 0xc2 && c <= 0xdf) ? 2
               : (c >= 0xe0 && c <= 0xef) ? 3
               : (c >= 0xf0 && c <= 0xf4) ? 4
                                          : 0;
    if (n == 0 || n > left) {
        return 0;
    }
    if (n >= 3) {
        uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (s[1] < low || s[1] > high) {
            return 0;
        }
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

void lj_jsonw_text(struct lj_buf *b, const char *s, size_t n)
{
    const uint8_t *p = (const uint8_t *)s;
    lj_buf_u8(b, '"');
    for (size_t i = 0; i < n;) {
        size_t len = utf8_len(p + i, n - i);
        if (len == 0) {
            lj_buf_put(b, "\xef\xbf\xbd", 3);
            i++;
        } else if (len == 1 && (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')) {
            lj_buf_printf(b, p[i] < 0x20 ? "\\u%04x" : "\\%c", p[i]);
            i++;
        } else {
            lj_buf_put(b, p + i, len);
            i += len;
        }
    }
    lj_buf_u8(b, '"');
}

void lj_jsonw_member(struct lj_buf *b, int *first, const char *name, const char *value)
{
    lj_buf_printf(b, "%s\"%s\":", *first ? "" : ",", name);
    lj_jsonw_text(b, value, strlen(value));
    *first = 0;
}
