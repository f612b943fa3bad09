/* What every kind still has to do.
 *
 * Per kind: a bitmap of open positions (the watermark is the lowest one minus one), queues of what
 * is ready, groups that go out again, and for ordered kinds the state of keys that are out or
 * waiting. The rules it keeps (architecture §3 rules 4, 5):
 *   - an ordered kind never has two batches of a key out; a batch takes further events of its keys,
 * in order (unless `single`);
 *   - a batch that failed goes out again as halves; in an ordered kind the second half waits for
 * the first;
 *   - after a parked event of an ordered kind its key's later events are parked behind it;
 *   - a kind with a barrier sees an event only when the barrier's watermark has reached it;
 *   - order by position: one batch out at a time, everything in one queue; in a replay a batch of a
 * kind that looks back ends before an event that may be about what the batch is going to write.
 * Classes would reorder a key, so in an ordered kind only an event that is its own key may leave
 * class 1, and the key keeps that class while such an event waits (`pinned`).
 */
#include "broker/backlog.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "broker/openset.h"
#include "broker/u64map.h"

struct key_state {
    struct lj_list waiting;
    uint64_t out_serial; /* of the take that put it out */
    uint32_t out;        /* items of this key in groups */
    uint32_t pinned;     /* queued cells in class `class`, not 1 */
    uint8_t class;
};

struct kind_backlog {
    const struct lj_kind *kind;
    struct lj_openset open;
    struct lj_queues queues;
    struct lj_list stage;    /* behind the barrier, in position order */
    struct lj_u64map keys;   /* struct key_state * */
    struct lj_u64map parked; /* count as pointer */
    struct lj_group *again;  /* by arrival */
    uint64_t held;           /* cells in key waiting lists */
    int64_t limit;           /* of a kind that looks back */
    uint64_t groups_out, groups_again;
};

struct lj_backlog {
    const struct lj_catalog *cat;
    struct lj_cells cells;
    struct lj_ages ages;
    int64_t frontier;
    uint64_t serial;
    struct kind_backlog kinds[LJ_KINDS_MAX];
};

uint64_t lj_key_hash(int unit, const char *key, size_t n)
{
    return XXH3_64bits_withSeed(key, n, (uint64_t)unit + 1);
}

int lj_backlog_new(const struct lj_catalog *cat, struct lj_backlog **ret, struct lj_err *err)
{
    struct lj_backlog *b = calloc(1, sizeof *b);
    if (!b)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the backlog");
    b->cat = cat;
    for (size_t k = 0; k < cat->nkinds; k++) {
        b->kinds[k].kind = &cat->kinds[k];
        b->kinds[k].limit = INT64_MAX;
        lj_list_init(&b->kinds[k].stage);
    }
    *ret = b;
    return 0;
}

void lj_group_free(struct lj_group *g)
{
    while (g) {
        struct lj_group *next = g->next;
        lj_group_free(g->then);
        free(g);
        g = next;
    }
}

void lj_backlog_free(struct lj_backlog **bp)
{
    struct lj_backlog *b = *bp;
    if (!b)
        return;
    for (size_t k = 0; k < LJ_KINDS_MAX; k++) {
        struct kind_backlog *q = &b->kinds[k];
        for (size_t i = 0; i < q->keys.cap; i++)
            free(q->keys.slots[i].value);
        lj_u64map_free(&q->keys);
        lj_u64map_free(&q->parked);
        lj_openset_free(&q->open);
        lj_queues_free(&q->queues);
        lj_group_free(q->again);
    }
    lj_cells_free(&b->cells);
    free(b);
    *bp = NULL;
}

int lj_backlog_open(struct lj_backlog *b, size_t kind, int64_t position)
{
    return lj_openset_add(&b->kinds[kind].open, position);
}

void lj_backlog_close(struct lj_backlog *b, size_t kind, int64_t position)
{
    lj_openset_remove(&b->kinds[kind].open, position);
}

int64_t lj_backlog_watermark(struct lj_backlog *b, size_t kind)
{
    int64_t lowest = lj_openset_lowest(&b->kinds[kind].open);
    return lowest == INT64_MAX ? b->frontier : lowest - 1 < b->frontier ? lowest - 1 : b->frontier;
}

/* ---- keys ---- */

