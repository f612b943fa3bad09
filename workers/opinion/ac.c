/*
 * Aho-Corasick in a double array.
 *
 * The symbols that patterns use get dense numbers, so a state's children lie at base + number, and
 * a child is recognised by its check field: one look-up a step, whatever the number of children.
 * States are built breadth first from the sorted patterns. A state's outputs are flattened with
 * those of its suffixes, so that a match is a run in one array. A symbol that no pattern uses leads
 * back to the root at once.
 *
 * Guarantees: matching allocates nothing and takes time linear in symbols plus matches; the
 * automaton is read only.
 */
#include "workers/opinion/ac.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define FREE UINT32_MAX

enum { ROOT = 0, STATES_MAX = 1 << 22 };

struct state {
    uint32_t base;
    uint32_t check; /* its parent; FREE for an unused place */
    uint32_t fail;
    uint32_t out; /* 1 + the first of its outputs, 0 = none */
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
    struct output *output;
    uint32_t outputs;
    uint16_t number[0x10000]; /* dense number of a symbol, 0 = in no pattern */
};

/* A state during the build: the slice [lo, hi) of the sorted patterns that share its prefix. */
struct work {
    uint32_t lo;
    uint32_t hi;
    uint32_t at;     /* its place */
    uint32_t parent; /* index of its parent's work */
    uint16_t depth;
    uint16_t number; /* the symbol that leads to it */
    uint32_t outs;   /* outputs with those of its suffixes */
};

struct builder {
    struct lj_ac *ac;
    struct lj_ac_pattern *p; /* sorted */
    struct work *work;
    uint32_t count;    /* works, breadth first */
    uint32_t *work_of; /* by place */
    uint32_t hint[4];  /* where the search for a base goes on, by number of children */
    uint32_t *child;   /* scratch: numbers of one state's children */
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
    if (s)
        ac->state = s;
    uint32_t *w = realloc(b->work_of, want * sizeof *w);
    if (w)
        b->work_of = w;
    if (!s || !w)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %u automaton states", want);
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

/* Queues the children of work k and gives them their places. */
static int expand(struct builder *b, uint32_t k, struct lj_err *err)
{
    struct work w = b->work[k];
    uint32_t children = 0;
    uint32_t base = 0;
    uint32_t first = b->count;
    uint32_t i = w.lo;
    while (i < w.hi && b->p[i].len == w.depth)
        i++; /* patterns that end here */
    b->work[k].outs = i - w.lo;
    while (i < w.hi) {
        uint16_t sym = b->p[i].sym[w.depth];
        uint32_t j = i + 1;
        while (j < w.hi && b->p[j].sym[w.depth] == sym)
            j++;
        b->work[b->count++] = (struct work){.lo = i,
                                            .hi = j,
                                            .parent = k,
                                            .depth = (uint16_t)(w.depth + 1),
                                            .number = b->ac->number[sym]};
        b->child[children++] = b->ac->number[sym];
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
        b->work_of[b->work[c].at] = c;
    }
    return 0;
}

static inline uint32_t step(const struct state *state, uint32_t s, uint16_t number)
{
    for (;;) {
        uint32_t next = state[s].base + number;
        if (state[next].check == s)
            return next;
        if (s == ROOT)
            return ROOT;
        s = state[s].fail;
    }
}

/* Breadth first: fail links, and how many outputs a state has with its suffixes. */
static uint32_t link_states(struct builder *b)
{
    struct state *state = b->ac->state;
    uint32_t total = 0;
    for (uint32_t k = 1; k < b->count; k++) {
        struct work *w = &b->work[k];
        uint32_t parent = b->work[w->parent].at;
        state[w->at].fail = parent == ROOT ? ROOT : step(state, state[parent].fail, w->number);
        if (w->outs) {
            w->outs += b->work[b->work_of[state[w->at].fail]].outs;
            total += w->outs;
        } else {
            w->outs = b->work[b->work_of[state[w->at].fail]].outs;
        }
    }
    return total;
}

/* Writes each state's own outputs, then those of its suffixes; a state without own ones shares. */
static void fill_outputs(struct builder *b)
{
    struct lj_ac *ac = b->ac;
    for (uint32_t k = 1; k < b->count; k++) {
        const struct work *w = &b->work[k];
        struct state *s = &ac->state[w->at];
        uint32_t suffix = ac->state[s->fail].out;
        s->out = suffix;
        if (w->lo == w->hi || b->p[w->lo].len != w->depth)
            continue;
        s->out = ac->outputs + 1;
        for (uint32_t i = w->lo; i < w->hi && b->p[i].len == w->depth; i++)
            ac->output[ac->outputs++] = (struct output){b->p[i].id, b->p[i].len, true};
        for (uint32_t o = suffix; o; o = ac->output[o - 1].more ? o + 1 : 0)
            ac->output[ac->outputs++] = ac->output[o - 1];
        ac->output[ac->outputs - 1].more = false;
    }
}

static int build(struct builder *b, size_t count, size_t works_max, struct lj_err *err)
{
    struct lj_ac *ac = b->ac;
    b->work = calloc(works_max, sizeof *b->work);
    b->child = calloc(ac->symbols + 1, sizeof *b->child);
    if (!b->work || !b->child)
        return lj_fail(err, LJ_E_NOMEM, "no memory to build an automaton of %zu patterns", count);
    int rc = reserve(b, ac->symbols + 1, err);
    if (rc < 0 || !ac->state || !b->work_of)
        return rc;
    ac->state[ROOT].check = ROOT; /* taken; no number is 0, so it is nobody's child */
    b->work_of[ROOT] = 0;
    b->work[0] = (struct work){.hi = (uint32_t)count};
    b->count = 1;
    for (uint32_t k = 0; rc == 0 && k < b->count; k++)
        rc = expand(b, k, err);
    if (rc < 0)
        return rc;
    uint32_t total = link_states(b);
    ac->output = calloc(total + 1, sizeof *ac->output);
    if (!ac->output)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %u automaton outputs", total);
    fill_outputs(b);
    return 0;
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
    free(b.work_of);
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
    free(*ac);
    *ac = NULL;
}

void lj_ac_run(const struct lj_ac *ac, const uint16_t *sym, uint32_t n, lj_ac_match_fn *fn,
               void *arg)
{
    const struct state *state = ac->state;
    uint32_t s = ROOT;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t number = ac->number[sym[i]];
        s = number ? step(state, s, number) : ROOT;
        for (uint32_t o = state[s].out; o; o = ac->output[o - 1].more ? o + 1 : 0)
            fn(arg, i + 1, ac->output[o - 1].len, ac->output[o - 1].id);
    }
}
