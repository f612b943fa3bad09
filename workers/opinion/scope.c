/*
 * Scopes: does the text assert what a hit says?
 *
 * Per hit, in a fixed order, each scope looks at the words of the hit's sentence (DENY, RESOLVED
 * and weak words also at its neighbours) and either leaves the hit alone or names itself and damps
 * it. The first scope that cancels decides; the name goes into the explanation. Scopes are a table,
 * so the order is visible in one place.
 *
 * Judged per sentence, never summed over a text: a long narrative collects weak words without
 * meaning anything by them. Words inside a term or inside the hit decide nothing, except a negator
 * between the two words of a pair.
 */
#include "workers/opinion/engine.h"

enum {
    NEG_NEAR = 5,
    NEG_FAR = 12,
    NEG_CLAUSE_TAIL = 12,
    SHORT_CLAUSE = 7,
    RUMOUR_REACH = 3,
    CURT_TEXT = 60
};

static bool is(const struct lj_tok *t, uint64_t bits)
{
    return (t->classes.w[0] & bits) != 0;
}

static bool inside(const struct lj_tok *t, const struct lj_hit *h)
{
    bool in_a = t->s < h->a_e && t->e > h->a_s;
    bool in_b = t->s < h->b_e && t->e > h->b_s;
    return in_a || in_b;
}

/* Some word of bits in sentence s, outside the hit. */
static const struct lj_tok *in_sentence(const struct lj_opinion *o, int32_t s, uint64_t bits,
                                        const struct lj_hit *h)
{
    uint32_t i;
    uint32_t end;
    if (!lj_sentence_has(o, s, bits))
        return NULL;
    lj_sentence_range(o, s, &i, &end);
    for (; i < end; i++) {
        if (is(&o->tok[i], bits) && !inside(&o->tok[i], h))
            return &o->tok[i];
    }
    return NULL;
}

/* The last word of bits that ends before symbol at, in sentence s. */
static const struct lj_tok *last_before(const struct lj_opinion *o, int32_t s, uint64_t bits,
                                        const struct lj_hit *h, uint16_t at)
{
    const struct lj_tok *found = NULL;
    uint32_t i;
    uint32_t end;
    if (!lj_sentence_has(o, s, bits))
        return NULL;
    lj_sentence_range(o, s, &i, &end);
    for (; i < end && o->tok[i].s < at; i++) {
        if (o->tok[i].e <= at && is(&o->tok[i], bits) && !inside(&o->tok[i], h))
            found = &o->tok[i];
    }
    return found;
}

/* A word that turns the story (结果、竟然) between from and the hit. */
static bool turned(const struct lj_opinion *o, const struct lj_hit *h, uint16_t from)
{
    const struct lj_tok *t = last_before(o, h->sentence, LJ_BIT(REAL), h, h->s);
    return t && t->s >= from;
}

/* A particle that ends a negator's reach: 没有护具的孩子受伤 asserts the injury. */
static bool stopped(const struct lj_text *t, uint16_t from, uint16_t to)
{
    static const uint16_t stops[] = {0x5C31, 0x5374, 0x4FBF,
                                     0x8FD8, 0x800C, 0x5BFC}; /* 就却便还而导 */
    enum { DE = 0x7684, SHI = 0x5F0F, SI = 0x4E1D, DIAN = 0x70B9 };
    for (uint16_t i = from; i < to; i++) {
        for (size_t k = 0; k < sizeof stops / sizeof stops[0]; k++) {
            if (t->code[i] == stops[k])
                return true;
        }
        bool form =
            i > 0 && (t->code[i - 1] == SHI || t->code[i - 1] == SI || t->code[i - 1] == DIAN);
        if (t->code[i] == DE && !form)
            return true;
    }
    return false;
}

