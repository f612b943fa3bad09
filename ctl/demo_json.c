/* Items of the burst as payloads: right ones by the schemas, and wrong ones by their flags.
 *
 * The same item always gives the same bytes, so a payload is made when it is sent and again when it
 * is repeated, and none is kept.
 */
#include <string.h>

#include "common/timefmt.h"
#include "common/uuid.h"
#include "ctl/demo.h"

static const int64_t MINUTE_US = 60000000;

static void put_time(struct lj_buf *out, const char *name, int64_t us)
{
    char text[LJ_TIME_TEXT + 1];
    /* Written as local time, as fillers do. */
    if (lj_time_format(us + INT64_C(28800000000), text, NULL) == 0)
        lj_buf_printf(out, ",\"%s\":\"%.19s+08:00\"", name, text);
}

static void put_words(struct lj_buf *out, const char *name, unsigned set, const char *const *words)
{
    const char *comma = "";
    lj_buf_printf(out, ",\"%s\":[", name);
    for (int i = 0; words[i]; i++)
        if (set >> i & 1U) {
            lj_buf_printf(out, "%s\"%s\"", comma, words[i]);
            comma = ",";
        }
    lj_buf_printf(out, "]");
}

/* CODE of the reporting unit, UNIT/CODE of another. */
static void put_code(const struct demo_world *w, uint16_t own, uint16_t unit, char what,
                     uint32_t number, struct lj_buf *out)
{
    if (unit != own)
        lj_buf_printf(out, "\"%s/d%d-%c%u\"", w->units[unit].code, w->generation, what, number);
    else
        lj_buf_printf(out, "\"d%d-%c%u\"", w->generation, what, number);
}

static void put_row(const struct demo_world *w, uint16_t own, const struct demo_body *b,
                    const struct demo_row *r, struct lj_buf *out)
{
    static const char *const roles[] = {"INSTRUCT", "DEMO", "TALK", "SUPPORT", "ATTEND"};
    lj_buf_printf(out, "{\"person\":");
    put_code(w, own, w->persons[r->person].unit, 'p', r->person, out);
    lj_buf_printf(out, ",\"team\":");
    put_code(w, own, w->teams[r->team].unit, 't', r->team, out);
    lj_buf_printf(out, ",\"role\":\"%s\",\"minutes\":%d", roles[r->role], r->minutes);
    if (r->in >= 0) {
        put_time(out, "in", b->start_us + r->in * MINUTE_US);
        put_time(out, "out", b->start_us + r->out * MINUTE_US);
    }
    lj_buf_printf(out, "}");
}

static void put_roster(const struct demo_world *w, uint16_t own, const struct demo_body *b,
                       struct lj_buf *out)
{
    lj_buf_printf(out, ",\"teams\":[");
    for (int i = 0; i < b->nteams; i++) {
        if (i)
            lj_buf_printf(out, ",");
        if (b->flags & DEMO_F_BAD_TEAM)
            lj_buf_printf(out, "\"d%d-no-such-team\"", w->generation);
        else
            put_code(w, own, w->teams[b->teams[i]].unit, 't', b->teams[i], out);
    }
    lj_buf_printf(out, "],\"roster\":[");
    for (int i = 0; i < b->nrows; i++) {
        if (i)
            lj_buf_printf(out, ",");
        put_row(w, own, b, &b->rows[i], out);
    }
    lj_buf_printf(out, "]");
}

static void put_place(const struct demo_world *w, uint16_t own, const struct demo_body *b,
                      struct lj_buf *out)
{
    int online = b->mode == DEMO_LIVE || b->mode == DEMO_RECORDED;
    const char *kind = b->site >= 0 ? demo_site_kind(w, (uint32_t)b->site) : "";
    int community = strcmp(kind, "COMMUNITY") == 0 || strcmp(kind, "VILLAGE") == 0 ||
                    strncmp(kind, "ELDER", 5) == 0;
    if (b->flags & DEMO_F_BAD_SITE)
        lj_buf_printf(out, ",\"site\":\"d%d-no-such-site\"", w->generation);
    else if (b->site >= 0) {
        lj_buf_printf(out, ",\"site\":");
        put_code(w, own, (uint16_t)((uint32_t)b->site / w->sites_per_unit), 's', (uint32_t)b->site,
                 out);
    }
    if (online && !(b->flags & DEMO_F_NO_LINK))
        lj_buf_printf(out, ",\"url\":\"https://video.example/lesson/%u\"", b->text);
    lj_buf_printf(out, ",\"served_body\":\"%s\"", community ? "COMMUNITY" : "SCHOOL");
    if (!community && !(b->flags & DEMO_F_NO_APPROVAL))
        lj_buf_printf(out, ",\"school_approval_no\":\"示教体〔2024〕%u号\"", b->text % 900 + 1);
    if (b->mode == DEMO_HYBRID || (online && !(b->flags & DEMO_F_NO_ONLINE)))
        lj_buf_printf(out, ",\"audience_online\":%u", b->online);
}

static void put_title(const struct demo_world *w, const struct demo_body *b, struct lj_buf *out)
{
    char title[256];
    demo_title(w, b->teams[0], b->site, b->text, title);
    lj_buf_printf(out, "{\"title\":\"%s%s\"", b->flags & DEMO_F_SHORT_TITLE ? "两进" : title,
                  b->flags & DEMO_F_RETITLED ? "(改)" : "");
}

