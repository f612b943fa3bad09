/*
 * Aho-Corasick.
 *
 * A trie of the patterns in first-child/next-sibling form, laid out breadth first so that the
 * children of a node are neighbours sorted by symbol, and found by a short binary search. The root
 * has a dense table over all 65,536 symbols, because most steps of most texts begin there. fail and
 * dict (next pattern that is a suffix) links as in the book.
 *
 * Guarantees: matching allocates nothing and takes time linear in symbols plus matches; the
 * automaton is read only.
 */
#include "workers/opinion/ac.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define NONE UINT32_MAX

struct node {
    uint32_t first; /* of its children, neighbours in the array */
    uint32_t fail;
    uint32_t dict; /* nearest suffix node with outputs, 0 = none */
    uint32_t out;  /* first of its outputs */
    uint16_t children;
    uint16_t outs;
    uint16_t sym;
    uint16_t depth;
};

struct lj_ac {
    uint32_t nodes;
    struct node *node;
    uint16_t *id; /* outputs, grouped by node */
    uint32_t root[0x10000];
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

/* A node during the build: the slice [lo, hi) of the sorted patterns that share its prefix. */
struct slice {
    uint32_t lo;
    uint32_t hi;
};

/* Adds the children of node k, at the end of the array; slices run in step with the nodes. */
static void expand(struct lj_ac *ac, struct slice *slices, const struct lj_ac_pattern *p,
                   uint32_t k)
{
    struct node *parent = &ac->node[k];
    uint32_t i = slices[k].lo;
    while (i < slices[k].hi && p[i].len == parent->depth)
        i++; /* patterns that end here */
    parent->out = slices[k].lo;
    parent->outs = (uint16_t)(i - slices[k].lo);
    parent->first = ac->nodes;
    while (i < slices[k].hi) {
        uint16_t sym = p[i].sym[parent->depth];
        uint32_t j = i + 1;
        while (j < slices[k].hi && p[j].sym[parent->depth] == sym)
            j++;
        ac->node[ac->nodes] = (struct node){.sym = sym, .depth = (uint16_t)(parent->depth + 1)};
        slices[ac->nodes++] = (struct slice){i, j};
        parent->children++;
        i = j;
    }
}

static uint32_t child(const struct lj_ac *ac, uint32_t k, uint16_t sym)
{
    if (k == 0)
        return ac->root[sym] ? ac->root[sym] : NONE;
    const struct node *n = &ac->node[k];
    uint32_t lo = n->first;
    uint32_t hi = n->first + n->children;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (ac->node[mid].sym == sym)
            return mid;
        if (ac->node[mid].sym < sym)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NONE;
}

static uint32_t step(const struct lj_ac *ac, uint32_t k, uint16_t sym)
{
    for (;;) {
        uint32_t next = child(ac, k, sym);
        if (next != NONE)
            return next;
        if (k == 0)
            return 0;
        k = ac->node[k].fail;
    }
}

/* Breadth first: a parent's links are ready before its children's. */
static void link_nodes(struct lj_ac *ac)
{
    for (uint32_t k = 0; k < ac->nodes; k++) {
        struct node *parent = &ac->node[k];
        for (uint32_t c = parent->first; c < parent->first + parent->children; c++) {
            struct node *n = &ac->node[c];
            n->fail = k == 0 ? 0 : step(ac, parent->fail, n->sym);
            n->dict = ac->node[n->fail].outs ? n->fail : ac->node[n->fail].dict;
        }
    }
}

static int build_trie(struct lj_ac *ac, const struct lj_ac_pattern *p, size_t count,
                      size_t nodes_max, struct lj_err *err)
{
    struct slice *slices = malloc(nodes_max * sizeof *slices);
    if (!slices)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu trie slices", nodes_max);
    ac->node[0] = (struct node){0};
    slices[0] = (struct slice){0, (uint32_t)count};
    ac->nodes = 1;
    for (uint32_t k = 0; k < ac->nodes; k++) {
        expand(ac, slices, p, k);
        if (k == 0) {
            for (uint32_t c = 1; c < ac->nodes; c++)
                ac->root[ac->node[c].sym] = c;
        }
    }
    free(slices);
    return 0;
}

int lj_ac_build(const struct lj_ac_pattern *patterns, size_t count, struct lj_ac **ret,
                struct lj_err *err)
{
    int rc = LJ_E_NOMEM;
    size_t nodes_max = 1;
    for (size_t i = 0; i < count; i++) {
        if (patterns[i].len == 0)
            return lj_fail(err, LJ_E_CONFIG, "pattern %zu is empty", i);
        nodes_max += patterns[i].len;
    }
    struct lj_ac_pattern *sorted = malloc((count ? count : 1) * sizeof *sorted);
    struct lj_ac *ac = calloc(1, sizeof *ac);
    if (!sorted || !ac)
        goto fail;
    ac->node = calloc(nodes_max, sizeof *ac->node);
    ac->id = calloc(count ? count : 1, sizeof *ac->id);
    if (!ac->node || !ac->id)
        goto fail;
    if (count)
        memcpy(sorted, patterns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_symbols);
    for (size_t i = 0; i < count; i++)
        ac->id[i] = sorted[i].id;
    rc = build_trie(ac, sorted, count, nodes_max, err);
    if (rc < 0)
        goto out;
    link_nodes(ac);
    free(sorted);
    *ret = ac;
    return 0;
fail:
    rc = lj_fail(err, LJ_E_NOMEM, "no memory for an automaton of %zu patterns", count);
out:
    free(sorted);
    lj_ac_free(&ac);
    return rc;
}

void lj_ac_free(struct lj_ac **ac)
{
    if (!ac || !*ac)
        return;
    free((*ac)->node);
    free((*ac)->id);
    free(*ac);
    *ac = NULL;
}

void lj_ac_run(const struct lj_ac *ac, const uint16_t *sym, uint32_t n, lj_ac_match_fn *fn,
               void *arg)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        k = step(ac, k, sym[i]);
        uint32_t m = ac->node[k].outs ? k : ac->node[k].dict;
        while (m) {
            const struct node *hit = &ac->node[m];
            for (uint16_t o = 0; o < hit->outs; o++)
                fn(arg, i + 1, hit->depth, ac->id[hit->out + o]);
            m = hit->dict;
        }
    }
}