/* Negator t reaches the word that begins at symbol at. */
static bool reaches(const struct lj_opinion *o, const struct lj_tok *t, uint16_t at)
{
    if (t->e > at || lj_clause_at(o, t->s) != lj_clause_at(o, at))
        return false;
    int gap = at - t->e;
    if (is(t, LJ_BIT(BE)) && o->text.question[o->text.list[lj_clause_at(o, at)].sentence])
        return false; /* 他不是被禁赛了吗? */
    if (is(t, LJ_BIT(NEG1)) && !is(t, LJ_BIT(NEG)))
        return gap <= 1;
    if (is(t, LJ_BIT(RHET)))
        return gap <= NEG_FAR;
    return gap <= (is(t, LJ_BIT(NEG)) ? NEG_FAR : NEG_NEAR) && !stopped(&o->text, t->e, at);
}

/* A list (、) or a short clause after a negated one: 无安全、收费、投诉事项. */
static bool carried(const struct lj_opinion *o, const struct lj_hit *h)
{
    uint16_t c = lj_clause_at(o, h->s);
    const struct lj_clause *list = o->text.list;
    bool list_mark = list[c].by_list;
    uint16_t first = c;
    while (first > 0 && list[first].by_list)
        first--;
    if (!list_mark) {
        bool small = list[c + 1].first - list[c].first <= SHORT_CLAUSE && h->s - list[c].first <= 1;
        if (c == 0 || !small || list[c - 1].sentence != list[c].sentence || list[c - 1].by_list)
            return false;
        first = (uint16_t)(c - 1);
    }
    if (list[first].sentence != list[c].sentence)
        return false;
    uint16_t stop = list[first + 1].first;
    const struct lj_tok *t = last_before(o, h->sentence, LJ_BIT(NEG) | LJ_BIT(NEG1), h, stop);
    if (!t || lj_clause_at(o, t->s) != first || stopped(&o->text, t->e, stop))
        return false;
    return list_mark ? stop - t->e <= NEG_CLAUSE_TAIL
                     : is(t, LJ_BIT(NEG)) && stop - t->e <= NEG_NEAR;
}

/* 受伤人数为零, 收费?没有的事 */
static bool negated_after(const struct lj_opinion *o, const struct lj_hit *h)
{
    uint32_t i;
    uint32_t end;
    lj_sentence_range(o, h->sentence, &i, &end);
    for (; i < end; i++) {
        const struct lj_tok *t = &o->tok[i];
        if (t->s < h->e || !is(t, LJ_BIT(NEGAFTER)))
            continue;
        return t->s - h->e <= 4;
    }
    lj_sentence_range(o, h->sentence + 1, &i, &end);
    bool asked = o->text.question[h->sentence];
    return asked && i < end && is(&o->tok[i], LJ_BIT(NEGAFTER)) &&
           o->tok[i].s == o->text.list[lj_clause_at(o, o->tok[i].s)].first;
}

/* Sets *scope and returns what remains of the hit, 0..1; 1 with *scope untouched when the scope
 * does not apply. */
typedef float scope_fn(const struct lj_opinion *o, const struct lj_hit *h,
                       enum lj_opinion_scope *scope);

static float neg(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    bool plain = false;
    bool rhetorical = false;
    uint32_t i;
    uint32_t end;
    lj_sentence_range(o, h->sentence, &i, &end);
    for (; i < end && o->tok[i].s < h->b_s; i++) {
        const struct lj_tok *t = &o->tok[i];
        if (!is(t, LJ_BIT(NEG) | LJ_BIT(NEG1) | LJ_BIT(RHET)) || inside(t, h))
            continue;
        if (reaches(o, t, h->a_s) || reaches(o, t, h->b_s)) {
            plain = plain || is(t, LJ_BIT(NEG) | LJ_BIT(NEG1));
            rhetorical = rhetorical || is(t, LJ_BIT(RHET));
        }
    }
    if (plain && rhetorical) { /* 谁说不收费 */
        *scope = LJ_OPINION_SCOPE_CONTRA;
        return 1;
    }
    if (!plain && !rhetorical && !carried(o, h) && !negated_after(o, h))
        return 1;
    const struct lj_tok *claim = last_before(o, h->sentence, LJ_BIT(CONTRA), h, h->s);
    const struct lj_tok *real = in_sentence(o, h->sentence, LJ_BIT(REAL), h);
    if (claim && real && real->s >= h->e) { /* 说好不收费,结果…… */
        *scope = LJ_OPINION_SCOPE_CONTRA;
        return 1;
    }
    *scope = LJ_OPINION_SCOPE_NEG;
    return 0;
}

