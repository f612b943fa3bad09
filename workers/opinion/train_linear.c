/*
 * Logistic regression over n-grams: AdaGrad steps on shuffled examples, all columns at once.
 *
 * A text gives one example with its labels, and one a sentence: a sentence with a mark is an
 * example of the mark's kinds, a sentence of a clean text one of no kind; an unmarked sentence of a
 * risky text teaches nothing about the text's own kinds. That is what lets a long text be judged by
 * its worst sentence. Steps carry L2; the weights are the mean over the ends of the later epochs,
 * which takes the noise of the last examples out. Then each column is scaled to int8.
 *
 * Guarantees: deterministic for a seed: own random numbers, own exponential, fixed order; n-grams
 * that fewer than `least` texts have are not learnt.
 */
#include "workers/opinion/train_linear.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/fmath.h"

typedef float lane_t __attribute__((vector_size(64)));

enum { UNKNOWN = -1, FIRST_AVERAGED = 3 }; /* epochs before that one are not averaged */

struct example {
    uint32_t first; /* in grams */
    uint32_t n;
    uint32_t text;
    bool sentence;
    int8_t y[LJ_LIN_LANES]; /* 1, 0 or UNKNOWN */
};

struct lj_examples {
    size_t texts;
    struct example *row;
    size_t count, size;
    uint32_t *gram; /* hashes */
    size_t grams, gram_size;
    uint16_t *texts_with; /* by hash: texts that have it; recounted for each training */
};

uint64_t lj_train_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int reserve(void **p, size_t *size, size_t need, size_t item, struct lj_err *err)
{
    if (need <= *size)
        return 0;
    size_t more = *size * 2 > need ? *size * 2 : need + 1024;
    void *q = realloc(*p, more * item);
    if (!q)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the examples");
    *p = q;
    *size = more;
    return 0;
}

static void label_text(const struct lj_label *l, int8_t *y)
{
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        y[k] = (int8_t)(l->kinds >> k & 1);
    y[LJ_LIN_RISK] = l->kinds != 0;
    y[LJ_LIN_GOOD] = l->polarity > 0;
    y[LJ_LIN_BAD] = l->polarity < 0;
    y[LJ_LIN_GRAVE] = (int8_t)(l->severity ? l->severity == 3 : UNKNOWN);
    y[LJ_LIN_ORDINARY] = (int8_t)(l->severity ? l->severity >= 2 : UNKNOWN);
    for (unsigned k = LJ_LIN_OUTS; k < LJ_LIN_LANES; k++)
        y[k] = UNKNOWN;
}

static void label_sentence(const struct lj_label *l, uint32_t start, uint32_t end, int8_t *y)
{
    unsigned marked = 0;
    for (uint32_t i = 0; i < l->span_count; i++) {
        if (l->spans[i].start < end && start < l->spans[i].end)
            marked |= 1U << l->spans[i].kind;
    }
    for (unsigned k = 0; k < LJ_LIN_LANES; k++)
        y[k] = UNKNOWN;
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        y[k] = (int8_t)(marked >> k & 1 ? 1 : l->kinds >> k & 1 ? UNKNOWN : 0);
    y[LJ_LIN_RISK] = (int8_t)(marked ? 1 : l->kinds ? UNKNOWN : 0);
}

static int add_grams(struct lj_examples *x, const struct lj_opinion *o, uint32_t s,
                     struct lj_err *err)
{
    const struct lj_text *t = &o->text;
    struct lj_gram g[512];
    size_t most = sizeof g / sizeof g[0];
    size_t n = lj_linear_grams(t, s, g, most);
    n = n < most ? n : most; /* a sentence of 170 symbols; the rest of a longer one is left out */
    size_t words = (size_t)(o->word_first[s + 1] - o->word_first[s]);
    int rc = reserve((void **)&x->gram, &x->gram_size, x->grams + n + words, sizeof *x->gram, err);
    if (rc < 0 || !x->gram)
        return rc;
    for (size_t i = 0; i < n; i++)
        x->gram[x->grams++] = g[i].hash;
    for (size_t i = 0; i < words; i++)
        x->gram[x->grams++] = o->word[o->word_first[s] + i].hash;
    return rc;
}

static int add_example(struct lj_examples *x, const struct example *e, struct lj_err *err)
{
    int rc = reserve((void **)&x->row, &x->size, x->count + 1, sizeof *x->row, err);
    if (rc == 0)
        x->row[x->count++] = *e;
    return rc;
}

static void sentence_range(const struct lj_text *t, uint32_t s, uint32_t *clause, uint32_t *start,
                           uint32_t *end)
{
    *start = t->pos[t->list[*clause].first];
    while (*clause < t->clauses && t->list[*clause].sentence == s)
        (*clause)++;
    *end = (uint32_t)t->pos[t->list[*clause].first - 1] + 1;
}

