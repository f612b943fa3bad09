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
    LANES = 16,
};

#define NEARLY 1.0F

/* A sentence's features, and its symbols. */
struct sentence {
    const struct lj_lin_found *f;
    uint32_t n;
    uint32_t number;
    uint32_t first, end; /* symbols */
};

/* The features to show, heaviest first, with what each adds to the kind. */
struct best {
    struct lj_lin_found gram[SHOWN];
    int weight[SHOWN];
    unsigned count;
};

static int weight_of(const struct lj_opinion *o, const struct lj_lin_found *f, unsigned kind)
{
    return o->linear->rows[(size_t)f->row * LJ_LIN_LANES + kind];
}

typedef int8_t lanes_t __attribute__((vector_size(LANES)));

/* The weights of the sentence's features, with zeros up to a whole vector. */
static void lay_out(const struct lj_opinion *o, const struct sentence *s, unsigned kind, int8_t *w)
{
    const int8_t *column = o->linear->rows + kind;
    for (uint32_t i = 0; i < s->n; i++)
        w[i] = column[(size_t)s->f[i].row * LJ_LIN_LANES];
    memset(w + s->n, 0, LANES);
}

static inline lanes_t most_of(lanes_t a, lanes_t b)
{
    const lanes_t more = (lanes_t)(a > b);
    return (a & more) | (b & ~more);
}

/* The heaviest of n weights, of equal ones the first; UINT32_MAX: none is positive. LANES may be
 * read behind them. */
static uint32_t heaviest(const int8_t *w, uint32_t n)
{
    lanes_t m = {0};
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes_t v;
        memcpy(&v, w + i, sizeof v);
        m = most_of(v, m);
    }
    for (unsigned half = LANES / 2; half > 0; half /= 2) { /* the lanes among themselves */
        lanes_t v = {0};
        memcpy(&v, (const int8_t *)&m + half, half);
        m = most_of(v, m);
    }
    const int8_t *at = m[0] > 0 ? memchr(w, m[0], n) : NULL;
    return at ? (uint32_t)(at - w) : UINT32_MAX;
}

static bool is_apart(const struct best *b, const struct lj_lin_found *f)
{
    for (unsigned k = 0; k < b->count; k++) {
        if (lj_found_e(f) > lj_found_s(&b->gram[k]) && lj_found_e(&b->gram[k]) > lj_found_s(f))
            return false;
    }
    return true;
}