static float prev(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    const struct lj_tok *t = last_before(o, h->sentence, LJ_BIT(PREV), h, h->b_s);
    if (!t && h->kind == LJ_OPINION_PRIVACY) /* 未经同意不得拍摄 is a rule */
        t = in_sentence(o, h->sentence, LJ_BIT(BAN), h);
    if (!t || turned(o, h, t->e))
        return 1;
    *scope = LJ_OPINION_SCOPE_PREV;
    return 0;
}

static float hyp(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    bool warning =
        h->kind == LJ_OPINION_REPUTATION && h->weight == LJ_STRONG; /* 要是再压着,我们就曝光 */
    const struct lj_tok *t = last_before(o, h->sentence, LJ_BIT(HYP), h, h->s);
    if (warning)
        return 1;
    uint32_t i;
    uint32_t end;
    lj_sentence_range(o, h->sentence, &i, &end);
    for (; i < end && !t; i++) {
        bool near = lj_clause_at(o, o->tok[i].s) == lj_clause_at(o, h->s);
        if (near && is(&o->tok[i], LJ_BIT(ASK)) && !inside(&o->tok[i], h))
            t = &o->tok[i];
    }
    if (!t || turned(o, h, t->e))
        return 1;
    *scope = LJ_OPINION_SCOPE_HYP;
    return 0;
}

static float topic(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    if (h->weight == LJ_STRONG || !in_sentence(o, h->sentence, LJ_BIT(TOPIC), h))
        return 1;
    *scope = LJ_OPINION_SCOPE_TOPIC;
    return 0.2F;
}

/* The time or place a hit speaks of: the last frame word before it, else one in its clause, else
 * what is carried in. */
static enum lj_opinion_scope frame_of(const struct lj_opinion *o, const struct lj_hit *h)
{
    const uint64_t bits = LJ_BIT(PAST) | LJ_BIT(NOW) | LJ_BIT(OTHER);
    const struct lj_tok *t = last_before(o, h->sentence, bits, h, h->b_s);
    uint32_t i;
    uint32_t end;
    lj_sentence_range(o, h->sentence, &i, &end);
    for (; i < end && !t; i++) {
        if (o->tok[i].s >= h->e && lj_clause_at(o, o->tok[i].s) == lj_clause_at(o, h->s) &&
            is(&o->tok[i], bits))
            t = &o->tok[i];
    }
    if (!t)
        return (enum lj_opinion_scope)o->frame[h->sentence];
    return is(t, LJ_BIT(NOW))    ? LJ_OPINION_SCOPE_NONE
           : is(t, LJ_BIT(PAST)) ? LJ_OPINION_SCOPE_PAST
                                 : LJ_OPINION_SCOPE_OTHER;
}

static float framed(const struct lj_opinion *o, const struct lj_hit *h,
                    enum lj_opinion_scope *scope)
{
    enum lj_opinion_scope f = frame_of(o, h);
    bool biography = h->kind == LJ_OPINION_INJURY && h->weight != LJ_STRONG &&
                     in_sentence(o, h->sentence, LJ_BIT(BIO), h) &&
                     !in_sentence(o, h->sentence, LJ_BIT(VICTIM), h);
    if (f == LJ_OPINION_SCOPE_NONE && biography)
        f = LJ_OPINION_SCOPE_PAST;
    /* A record stays: an old offence is a present risk to reputation, a false entry is false
     * however old. */
    bool lasting = h->kind == LJ_OPINION_REPUTATION || h->kind == LJ_OPINION_FAKE;
    if (f == LJ_OPINION_SCOPE_NONE || (f == LJ_OPINION_SCOPE_PAST && lasting))
        return 1;
    *scope = f;
    return 0.2F;
}

