/* A strict UTF-8 check for short texts (keys, names). Payloads are judged by the JSON reader, which
 * has its own fast path. */
#include "proto/utf8.h"

#include <stdint.h>

struct lead {
    uint8_t lo, hi, more, first_lo, first_hi;
}; /* of the lead byte; how many follow; bounds of the first that follows */

static const struct lead leads[] = {
    {0x00, 0x7f, 0, 0x00, 0x00}, {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf},
    {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
    {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

static const struct lead *lead_of(uint8_t c)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (c >= leads[i].lo && c <= leads[i].hi)
            return &leads[i];
    }
    return NULL;
}

int lj_utf8_valid(const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + n;
    while (p < end) {
        const struct lead *l = lead_of(*p++);
        if (!l || (size_t)(end - p) < l->more)
            return 0;
        if (l->more && (*p < l->first_lo || *p > l->first_hi))
            return 0;
        for (int i = 1; i < l->more; i++) {
            if (p[i] < 0x80 || p[i] > 0xbf)
                return 0;
        }
        p += l->more;
    }
    return 1;
}
