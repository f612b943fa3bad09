/*
 * Running the automaton over a text.
 *
 * Block by block: first the places where something may begin, then what begins there. Places,
 * marked symbols and matches of one or two symbols are written to their list before it is known
 * whether they are any; the list grows only when they were. A text's words cannot be guessed, so
 * each question would be a branch that the processor guesses wrong, which costs more than the
 * stores. Only from the third symbol on is asked: few words get there.
 *
 * Guarantees: allocates nothing; reads two symbols behind the text at most.
 */
#include "workers/opinion/ac_trie.h"

struct matches {
    struct lj_ac_match *out;
    uint32_t cap;
    uint32_t n;
};

static inline void add_match(struct matches *m, uint32_t start, uint16_t len, uint16_t id)
{
    if (m->n < m->cap)
        m->out[m->n] = (struct lj_ac_match){start, id, len};
    m->n++;
}

/* Gives the outputs of a state. */
static void give(const struct lj_ac *ac, uint32_t out, uint32_t start, struct matches *m)
{
    if (!(out & MANY)) {
        if (out)
            add_match(m, start, (uint16_t)(out >> 16), (uint16_t)out);
        return;
    }
    const struct output *o = &ac->output[out & ~MANY];
    for (;; o++) {
        add_match(m, start, o->len, o->id);
        if (!o->more)
            return;
    }
}

/* Follows the trie from state s, which the symbols from start to before i have led to. The end of
 * the text leads nowhere. */
static void walk(const struct lj_ac *ac, const uint16_t *sym, uint32_t s, uint32_t start,
                 uint32_t i, struct matches *m)
{
    for (;; i++) {
        uint32_t child = ac->state[s].base + plain(ac->number[sym[i]]);
        if (ac->state[child].check != s)
            return;
        s = child;
        give(ac, ac->state[s].out, start, m);
    }
}

enum { BLOCK = 64 };

/* The places among [from, to) that the bitmap, or an output of its own, lets through, and those of
 * marked symbols: every place is written, and stays if it is one. */
static uint32_t pick_starts(const struct lj_ac *ac, const uint16_t *sym, uint32_t from, uint32_t to,
                            uint16_t at[BLOCK], struct lj_ac_found *ret)
{
    uint16_t *marked = ret->marked + ret->marks;
    uint16_t next = ac->number[sym[from]];
    uint32_t count = 0;
    uint32_t marks = 0;
    for (uint32_t i = from; i < to; i++) {
        const uint16_t number = next;
        next = ac->number[sym[i + 1]];
        const uint32_t bit = pair_bit(number, next);
        at[count] = marked[marks] = (uint16_t)i;
        count += ((uint32_t)(ac->pairs[bit / 64] >> (bit % 64)) | number / ALONE) & 1;
        marks += number / MARKED;
    }
    ret->marks += marks;
    return count;
}

/* Writes a match, which stays if it is one. There is room. */
static inline void offer(struct matches *m, uint32_t start, uint32_t out, bool is)
{
    m->out[m->n] = (struct lj_ac_match){start, (uint16_t)out, (uint16_t)(out >> 16)};
    m->n += is;
}

/* What begins at symbol i. */
static inline void take_start(const struct lj_ac *ac, const uint16_t *sym, uint32_t i,
                              struct matches *m)
{
    const struct first *f = &ac->first[plain(ac->number[sym[i]])];
    const uint32_t child = f->base + plain(ac->number[sym[i + 1]]);
    const struct state *s = &ac->state[child];
    const bool two = s->check == f->state; /* two symbols lead somewhere */
    if (((f->out | s->out) & MANY) || m->n + 2 > m->cap) {
        give(ac, f->out, i, m);
        give(ac, two ? s->out : 0, i, m);
    } else {
        offer(m, i, f->out, f->out != 0);
        offer(m, i, s->out, two & (s->out != 0));
    }
    if (two & ((s->next & next_bit(ac->number[sym[i + 2]])) != 0))
        walk(ac, sym, child, i, i + 2, m);
}

uint32_t lj_ac_run(const struct lj_ac *ac, const uint16_t *sym, uint32_t n, struct lj_ac_found *ret)
{
    __attribute__((uninitialized)) uint16_t at[BLOCK];
    struct matches m = {ret->match, ret->cap, 0};
    ret->marks = 0;
    for (uint32_t from = 0; from < n; from += BLOCK) {
        const uint32_t to = n - from < BLOCK ? n : from + BLOCK;
        const uint32_t count = pick_starts(ac, sym, from, to, at, ret);
        for (uint32_t k = 0; k < count; k++)
            take_start(ac, sym, at[k], &m);
    }
    return m.n;
}