/* Takes the heaviest that overlap none before them: at most `shown` of the first `most`. */
static void pick(struct lj_opinion *o, const struct sentence *s, unsigned kind, unsigned most,
                 unsigned shown, struct best *b)
{
    int8_t *w = o->lin_weight;
    lay_out(o, s, kind, w);
    b->count = 0;
    for (unsigned i = 0; i < most && b->count < shown; i++) {
        uint32_t at = heaviest(w, s->n);
        if (at == UINT32_MAX)
            return;
        if (is_apart(b, &s->f[at])) {
            b->gram[b->count] = s->f[at];
            b->weight[b->count++] = w[at];
        }
        w[at] = 0;
    }
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
    uint32_t clause = t->clause[first];
    for (uint32_t i = first; i < end; i++) { /* a guess about a sum would often be wrong */
        const bool fresh = (t->clause[i] != clause) | (sum < 0);
        clause = t->clause[i];
        sum = share[i - first] + (fresh ? 0 : sum);
        from = fresh ? i : from;
        const bool better = sum > most;
        most = better ? sum : most;
        *s = better ? from : *s;
        *e = better ? i + 1 : *e;
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

/* Sentence number n; its features are listed when somebody asks for them first. */
static struct sentence sentence_at(struct lj_opinion *o, uint32_t number)
{
    struct lj_listed *l = &o->listed[number];
    if (!l->done) {
        struct lj_lin_found *out = o->lin_found + o->lin_found_count;
        l->from = o->lin_found_count;
        l->n = lj_linear_list(o->linear, &o->text, number, out);
        l->n += lj_word_list(o, number, out + l->n);
        l->done = true;
        o->lin_found_count += l->n;
    }
    uint32_t c = lj_text_clause_of(&o->text, number);
    struct sentence s = {o->lin_found + l->from, l->n, number, o->text.list[c].first, 0};
    while (c < o->text.clauses && o->text.list[c].sentence == number)
        c++;
    s.end = o->text.list[c].first;
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
    float most = speaks(o, 0, kind);
    float next = 0;
    for (uint32_t i = 1; i < o->text.sentences; i++) {
        float v = speaks(o, i, kind);
        if (v > most) {
            second = first;
            next = most;
            first = i;
            most = v;
        } else if (second == UINT32_MAX || v > next) {
            second = i;
            next = v;
        }
    }
    *ret_first = first;
    *ret_second = second != UINT32_MAX && next > most - NEARLY ? second : UINT32_MAX;
}

static uint32_t within(const struct sentence *x, uint32_t symbol)
{
    return (symbol < x->end ? symbol : x->end) - x->first;
}

/* Spreads every feature's weight over its symbols. First each symbol's share is how much it is
 * above the one before it: two sums a feature, however long it is. */
static void lay_shares(const struct lj_opinion *o, const struct sentence *x, unsigned kind,
                       int share[SYMBOLS_MAX + 1])
{
    static const int parts[] = {0, SHARES, SHARES / 2, SHARES / 3};
    const uint32_t n = x->end - x->first;
    memset(share, 0, (n + 1) * sizeof *share);
    for (uint32_t i = 0; i < x->n; i++) {
        const struct lj_lin_found *f = &x->f[i];
        const uint32_t from = lj_found_s(f);
        const uint32_t to = lj_found_e(f);
        const int weight = weight_of(o, f, kind);
        const int part =
            to - from <= 3 ? weight * parts[to - from] : weight * SHARES / (int)(to - from);
        share[within(x, from)] += part;
        share[within(x, to)] -= part;
    }
    for (uint32_t k = 1; k < n; k++)
        share[k] += share[k - 1];
}

/* Who reports (市民反映, 来电人称) is no evidence of what is reported. */
static void leave_out_speakers(const struct lj_opinion *o, const struct sentence *x, int *share)
{
    for (uint32_t i = o->sentence_tok[x->number]; i < o->sentence_tok[x->number + 1]; i++) {
        const struct lj_tok *t = &o->tok[i];
        if (!(t->words & (LJ_BIT(QUOTE) | LJ_BIT(HEARSAY) | LJ_BIT(HEAD))))
            continue;
        for (uint32_t k = t->s; k < t->e && k < x->end; k++)
            share[k - x->first] = -SPEAKER;
    }
}

/* Finds the evidence; in a finding of the models alone also a second stretch, in another clause,
 * that weighs more than half of the first. */
static void add_stretch(const struct lj_opinion *o, const struct sentence *x, bool alone,
                        struct lj_opinion_finding *ret)
{
    __attribute__((uninitialized)) int share[SYMBOLS_MAX + 1];
    lay_shares(o, x, ret->kind, share);
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

void lj_evidence_begin(struct lj_opinion *o)
{
    o->lin_found_count = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++)
        o->listed[s].done = false;
}

void lj_ngram_evidence(struct lj_opinion *o, struct lj_opinion_finding *x)
{
    if (o->text.n == 0)
        return;
    uint32_t first;
    uint32_t second;
    find_sentences(o, x->kind, &first, &second);
    const struct sentence s = sentence_at(o, first);
    const bool alone = x->span_count == 0;
    struct best b;
    pick(o, &s, x->kind, alone ? HEAVIEST : HEAVIEST_BESIDE, alone ? SHOWN : SHOWN_BESIDE, &b);
    add_reasons(o, &b,
                o->linear->scale[x->kind] / __builtin_sqrtf((float)o->lin.features[s.number]), x);
    if (!shows(o, x, &s))
        add_stretch(o, &s, alone, x);
    if (alone && second != UINT32_MAX) {
        const struct sentence next = sentence_at(o, second);
        add_stretch(o, &next, false, x);
    }
}