static struct key_state *key_make(struct kind_backlog *q, uint64_t key)
{
    struct key_state *s = lj_u64map_get(&q->keys, key);
    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    lj_list_init(&s->waiting);
    s->class = 1;
    if (lj_u64map_put(&q->keys, key, s)) {
        free(s);
        return NULL;
    }
    return s;
}

static void key_drop_if_idle(struct kind_backlog *q, uint64_t key, struct key_state *s)
{
    if (!s->out && !s->pinned && !s->waiting.count)
        free(lj_u64map_del(&q->keys, key));
}

/* An item of the key came back for good: when it was the last, what waited goes first in its unit's
 * queue. */
static void key_release(struct lj_backlog *b, struct kind_backlog *q, uint64_t key)
{
    struct key_state *s = lj_u64map_get(&q->keys, key);
    if (!s || --s->out)
        return;
    uint64_t n = s->waiting.count;
    if (n && lj_queues_put_front(&q->queues, &b->cells, &s->waiting) == 0)
        q->held -= n;
    key_drop_if_idle(q, key, s);
}

static int order_class(struct kind_backlog *q, struct lj_item *item)
{
    if (q->kind->ordering ==
        LJ_ORDER_POSITION) { /* one queue: its order is the order of positions */
        item->unit = 0;
        item->class = 1;
        return 0;
    }
    if (q->kind->ordering == LJ_ORDER_NONE)
        return 0;
    struct key_state *s = lj_u64map_get(&q->keys, item->key);
    if (s && s->pinned)
        item->class = s->class;
    else if (!(item->flags & LJ_ITEM_OWN_KEY))
        item->class = 1;
    if (item->class == 1)
        return 0;
    s = key_make(q, item->key);
    if (!s)
        return LJ_E_NOMEM;
    s->class = item->class;
    s->pinned++;
    return 0;
}

static int make_ready(struct lj_backlog *b, struct kind_backlog *q, uint32_t cell)
{
    struct lj_item item = lj_cell_item(lj_cell(&b->cells, cell));
    int rc = order_class(q, &item);
    if (rc)
        return rc;
    struct lj_cell *x = lj_cell(&b->cells, cell);
    x->bits = (uint8_t)((x->bits & ~3) | item.class);
    x->unit = item.unit;
    return lj_queues_push(&q->queues, &b->cells, cell);
}

int lj_backlog_push(struct lj_backlog *b, size_t kind, const struct lj_item *item)
{
    struct kind_backlog *q = &b->kinds[kind];
    uint32_t cell = lj_cell_new(&b->cells, item);
    if (cell == LJ_NIL)
        return LJ_E_NOMEM;
    int barrier = q->kind->barrier;
    if (barrier >= 0 &&
        (q->stage.count || item->position > lj_backlog_watermark(b, (size_t)barrier)) &&
        !(item->flags & LJ_ITEM_REDRIVEN)) {
        lj_list_push(&b->cells, &q->stage, cell);
        return 0;
    }
    return make_ready(b, q, cell);
}

int lj_backlog_push_front(struct lj_backlog *b, size_t kind, const struct lj_item *item)
{
    struct kind_backlog *q = &b->kinds[kind];
    struct lj_item it = *item;
    int rc = order_class(q, &it);
    uint32_t cell = rc ? LJ_NIL : lj_cell_new(&b->cells, &it);
    if (cell == LJ_NIL)
        return LJ_E_NOMEM;
    struct lj_list one = {cell, cell, 1};
    return lj_queues_put_front(&q->queues, &b->cells, &one);
}

static void pass_barriers(struct lj_backlog *b)
{
    for (size_t k = 0; k < b->cat->nkinds; k++) {
        struct kind_backlog *q = &b->kinds[k];
        if (q->kind->barrier < 0 || !q->stage.count)
            continue;
        int64_t upto = lj_backlog_watermark(b, (size_t)q->kind->barrier);
        while (q->stage.count && lj_cell(&b->cells, q->stage.head)->position <= upto) {
            if (make_ready(b, q, lj_list_pop(&b->cells, &q->stage)))
                break;
        }
    }
}

void lj_backlog_advance(struct lj_backlog *b, int64_t frontier, int64_t now_us)
{
    if (frontier > b->frontier)
        b->frontier = frontier;
    lj_ages_sample(&b->ages, b->frontier, now_us);
    pass_barriers(b);
}

