/*
 * Finding: symbols to tokens, tokens to hits.
 *
 * The automaton gives every word and term; a match across a clause end is dropped. Numbers come
 * from numbers.c. A mask (打靶, 不仅) hides everything inside it; a term hides shorter terms of its
 * kind and the scope words inside itself, so that 没人管 does not negate its neighbour. Terms
 * become hits here, combinations of words in combine.c.
 *
 * Guarantees: at most LJ_TOKENS_MAX tokens and LJ_HITS_MAX hits, then the truncated flag; work per
 * token is bounded by the tokens within one gap.
 */
#include <string.h>

#include "workers/opinion/engine.h"
#include "workers/opinion/evade.h"

void lj_add_match(struct lj_opinion *o, uint32_t s, uint32_t e, uint16_t entry)
{
    if (o->match_count == LJ_TOKENS_MAX)
        o->truncated = true;
    else
        o->match[o->match_count++] = (struct lj_match){.s = (uint16_t)s,
                                                       .e = (uint16_t)e,
                                                       .entry = entry,
                                                       .role = o->rules->hot.role_of[entry]};
}

void lj_add_hit(struct lj_opinion *o, const struct lj_hit *h)
{
    if (o->hit_count == LJ_HITS_MAX)
        o->truncated = true;
    else
        o->hit[o->hit_count++] = *h;
}

/* A match within one clause; a Latin one stands by itself, too. */
static bool is_match(const struct lj_opinion *o, uint32_t s, uint32_t end,
                     const struct lj_word_role *r)
{
    return o->text.clause[s] == o->text.clause[end - 1] &&
           (!r->latin || lj_evade_whole(&o->text, s, end));
}

/* Keeps a match of the automaton, if it is one. They come by rising start, the shortest first, and
 * are kept with the longest first. */
static void take_match(struct lj_opinion *o, const struct lj_ac_match *found)
{
    const uint32_t s = found->start;
    const uint32_t end = s + found->len;
    const uint16_t role = o->rules->hot.role_of[found->id];
    if (!is_match(o, s, end, &o->rules->hot.role[role]) || (o->hidden && o->hidden[found->id]))
        return;
    if (o->match_count == LJ_TOKENS_MAX) {
        o->truncated = true;
        return;
    }
    uint32_t k = o->match_count++;
    for (; k > 0 && o->match[k - 1].s == s && o->match[k - 1].e < end; k--)
        o->match[k] = o->match[k - 1];
    o->match[k] =
        (struct lj_match){.s = (uint16_t)s, .e = (uint16_t)end, .entry = found->id, .role = role};
}

static void find_words(struct lj_opinion *o)
{
    struct lj_ac_found f = {.match = o->found, .cap = LJ_FOUND_MAX, .marked = o->digit};
    uint32_t n = lj_ac_run(o->rules->ac, o->text.code, o->text.n, &f);
    o->digits = f.marks;
    if (n > LJ_FOUND_MAX) {
        o->truncated = true;
        n = LJ_FOUND_MAX;
    }
    for (uint32_t i = 0; i < n; i++)
        take_match(o, &o->found[i]);
}

static bool goes_before(const struct lj_match *a, const struct lj_match *b)
{
    if (a->s != b->s)
        return a->s < b->s;
    if (a->e != b->e)
        return a->e > b->e;
    return a->entry < b->entry;
}

/* Both [0, mid) and [mid, count) are in order; merges them, from behind. */
static void merge(struct lj_opinion *o, uint32_t mid)
{
    uint32_t a = mid;
    uint32_t b = o->match_count - mid;
    memcpy(o->aside, o->match + mid, b * sizeof o->aside[0]);
    for (uint32_t k = o->match_count; b > 0; k--) {
        bool left = a > 0 && goes_before(&o->aside[b - 1], &o->match[a - 1]);
        o->match[k - 1] = left ? o->match[--a] : o->aside[--b];
    }
}

