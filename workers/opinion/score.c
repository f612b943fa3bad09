/*
 * The text as a whole: polarity, severity, base, level; the hits that do not count.
 *
 * Polarity weighs praise, cancelled risks (没有收费 is praise in this field) and complaints. The
 * base severity follows the field's table with what one text can tell. The findings themselves are
 * finding.c's.
 */
#include "workers/opinion/engine.h"

#define GRAVE_DOUBT 0.2F

static bool just_negated(const struct lj_opinion *o, uint32_t i)
{
    const uint64_t neg = LJ_BIT(NEG) | LJ_BIT(NEG1) | LJ_BIT(PREV);
    for (uint32_t k = i; k-- > 0 && o->tok[k].s + 6 > o->tok[i].s;) {
        const struct lj_tok *t = &o->tok[k];
        if ((t->words & neg) && t->e <= o->tok[i].s && o->tok[i].s - t->e <= 2 &&
            lj_clause_at(o, t->s) == lj_clause_at(o, o->tok[i].s))
            return true;
    }
    return false;
}

void lj_count_words(struct lj_opinion *o)
{
    const uint64_t counted = LJ_BIT(POS) | LJ_BIT(BAD) | LJ_BIT(COMPLAIN) | LJ_BIT(ROUTINE) |
                             LJ_BIT(MINOR) | LJ_BIT(POLICE) | LJ_BIT(HOSP);
    struct lj_praise p = {0};
    for (uint32_t i = 0; i < o->tok_count; i++) {
        uint64_t c = o->tok[i].words;
        if (!(c & counted))
            continue;
        bool negated = (c & (LJ_BIT(POS) | LJ_BIT(BAD))) && just_negated(o, i);
        p.good += (c & (negated ? LJ_BIT(BAD) : LJ_BIT(POS))) != 0;
        p.bad += (c & (negated ? LJ_BIT(POS) : LJ_BIT(BAD))) != 0;
        p.complaints += (c & LJ_BIT(COMPLAIN)) != 0;
        p.routine += (c & LJ_BIT(ROUTINE)) != 0;
        p.minors = p.minors || (c & LJ_BIT(MINOR));
        bool now = o->frame[o->tok[i].sentence] == LJ_OPINION_SCOPE_NONE;
        p.police = p.police || (now && (c & LJ_BIT(POLICE)));
        p.hospital = p.hospital || (now && (c & (LJ_BIT(HOSP) | LJ_BIT(POLICE))));
    }
    o->praise = p;
}

/* A hit that stands, but whose kind the fusion finds unlikely. */
static bool outweighed(const struct lj_opinion *o, const struct lj_hit *h)
{
    return o->fused.on && lj_stands(h) && !(o->fused.flagged >> h->kind & 1);
}

static struct lj_opinion_reason cancelled_reason(const struct lj_opinion *o, const struct lj_hit *h)
{
    struct lj_opinion_reason r = lj_reason_of(o, h);
    if (outweighed(o, h))
        r.scope = LJ_OPINION_SCOPE_UNLIKELY;
    r.weight = 0;
    return r;
}

static uint32_t collect_cancelled(const struct lj_opinion *o, struct lj_opinion_findings *f)
{
    uint32_t negated = 0;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        const struct lj_hit *h = &o->hit[i];
        f->evasion = f->evasion || (h->evasive && lj_stands(h));
        if (lj_stands(h) && !outweighed(o, h))
            continue;
        f->rumour = f->rumour || h->scope == LJ_OPINION_SCOPE_DENY;
        negated += h->scope == LJ_OPINION_SCOPE_NEG || h->scope == LJ_OPINION_SCOPE_DENY;
        if (f->cancelled_count < LJ_OPINION_CANCELLED_MAX)
            f->cancelled[f->cancelled_count++] = cancelled_reason(o, h);
    }
    return negated;
}

/* Good against bad, as the models see it; what a text with a finding says is bad. */
static void fused_polarity(const struct lj_opinion *o, struct lj_opinion_findings *f)
{
    float good = o->fused.text[LJ_Q_GOOD];
    float bad = o->fused.text[LJ_Q_BAD];
    const float *at = o->fusion->polar_at;
    f->polarity_score = good - bad;
    f->polarity = f->count > 0 ? -1 : bad >= at[1] && bad >= good ? -1 : good >= at[0] ? 1 : 0;
}

static void set_polarity(const struct lj_praise *p, uint32_t negated, struct lj_opinion_findings *f)
{
    float good = (float)p->good + 0.8F * (float)negated;
    float bad = (float)p->bad + 0.7F * (float)p->complaints;
    if (f->count > 0)
        bad += f->severity > 1 ? 4 : 2.5F;
    float routine = 0.6F * (float)(p->routine > 2 ? 2 : p->routine);
    f->polarity_score = (good - bad) / (good + bad + 0.5F + routine);
    f->polarity = f->count > 0                ? -1
                  : f->polarity_score > 0.3F  ? 1
                  : f->polarity_score < -0.3F ? -1
                                              : 0;
}