/* ---- taking ---- */

static struct lj_group *group_new(size_t n)
{
    struct lj_group *g = calloc(1, sizeof *g + n * sizeof g->items[0]);
    if (g)
        g->n = n;
    return g;
}

static struct lj_group *take_again(struct kind_backlog *q, int64_t now_us)
{
    for (struct lj_group **p = &q->again; *p; p = &(*p)->next) {
        struct lj_group *g = *p;
        if (g->not_before_us > now_us)
            continue;
        *p = g->next;
        g->next = NULL;
        q->groups_again--;
        q->groups_out++;
        return g;
    }
    return NULL;
}

enum fate { INTO_BATCH, HELD, BEHIND, NO_MEMORY };

static void unpin(struct kind_backlog *q, const struct lj_cell *x)
{
    struct key_state *s = q->kind->ordering == LJ_ORDER_KEY && (x->bits & 3) != 1
                              ? lj_u64map_get(&q->keys, x->key)
                              : NULL;
    if (!s || !s->pinned)
        return;
    s->pinned--;
    if (!s->out)
        key_drop_if_idle(q, x->key, s);
}

/* Where a cell of an ordered kind goes that has come to the head of its queue. */
static enum fate judge(struct lj_backlog *b, struct kind_backlog *q, uint32_t cell)
{
    struct lj_cell *x = lj_cell(&b->cells, cell);
    if (q->kind->ordering == LJ_ORDER_NONE)
        return INTO_BATCH;
    if (lj_u64map_get(&q->parked, x->key)) {
        unpin(q, x);
        return BEHIND;
    }
    if (q->kind->ordering == LJ_ORDER_POSITION)
        return INTO_BATCH;
    struct key_state *s = key_make(q, x->key);
    if (!s)
        return NO_MEMORY;
    if (s->out && (q->kind->single || s->out_serial != b->serial)) {
        lj_list_push(&b->cells, &s->waiting, cell);
        q->held++;
        return HELD;
    }
    s->out++;
    s->out_serial = b->serial;
    unpin(q, x);
    return INTO_BATCH;
}

static struct lj_group *shrink(struct lj_group *g, size_t n)
{
    if (!g || n == 0) {
        free(g);
        return NULL;
    }
    g->n = n;
    struct lj_group *smaller = realloc(g, sizeof *g + n * sizeof g->items[0]);
    if (smaller)
        g = smaller;
    return g;
}

struct taking {
    struct lj_group *batch, *behind;
    size_t n, nbehind, max;
    int others; /* the batch holds an event that is not of a constant key */
};

static void put_back(struct lj_backlog *b, struct kind_backlog *q, uint32_t cell)
{
    struct lj_list one = {cell, cell, 1};
    (void)!lj_queues_put_front(&q->queues, &b->cells,
                               &one); /* cannot fail: its unit's queue is there */
}

/* May it be about what an event of this very batch, or a settlement that is still due, is going to
 * write? */
static int looks_ahead(const struct lj_backlog *b, const struct kind_backlog *q, struct taking *t,
                       uint32_t cell)
{
    const struct lj_cell *x = lj_cell(&b->cells, cell);
    int constant = b->cat->types[x->type].key_rule == LJ_KEY_CONST;
    if (!q->kind->looks_back)
        return 0;
    if (x->position > q->limit || (constant && t->others))
        return 1;
    t->others |= !constant;
    return 0;
}

/* Put one cell where it belongs. 0 = go on, 1 = stop here (the cell is back at the head of its
 * queue). */
static int take_cell(struct lj_backlog *b, struct kind_backlog *q, struct taking *t, uint32_t cell)
{
    if (looks_ahead(b, q, t, cell)) {
        put_back(b, q, cell);
        return 1;
    }
    enum fate fate = judge(b, q, cell);
    if (fate == HELD)
        return 0;
    if (fate == BEHIND && !t->behind) {
        t->behind = group_new(t->max);
        fate = t->behind ? BEHIND : NO_MEMORY;
    }
    if (fate == NO_MEMORY) {
        put_back(b, q, cell);
        return 1;
    }
    struct lj_item item = lj_cell_item(lj_cell(&b->cells, cell));
    if (fate == BEHIND)
        t->behind->items[t->nbehind++] = item;
    else
        t->batch->items[t->n++] = item;
    lj_cell_free(&b->cells, cell);
    return 0;
}