static int add_text(struct lj_examples *x, const struct lj_opinion *o, const struct lj_label *l,
                    uint32_t text, struct lj_err *err)
{
    const struct lj_text *t = &o->text;
    struct example whole = {.first = (uint32_t)x->grams, .text = text};
    uint32_t clause = 0;
    int rc = 0;
    for (uint32_t s = 0; rc == 0 && s < t->sentences; s++) {
        struct example one = {.first = (uint32_t)x->grams, .text = text, .sentence = true};
        uint32_t start = 0;
        uint32_t end = 0;
        sentence_range(t, s, &clause, &start, &end);
        rc = add_grams(x, o, s, err);
        one.n = (uint32_t)x->grams - one.first;
        label_sentence(l, start, end, one.y);
        if (rc == 0 && t->sentences > 1)
            rc = add_example(x, &one, err);
    }
    whole.n = (uint32_t)x->grams - whole.first;
    label_text(l, whole.y);
    return rc < 0 ? rc : add_example(x, &whole, err);
}

int lj_examples_open(struct lj_opinion *o, const struct lj_label *const *texts, size_t n,
                     struct lj_examples **ret, struct lj_err *err)
{
    struct lj_examples *x = calloc(1, sizeof *x);
    int rc = x ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory for the examples");
    if (rc == 0) {
        x->texts = n;
        x->texts_with = calloc(LJ_LIN_HASHES, sizeof *x->texts_with);
        rc = x->texts_with ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory for the examples");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!lj_opinion_prepare(o, texts[i]->text, texts[i]->len))
            rc = lj_fail(err, LJ_E_TOO_LARGE, "text %s is too long", texts[i]->id);
        if (rc == 0 && o->text.n > 0) {
            lj_word_features(o);
            rc = add_text(x, o, texts[i], (uint32_t)i, err);
        }
    }
    if (rc < 0)
        lj_examples_close(&x);
    else
        *ret = x;
    return rc;
}

void lj_examples_close(struct lj_examples **examples)
{
    if (!examples || !*examples)
        return;
    free((*examples)->row);
    free((*examples)->gram);
    free((*examples)->texts_with);
    free(*examples);
    *examples = NULL;
}

/* The state of one training: dense rows for the n-grams that are learnt. */
struct training {
    const struct lj_examples *x;
    const struct lj_linear_options *o;
    uint32_t *row; /* by hash: row, or 0 for none; row 0 is never touched */
    size_t rows;
    lane_t *w, *g2, *mean;
    lane_t bias, bias_g2, bias_mean;
    uint32_t *order;
    size_t order_count;
    int averaged;
};

static void count_texts(const struct lj_examples *x, const bool *skip, uint16_t *with)
{
    uint32_t *last = calloc(LJ_LIN_HASHES, sizeof *last);
    memset(with, 0, LJ_LIN_HASHES * sizeof *with);
    for (size_t i = 0; last && i < x->count; i++) {
        const struct example *e = &x->row[i];
        if (e->sentence || (skip && skip[e->text]))
            continue;
        for (uint32_t k = 0; k < e->n; k++) {
            uint32_t h = x->gram[e->first + k];
            if (last[h] != e->text + 1 && with[h] < UINT16_MAX)
                with[h]++;
            last[h] = e->text + 1;
        }
    }
    free(last);
}

static void step(struct training *t, const struct example *e)
{
    const uint32_t *gram = t->x->gram + e->first;
    const float eps = 1e-3F;
    float weight = e->sentence ? t->o->sentence : 1;
    float x = 1 / lj_sqrtf((float)(e->n ? e->n : 1));
    lane_t z = {0};
    for (uint32_t k = 0; k < e->n; k++)
        z += t->w[t->row[gram[k]]];
    lane_t err = {0};
    for (unsigned k = 0; k < LJ_LIN_LANES; k++) {
        float p = lj_sigmoid(t->bias[k] + z[k] * x);
        err[k] = e->y[k] == UNKNOWN ? 0 : weight * (p - (float)e->y[k]);
    }
    for (uint32_t k = 0; k < e->n; k++) {
        uint32_t r = t->row[gram[k]];
        if (r == 0)
            continue;
        lane_t g = err * x + t->o->l2 * t->w[r];
        lane_t g2 = t->g2[r] + g * g;
        t->g2[r] = g2;
        for (unsigned i = 0; i < LJ_LIN_LANES; i++)
            g[i] /= lj_sqrtf(g2[i]) + eps;
        t->w[r] -= t->o->rate * g;
    }
    t->bias_g2 += err * err;
    for (unsigned i = 0; i < LJ_LIN_LANES; i++)
        t->bias[i] -= 0.3F * t->o->rate * err[i] / (lj_sqrtf(t->bias_g2[i]) + eps);
}

