/*
 * From judged hits to findings.
 *
 * A kind's points are the best sentence's best hit, plus a little for a second one apart from it in
 * the sentence and a little for another sentence: never the sum over the text. Two points are the
 * threshold. In a long text plain and weak hits without a complaint or consequence count less.
 *
 * The hits are sorted by kind once; a finding is written where it will stay.
 */
#include <string.h>

#include "workers/opinion/engine.h"

#define THRESHOLD 2.0F
#define TOLD      0.8F

enum { LONG_TEXT = 120 };

/* In a long text plain words for risks are often told, not alleged: without a complaint or a
 * consequence beside it, one of them alone does not reach the threshold. */
static float hit_points(const struct lj_opinion *o, const struct lj_hit *h)
{
    bool told = o->text.n >= LONG_TEXT && h->weight != LJ_STRONG && !h->supported;
    return told ? h->points * TOLD : h->points;
}

/* Numbers of the hits, sorted by their kinds. */
struct by_kind {
    uint16_t hit[LJ_HITS_MAX];
    uint16_t first[LJ_OPINION_KINDS + 1];
};

static void sort_by_kind(const struct lj_opinion *o, struct by_kind *b)
{
    uint16_t at[LJ_OPINION_KINDS];
    memset(b->first, 0, sizeof b->first);
    for (uint32_t i = 0; i < o->hit_count; i++)
        b->first[o->hit[i].kind + 1]++;
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        at[k] = b->first[k];
        b->first[k + 1] = (uint16_t)(b->first[k + 1] + b->first[k]);
    }
    for (uint32_t i = 0; i < o->hit_count; i++)
        b->hit[at[o->hit[i].kind]++] = (uint16_t)i;
}

/* A kind that is flagged, or looked at: its hits, its points, its best hit. */
struct candidate {
    const uint16_t *hit;
    uint32_t hits;
    uint8_t kind;
    float points;
    uint32_t best;
    float score;
};

static void kind_points(const struct lj_opinion *o, struct candidate *c)
{
    float best = 0;
    for (uint32_t i = 0; i < c->hits; i++) {
        float p = hit_points(o, &o->hit[c->hit[i]]);
        if (p > best) {
            best = p;
            c->best = c->hit[i];
        }
    }
    float more = 0;
    const struct lj_hit *b = &o->hit[c->best];
    for (uint32_t i = 0; best > 0 && i < c->hits; i++) {
        const struct lj_hit *h = &o->hit[c->hit[i]];
        bool apart = h->e <= b->s || h->s >= b->e;
        if (apart && lj_stands(h))
            more = more > 0.5F ? more : h->sentence == b->sentence ? 0.5F : 0.3F;
    }
    c->points = best + more;
}

static struct lj_opinion_span span_of(const struct lj_opinion *o, const struct lj_hit *h)
{
    return (struct lj_opinion_span){o->text.pos[h->s], (uint32_t)o->text.pos[h->e - 1] + 1};
}

struct lj_opinion_reason lj_reason_of(const struct lj_opinion *o, const struct lj_hit *h)
{
    struct lj_opinion_reason r = {
        .kind = h->kind,
        .code = h->code,
        .source = h->by_rule   ? LJ_OPINION_BY_RULE
                  : h->by_pair ? LJ_OPINION_BY_PAIR
                               : LJ_OPINION_BY_TERM,
        .scope = h->scope,
        .span = span_of(o, h),
        .weight = lj_stands(h) ? h->points : 0,
    };
    const char *name = h->by_rule   ? o->rules->rules[h->rule].name
                       : h->by_pair ? o->rules->pairs[h->rule].name
                                    : o->rules->entries[h->rule].name;
    memcpy(r.rule, name, sizeof r.rule);
    return r;
}

/* Adds a span, joined with those it overlaps; they stay sorted by start. */
static void add_span(struct lj_opinion_finding *f, struct lj_opinion_span s)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < f->span_count; i++) {
        struct lj_opinion_span x = f->spans[i];
        if (x.start < s.end && s.start < x.end) {
            s.start = x.start < s.start ? x.start : s.start;
            s.end = x.end > s.end ? x.end : s.end;
        } else {
            f->spans[k++] = x;
        }
    }
    f->span_count = k;
    if (k == LJ_OPINION_SPANS_MAX)
        return;
    while (k > 0 && f->spans[k - 1].start > s.start) {
        f->spans[k] = f->spans[k - 1];
        k--;
    }
    f->spans[k] = s;
    f->span_count++;
}