static int take_ready(struct lj_backlog *b, struct kind_backlog *q, size_t max, int64_t now_us,
                      struct lj_group **ret, struct lj_group **ret_behind)
{
    struct taking t = {.batch = group_new(max), .max = max};
    if (!t.batch)
        return LJ_E_NOMEM;
    int hint = -1;
    b->serial++;
    for (size_t looked = 0; t.n < max && t.nbehind < max && looked < max * 8 + 4096;
         looked++) { /* bounded: a hot key must not hold the loop */
        uint32_t cell = lj_queues_next(&q->queues, &b->cells, &b->ages, now_us, &hint);
        if (cell == LJ_NIL || take_cell(b, q, &t, cell))
            break;
    }
    *ret = shrink(t.batch, t.n);
    *ret_behind = shrink(t.behind, t.nbehind);
    if (*ret)
        (*ret)->holds_keys = q->kind->ordering == LJ_ORDER_KEY;
    q->groups_out += (uint64_t)(*ret != NULL) + (uint64_t)(*ret_behind != NULL);
    return 0;
}

/* A group that goes out again: what has been parked before it since takes its later ones along.
 * Without memory it goes out whole. */
static void split_behind(struct kind_backlog *q, struct lj_group **gp, struct lj_group **ret_behind)
{
    struct lj_group *g = *gp;
    size_t keep = 0, n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += lj_u64map_get(&q->parked, g->items[i].key) != NULL;
    struct lj_group *behind = n ? group_new(n) : NULL;
    if (!behind)
        return;
    n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (lj_u64map_get(&q->parked, g->items[i].key))
            behind->items[n++] = g->items[i];
        else
            g->items[keep++] = g->items[i];
    }
    behind->holds_keys = g->holds_keys;
    *ret_behind = behind;
    g->n = keep;
    if (keep) {
        q->groups_out++;
        return;
    }
    behind->then = g->then; /* comes when this is parked */
    free(g);
    *gp = NULL;
}

int lj_backlog_take(struct lj_backlog *b, size_t kind, size_t max, int64_t now_us,
                    struct lj_group **ret, struct lj_group **ret_behind)
{
    struct kind_backlog *q = &b->kinds[kind];
    *ret = *ret_behind = NULL;
    int serial = q->kind->ordering == LJ_ORDER_POSITION;
    if (serial && q->groups_out)
        return 0;
    *ret = take_again(q, now_us);
    if (*ret && q->kind->ordering != LJ_ORDER_NONE && q->parked.count)
        split_behind(q, ret, ret_behind);
    if (*ret || *ret_behind || (serial && q->again) || !q->queues.count)
        return 0;
    return take_ready(b, q, max, now_us, ret, ret_behind);
}

void lj_backlog_limit(struct lj_backlog *b, size_t kind, int64_t upto)
{
    b->kinds[kind].limit = upto;
}

int64_t lj_backlog_next_due(const struct lj_backlog *b, size_t kind)
{
    int64_t due = INT64_MAX;
    for (const struct lj_group *g = b->kinds[kind].again; g; g = g->next)
        due = g->not_before_us < due ? g->not_before_us : due;
    return due;
}

/* ---- coming back ---- */

static void put_again(struct kind_backlog *q, struct lj_group *g)
{
    struct lj_group **p = &q->again;
    while (*p)
        p = &(*p)->next;
    g->next = NULL;
    *p = g;
    q->groups_again++;
}

static void end_group(struct lj_backlog *b, struct kind_backlog *q, struct lj_group **gp)
{
    struct lj_group *g = *gp;
    for (size_t i = 0; i < g->n; i++) {
        lj_openset_remove(&q->open, g->items[i].position);
        if (g->holds_keys)
            key_release(b, q, g->items[i].key);
    }
    if (g->then)
        put_again(q, g->then);
    q->groups_out--;
    free(g);
    *gp = NULL;
    pass_barriers(b);
}

void lj_backlog_finish(struct lj_backlog *b, size_t kind, struct lj_group **g)
{
    end_group(b, &b->kinds[kind], g);
}

