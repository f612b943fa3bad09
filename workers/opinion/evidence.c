/*
 * The n-grams behind a finding.
 *
 * The sentence that speaks most for the kind is laid out symbol by symbol: the weight of an n-gram,
 * or of a word of the rules, is shared by its symbols. The n-grams that add most become reasons
 * with their spans. Where no rule found a word in that sentence, the stretch of its symbols with
 * the greatest sum inside one clause, grown to a readable length, is evidence beside the rules'
 * words: a person is shown words, not a number. A finding of the models alone shows a second
 * sentence too if it speaks nearly as much.
 */
#include <string.h>

#include "workers/opinion/engine.h"

enum {
    SYMBOLS_MAX = 400,
    SHOWN = 5,
    SHOWN_BESIDE = 2,
    HEAVIEST = 12, /* n-grams among which those to show are chosen */
    HEAVIEST_BESIDE = 5,
    LEAST = 14,
    SPEAKER = 1 << 16,
    SHARES = 6, /* parts of a weight, which 1, 2 and 3 symbols divide */
};

#define NEARLY 1.0F

/* Features with what each adds to the kind. */
struct best {
    struct lj_lin_found gram[HEAVIEST];
    int weight[HEAVIEST];
    unsigned count;
};

/* Keeps the heaviest, of equal ones the first. */
static void keep(struct best *b, unsigned most, const struct lj_lin_found *g, int weight)
{
    if (b->count == most && weight <= b->weight[most - 1])
        return;
    unsigned k = b->count < most ? b->count++ : most - 1;
    for (; k > 0 && b->weight[k - 1] < weight; k--) {
        b->gram[k] = b->gram[k - 1];
        b->weight[k] = b->weight[k - 1];
    }
    b->gram[k] = *g;
    b->weight[k] = weight;
}

/* Leaves those that overlap none before them, at most `shown`. */
static void pick_apart(struct best *b, unsigned shown)
{
    unsigned n = 0;
    for (unsigned i = 0; i < b->count && n < shown; i++) {
        bool apart = true;
        for (unsigned k = 0; k < n; k++)
            apart = apart && (lj_found_e(&b->gram[i]) <= lj_found_s(&b->gram[k]) ||
                              lj_found_e(&b->gram[k]) <= lj_found_s(&b->gram[i]));
        if (!apart)
            continue;
        b->gram[n] = b->gram[i];
        b->weight[n++] = b->weight[i];
    }
    b->count = n;
}

/* Original text of symbols [s, e), folded, as UTF-8. */
static void name_of(const struct lj_text *t, uint32_t s, uint32_t e, char *out, size_t size)
{
    size_t n = 0;
    for (uint32_t i = s; i < e && n + 4 < size; i++) {
        uint16_t c = t->code[i];
        if (c < 0x80) {
            out[n++] = (char)c;
        } else if (c < 0x800) {
            out[n++] = (char)(0xC0 | c >> 6);
            out[n++] = (char)(0x80 | (c & 0x3F));
        } else {
            out[n++] = (char)(0xE0 | c >> 12);
            out[n++] = (char)(0x80 | (c >> 6 & 0x3F));
            out[n++] = (char)(0x80 | (c & 0x3F));
        }
    }
    out[n] = '\0';
}

/* A further span of evidence, in the order of the text; none of them overlaps another. */
static void add_span(struct lj_opinion_finding *x, struct lj_opinion_span s)
{
    if (x->span_count == LJ_OPINION_SPANS_MAX)
        return;
    uint32_t k = x->span_count++;
    for (; k > 0 && x->spans[k - 1].start > s.start; k--)
        x->spans[k] = x->spans[k - 1];
    x->spans[k] = s;
}

static struct lj_opinion_span span_of(const struct lj_text *t, uint32_t s, uint32_t e)
{
    return (struct lj_opinion_span){t->pos[s], (uint32_t)t->pos[e - 1] + 1};
}

static void add_reasons(const struct lj_opinion *o, const struct best *b, float unit,
                        struct lj_opinion_finding *x)
{
    for (unsigned i = 0; i < b->count && x->reason_count < LJ_OPINION_REASONS_MAX; i++) {
        struct lj_opinion_reason *r = &x->reasons[x->reason_count++];
        uint32_t s = lj_found_s(&b->gram[i]);
        uint32_t e = lj_found_e(&b->gram[i]);
        *r = (struct lj_opinion_reason){
            .kind = x->kind,
            .code = x->code,
            .source = LJ_OPINION_BY_NGRAM,
            .span = span_of(&o->text, s, e),
            .weight = (float)b->weight[i] * unit,
        };
        name_of(&o->text, s, e, r->rule, sizeof r->rule);
    }
}

/* The stretch [*s, *e) of one clause with the greatest sum of shares, which is returned. */
static int find_stretch(const struct lj_text *t, const int *share, uint32_t first, uint32_t end,
                        uint32_t *s, uint32_t *e)
{
    int most = INT32_MIN;
    int sum = 0;
    uint32_t from = first;
    for (uint32_t i = first; i < end; i++) {
        if (i == first || t->clause[i] != t->clause[i - 1] || sum < 0) {
            sum = 0;
            from = i;
        }
        sum += share[i - first];
        if (sum > most) {
            most = sum;
            *s = from;
            *e = i + 1;
        }
    }
    while (*e - *s < LEAST && (*e < end || *s > first)) { /* one side, then the other */
        bool right = *e < end && t->clause[*e] == t->clause[*s];
        bool left = *s > first && t->clause[*s - 1] == t->clause[*s];
        if (!right && !left)
            break;
        *e += right;
        *s -= left && *e - *s < LEAST;
    }
    return most;
}