/* The code of a finding that only the models see. */
static enum lj_opinion_code code_of_kind(uint8_t kind)
{
    static const uint8_t codes[LJ_OPINION_KINDS] = {
        [LJ_OPINION_INJURY] = LJ_OPINION_CODE_INJURY,
        [LJ_OPINION_FEE] = LJ_OPINION_CODE_FEES,
        [LJ_OPINION_FORMALISM] = LJ_OPINION_CODE_FORMAL,
        [LJ_OPINION_MISCONDUCT] = LJ_OPINION_CODE_CONDUCT,
        [LJ_OPINION_DISCRIMINATION] = LJ_OPINION_CODE_OTHER,
        [LJ_OPINION_DISTURBANCE] = LJ_OPINION_CODE_OTHER,
        [LJ_OPINION_FAKE] = LJ_OPINION_CODE_FAKE,
        [LJ_OPINION_REPUTATION] = LJ_OPINION_CODE_CONDUCT,
        [LJ_OPINION_PRIVACY] = LJ_OPINION_CODE_PRIVACY,
        [LJ_OPINION_THREAT] = LJ_OPINION_CODE_OTHER,
    };
    return (enum lj_opinion_code)codes[kind];
}

static int model_severity(const struct lj_opinion *o)
{
    return o->fused.text[LJ_Q_GRAVE] >= 0.5F ? 3 : o->fused.text[LJ_Q_ORDINARY] >= 0.5F ? 2 : 1;
}

/* The strongest first: a person reads the first one. */
static void add_reasons(const struct lj_opinion *o, const struct candidate *c,
                        struct lj_opinion_finding *f)
{
    uint16_t hit[LJ_OPINION_REASONS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->hits && n < LJ_OPINION_REASONS_MAX; i++) {
        const struct lj_hit *h = &o->hit[c->hit[i]];
        if (!lj_stands(h))
            continue;
        uint32_t k = n++;
        for (; k > 0 && o->hit[hit[k - 1]].points < h->points; k--)
            hit[k] = hit[k - 1];
        hit[k] = c->hit[i];
    }
    for (uint32_t i = 0; i < n; i++)
        f->reasons[i] = lj_reason_of(o, &o->hit[hit[i]]);
    f->reason_count = n;
}

/* f is empty. */
static void fill_finding(struct lj_opinion *o, const struct candidate *c,
                         struct lj_opinion_finding *f)
{
    f->kind = c->kind;
    f->code = c->points > 0 ? o->hit[c->best].code : code_of_kind(c->kind);
    f->score = c->score;
    for (uint32_t i = 0; i < c->hits; i++) {
        const struct lj_hit *h = &o->hit[c->hit[i]];
        if (!lj_stands(h))
            continue;
        add_span(f, span_of(o, h));
        if (h->severity > f->severity)
            f->severity = h->severity;
    }
    add_reasons(o, c, f);
    if (o->fused.on)
        lj_ngram_evidence(o, f);
    if (f->severity == 0)
        f->severity = model_severity(o);
}

/* The kinds that are flagged, highest score first; returns how many. */
static uint32_t candidates(const struct lj_opinion *o, const struct by_kind *b,
                           struct candidate list[LJ_OPINION_KINDS], float *ret_top)
{
    uint32_t n = 0;
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        if (o->fused.on && !(o->fused.flagged >> k & 1))
            continue;
        struct candidate c = {.hit = b->hit + b->first[k],
                              .hits = (uint32_t)b->first[k + 1] - b->first[k],
                              .kind = (uint8_t)k};
        kind_points(o, &c);
        *ret_top = c.points > *ret_top ? c.points : *ret_top;
        if (!o->fused.on && c.points < THRESHOLD)
            continue;
        c.score = o->fused.on ? o->fused.kind[k] : c.points / (c.points + THRESHOLD);
        uint32_t at = n++;
        for (; at > 0 && list[at - 1].score < c.score; at--)
            list[at] = list[at - 1];
        list[at] = c;
    }
    return n;
}

void lj_collect(struct lj_opinion *o, struct lj_opinion_findings *f)
{
    __attribute__((uninitialized)) struct by_kind b;
    __attribute__((uninitialized)) struct candidate list[LJ_OPINION_KINDS];
    float top = 0;
    sort_by_kind(o, &b);
    f->count = candidates(o, &b, list, &top);
    for (uint32_t i = 0; i < f->count; i++)
        fill_finding(o, &list[i], &f->findings[i]);
    f->risk_score = o->fused.on ? o->fused.text[LJ_Q_RISK] : top / (top + THRESHOLD);
}
