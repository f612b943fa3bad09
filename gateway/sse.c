/* Server-sent events.
 *
 * One item is one block: id, event, one line of data, an empty line. The data are short JSON
 * objects built from numbers and from names that the database holds to a narrow alphabet; they are
 * escaped all the same, since a name with a quote or a line end would break the frame for every
 * reader. A closure shows only the positions of units that the reader may see, and is left out when
 * none is left. */
#include "gateway/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/uuid.h"
#include "gateway/jsonw.h"

void lj_sse_id(struct lj_cursor at, char out[LJ_SSE_ID_MAX])
{
    snprintf(out, LJ_SSE_ID_MAX, "%lld-%lld", (long long)at.position, (long long)at.closure);
}

/* A decimal number as we write it; NULL if there is none. Else what follows it. */
static const char *number(const char *s, int64_t *ret)
{
    size_t n = strspn(s, "0123456789");
    if (n == 0 || n > 18 || (n > 1 && s[0] == '0')) {
        return NULL;
    }
    *ret = strtoll(s, NULL, 10);
    return s + n;
}

int lj_sse_id_parse(const char *text, struct lj_cursor *ret, struct lj_err *err)
{
    struct lj_cursor at;
    const char *p = number(text, &at.position);
    p = p && *p == '-' ? number(p + 1, &at.closure) : NULL;
    if (!p || *p != '\0') {
        return lj_fail(err, LJ_E_BAD_CURSOR, "it has not the form of an id of this stream");
    }
    *ret = at;
    return 0;
}

static bool sees(const struct lj_sse_filter *f, const char *unit)
{
    return !f->sees || f->sees(unit, f->arg);
}

static void begin(struct lj_buf *b, struct lj_cursor at, const char *event)
{
    char id[LJ_SSE_ID_MAX];
    lj_sse_id(at, id);
    lj_buf_printf(b, "id: %s\nevent: %s\ndata: {", id, event);
}

bool lj_sse_event(struct lj_buf *b, const struct lj_ring_item *item, struct lj_cursor at,
                  const struct lj_sse_filter *f)
{
    char id[LJ_UUID_TEXT + 1];
    int first = 0;
    if (!sees(f, item->unit) || (f->type[0] && strcmp(f->type, item->name) != 0)) {
        return false;
    }
    begin(b, at, "event");
    lj_buf_printf(b, "\"position\":%lld", (long long)item->number);
    lj_jsonw_member(b, &first, "id", lj_uuid_format(item->id, id));
    lj_jsonw_member(b, &first, "type", item->name);
    lj_jsonw_member(b, &first, "unit", item->unit);
    lj_buf_put(b, "}\n\n", 3);
    return true;
}

bool lj_sse_closure(struct lj_buf *b, const struct lj_ring_item *item, struct lj_cursor at,
                    const struct lj_sse_filter *f)
{
    uint8_t seen[UINT16_MAX / 8 + 1];
    size_t n = 0;
    int first = 0;
    memset(seen, 0, (size_t)item->count / 8 + 1);
    for (uint16_t i = 0; i < item->count; i++) {
        if (sees(f, item->members[i].unit)) {
            seen[i / 8] |= (uint8_t)(1u << (i % 8));
            n++;
        }
    }
    if (n == 0) {
        return false;
    }
    begin(b, at, "closure");
    lj_buf_printf(b, "\"number\":%lld", (long long)item->number);
    lj_jsonw_member(b, &first, "kind", item->name);
    for (int list = 0; list < 2; list++) {
        const char *comma = "";
        lj_buf_printf(b, list == 0 ? ",\"positions\":[" : "],\"verdicts\":[");
        for (uint16_t i = 0; i < item->count; i++) {
            if (seen[i / 8] >> (i % 8) & 1) {
                lj_buf_printf(b, "%s%lld", comma,
                              list == 0 ? (long long)item->members[i].position
                                        : (long long)item->members[i].verdict);
                comma = ",";
            }
        }
    }
    lj_buf_put(b, "]}\n\n", 4);
    return true;
}
