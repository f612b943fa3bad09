/* The short result: what quota gets instead of the payload. The contract is in docs/contracts.md.
 *
 * It holds register numbers instead of codes and no text that a client wrote, so it needs no
 * escaping and is a few hundred bytes. It is written for every accepted event, so
 * the pieces are put together without printf. A row whose declared minutes can count for nothing is
 * still in it: whether a person counts is quota's to settle, by the registers of later.
 */
#include <string.h>

#include "common/uuid.h"
#include "workers/validation/case.h"

static void put(struct lj_buf *out, const char *text)
{
    lj_buf_put(out, text, strlen(text));
}

static void put_int(struct lj_buf *out, int64_t v)
{
    enum { DIGITS = 20 };
    char text[DIGITS + 1], *at = text + sizeof text;
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (v < 0)
        *--at = '-';
    lj_buf_put(out, at, (size_t)(text + sizeof text - at));
}

/* A member: everything before its value (comma, name, colon), then the number. */
static void put_number(struct lj_buf *out, const char *before, int64_t v)
{
    put(out, before);
    put_int(out, v);
}

static void put_words(struct lj_buf *out, const char *before, uint64_t set,
                      const char *const *words)
{
    const char *open = "\"";
    put(out, before);
    for (int i = 0; words[i]; i++)
        if (set >> i & 1U) {
            put(out, open);
            put(out, words[i]);
            put(out, "\"");
            open = ",\"";
        }
    put(out, "]");
}

static void put_time(struct lj_buf *out, const char *before, int has, int64_t us)
{
    put(out, before);
    if (has)
        put_int(out, us);
    else
        put(out, "null");
}

/* The version waits for its approval. */
static int is_held(const struct lj_case *c)
{
    enum lj_activity_state state = lj_case_state(c);
    return state == LJ_STATE_UNIT_REVIEW || state == LJ_STATE_CORRECTION_PENDING;
}

static void put_row(struct lj_buf *out, const struct lj_roster_row *r)
{
    put_number(out, "{\"p\":", r->person_no);
    put_number(out, ",\"t\":", r->team_no);
    put(out, ",\"r\":\"");
    put(out, lj_roster_role_words[r->role]);
    put_number(out, "\",\"d\":", r->minutes);
    put_time(out, ",\"in\":", r->has_in, r->in_us);
    put_time(out, ",\"out\":", r->has_out, r->out_us);
    put(out, "}");
}

static void put_body(const struct lj_body *b, struct lj_buf *out)
{
    int placed = b->site_no && (b->mode == LJ_MODE_ONSITE || b->mode == LJ_MODE_HYBRID);
    put(out, ",\"teams\":[");
    for (size_t i = 0; i < b->nteams; i++)
        put_number(out, i ? "," : "", b->teams[i].number);
    put_number(out, "],\"start\":", b->start_us);
    put_number(out, ",\"end\":", b->end_us);
    put_number(out, ",\"break\":", b->break_minutes);
    put_number(out, ",\"net\":", lj_case_net(b));
    put(out, ",\"mode\":\"");
    put(out, lj_mode_words[b->mode]);
    put_time(out, "\",\"site\":", placed, b->site_no);
    put_words(out, ",\"content\":[", b->content, lj_content_words);
    put_words(out, ",\"themes\":[", b->themes, lj_theme_words);
    put_number(out, ",\"guidance\":", b->guidance_minutes);
    put(out, ",\"roster\":[");
    for (size_t i = 0; i < b->nroster; i++) {
        if (i)
            put(out, ",");
        put_row(out, &b->roster[i]);
    }
    put(out, "]");
}

void lj_case_short(const struct lj_case *c, struct lj_buf *out)
{
    const char *op = lj_case_quota_op(c);
    char id[LJ_UUID_TEXT + 1];
    put(out, "{\"a\":\"");
    put(out, lj_uuid_format(c->activity, id));
    put_number(out, "\",\"v\":", c->current.step + 1);
    put(out, ",\"op\":\"");
    put(out, op ? op : "nothing");
    put_number(out, "\",\"unit\":", c->event->unit);
    if (lj_case_approves(c))
        put_number(out, ",\"body\":", lj_case_approves(c));
    if (c->person)
        put_number(out, ",\"person\":", c->current.person);
    if (c->op == LJ_OP_DUP_JOINT) {
        put(out, ",\"other\":\"");
        put(out, lj_uuid_format(c->other, id));
        put(out, "\"");
    }
    if (c->op == LJ_OP_REPORT || c->op == LJ_OP_CORRECT)
        put_body(&c->body, out);
    if (LJ_OP_MAKES(c->op) && c->op != LJ_OP_WITHDRAW && is_held(c))
        put(out, ",\"held\":true");
    put(out, "}");
}