static int highest_base(const struct lj_opinion_findings *f, enum lj_opinion_code *ret_code)
{
    int base = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        for (uint32_t k = 0; k < f->findings[i].reason_count; k++) {
            enum lj_opinion_code code = f->findings[i].reasons[k].code;
            if (lj_opinion_code_base(code) > base) {
                base = lj_opinion_code_base(code);
                *ret_code = code;
            }
        }
    }
    return base;
}

/* What a denied accusation leaves: half of its base. */
static int rumour_base(const struct lj_opinion_findings *f)
{
    int base = 0;
    for (uint32_t i = 0; i < f->cancelled_count; i++) {
        int b = lj_opinion_code_base(f->cancelled[i].code) / 2;
        if (f->cancelled[i].scope == LJ_OPINION_SCOPE_DENY && b > base)
            base = b;
    }
    return base;
}

static enum lj_opinion_level level_of(const struct lj_opinion_findings *f)
{
    enum lj_opinion_level level = f->base >= 80   ? LJ_OPINION_LEVEL_RED
                                  : f->base >= 60 ? LJ_OPINION_LEVEL_ORANGE
                                  : f->base >= 35 ? LJ_OPINION_LEVEL_YELLOW
                                  : f->base >= 15 ? LJ_OPINION_LEVEL_BLUE
                                                  : LJ_OPINION_LEVEL_NONE;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct lj_opinion_finding *x = &f->findings[i];
        bool red = x->severity == 3 ||
                   (x->kind == LJ_OPINION_INJURY && x->severity > 1 && f->minors && f->hospital);
        bool orange = x->code == LJ_OPINION_CODE_ABUSE;
        if (red)
            level = LJ_OPINION_LEVEL_RED;
        else if (orange && level < LJ_OPINION_LEVEL_ORANGE)
            level = LJ_OPINION_LEVEL_ORANGE;
    }
    return level;
}

static void set_base(const struct lj_praise *p, struct lj_opinion_findings *f)
{
    f->main_code = f->polarity > 0 ? LJ_OPINION_CODE_POSITIVE : LJ_OPINION_CODE_NEUTRAL;
    int base = highest_base(f, &f->main_code);
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->findings[i].kind == LJ_OPINION_INJURY && f->findings[i].severity == 3)
            base = base > 95 ? base : 95;
    }
    if (base > 0)
        base += (p->minors ? 8 : 0) + (p->hospital ? 10 : 0);
    else if (f->rumour)
        base = rumour_base(f);
    f->base = base > 100 ? 100 : base;
    f->level = level_of(f);
}

static bool any_word(const struct lj_opinion *o, uint64_t bits)
{
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        if (o->sentence_set[s].w[0] & bits)
            return true;
    }
    return false;
}

/* The likeliest severity. What the rules call grave stays so unless the models find it far from
 * likely: a missed death costs more than a call too many. */
static int fused_severity(const struct lj_opinion *o, int by_rules)
{
    float grave = o->fused.text[LJ_Q_GRAVE];
    float ordinary = o->fused.text[LJ_Q_ORDINARY];
    if (by_rules == 3 && grave >= GRAVE_DOUBT)
        return 3;
    float slight = 1 - ordinary;
    float middle = ordinary - grave;
    return grave >= slight && grave >= middle ? 3 : middle >= slight ? 2 : 1;
}

static void set_severity(const struct lj_opinion *o, struct lj_opinion_findings *f)
{
    bool hearsay = any_word(o, LJ_BIT(HEARSAY));
    for (uint32_t i = 0; i < f->count; i++) {
        struct lj_opinion_finding *x = &f->findings[i];
        x->severity = lj_policy_severity(&o->rules->policy, f, x, hearsay);
        if (o->fused.on)
            x->severity = fused_severity(o, x->severity);
        f->severity = x->severity > f->severity ? x->severity : f->severity;
    }
}

void lj_summarise(struct lj_opinion *o, struct lj_opinion_findings *f)
{
    *f = (struct lj_opinion_findings){.code_points = o->text.code_points,
                                      .bad_bytes = o->text.bad_bytes};
    const struct lj_praise p = o->praise;
    f->truncated = o->truncated;
    f->minors = p.minors;
    f->hospital = p.hospital;
    f->police = p.police;
    lj_evidence_begin(o);
    lj_collect(o, f);
    uint32_t negated = collect_cancelled(o, f);
    set_severity(o, f);
    if (o->fused.on)
        fused_polarity(o, f);
    else
        set_polarity(&p, negated, f);
    set_base(&p, f);
    lj_policy_apply(&o->rules->policy, f);
}
