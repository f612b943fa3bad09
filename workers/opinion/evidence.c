/*
 * The n-grams behind a finding.
 *
 * The sentence with the highest linear value for the kind is laid out symbol by symbol: the weight
 * of an n-gram, or of a word of the rules, is shared by its symbols. The n-grams that add most
 * become reasons with their spans. Where no rule found a word, the evidence is the stretch of
 * symbols with the greatest sum inside one clause, grown to a readable length: a person is shown
 * words, not a number.
 */
#include <string.h>

#include "workers/opinion/engine.h"

/* Not zeroed before use, as the release build does with locals: 40 KB for every finding. */
#if defined(__GNUC__) && !defined(__clang__)
#define LJ_UNSET __attribute__((uninitialized))
#else
#define LJ_UNSET
#endif

enum {
    SYMBOLS_MAX = 400,
    GRAMS_MAX = LJ_LIN_GRAM * (2 * SYMBOLS_MAX + 1),
    SHOWN = 5,
    SHOWN_BESIDE = 2,
    LEAST = 8,
    WORDS_MAX = 256
};

struct best {
    struct lj_gram gram[SHOWN];
    float weight[SHOWN];
    unsigned count;
};

static bool overlaps(const struct best *b, const struct lj_gram *g)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (g->s < b->gram[i].e && b->gram[i].s < g->e)
            return true;
    }
    return false;
}

/* The heaviest n-grams that do not overlap. */
static void find_best(const struct lj_gram *g, const float *w, size_t n, unsigned shown,
                      struct best *b)
{
    b->count = 0;
    while (b->count < shown) {
        size_t at = n;
        for (size_t i = 0; i < n; i++) {
            if (w[i] > 0 && (at == n || w[i] > w[at]) && !overlaps(b, &g[i]))
                at = i;
        }
        if (at == n)
            return;
        b->gram[b->count] = g[at];
        b->weight[b->count++] = w[at];
    }
}

/* Original text of symbols [s, e), folded, as UTF-8. */
static void name_of(const struct lj_text *t, uint16_t s, uint16_t e, char *out, size_t size)
{
    size_t n = 0;
    for (uint16_t i = s; i < e && n + 4 < size; i++) {
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

static struct lj_opinion_span span_of(const struct lj_text *t, uint32_t s, uint32_t e)
{
    return (struct lj_opinion_span){t->pos[s], (uint32_t)t->pos[e - 1] + 1};
}

static void add_reasons(const struct lj_opinion *o, const struct best *b, float root,
                        struct lj_opinion_finding *x)
{
    for (unsigned i = 0; i < b->count && x->reason_count < LJ_OPINION_REASONS_MAX; i++) {
        struct lj_opinion_reason *r = &x->reasons[x->reason_count++];
        *r = (struct lj_opinion_reason){
            .kind = x->kind,
            .code = x->code,
            .source = LJ_OPINION_BY_NGRAM,
            .span = span_of(&o->text, b->gram[i].s, b->gram[i].e),
            .weight = b->weight[i] * root,
        };
        name_of(&o->text, b->gram[i].s, b->gram[i].e, r->rule, sizeof r->rule);
    }
}

/* The stretch [*s, *e) of one clause with the greatest sum of shares. */
static void find_stretch(const struct lj_text *t, const float *share, uint32_t first, uint32_t end,
                         uint32_t *s, uint32_t *e)
{
    float most = -1e9F;
    float sum = 0;
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
            return;
        *e += right;
        *s -= left && *e - *s < LEAST;
    }
}

/* Spreads every n-gram's weight over its symbols and finds the evidence. */
static void add_stretch(const struct lj_opinion *o, const struct lj_gram *g, const float *w,
                        size_t n, struct lj_opinion_finding *x)
{
    float share[SYMBOLS_MAX] = {0};
    uint32_t first = UINT32_MAX;
    uint32_t end = 0;
    for (size_t i = 0; i < n; i++) {
        first = g[i].s < first ? g[i].s : first;
        end = g[i].e > end ? g[i].e : end;
    }
    end = end - first > SYMBOLS_MAX ? first + SYMBOLS_MAX : end;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = g[i].s; k < g[i].e && k < end; k++)
            share[k - first] += w[i] / (float)(g[i].e - g[i].s);
    }
    uint32_t s = first;
    uint32_t e = first + 1;
    find_stretch(&o->text, share, first, end, &s, &e);
    x->spans[x->span_count++] = span_of(&o->text, s, e);
}

void lj_ngram_evidence(const struct lj_opinion *o, struct lj_opinion_finding *x)
{
    LJ_UNSET struct lj_gram g[GRAMS_MAX + WORDS_MAX];
    LJ_UNSET float w[GRAMS_MAX + WORDS_MAX];
    struct best b;
    uint32_t sentence = (uint32_t)o->lin.best_at[x->kind];
    size_t all = lj_linear_grams(&o->text, sentence, g, GRAMS_MAX);
    size_t n = 0;
    if (all == 0)
        return;
    all = all < GRAMS_MAX ? all : GRAMS_MAX;
    size_t words = (size_t)(o->word_first[sentence + 1] - o->word_first[sentence]);
    words = words < WORDS_MAX ? words : WORDS_MAX;
    memcpy(g + all, o->word + o->word_first[sentence], words * sizeof *g);
    all += words;
    struct lj_gram any = g[0];
    for (size_t i = 0; i < all; i++) { /* only those with a weight */
        float weight = lj_linear_weight(o->linear, g[i].hash, x->kind);
        if (weight == 0)
            continue;
        g[n] = g[i];
        w[n++] = weight;
    }
    bool alone = x->span_count == 0;
    find_best(g, w, n, alone ? SHOWN : SHOWN_BESIDE, &b);
    add_reasons(o, &b, 1 / __builtin_sqrtf((float)all), x);
    if (alone && n > 0)
        add_stretch(o, g, w, n, x);
    else if (alone)
        x->spans[x->span_count++] = span_of(&o->text, any.s, any.e);
}