/* Members that few reports have. */
static void put_extras(const struct demo_body *b, struct lj_buf *out)
{
    static const unsigned photo = DEMO_F_BIG_PHOTO | DEMO_F_LATE_PHOTO | DEMO_F_MINORS;
    if (b->flags & DEMO_F_SPONSOR)
        lj_buf_printf(out, ",\"sponsor\":\"示例体育用品店\"");
    if (b->flags & DEMO_F_HEAT)
        lj_buf_printf(out, ",\"risk\":{\"outdoor\":true,\"celsius\":%u}", 35 + b->text % 5);
    if (!(b->flags & photo))
        return;
    lj_buf_printf(out, ",\"attachments\":[{\"hash\":\"%064x\",\"type\":\"JPEG\",\"bytes\":%d",
                  b->text, b->flags & DEMO_F_BIG_PHOTO ? 12000000 : 800000);
    if (b->flags & DEMO_F_LATE_PHOTO)
        put_time(out, "taken_at", b->start_us + (b->span + 125) * MINUTE_US);
    if (b->flags & DEMO_F_MINORS)
        lj_buf_printf(out, ",\"minors\":true");
    lj_buf_printf(out, "}]");
}

static void put_body(const struct demo_world *w, uint16_t own, const struct demo_body *b,
                     struct lj_buf *out)
{
    static const char *const modes[] = {"ONSITE", "LIVE", "RECORDED", "HYBRID"};
    static const char *const contents[] = {"TEACH", "DEMO", "MATCH_PLAY", "LECTURE",
                                           "Q_A",   "TEST", "DONATION",   NULL};
    static const char *const themes[] = {"PARTY", "VOLUNTEER", "RURAL", "RED_EDU", "BRAND", NULL};
    put_title(w, b, out);
    lj_buf_printf(out, ",\"mode\":\"%s\"",
                  b->flags & DEMO_F_BAD_MODE ? "BY_LETTER" : modes[b->mode]);
    put_time(out, "start_at", b->start_us);
    put_time(out, "end_at", b->start_us + b->span * MINUTE_US);
    lj_buf_printf(out, ",\"break_minutes\":%d", b->pause);
    put_roster(w, own, b, out);
    put_place(w, own, b, out);
    lj_buf_printf(out, ",\"audience\":%u,\"guidance_minutes\":%d,\"fee_charged\":%s", b->audience,
                  b->guidance, b->flags & DEMO_F_FEE ? "true" : "false");
    if (!(b->flags & DEMO_F_NO_CONTENT))
        put_words(out, "content", b->content, contents);
    if (b->flags & DEMO_F_BAD_THEME)
        lj_buf_printf(out, ",\"themes\":[\"ADVERTISING\"]");
    else if (b->themes)
        put_words(out, "themes", b->themes, themes);
    if (b->anchor || b->flags & DEMO_F_BAD_ANCHOR)
        lj_buf_printf(out, ",\"anchor\":\"%s\"", demo_anchor_word(b->anchor));
    if (b->flags & DEMO_F_COST)
        lj_buf_printf(out, ",\"cost_yuan\":-100");
    if (b->flags & DEMO_F_LATE_REASON)
        lj_buf_printf(out, ",\"late_reason\":\"队伍外出集训期间无法登录系统填报\"");
    put_extras(b, out);
    lj_buf_printf(out, ",\"narrative\":\"");
    for (int i = 0; i < (b->flags & DEMO_F_LONG ? 40 : 1); i++)
        demo_narrative(b->text + (uint64_t)i, out);
    lj_buf_printf(out, "\"}");
}

static void put_change(const struct demo_burst *burst, const struct demo_item *item,
                       struct lj_buf *out)
{
    char id[LJ_UUID_TEXT + 1];
    int known = item->target != DEMO_NONE;
    lj_buf_printf(out, "{\"activity\":\"%s\",\"base_version\":%d",
                  lj_uuid_format(known ? burst->items[item->target].id : item->id, id),
                  item->base_version);
    if (item->op == DEMO_CORRECT) {
        lj_buf_printf(out, ",\"reason\":\"核对后更正\",\"body\":");
        put_body(burst->world, item->unit, item->body, out);
        lj_buf_printf(out, "}");
    } else {
        lj_buf_printf(out, ",\"reason\":\"重复填报,申请撤回\"}");
    }
}

static void put_feedback(const struct demo_burst *burst, const struct demo_item *item,
                         struct lj_buf *out)
{
    static const char *const from[] = {"PARENT", "PUPIL", "TEACHER", "HOST"};
    size_t n = (size_t)(item - burst->items);
    char id[LJ_UUID_TEXT + 1];
    lj_buf_printf(out, "{\"activity\":\"%s\",\"from\":\"%s\",\"text\":\"%s\"}",
                  lj_uuid_format(burst->items[item->target].id, id), from[n % 4],
                  demo_feedback_text(item->risky, n));
}

void demo_payload(const struct demo_burst *b, const struct demo_item *item, struct lj_buf *out)
{
    const struct demo_item *of = item;
    if (item->op == DEMO_SAME || item->op == DEMO_OTHER)
        of = &b->items[item->target];
    if (of->op == DEMO_CORRECT || of->op == DEMO_WITHDRAW) {
        put_change(b, of, out);
    } else if (of->op == DEMO_FEEDBACK) {
        put_feedback(b, of, out);
    } else {
        struct demo_body body = *of->body;
        body.flags |= item->op == DEMO_OTHER ? DEMO_F_RETITLED : 0;
        put_body(b->world, of->unit, &body, out);
    }
}

const char *demo_type(const struct demo_item *item)
{
    return item->op == DEMO_CORRECT    ? "activity.corrected"
           : item->op == DEMO_WITHDRAW ? "activity.withdrawal_requested"
           : item->op == DEMO_FEEDBACK ? "feedback.received"
                                       : "activity.submitted";
}
