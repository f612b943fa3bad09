/* The short result: what quota gets instead of the payload. The contract is in docs/contracts.md.
 *
 * It holds register numbers instead of codes and no text that a client wrote, so it needs no
 * escaping and is a few hundred bytes. A row whose declared minutes can count for nothing is still
 * in it: whether a person counts is quota's to settle, by the registers of later.
 */
#include <inttypes.h>

#include "common/uuid.h"
#include "workers/validation/case.h"

static void put_words(struct lj_buf *out, uint64_t set, const char *const *words)
{
    const char *comma = "";
    for (int i = 0; words[i]; i++)
        if (set >> i & 1U) {
            lj_buf_printf(out, "%s\"%s\"", comma, words[i]);
            comma = ",";
        }
}

static void put_time(struct lj_buf *out, const char *name, int has, int64_t us)
{
    if (has)
        lj_buf_printf(out, ",\"%s\":%" PRId64, name, us);
    else
        lj_buf_printf(out, ",\"%s\":null", name);
}

static void put_body(const struct lj_body *b, struct lj_buf *out)
{
    int placed = b->site_no && (b->mode == LJ_MODE_ONSITE || b->mode == LJ_MODE_HYBRID);
    lj_buf_printf(out, ",\"teams\":[");
    for (size_t i = 0; i < b->nteams; i++)
        lj_buf_printf(out, "%s%" PRId32, i ? "," : "", b->teams[i].number);
    lj_buf_printf(out,
                  "],\"start\":%" PRId64 ",\"end\":%" PRId64 ",\"break\":%" PRId64
                  ",\"net\":%" PRId64 ",\"mode\":\"%s\"",
                  b->start_us, b->end_us, b->break_minutes, lj_case_net(b), lj_mode_words[b->mode]);
    if (placed)
        lj_buf_printf(out, ",\"site\":%" PRId32, b->site_no);
    else
        lj_buf_printf(out, ",\"site\":null");
    lj_buf_printf(out, ",\"content\":[");
    put_words(out, b->content, lj_content_words);
    lj_buf_printf(out, "],\"themes\":[");
    put_words(out, b->themes, lj_theme_words);
    lj_buf_printf(out, "],\"guidance\":%" PRId64 ",\"roster\":[", b->guidance_minutes);
    for (size_t i = 0; i < b->nroster; i++) {
        const struct lj_roster_row *r = &b->roster[i];
        lj_buf_printf(out, "%s{\"p\":%" PRId32 ",\"t\":%" PRId32 ",\"r\":\"%s\",\"d\":%" PRId64,
                      i ? "," : "", r->person_no, r->team_no, lj_roster_role_words[r->role],
                      r->minutes);
        put_time(out, "in", r->has_in, r->in_us);
        put_time(out, "out", r->has_out, r->out_us);
        lj_buf_printf(out, "}");
    }
    lj_buf_printf(out, "]");
}

void lj_case_short(const struct lj_case *c, struct lj_buf *out)
{
    static const char *const words[] = {
        [LJ_OP_REPORT] = "report", [LJ_OP_CORRECT] = "correct", [LJ_OP_WITHDRAW] = "withdraw"};
    char id[LJ_UUID_TEXT + 1];
    lj_buf_printf(out, "{\"a\":\"%s\",\"v\":%" PRId32 ",\"op\":\"%s\",\"unit\":%d",
                  lj_uuid_format(c->activity, id), c->current.version + 1, words[c->op],
                  c->event->unit);
    if (c->op != LJ_OP_WITHDRAW)
        put_body(&c->body, out);
    lj_buf_printf(out, "}");
}