static float deny(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    bool small = o->text.sentences <= 3;
    bool found = false;
    int after = in_sentence(o, h->sentence, LJ_BIT(RUMOUR), h) ? RUMOUR_REACH : 1;
    for (uint32_t i = 0; i < o->tok_count && !found; i++) {
        const struct lj_tok *t = &o->tok[i];
        int away = t->sentence - h->sentence;
        found = is(t, LJ_BIT(DENY)) && !inside(t, h) &&
                (small || (away >= -1 && away <= after) || t->s < 3);
    }
    if (!found || in_sentence(o, h->sentence, LJ_BIT(WITNESS), h))
        return 1;
    *scope = LJ_OPINION_SCOPE_DENY;
    return 0;
}

static float resolved(const struct lj_opinion *o, const struct lj_hit *h,
                      enum lj_opinion_scope *scope)
{
    /* Being sorry or stopping the class heals nobody: an injury is over only when the person is
     * well. */
    uint64_t words = h->kind == LJ_OPINION_INJURY ? LJ_BIT(FINE) : LJ_BIT(RESOLVED);
    if (h->weight == LJ_STRONG || h->severity > 2)
        return 1;
    if (!in_sentence(o, h->sentence, words, h) && !in_sentence(o, h->sentence + 1, words, h))
        return 1;
    *scope = LJ_OPINION_SCOPE_RESOLVED;
    return 0.3F;
}

static float sport(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    /* A fight's words are damped; a broken bone in a fight is still broken. */
    bool mild = h->kind == LJ_OPINION_INJURY && h->weight == LJ_WEAK &&
                !in_sentence(o, h->sentence, LJ_BIT(VICTIM) | LJ_BIT(CONSEQ), h);
    bool violent = h->kind == LJ_OPINION_MISCONDUCT || h->kind == LJ_OPINION_THREAT;
    if (!(mild || violent) || h->weight == LJ_STRONG ||
        !in_sentence(o, h->sentence, LJ_BIT(SPORT), h))
        return 1;
    *scope = LJ_OPINION_SCOPE_SPORT;
    return 0.3F;
}

static float near_miss(const struct lj_opinion *o, const struct lj_hit *h,
                       enum lj_opinion_scope *scope)
{
    if (h->kind == LJ_OPINION_INJURY && in_sentence(o, h->sentence, LJ_BIT(NEAR), h))
        *scope = LJ_OPINION_SCOPE_NEARMISS;
    return 1;
}

static float quote(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    if (*scope == LJ_OPINION_SCOPE_NONE && last_before(o, h->sentence, LJ_BIT(QUOTE), h, h->s))
        *scope = LJ_OPINION_SCOPE_QUOTE;
    return 1;
}

/* Another uncancelled hit in the sentence or the next, not overlapping, or a consequence, a
 * complaint, a victim. */
static bool has_partner(const struct lj_opinion *o, const struct lj_hit *h)
{
    /* A call for an apology is a complaint itself: it proves no reputation case. A hospital proves
     * no forgery. */
    bool bodily = h->kind == LJ_OPINION_INJURY || h->kind == LJ_OPINION_MISCONDUCT;
    uint64_t words =
        (h->kind == LJ_OPINION_REPUTATION ? 0 : LJ_BIT(COMPLAIN)) | (bodily ? LJ_BIT(CONSEQ) : 0);
    for (int32_t s = h->sentence - 1; s <= h->sentence + 1; s++) {
        if (in_sentence(o, s, words, h))
            return true;
    }
    uint32_t i;
    uint32_t end;
    lj_sentence_range(o, h->sentence, &i, &end);
    bool about_people =
        h->kind != LJ_OPINION_REPUTATION && h->kind != LJ_OPINION_FEE && h->kind != LJ_OPINION_FAKE;
    for (; i < end && about_people; i++) {
        const struct lj_tok *t = &o->tok[i];
        int gap = t->s >= h->e ? t->s - h->e : h->s - t->e;
        if (is(t, LJ_BIT(VICTIM)) && !inside(t, h) && gap <= 8 &&
            lj_clause_at(o, t->s) == lj_clause_at(o, h->s))
            return true;
    }
    for (uint32_t k = 0; k < o->hit_count; k++) {
        const struct lj_hit *x = &o->hit[k];
        bool apart = x->e <= h->s || x->s >= h->e;
        bool near = x->sentence == h->sentence || x->sentence == h->sentence + 1;
        if (apart && near && x->kind == h->kind && x->points > 0)
            return true;
    }
    return false;
}

