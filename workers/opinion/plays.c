/*
 * The rows of bits of all roles, made once when the tables are read.
 *
 * Without them every word would ask for each pair that it opens whether the second word is there,
 * and every sentence for each rule whether its needs are: hundreds of questions whose answer is
 * nearly always no, and which the processor guesses wrong now and then.
 *
 * Guarantees: built once, then read only.
 */
#include "workers/opinion/plays.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/rules.h"

#define SET_OF(n) (((n) + 63) / 64) /* words of a set of n */

enum { CLASS_WORDS = SET_OF(LJ_W_MAX) };

_Static_assert(CLASS_WORDS + 2 * SET_OF((int)LJ_PAIRS_MAX) +
                       (int)LJ_NEEDS_MAX * SET_OF((int)LJ_SENTENCE_RULES_MAX) <=
                   (int)LJ_PLAYS_WORDS_MAX,
               "a row fits");

static void set(uint64_t *words, size_t bit)
{
    words[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static void add_pair(const struct lj_plays *p, const struct lj_pair *x, size_t k,
                     const struct lj_classes *c, uint64_t *row, uint64_t *opens)
{
    if (lj_has(c, x->first)) {
        set(row + p->first, k);
        set(opens, k);
    }
    if (lj_has(c, x->second)) {
        set(row + p->second, k);
        if (x->any_order)
            set(opens, k);
    }
}

static void add_role(const struct lj_rules *r, const struct lj_plays *p, size_t role)
{
    uint64_t *row = (uint64_t *)(p->row + role * p->bits);
    const struct lj_classes *c = &r->hot.role[role].classes;
    for (size_t w = 0; w < CLASS_WORDS; w++)
        row[w] = c->w[w];
    for (size_t k = 0; k < r->pair_count; k++)
        add_pair(p, &r->pairs[k], k, c, row, p->opens + role * p->pairs);
    for (size_t k = 0; k < r->rule_count; k++) {
        for (unsigned i = 0; i < r->rules[k].needs; i++) {
            if (lj_meet(c, &r->rules[k].need[i]))
                set(row + p->need + i * p->rules, k);
        }
    }
}

int lj_plays_build(const struct lj_rules *r, struct lj_plays *ret, struct lj_err *err)
{
    struct lj_plays p = {.pairs = SET_OF(r->pair_count), .rules = SET_OF(r->rule_count)};
    p.first = CLASS_WORDS;
    p.second = p.first + p.pairs;
    p.need = p.second + p.pairs;
    p.bits = (p.need + LJ_NEEDS_MAX * p.rules + LJ_BITS_WORDS - 1) / LJ_BITS_WORDS;
    const size_t size = r->hot.roles * p.bits * sizeof *p.row;
    p.row = aligned_alloc(sizeof *p.row, size);
    p.opens = calloc(r->hot.roles * p.pairs + 1, sizeof *p.opens);
    p.given = calloc(LJ_NEEDS_MAX * p.rules + 1, sizeof *p.given);
    p.next = calloc(p.rules + 1, sizeof *p.next);
    if (!p.row || !p.opens || !p.given || !p.next) {
        lj_plays_free(&p);
        return lj_fail(err, LJ_E_NOMEM, "no memory for an index of the pairs and rules");
    }
    memset(p.row, 0, size);
    for (size_t i = 0; i < r->hot.roles; i++)
        add_role(r, &p, i);
    for (size_t k = 0; k < r->rule_count; k++) {
        for (unsigned i = r->rules[k].needs; i < LJ_NEEDS_MAX; i++)
            set(p.given + i * p.rules, k);
        if (r->rules[k].next)
            set(p.next, k);
    }
    *ret = p;
    return 0;
}

void lj_plays_free(struct lj_plays *plays)
{
    free(plays->row);
    free(plays->opens);
    free(plays->given);
    free(plays->next);
    *plays = (struct lj_plays){0};
}
