/*
 * Finding many patterns at once: a trie in a double array, entered at every symbol.
 *
 * The symbols that patterns use get dense numbers, so a state's children lie at base + number, and
 * a child is recognised by its check field: one look-up a step, whatever the number of children.
 * Most symbols of a text begin no pattern of two or more symbols together with the next one: a
 * small bitmap over pairs of symbols turns those away without touching the trie. Most of those that
 * do end there: a state says by a hash of 32 bits which symbols may go on, so the third symbol's
 * state is rarely touched in vain. What is found up to there is written without a branch
 * (ac_run.c).
 *
 * Why no Aho-Corasick with its fail links: each of its steps waits for the one before, and guesses
 * wrong about every other child. Here every start is on its own, so the processor works on several
 * at a time, which is twice as fast on Chinese text; and the matches come sorted by their start, as
 * the engine wants them. The price is a bound of symbols times the longest pattern instead of
 * symbols plus matches.
 *
 * Guarantees: matching allocates nothing; the automaton is read only.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/ac_trie.h"

/* A state during the build: the slice [lo, hi) of the sorted patterns that share its prefix. */
struct work {
    uint32_t lo;
    uint32_t hi;
    uint32_t at; /* its place */
    uint16_t depth;
    uint16_t number; /* the symbol that leads to it */
};

struct builder {
    struct lj_ac *ac;
    struct lj_ac_pattern *p; /* sorted */
    struct work *work;
    uint32_t count;   /* works, breadth first */
    uint32_t hint[4]; /* where the search for a base goes on, by number of children */
    uint32_t *child;  /* scratch: numbers of one state's children */
};