static void judge_hit(const struct lj_opinion *o, struct lj_hit *h)
{
    static scope_fn *const scopes[] = {deny,  neg,      prev,  hyp,       framed,
                                       topic, resolved, sport, near_miss, quote};
    h->scope = LJ_OPINION_SCOPE_NONE;
    h->points = h->weight;
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        float rest = scopes[i](o, h, &h->scope);
        if (rest < 1) {
            h->points *= rest;
            return;
        }
    }
    if (h->scope == LJ_OPINION_SCOPE_NEARMISS)
        h->severity = 1;
}

/* The frame a sentence leaves to the next: a past story goes on until the present is named, another
 * place for one. */
static void set_frames(struct lj_opinion *o)
{
    enum lj_opinion_scope carried_in = LJ_OPINION_SCOPE_NONE;
    bool carried_once = false;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        o->frame[s] = (uint8_t)carried_in;
        if (carried_in == LJ_OPINION_SCOPE_OTHER && carried_once)
            carried_in = LJ_OPINION_SCOPE_NONE;
        carried_once = true;
        for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++) {
            const struct lj_tok *t = &o->tok[i];
            if (!is(t, LJ_BIT(PAST) | LJ_BIT(NOW) | LJ_BIT(OTHER)))
                continue;
            carried_once = false;
            carried_in = is(t, LJ_BIT(NOW))    ? LJ_OPINION_SCOPE_NONE
                         : is(t, LJ_BIT(PAST)) ? LJ_OPINION_SCOPE_PAST
                                               : LJ_OPINION_SCOPE_OTHER;
        }
    }
}

/* A short text without a good word, a talk or a routine: who mentions a fee there, complains of it.
 */
static bool curt(const struct lj_opinion *o)
{
    const uint64_t other =
        LJ_BIT(POS) | LJ_BIT(TOPIC) | LJ_BIT(ROUTINE) | LJ_BIT(ASK) | LJ_BIT(BIO) | LJ_BIT(NEG);
    bool found = false;
    for (uint32_t i = 0; i < o->tok_count && !found; i++)
        found = is(&o->tok[i], other);
    return !found && o->text.n <= CURT_TEXT;
}

static bool plainly_weak(const struct lj_hit *h)
{
    return h->weight == LJ_WEAK && h->points >= LJ_WEAK;
}

/* Weak hits stand with a partner; if nothing else stands, also in a curt text. */
static void judge_weak(struct lj_opinion *o)
{
    bool any = false;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        struct lj_hit *h = &o->hit[i];
        if (plainly_weak(h) && has_partner(o, h))
            h->points = LJ_PLAIN;
        else if (plainly_weak(h))
            h->scope = LJ_OPINION_SCOPE_LONE;
        any = any || h->points >= LJ_PLAIN;
    }
    if (any || !curt(o))
        return;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        if (o->hit[i].scope == LJ_OPINION_SCOPE_LONE) {
            o->hit[i].scope = LJ_OPINION_SCOPE_NONE;
            o->hit[i].points = LJ_PLAIN;
        }
    }
}

void lj_judge(struct lj_opinion *o)
{
    set_frames(o);
    for (uint32_t i = 0; i < o->hit_count; i++)
        judge_hit(o, &o->hit[i]);
    judge_weak(o);
}
