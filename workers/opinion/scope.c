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
 * between the two words of a pair. Weak words are weighed afterwards (weak.c).
 */
#include "workers/opinion/near.h"

enum {
    NEG_NEAR = 5,
    NEG_FAR = 12,
    NEG_CLAUSE_TAIL = 12,
    SHORT_CLAUSE = 7,
    RUMOUR_REACH = 3,
    OTHER_REACH = 3,
    PREV_REACH = 30,
    HYP_CLAUSES = 3,
    HEADING = 1,
    LIST_MAX = 32, /* clauses of a list that a negation is carried over */
    TOKEN_MAX = 32 /* symbols of a token, at most */
};

/* The last word of bits that ends before symbol at, in sentence s. */
static const struct lj_tok *last_before(const struct lj_opinion *o, int32_t s, uint64_t bits,
                                        const struct lj_hit *h, uint16_t at)
{
    const struct lj_tok *found = NULL;
    uint32_t i;
    uint32_t end;
    if (!lj_sentence_has(o, s, bits))
        return NULL;
    near_range(o, s, h, &i, &end);
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

/* A question, with its mark or with a particle at the end. */
static bool asks(const struct lj_opinion *o, uint32_t sentence)
{
    enum { MA = 0x5417, MO = 0x4E48 };
    uint32_t c = 0;
    for (uint32_t hi = o->text.clauses; c < hi;) { /* the first clause behind it */
        uint32_t mid = c + (hi - c) / 2;
        if (o->text.list[mid].sentence <= sentence)
            c = mid + 1;
        else
            hi = mid;
    }
    uint16_t last = o->text.code[o->text.list[c].first - 1];
    return o->text.question[sentence] || last == MA || last == MO;
}

/* Negator t reaches the word that begins at symbol at. */
static bool reaches(const struct lj_opinion *o, const struct lj_tok *t, uint16_t at)
{
    if (t->e > at || lj_clause_at(o, t->s) != lj_clause_at(o, at))
        return false;
    int gap = at - t->e;
    if (t->s > 0 && t->e < o->text.n && o->text.code[t->s - 1] == o->text.code[t->e])
        return false; /* 办不办: asks */
    if (is(t, LJ_BIT(BE)) && asks(o, o->text.list[lj_clause_at(o, at)].sentence))
        return false; /* 他不是被禁赛了吗? */
    if (is(t, LJ_BIT(NEG1)) && !is(t, LJ_BIT(NEG)))
        return gap <= 1;
    if (is(t, LJ_BIT(RHET) | LJ_BIT(NEGB))) /* 没有因为口吃就跳过他 */
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
    while (first > 0 && list[first].by_list && c - first < LIST_MAX)
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
    if (!t || lj_clause_at(o, t->s) != first)
        return false;
    bool reached =
        list_mark ? stop - t->e <= NEG_CLAUSE_TAIL : is(t, LJ_BIT(NEG)) && stop - t->e <= NEG_NEAR;
    return reached && !stopped(&o->text, t->e, stop);
}

/* 摆拍也没有: a negator that ends the hit's clause, or is the whole next one (加微信,没有). */
static bool negator_closes(const struct lj_opinion *o, const struct lj_hit *h,
                           const struct lj_tok *t)
{
    if (!is(t, LJ_BIT(NEG)) || t->s < h->e)
        return false;
    const struct lj_clause *list = o->text.list;
    uint16_t own = lj_clause_at(o, (uint16_t)(h->e - 1));
    bool ends = t->e == list[t->clause + 1].first;
    if (t->clause == own)
        return ends && t->s - h->e <= 2;
    return ends && t->clause == own + 1 && t->s - list[t->clause].first <= 1;
}

/* 受伤人数为零, 收费?没有的事 */
static bool negated_after(const struct lj_opinion *o, const struct lj_hit *h)
{
    uint32_t i = 0;
    uint32_t end = 0;
    if (lj_sentence_has(o, h->sentence, LJ_BIT(NEG) | LJ_BIT(NEGAFTER)))
        near_range(o, h->sentence, h, &i, &end);
    for (; i < end; i++) {
        const struct lj_tok *t = &o->tok[i];
        if (negator_closes(o, h, t))
            return true;
        if (t->s < h->e || !is(t, LJ_BIT(NEGAFTER)))
            continue;
        return t->s - h->e <= 4;
    }
    near_range(o, h->sentence + 1, h, &i, &end);
    bool asked = o->text.question[h->sentence];
    return asked && i < end && is(&o->tok[i], LJ_BIT(NEGAFTER)) &&
           o->tok[i].s == o->text.list[lj_clause_at(o, o->tok[i].s)].first;
}

/* Sets *scope and returns what remains of the hit, 0..1; 1 with *scope untouched when the scope
 * does not apply. */
typedef float scope_fn(const struct lj_opinion *o, const struct lj_hit *h,
                       enum lj_opinion_scope *scope);

/* 说好……,结果……: unless the turn itself is negated (结果真的一分没收). */
static bool broken_promise(const struct lj_opinion *o, const struct lj_hit *h)
{
    const struct lj_tok *claim = last_before(o, h->sentence, LJ_BIT(CONTRA), h, h->s);
    const struct lj_tok *real = in_sentence(o, h->sentence, LJ_BIT(REAL), h);
    if (!claim || !real || real->s < h->e)
        return false;
    uint32_t i;
    uint32_t end;
    near_range(o, h->sentence, h, &i, &end);
    for (; i < end; i++) {
        const struct lj_tok *t = &o->tok[i];
        if (t->s >= real->e && t->clause == real->clause && is(t, LJ_BIT(NEG)))
            return false;
    }
    return true;
}

static float neg(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    enum { BIE = 0x522B };
    const uint64_t bits = LJ_BIT(NEG) | LJ_BIT(NEG1) | LJ_BIT(NEGB) | LJ_BIT(RHET);
    bool plain = false;
    bool rhetorical = false;
    uint32_t i = 0;
    uint32_t end = 0;
    if (lj_sentence_has(o, h->sentence, bits))
        near_range(o, h->sentence, h, &i, &end);
    for (; i < end && o->tok[i].s < h->b_s; i++) {
        const struct lj_tok *t = &o->tok[i];
        if (!is(t, bits) || inside(t, h))
            continue;
        /* 别拖累大家 says the slight itself */
        if (h->kind == LJ_OPINION_DISCRIMINATION && o->text.code[t->s] == BIE && t->e == t->s + 1)
            continue;
        if (reaches(o, t, h->a_s) || reaches(o, t, h->b_s)) {
            plain = plain || is(t, LJ_BIT(NEG) | LJ_BIT(NEG1) | LJ_BIT(NEGB));
            rhetorical = rhetorical || is(t, LJ_BIT(RHET));
        }
    }
    if (plain && rhetorical) { /* 谁说不收费 */
        *scope = LJ_OPINION_SCOPE_CONTRA;
        return 1;
    }
    if (!plain && !rhetorical && !carried(o, h) && !negated_after(o, h))
        return 1;
    if (broken_promise(o, h)) { /* 说好不收费,结果…… */
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
    bool far = t && h->s > t->e && h->s - t->e > PREV_REACH;
    if (!t || far || turned(o, h, t->e))
        return 1;
    *scope = LJ_OPINION_SCOPE_PREV;
    return 0;
}

static float hyp(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    /* 要是再压着,我们就曝光 is a warning, 再不给说法我就…… a threat: the condition weakens neither.
     */
    bool warning = (h->kind == LJ_OPINION_REPUTATION || h->kind == LJ_OPINION_THREAT) &&
                   h->weight == LJ_STRONG;
    const struct lj_tok *t = last_before(o, h->sentence, LJ_BIT(HYP), h, h->s);
    if (warning)
        return 1;
    int away = t ? lj_clause_at(o, h->s) - t->clause : 0;
    if (away > (t && is(t, LJ_BIT(FEAR)) ? 1 : HYP_CLAUSES))
        t = NULL;
    uint32_t i = 0;
    uint32_t end = 0;
    if (lj_sentence_has(o, h->sentence, LJ_BIT(ASK)))
        near_range(o, h->sentence, h, &i, &end);
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

/* A text that a heading marks as advice, law or notice (【普法】, 温馨提示) is one as a whole. */
static bool headed(const struct lj_opinion *o)
{
    for (uint32_t i = 0; i < o->tok_count && o->tok[i].s <= HEADING; i++) {
        uint16_t e = o->tok[i].e;
        bool apart = e >= o->text.n || o->text.clause[e] != o->tok[i].clause ||
                     (o->text.flags[e] & LJ_SYM_NOISE_BEFORE);
        if (apart && is(&o->tok[i], LJ_BIT(HEAD)))
            return true;
    }
    return false;
}

/* 讲热射病, 聊体罚: named right behind the verb of a talk. */
static bool spoken_of(const struct lj_opinion *o, const struct lj_hit *h)
{
    enum { JIANG = 0x8BB2, LIAO = 0x804A, LE = 0x4E86 };
    uint16_t first = o->text.list[lj_clause_at(o, h->s)].first;
    if (h->s == first)
        return false;
    uint16_t before = o->text.code[h->s - 1];
    if (before == LE && h->s - first >= 2)
        before = o->text.code[h->s - 2];
    return before == JIANG || before == LIAO;
}

static float topic(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    enum { JIAO = 0x6559 };
    if (h->weight == LJ_STRONG && !o->headed)
        return 1;
    const struct lj_tok *t = last_before(o, h->sentence, LJ_BIT(TOPIC), h, h->b_s);
    uint32_t i = 0;
    uint32_t end = 0;
    if (lj_sentence_has(o, h->sentence, LJ_BIT(TOPIC)))
        near_range(o, h->sentence, h, &i, &end);
    for (; i < end && !t; i++) {
        /* 逃税的来教孩子: what is taught stands behind the verb */
        if (o->tok[i].s >= h->e && lj_clause_at(o, h->s) == o->tok[i].clause &&
            is(&o->tok[i], LJ_BIT(TOPIC)) && o->text.code[o->tok[i].s] != JIAO)
            t = &o->tok[i];
    }
    bool named = h->kind != LJ_OPINION_FEE && spoken_of(o, h); /* 讲套餐 sells */
    if ((!t || turned(o, h, t->e)) && !o->headed && !named)
        return 1;
    *scope = LJ_OPINION_SCOPE_TOPIC;
    return 0.2F;
}

/* 上次有人卖东西,这次没有: the time before, set against this one. */
static bool contrasted(const struct lj_opinion *o, const struct lj_hit *h)
{
    const struct lj_tok *before = last_before(o, h->sentence, LJ_BIT(PASTY) | LJ_BIT(NOW), h, h->s);
    if (!before || !is(before, LJ_BIT(PASTY)) || in_sentence(o, h->sentence, LJ_BIT(BEFORE), h))
        return false;
    uint32_t i;
    uint32_t end;
    near_range(o, h->sentence, h, &i, &end);
    for (; i < end; i++) {
        if (o->tok[i].s >= h->e && is(&o->tok[i], LJ_BIT(NOW)))
            return true;
    }
    return false;
}

/* The time or place a hit speaks of: the last frame word before it, else one in its clause, else
 * what is carried in. */
static enum lj_opinion_scope frame_of(const struct lj_opinion *o, const struct lj_hit *h)
{
    const uint64_t bits = LJ_BIT(PAST) | LJ_BIT(NOW) | LJ_BIT(OTHER);
    /* A rule's words may lie far apart: its first one tells when. */
    uint16_t at = h->by_rule ? h->a_s : h->b_s;
    const struct lj_tok *t = last_before(o, h->sentence, bits, h, at);
    uint32_t i = 0;
    uint32_t end = 0;
    if (lj_sentence_has(o, h->sentence, bits))
        near_range(o, h->sentence, h, &i, &end);
    for (; i < end && !t; i++) {
        if (o->tok[i].s >= h->e && lj_clause_at(o, o->tok[i].s) == lj_clause_at(o, h->s) &&
            is(&o->tok[i], bits))
            t = &o->tok[i];
    }
    if (contrasted(o, h))
        return LJ_OPINION_SCOPE_PAST;
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

/* 我没听错吧, 若不属实 deny nothing. */
static bool denies(const struct lj_opinion *o, uint32_t i)
{
    const struct lj_tok *t = &o->tok[i];
    if (!is(t, LJ_BIT(DENY)) && !is(t, LJ_BIT(DENYR)))
        return false;
    for (uint32_t k = i; k-- > 0 && o->tok[k].clause == t->clause;) {
        const struct lj_tok *x = &o->tok[k];
        if (t->s - x->s > TOKEN_MAX + 2)
            break;
        bool close = x->e <= t->s && t->s - x->e <= 2;
        if (close && is(x, LJ_BIT(NEG) | LJ_BIT(NEG1) | LJ_BIT(HYP)))
            return false;
    }
    return true;
}

/* A denial reaches its own sentence; the ones beside it and further when the text is short or tells
 * of a rumour. Words that answer an accusation without denying it outright (经查, 真相) count where
 * a rumour is told, and against what stands in quotation marks: 关于“体罚”一事,经查…… */
static float deny(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    if (o->deniers == 0 || o->confirmed)
        return 1;
    bool small = o->text.sentences <= 3;
    bool quoted = (o->text.flags[h->s] & LJ_SYM_QUOTED) != 0;
    bool found = false;
    int after = in_sentence(o, h->sentence, LJ_BIT(RUMOUR), h) ? RUMOUR_REACH : 1;
    for (uint32_t i = 0; i < o->deniers && !found; i++) {
        const struct lj_tok *t = &o->tok[o->denier[i]];
        int away = t->sentence - h->sentence;
        bool near = away == 0 || small || t->s < 3 || quoted ||
                    (o->rumoured && away >= -1 && away <= after);
        bool counts = is(t, LJ_BIT(DENY)) || o->rumoured || quoted;
        /* 系AI生成 is the denial itself, not an accusation of forgery */
        bool holds = t->s <= h->s && t->e >= h->e && t->e - t->s > h->e - h->s;
        found = near && counts && (holds || !inside(t, h));
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
    if (h->severity > 2)
        return 1;
    /* 之前反映过……: any good end counts, further on too. */
    bool before = in_sentence(o, h->sentence, LJ_BIT(BEFORE), h) != NULL;
    if (before)
        words |= LJ_BIT(RESOLVED) | LJ_BIT(FINE) | LJ_BIT(POS);
    /* A plain hazard is one also when nobody was hurt. */
    bool hazard = h->kind == LJ_OPINION_INJURY && h->severity == 1 && h->weight != LJ_WEAK;
    if (((h->weight == LJ_STRONG || hazard) && !before) ||
        (!in_sentence(o, h->sentence, words, h) && !in_sentence(o, h->sentence + 1, words, h)))
        return 1;
    *scope = LJ_OPINION_SCOPE_RESOLVED;
    return 0.3F;
}

static float sport(const struct lj_opinion *o, const struct lj_hit *h, enum lj_opinion_scope *scope)
{
    /* A fight's words are damped, close to the sport's; a broken bone is still broken, an insult
     * still one. */
    bool mild = h->kind == LJ_OPINION_INJURY && h->weight == LJ_WEAK &&
                !in_sentence(o, h->sentence, LJ_BIT(VICTIM) | LJ_BIT(CONSEQ), h);
    bool violent =
        (h->kind == LJ_OPINION_MISCONDUCT && h->code == LJ_OPINION_CODE_ABUSE && h->severity < 3) ||
        h->kind == LJ_OPINION_THREAT;
    if (!(mild || violent) || h->weight == LJ_STRONG ||
        !lj_sentence_has(o, h->sentence, LJ_BIT(SPORT)))
        return 1;
    uint32_t i;
    uint32_t end;
    near_range(o, h->sentence, h, &i, &end);
    for (; i < end; i++) {
        const struct lj_tok *t = &o->tok[i];
        int apart = t->clause - lj_clause_at(o, h->s);
        if (is(t, LJ_BIT(SPORT)) && !inside(t, h) && apart >= -2 && apart <= 1) {
            *scope = LJ_OPINION_SCOPE_SPORT;
            return 0.3F;
        }
    }
    return 1;
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

static bool supported(const struct lj_opinion *o, const struct lj_hit *h)
{
    const uint64_t beside = LJ_BIT(COMPLAIN) | LJ_BIT(POLICE) | LJ_BIT(HOSP);
    return in_sentence(o, h->sentence, beside | LJ_BIT(CONSEQ), h) ||
           in_sentence(o, h->sentence + 1, beside, h);
}

/* The first token of the hit's sentence that begins where the hit does, or behind it. */
static uint16_t first_at(const struct lj_opinion *o, const struct lj_hit *h)
{
    uint32_t lo;
    uint32_t hi;
    lj_sentence_range(o, h->sentence, &lo, &hi);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (o->tok[mid].s < h->s)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (uint16_t)lo;
}

static void judge_hit(const struct lj_opinion *o, struct lj_hit *h)
{
    static scope_fn *const scopes[] = {deny,  neg,      prev,  hyp,       framed,
                                       topic, resolved, sport, near_miss, quote};
    h->scope = LJ_OPINION_SCOPE_NONE;
    h->points = h->weight;
    h->tok = first_at(o, h);
    h->supported = supported(o, h);
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
 * place for OTHER_REACH sentences at most. */
static void set_frames(struct lj_opinion *o)
{
    enum lj_opinion_scope carried_in = LJ_OPINION_SCOPE_NONE;
    uint32_t carried = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        o->frame[s] = (uint8_t)carried_in;
        if (carried_in == LJ_OPINION_SCOPE_OTHER && carried >= OTHER_REACH)
            carried_in = LJ_OPINION_SCOPE_NONE;
        carried++;
        for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++) {
            const struct lj_tok *t = &o->tok[i];
            if (!is(t, LJ_BIT(PAST) | LJ_BIT(NOW) | LJ_BIT(OTHER)))
                continue;
            carried = 0;
            carried_in = is(t, LJ_BIT(NOW))    ? LJ_OPINION_SCOPE_NONE
                         : is(t, LJ_BIT(PAST)) ? LJ_OPINION_SCOPE_PAST
                                               : LJ_OPINION_SCOPE_OTHER;
        }
    }
}

void lj_judge(struct lj_opinion *o)
{
    o->rumoured = o->confirmed = false;
    o->deniers = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        o->rumoured = o->rumoured || lj_sentence_has(o, (int32_t)s, LJ_BIT(RUMOUR));
        o->confirmed = o->confirmed || lj_sentence_has(o, (int32_t)s, LJ_BIT(CONFIRM));
    }
    for (uint32_t i = 0; i < o->tok_count && o->deniers < LJ_DENIERS_MAX; i++) {
        if (denies(o, i))
            o->denier[o->deniers++] = (uint16_t)i;
    }
    o->headed = headed(o);
    set_frames(o);
    for (uint32_t i = 0; i < o->hit_count; i++)
        judge_hit(o, &o->hit[i]);
    lj_judge_weak(o);
}