static int by_symbols(const void *pa, const void *pb)
{
    const struct lj_ac_pattern *a = pa;
    const struct lj_ac_pattern *b = pb;
    uint16_t n = a->len < b->len ? a->len : b->len;
    for (uint16_t i = 0; i < n; i++) {
        if (a->sym[i] != b->sym[i])
            return a->sym[i] < b->sym[i] ? -1 : 1;
    }
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static int number_symbols(struct lj_ac *ac, const struct lj_ac_pattern *p, size_t count,
                          struct lj_err *err)
{
    for (size_t i = 0; i < count; i++) {
        for (uint16_t k = 0; k < p[i].len; k++)
            ac->number[p[i].sym[k]] = 1;
    }
    for (uint32_t c = 0; c < 0x10000; c++) {
        if (ac->number[c])
            ac->number[c] = (uint16_t)++ac->symbols;
    }
    if (ac->symbols >= NUMBERS)
        return lj_fail(err, LJ_E_CONFIG, "the patterns have %u symbols, %d are too many",
                       ac->symbols, NUMBERS);
    return 0;
}

/* Says of the symbols what else there is to know; after the build, which wants plain numbers. */
static void flag_symbols(struct lj_ac *ac, const uint16_t *marked, size_t marks)
{
    for (uint32_t c = 0; c < 0x10000; c++) {
        if (ac->first[ac->number[c]].out)
            ac->number[c] |= ALONE;
    }
    for (size_t i = 0; i < marks; i++)
        ac->number[marked[i]] |= MARKED;
}

/* Room for place n; new places are free. */
static int reserve(struct builder *b, uint32_t n, struct lj_err *err)
{
    struct lj_ac *ac = b->ac;
    if (n < ac->states)
        return 0;
    uint32_t want = n + n / 2 + 1024;
    if (want > STATES_MAX)
        return lj_fail(err, LJ_E_CONFIG, "the automaton has more than %d states", STATES_MAX);
    struct state *s = realloc(ac->state, want * sizeof *s);
    if (!s)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %u automaton states", want);
    ac->state = s;
    for (uint32_t i = ac->states; i < want; i++)
        s[i] = (struct state){.check = FREE};
    ac->states = want;
    return 0;
}

static bool fits(const struct builder *b, uint32_t base, uint32_t children)
{
    for (uint32_t i = 0; i < children; i++) {
        uint32_t at = base + b->child[i];
        if (at < b->ac->states && b->ac->state[at].check != FREE)
            return false;
    }
    return true;
}

/* A base at which all children fall on free places. The search goes on where the last one for as
 * many children ended: it leaves some holes, but stays fast. */
static int find_base(struct builder *b, uint32_t children, uint32_t *ret_base, struct lj_err *err)
{
    uint32_t *hint = &b->hint[children < 4 ? children - 1 : 3];
    uint32_t at = *hint > b->child[0] ? *hint : b->child[0] + 1;
    while (!fits(b, at - b->child[0], children))
        at++;
    *hint = children == 1 || at > *hint + 64 ? at : *hint;
    *ret_base = at - b->child[0];
    return reserve(b, *ret_base + b->ac->symbols + 1, err);
}

static void set_pair(struct lj_ac *ac, uint16_t a, uint16_t b)
{
    uint32_t bit = pair_bit(a, b);
    ac->pairs[bit / 64] |= (uint64_t)1 << (bit % 64);
}

/* Queues the children of work k and gives them their places; the patterns that end at k are its
 * outputs. */
static int expand(struct builder *b, uint32_t k, struct lj_err *err)
{
    const struct work w = b->work[k];
    uint32_t children = 0;
    uint32_t base = 0;
    uint32_t first = b->count;
    uint32_t i = w.lo;
    while (i < w.hi && b->p[i].len == w.depth) {
        b->ac->output[i] = (struct output){b->p[i].id, b->p[i].len, true};
        i++;
    }
    if (i > w.lo) {
        b->ac->output[i - 1].more = false;
        b->ac->state[w.at].out = MANY | w.lo;
        if (i == w.lo + 1 && b->p[w.lo].len < 0x8000)
            b->ac->state[w.at].out = (uint32_t)b->p[w.lo].len << 16 | b->p[w.lo].id;
    }
    while (i < w.hi) {
        uint16_t sym = b->p[i].sym[w.depth];
        uint32_t j = i + 1;
        while (j < w.hi && b->p[j].sym[w.depth] == sym)
            j++;
        uint16_t number = b->ac->number[sym];
        b->work[b->count++] =
            (struct work){.lo = i, .hi = j, .depth = (uint16_t)(w.depth + 1), .number = number};
        b->child[children++] = number;
        b->ac->state[w.at].next |= next_bit(number);
        if (w.depth == 1)
            set_pair(b->ac, w.number, number);
        i = j;
    }
    if (children == 0)
        return 0;
    int rc = find_base(b, children, &base, err);
    if (rc < 0)
        return rc;
    b->ac->state[w.at].base = base;
    for (uint32_t c = first; c < b->count; c++) {
        b->work[c].at = base + b->work[c].number;
        b->ac->state[b->work[c].at].check = w.at;
    }
    return 0;
}

/* The root's children again, by number. Number 0 and a symbol that begins nothing lead to no
 * state: no place is the child of NOTHING. */
static void fill_first(struct builder *b)
{
    const struct lj_ac *ac = b->ac;
    for (uint32_t c = 0; c <= ac->symbols; c++)
        ac->first[c] = (struct first){.state = NOTHING};
    for (uint32_t k = 1; k < b->count && b->work[k].depth == 1; k++) {
        const struct work *w = &b->work[k];
        ac->first[w->number] = (struct first){w->at, ac->state[w->at].base, ac->state[w->at].out};
    }
}

static int build(struct builder *b, size_t count, size_t works_max, struct lj_err *err)
{
    struct lj_ac *ac = b->ac;
    b->work = calloc(works_max, sizeof *b->work);
    b->child = calloc(ac->symbols + 1, sizeof *b->child);
    ac->first = calloc(ac->symbols + 1, sizeof *ac->first);
    ac->output = calloc(count + 1, sizeof *ac->output);
    if (!b->work || !b->child || !ac->first || !ac->output)
        return lj_fail(err, LJ_E_NOMEM, "no memory to build an automaton of %zu patterns", count);
    int rc = reserve(b, ac->symbols + 1, err);
    if (rc < 0 || !ac->state)
        return rc;
    ac->state[ROOT].check = ROOT; /* taken; no number is 0, so it is nobody's child */
    b->work[0] = (struct work){.hi = (uint32_t)count};
    b->count = 1;
    for (uint32_t k = 0; rc == 0 && k < b->count; k++)
        rc = expand(b, k, err);
    if (rc == 0)
        fill_first(b);
    return rc;
}

int lj_ac_build(const struct lj_ac_pattern *patterns, size_t count, const uint16_t *marked,
                size_t marks, struct lj_ac **ret, struct lj_err *err)
{
    int rc = 0;
    size_t works_max = 1;
    struct builder b = {0};
    for (size_t i = 0; i < count; i++) {
        if (patterns[i].len == 0)
            return lj_fail(err, LJ_E_CONFIG, "pattern %zu is empty", i);
        works_max += patterns[i].len;
    }
    b.p = malloc((count ? count : 1) * sizeof *b.p);
    b.ac = calloc(1, sizeof *b.ac);
    if (b.p && b.ac) {
        if (count)
            memcpy(b.p, patterns, count * sizeof *b.p);
        qsort(b.p, count, sizeof *b.p, by_symbols);
        rc = number_symbols(b.ac, b.p, count, err);
        if (rc == 0)
            rc = build(&b, count, works_max, err);
        if (rc == 0)
            flag_symbols(b.ac, marked, marks);
    } else {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for an automaton of %zu patterns", count);
    }
    free(b.p);
    free(b.work);
    free(b.child);
    if (rc < 0)
        lj_ac_free(&b.ac);
    else
        *ret = b.ac;
    return rc;
}

void lj_ac_free(struct lj_ac **ac)
{
    if (!ac || !*ac)
        return;
    free((*ac)->state);
    free((*ac)->output);
    free((*ac)->first);
    free(*ac);
    *ac = NULL;
}
