/*
 * Finding many patterns at once: a trie in a double array, entered at every symbol.
 *
 * The symbols that patterns use get dense numbers, so a state's children lie at base + number, and
 * a child is recognised by its check field: one look-up a step, whatever the number of children.
 * Most symbols of a text begin no pattern of two or more symbols together with the next one: a
 * small bitmap over pairs of symbols turns those away without touching the trie.
 *
 * Why no Aho-Corasick with its fail links: each of its steps waits for the one before, and guesses
 * wrong about every other child. Here every start is on its own, so the processor works on several
 * at a time, which is twice as fast on Chinese text; and the matches come sorted by their start, as
 * the engine wants them. The price is a bound of symbols times the longest pattern instead of
 * symbols plus matches.
 *
 * Guarantees: matching allocates nothing; the automaton is read only.
 */
#include "workers/opinion/ac.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define FREE    UINT32_MAX
#define NOTHING (UINT32_MAX - 1)

enum { ROOT = 0, STATES_MAX = 1 << 22, PAIR_BITS = 17 };

struct state {
    uint32_t base;
    uint32_t check; /* its parent; FREE for an unused place */
    uint32_t out;   /* 1 + the first of its outputs, 0 = none */
};

#define ONE_OUT 0x80000000U /* in out: the only output itself, length and id */

struct first {      /* what a symbol begins */
    uint32_t state; /* NOTHING: it begins no pattern */
    uint32_t base;  /* of that state */
    uint32_t out;
};

struct output {
    uint16_t id;
    uint16_t len;
    bool more; /* another one follows */
};

struct lj_ac {
    struct state *state;
    uint32_t states; /* places, used or not */
    uint32_t symbols;
    struct first *first; /* by number */
    struct output *output;
    uint64_t pairs[1 << (PAIR_BITS - 6)]; /* the first two symbols of some pattern, hashed */
    uint16_t number[0x10000];             /* dense number of a symbol, 0 = in no pattern */
    uint8_t alone[0x10000];               /* by number: 1 when the symbol is a pattern itself */
};

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

static void number_symbols(struct lj_ac *ac, const struct lj_ac_pattern *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (uint16_t k = 0; k < p[i].len; k++)
            ac->number[p[i].sym[k]] = 1;
    }
    for (uint32_t c = 0; c < 0x10000; c++) {
        if (ac->number[c])
            ac->number[c] = (uint16_t)++ac->symbols;
    }
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

/* Hash of a pair of numbers; the multiplier spreads both over the upper bits. */
static inline uint32_t pair_bit(uint16_t a, uint16_t b)
{
    return ((uint32_t)a << 16 | b) * 2654435761U >> (32 - PAIR_BITS);
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
        b->ac->state[w.at].out = w.lo + 1;
        if (i == w.lo + 1 && b->p[w.lo].len < 0x8000)
            b->ac->state[w.at].out = ONE_OUT | (uint32_t)b->p[w.lo].len << 16 | b->p[w.lo].id;
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
        b->ac->alone[w->number] = ac->state[w->at].out != 0;
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

int lj_ac_build(const struct lj_ac_pattern *patterns, size_t count, struct lj_ac **ret,
                struct lj_err *err)
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
        number_symbols(b.ac, b.p, count);
        rc = build(&b, count, works_max, err);
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

struct matches {
    struct lj_ac_match *out;
    uint32_t cap;
    uint32_t n;
};

static inline void add_match(struct matches *m, uint32_t end, uint16_t len, uint16_t id)
{
    if (m->n < m->cap)
        m->out[m->n] = (struct lj_ac_match){end, len, id};
    m->n++;
}

/* Gives the outputs of a state; nearly all have one, which stands in the word itself. */
static inline void give(const struct lj_ac *ac, uint32_t out, uint32_t end, struct matches *m)
{
    if (out & ONE_OUT) {
        add_match(m, end, (uint16_t)(out >> 16 & 0x7FFF), (uint16_t)out);
        return;
    }
    for (; out; out = ac->output[out - 1].more ? out + 1 : 0)
        add_match(m, end, ac->output[out - 1].len, ac->output[out - 1].id);
}

/* Follows the trie from state s, which symbol i has led to. */
static inline void walk(const struct lj_ac *ac, const uint16_t *sym, uint32_t n, uint32_t s,
                        uint32_t i, struct matches *m)
{
    for (;;) {
        if (ac->state[s].out)
            give(ac, ac->state[s].out, i + 1, m);
        if (++i == n)
            return;
        uint32_t child = ac->state[s].base + ac->number[sym[i]];
        if (ac->state[child].check != s)
            return;
        s = child;
    }
}

/* A start that the bitmap, or an output of its own, lets through. */
struct start {
    uint32_t at;
    uint32_t child; /* state behind its first two symbols, if that is one */
    const struct first *first;
};

enum { BLOCK = 64 };

/*
 * Picks the starts among [from, to). No branch on the data, so that the processor neither guesses
 * wrong nor waits for one cache line after the other.
 */
static uint32_t pick_starts(const struct lj_ac *ac, const uint16_t *sym, uint32_t n, uint32_t from,
                            uint32_t to, struct start *starts)
{
    uint16_t at[BLOCK + 1];
    uint32_t count = 0;
    uint16_t next = ac->number[sym[from]];
    const uint32_t inner = to < n ? to : n - 1;
    for (uint32_t i = from; i < inner; i++) {
        uint16_t number = next;
        next = ac->number[sym[i + 1]];
        uint32_t bit = pair_bit(number, next);
        at[count] = (uint16_t)i;
        count += (uint32_t)(ac->pairs[bit / 64] >> (bit % 64) & 1) | ac->alone[number];
    }
    if (to == n) /* the last one has no second symbol */
        at[count++] = (uint16_t)(n - 1);
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = at[k];
        const struct first *f = &ac->first[ac->number[sym[i]]];
        uint32_t child = f->base + (i + 1 < n ? ac->number[sym[i + 1]] : 0);
        starts[k] = (struct start){i, child, f};
        __builtin_prefetch(&ac->state[child]);
    }
    return count;
}

uint32_t lj_ac_run(const struct lj_ac *ac, const uint16_t *sym, uint32_t n, struct lj_ac_match *out,
                   uint32_t cap)
{
    struct start starts[BLOCK + 1];
    struct matches m = {out, cap, 0};
    for (uint32_t from = 0; from < n; from += BLOCK) {
        uint32_t to = n - from < BLOCK ? n : from + BLOCK;
        uint32_t count = pick_starts(ac, sym, n, from, to, starts);
        for (uint32_t k = 0; k < count; k++) {
            const struct first *f = starts[k].first;
            uint32_t i = starts[k].at;
            if (f->out)
                give(ac, f->out, i + 1, &m);
            if (i + 1 < n && ac->state[starts[k].child].check == f->state)
                walk(ac, sym, n, starts[k].child, i + 1, &m);
        }
    }
    return m.n;
}