/* A sentence's features and symbols. */
struct sentence {
    const struct lj_lin_found *f;
    uint32_t n;
    uint32_t number;
    uint32_t first, end; /* symbols */
};

static struct sentence sentence_at(const struct lj_opinion *o, uint32_t number)
{
    const struct lj_lin_score *lin = &o->lin;
    uint32_t from = lin->found_from[number];
    struct sentence s = {lin->found + from, lin->found_from[number + 1] - from, number, 0, 0};
    uint32_t lo = 0;
    for (uint32_t hi = o->text.clauses; lo < hi;) { /* its first clause */
        uint32_t mid = lo + (hi - lo) / 2;
        if (o->text.list[mid].sentence < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    s.first = o->text.list[lo].first;
    while (lo < o->text.clauses && o->text.list[lo].sentence == number)
        lo++;
    s.end = o->text.list[lo].first;
    if (s.end - s.first > SYMBOLS_MAX)
        s.end = s.first + SYMBOLS_MAX;
    return s;
}

/* How much a sentence speaks for the kind: that it tells of a risk at all counts half. */
static float speaks(const struct lj_opinion *o, uint32_t sentence, unsigned kind)
{
    const float *at = o->lin.at[sentence];
    return at[kind] + 0.5F * at[LJ_LIN_RISK];
}

/* The sentence that speaks most for the kind, and the next one if it speaks nearly as much, else
 * UINT32_MAX. */
static void find_sentences(const struct lj_opinion *o, unsigned kind, uint32_t *ret_first,
                           uint32_t *ret_second)
{
    uint32_t first = 0;
    uint32_t second = UINT32_MAX;
    for (uint32_t i = 1; i < o->text.sentences; i++) {
        if (speaks(o, i, kind) > speaks(o, first, kind)) {
            second = first;
            first = i;
        } else if (second == UINT32_MAX || speaks(o, i, kind) > speaks(o, second, kind)) {
            second = i;
        }
    }
    *ret_first = first;
    bool near = second != UINT32_MAX && speaks(o, second, kind) > speaks(o, first, kind) - NEARLY;
    *ret_second = near ? second : UINT32_MAX;
}

static int weight_of(const struct lj_opinion *o, const struct lj_lin_found *f, unsigned kind)
{
    return o->linear->rows[(size_t)f->row * LJ_LIN_LANES + kind];
}

/* Who reports (市民反映, 来电人称) is no evidence of what is reported. */
static void leave_out_speakers(const struct lj_opinion *o, const struct sentence *x, int *share)
{
    for (uint32_t i = o->sentence_tok[x->number]; i < o->sentence_tok[x->number + 1]; i++) {
        const struct lj_tok *t = &o->tok[i];
        if (!(t->classes.w[0] & (LJ_BIT(QUOTE) | LJ_BIT(HEARSAY) | LJ_BIT(HEAD))))
            continue;
        for (uint32_t k = t->s; k < t->e && k < x->end; k++)
            share[k - x->first] = -SPEAKER;
    }
}

/* Spreads every feature's weight over its symbols and finds the evidence; in a finding of the
 * models alone also a second stretch, in another clause, that weighs more than half of the first.
 */
static void add_stretch(const struct lj_opinion *o, const struct sentence *x, bool alone,
                        struct lj_opinion_finding *ret)
{
    int share[SYMBOLS_MAX];
    memset(share, 0, (x->end - x->first) * sizeof *share);
    for (uint32_t i = 0; i < x->n; i++) {
        const struct lj_lin_found *f = &x->f[i];
        uint32_t from = lj_found_s(f);
        uint32_t to = lj_found_e(f);
        int part = weight_of(o, f, ret->kind) * SHARES / (int)(to - from);
        for (uint32_t k = from; k < to && k < x->end; k++)
            share[k - x->first] += part;
    }
    uint32_t s = x->first;
    uint32_t e = x->first + 1;
    leave_out_speakers(o, x, share);
    int most = find_stretch(&o->text, share, x->first, x->end, &s, &e);
    add_span(ret, span_of(&o->text, s, e));
    if (!alone || most <= 0)
        return;
    for (uint32_t k = x->first; k < x->end; k++) {
        if (o->text.clause[k] == o->text.clause[s])
            share[k - x->first] = -SPEAKER;
    }
    if (find_stretch(&o->text, share, x->first, x->end, &s, &e) * 2 > most)
        add_span(ret, span_of(&o->text, s, e));
}

static bool shows(const struct lj_opinion *o, const struct lj_opinion_finding *x,
                  const struct sentence *s)
{
    const struct lj_opinion_span own = span_of(&o->text, s->first, s->end);
    bool shown = false;
    for (uint32_t i = 0; i < x->span_count; i++)
        shown = shown || (x->spans[i].start < own.end && own.start < x->spans[i].end);
    return shown;
}

void lj_ngram_evidence(const struct lj_opinion *o, struct lj_opinion_finding *x)
{
    if (o->text.n == 0)
        return;
    uint32_t first;
    uint32_t second;
    find_sentences(o, x->kind, &first, &second);
    const struct sentence s = sentence_at(o, first);
    const bool alone = x->span_count == 0;
    struct best b;
    b.count = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        int weight = weight_of(o, &s.f[i], x->kind);
        if (weight > 0)
            keep(&b, alone ? HEAVIEST : HEAVIEST_BESIDE, &s.f[i], weight);
    }
    pick_apart(&b, alone ? SHOWN : SHOWN_BESIDE);
    add_reasons(o, &b,
                o->linear->scale[x->kind] / __builtin_sqrtf((float)o->lin.features[s.number]), x);
    if (!shows(o, x, &s))
        add_stretch(o, &s, alone, x);
    if (alone && second != UINT32_MAX) {
        const struct sentence next = sentence_at(o, second);
        add_stretch(o, &next, false, x);
    }
}