/* What match i, a mask or a term, does to the matches inside it. */
static void enclose(struct lj_opinion *o, uint32_t i, const struct lj_word_role *rx)
{
    const struct lj_match *x = &o->match[i];
    const bool term = rx->kind >= 0;
    for (uint32_t j = i + 1; j < o->match_count && o->match[j].s < x->e; j++) {
        struct lj_match *y = &o->match[j];
        if (y->e > x->e || (y->s == x->s && y->e == x->e))
            continue;
        y->inner = y->inner || term;
        y->dead = y->dead || rx->mask || (term && o->rules->hot.role[y->role].kind == rx->kind);
    }
}

static bool noisy(const struct lj_text *t, uint32_t s, uint32_t e)
{
    for (uint32_t i = s + 1; i < e && t->squeezed > 0; i++) {
        if (t->flags[i] & LJ_SYM_NOISE_BEFORE)
            return true;
    }
    return false;
}

static void add_tok(struct lj_opinion *o, const struct lj_match *m)
{
    const struct lj_hot *hot = &o->rules->hot;
    const uint16_t clause = o->text.clause[m->s];
    const uint16_t role = m->inner ? lj_inner_role(hot, m->role) : m->role;
    o->tok[o->tok_count++] = (struct lj_tok){
        .words = hot->role[role].classes.w[0],
        .s = m->s,
        .e = m->e,
        .entry = m->entry,
        .role = role,
        .clause = clause,
        .sentence = o->text.list[clause].sentence,
        .evasive = hot->role[role].evasive,
    };
}

static void add_term_hit(struct lj_opinion *o, const struct lj_tok *t)
{
    const struct lj_entry *e = &o->rules->entries[t->entry];
    struct lj_hit h = {
        .a_s = t->s,
        .a_e = t->e,
        .b_s = t->s,
        .b_e = t->e,
        .s = t->s,
        .e = t->e,
        .sentence = t->sentence,
        .kind = (uint8_t)e->kind,
        .code = e->code,
        .severity = e->severity,
        .weight = e->weight,
        .evasive = t->evasive,
        .rule = t->entry,
    };
    /* Somebody who hides a word means it. */
    if (e->evasive && h.weight == LJ_WEAK)
        h.weight = LJ_PLAIN;
    lj_add_hit(o, &h);
}

/* Matches to tokens, terms to hits. Outer ones come first, so a match is dead or not when its turn
 * comes. */
static void take_matches(struct lj_opinion *o)
{
    for (uint32_t i = 0; i < o->match_count; i++) {
        const struct lj_match *m = &o->match[i];
        const struct lj_word_role *r = &o->rules->hot.role[m->role];
        if (m->dead)
            continue;
        add_tok(o, m);
        if (!r->mask && r->kind < 0)
            continue;
        enclose(o, i, r);
        if (r->kind < 0)
            continue;
        struct lj_tok *t = &o->tok[o->tok_count - 1];
        t->evasive = t->evasive || noisy(&o->text, m->s, m->e);
        add_term_hit(o, t);
    }
}

/* Which tokens a sentence has, its classes, and what its words may do in pairs and rules. */
static void index_sentences(struct lj_opinion *o)
{
    const struct lj_plays *p = &o->rules->plays;
    uint32_t k = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        __attribute__((uninitialized)) lj_bits all[LJ_PLAYS_WORDS_MAX / LJ_BITS_WORDS];
        memset(all, 0, p->bits * sizeof *all);
        o->sentence_tok[s] = (uint16_t)k;
        for (; k < o->tok_count && o->tok[k].sentence == s; k++) {
            const lj_bits *row = p->row + o->tok[k].role * p->bits;
            for (size_t b = 0; b < p->bits; b++)
                all[b] |= row[b];
        }
        memcpy(lj_played(o, s), all, p->bits * sizeof *all);
        memcpy(&o->sentence_set[s], all, sizeof o->sentence_set[s]);
    }
    o->sentence_tok[o->text.sentences] = (uint16_t)k;
}

void lj_find(struct lj_opinion *o)
{
    o->match_count = o->tok_count = o->hit_count = 0;
    o->truncated = false;
    find_words(o);
    uint32_t mid = o->match_count;
    lj_find_numbers(o);
    merge(o, mid);
    take_matches(o);
    index_sentences(o);
    lj_combine(o);
}