int lj_backlog_parked_key(struct lj_backlog *b, size_t kind, uint64_t key, int delta)
{
    struct lj_u64map *m = &b->kinds[kind].parked;
    if (b->kinds[kind].kind->ordering == LJ_ORDER_NONE)
        return 0;
    intptr_t count = (intptr_t)lj_u64map_get(m, key) + delta;
    if (count <= 0) {
        lj_u64map_del(m, key);
        return 0;
    }
    return lj_u64map_put(m, key, (void *)count);
}

void lj_backlog_parked(struct lj_backlog *b, size_t kind, struct lj_group **g)
{
    for (size_t i = 0; i < (*g)->n; i++)
        (void)!lj_backlog_parked_key(
            b, kind, (*g)->items[i].key,
            1); /* out of memory: the key's later events run; the row says so */
    end_group(b, &b->kinds[kind], g);
}

void lj_backlog_again(struct lj_backlog *b, size_t kind, struct lj_group **g, int64_t not_before_us)
{
    struct kind_backlog *q = &b->kinds[kind];
    (*g)->not_before_us = not_before_us;
    q->groups_out--;
    put_again(q, *g);
    *g = NULL;
}

int lj_backlog_divisible(const struct lj_backlog *b, size_t kind)
{
    const struct lj_kind *k = b->kinds[kind].kind;
    return k->ordering == LJ_ORDER_NONE || (k->ordering == LJ_ORDER_KEY && k->single);
}

void lj_backlog_halve(struct lj_backlog *b, size_t kind, struct lj_group **gp,
                      int64_t not_before_us)
{
    lj_backlog_split(b, kind, gp, (*gp)->n / 2, not_before_us);
}

void lj_backlog_split(struct lj_backlog *b, size_t kind, struct lj_group **gp, size_t at,
                      int64_t not_before_us)
{
    struct lj_group *g = *gp;
    struct lj_group *second = g->n > 1 ? group_new(g->n - at) : NULL;
    if (!second) {
        lj_backlog_again(b, kind, gp, not_before_us);
        return;
    }
    memcpy(second->items, g->items + at, second->n * sizeof second->items[0]);
    second->then = g->then;
    second->holds_keys = g->holds_keys;
    g->then = NULL;
    g->n = at;
    second->not_before_us = not_before_us;
    lj_backlog_again(b, kind, gp, not_before_us);
    if (lj_backlog_divisible(b, kind)) {
        put_again(&b->kinds[kind], second);
        return;
    }
    struct lj_group *first = b->kinds[kind].again; /* put_again appended it: the last */
    while (first->next)
        first = first->next;
    first->then = second;
}

struct lj_group *lj_backlog_cut(struct lj_backlog *b, size_t kind, struct lj_group *g,
                                const uint8_t *failed)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += failed[i] != 0;
    struct lj_group *out = group_new(n);
    if (!out)
        return NULL;
    size_t keep = 0, cut = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (failed[i])
            out->items[cut++] = g->items[i];
        else
            g->items[keep++] = g->items[i];
    }
    g->n = keep;
    out->attempts = g->attempts;
    out->holds_keys = g->holds_keys;
    b->kinds[kind].groups_out++;
    return out;
}

/* ---- numbers ---- */

struct lj_backlog_stats lj_backlog_stats(struct lj_backlog *b, size_t kind)
{
    struct kind_backlog *q = &b->kinds[kind];
    int64_t lowest = lj_openset_lowest(&q->open);
    return (struct lj_backlog_stats){.open = q->open.count,
                                     .ready = q->queues.count,
                                     .held = q->held + q->stage.count,
                                     .groups_out = q->groups_out,
                                     .groups_again = q->groups_again,
                                     .oldest = lowest,
                                     .watermark = lj_backlog_watermark(b, kind)};
}

int64_t lj_backlog_age_us(const struct lj_backlog *b, int64_t position, int64_t now_us)
{
    return position == INT64_MAX ? 0 : lj_ages_of(&b->ages, position, now_us);
}

uint64_t lj_backlog_total_open(const struct lj_backlog *b)
{
    uint64_t n = 0;
    for (size_t k = 0; k < b->cat->nkinds; k++)
        n += b->kinds[k].open.count;
    return n;
}