static void shuffle(uint32_t *order, size_t n, uint64_t *random)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(lj_train_random(random) % i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}

static void run_epochs(struct training *t)
{
    uint64_t random = t->o->seed;
    for (int epoch = 0; epoch < t->o->epochs; epoch++) {
        shuffle(t->order, t->order_count, &random);
        for (size_t i = 0; i < t->order_count; i++)
            step(t, &t->x->row[t->order[i]]);
        if (epoch + 1 < FIRST_AVERAGED && epoch + 1 < t->o->epochs)
            continue;
        for (size_t r = 1; r < t->rows; r++)
            t->mean[r] += t->w[r];
        t->bias_mean += t->bias;
        t->averaged++;
    }
}

static int prepare(struct training *t, const bool *skip, struct lj_err *err)
{
    const struct lj_examples *x = t->x;
    count_texts(x, skip, x->texts_with);
    t->row = calloc(LJ_LIN_HASHES, sizeof *t->row);
    t->order = calloc(x->count + 1, sizeof *t->order);
    t->rows = 1;
    for (size_t h = 0; t->row && h < LJ_LIN_HASHES && t->rows <= LJ_LIN_ROWS_MAX; h++) {
        if (x->texts_with[h] >= t->o->least)
            t->row[h] = (uint32_t)t->rows++;
    }
    t->w = aligned_alloc(64, t->rows * sizeof *t->w);
    t->g2 = aligned_alloc(64, t->rows * sizeof *t->g2);
    t->mean = aligned_alloc(64, t->rows * sizeof *t->mean);
    if (!t->row || !t->order || !t->w || !t->g2 || !t->mean)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a training");
    memset(t->w, 0, t->rows * sizeof *t->w);
    memset(t->g2, 0, t->rows * sizeof *t->g2);
    memset(t->mean, 0, t->rows * sizeof *t->mean);
    for (size_t i = 0; i < x->count; i++) {
        if (!skip || !skip[x->row[i].text])
            t->order[t->order_count++] = (uint32_t)i;
    }
    return 0;
}

static int8_t rounded(float v)
{
    return (int8_t)(v < 0 ? v - 0.5F : v + 0.5F);
}

/* Scales every column to int8 and leaves out rows that come out as zero. */
static int quantise(const struct training *t, struct lj_linear_tables *ret, struct lj_err *err)
{
    lane_t most = {0};
    ret->index = calloc(LJ_LIN_HASHES, sizeof *ret->index);
    ret->rows = aligned_alloc(64, (t->rows * LJ_LIN_LANES + 63) / 64 * 64);
    if (!ret->index || !ret->rows)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the trained tables");
    for (size_t r = 1; r < t->rows; r++) {
        for (unsigned k = 0; k < LJ_LIN_LANES; k++) {
            float v = t->mean[r][k] < 0 ? -t->mean[r][k] : t->mean[r][k];
            most[k] = v > most[k] ? v : most[k];
        }
    }
    memset(ret->rows, 0, LJ_LIN_LANES);
    uint32_t kept = 0;
    for (size_t h = 0; h < LJ_LIN_HASHES; h++) {
        int8_t *row = ret->rows + (size_t)(kept + 1) * LJ_LIN_LANES;
        bool any = false;
        if (t->row[h] == 0)
            continue;
        for (unsigned k = 0; k < LJ_LIN_LANES; k++) {
            float v = most[k] > 0 ? t->mean[t->row[h]][k] * 127 / most[k] : 0;
            row[k] = rounded(v);
            any = any || row[k] != 0;
        }
        if (any)
            ret->index[h] = (uint16_t)++kept;
    }
    ret->m = (struct lj_linear){ret->index, ret->rows, kept, {0}, {0}};
    for (unsigned k = 0; k < LJ_LIN_LANES; k++) {
        ret->m.scale[k] = most[k] / 127 / (float)t->averaged;
        ret->m.bias[k] = t->bias_mean[k] / (float)t->averaged;
    }
    return 0;
}

int lj_linear_train(const struct lj_examples *x, const bool *skip,
                    const struct lj_linear_options *options, struct lj_linear_tables *ret,
                    struct lj_err *err)
{
    struct training t = {.x = x, .o = options};
    *ret = (struct lj_linear_tables){0};
    int rc = prepare(&t, skip, err);
    if (rc == 0) {
        run_epochs(&t);
        rc = quantise(&t, ret, err);
    }
    free(t.row);
    free(t.order);
    free(t.w);
    free(t.g2);
    free(t.mean);
    if (rc < 0)
        lj_linear_tables_free(ret);
    return rc;
}

void lj_linear_tables_free(struct lj_linear_tables *t)
{
    free(t->index);
    free(t->rows);
    *t = (struct lj_linear_tables){0};
}
