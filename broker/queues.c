/* Order and fairness of what is ready.
 *
 * Inside a unit events are FIFO; the units of a class share by deficit round robin, so a unit that
 * sends ninety in a hundred events gets its turn as the others do, and a quiet unit waits for at
 * most one round. Between classes the urgent goes first, but whatever has waited two seconds counts
 * as one class higher: the oldest head of a class decides (an event's age is read from a ring of
 * (position, time) samples, so that a waiting event costs 24 bytes and no more).
 */
#include "broker/queues.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define CHUNK 16384u /* cells a chunk: 384 KiB */

static int add_chunk(struct lj_cells *c)
{
    struct lj_cell **chunks = realloc(c->chunks, (c->nchunks + 1) * sizeof(void *));
    if (!chunks)
        return LJ_E_NOMEM;
    c->chunks = chunks;
    chunks[c->nchunks] = malloc(CHUNK * sizeof(struct lj_cell));
    if (!chunks[c->nchunks])
        return LJ_E_NOMEM;
    c->nchunks++;
    return 0;
}

struct lj_cell *lj_cell(const struct lj_cells *c, uint32_t i)
{
    return &c->chunks[i / CHUNK][i % CHUNK];
}

uint32_t lj_cell_new(struct lj_cells *c, const struct lj_item *item)
{
    uint32_t i;
    if (c->used < c->made) {
        i = c->free_head;
        c->free_head = lj_cell(c, i)->next;
    } else {
        if (c->made == c->nchunks * CHUNK && (c->made > UINT32_MAX - CHUNK || add_chunk(c)))
            return LJ_NIL;
        i = c->made++;
    }
    c->used++;
    *lj_cell(c, i) = (struct lj_cell){.position = item->position,
                                      .key = item->key,
                                      .next = LJ_NIL,
                                      .unit = item->unit,
                                      .type = item->type,
                                      .bits = (uint8_t)(item->class | item->flags << 2)};
    return i;
}

void lj_cell_free(struct lj_cells *c, uint32_t i)
{
    lj_cell(c, i)->next = c->free_head;
    c->free_head = i;
    c->used--;
    if (c->used)
        return;
    for (size_t n = 1; n < c->nchunks; n++) /* the burst is over: give the memory back */
        free(c->chunks[n]);
    c->nchunks = c->nchunks ? 1 : 0;
    c->made = 0;
}

struct lj_item lj_cell_item(const struct lj_cell *c)
{
    return (struct lj_item){.position = c->position,
                            .key = c->key,
                            .unit = c->unit,
                            .type = c->type,
                            .class = c->bits & 3,
                            .flags = (uint8_t)(c->bits >> 2)};
}

void lj_cells_free(struct lj_cells *c)
{
    for (size_t n = 0; n < c->nchunks; n++)
        free(c->chunks[n]);
    free(c->chunks);
    *c = (struct lj_cells){0};
}

void lj_list_init(struct lj_list *l)
{
    *l = (struct lj_list){LJ_NIL, LJ_NIL, 0};
}

void lj_list_push(struct lj_cells *c, struct lj_list *l, uint32_t i)
{
    lj_cell(c, i)->next = LJ_NIL;
    if (l->count++)
        lj_cell(c, l->tail)->next = i;
    else
        l->head = i;
    l->tail = i;
}

uint32_t lj_list_pop(struct lj_cells *c, struct lj_list *l)
{
    if (!l->count)
        return LJ_NIL;
    uint32_t i = l->head;
    l->head = lj_cell(c, i)->next;
    if (--l->count == 0)
        lj_list_init(l);
    return i;
}

void lj_list_prepend(struct lj_cells *c, struct lj_list *to, struct lj_list *from)
{
    if (!from->count)
        return;
    if (to->count)
        lj_cell(c, from->tail)->next = to->head;
    else
        to->tail = from->tail;
    to->head = from->head;
    to->count += from->count;
    lj_list_init(from);
}

void lj_ages_sample(struct lj_ages *a, int64_t position, int64_t now_us)
{
    unsigned last = (a->head + a->count - 1) % LJ_AGE_SAMPLES;
    if (a->count && (now_us - a->at_us[last] < 50000 || position <= a->position[last]))
        return;
    if (a->count == LJ_AGE_SAMPLES) {
        a->head = (a->head + 1) % LJ_AGE_SAMPLES;
        a->count--;
    }
    unsigned i = (a->head + a->count++) % LJ_AGE_SAMPLES;
    a->position[i] = position;
    a->at_us[i] = now_us;
}

int64_t lj_ages_of(const struct lj_ages *a, int64_t position, int64_t now_us)
{
    unsigned lo = 0, hi = a->count; /* first sample at or above the position */
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (a->position[(a->head + mid) % LJ_AGE_SAMPLES] < position)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < a->count ? now_us - a->at_us[(a->head + lo) % LJ_AGE_SAMPLES] : 0;
}

static int reserve_unit(struct lj_class_queue *q, size_t unit)
{
    if (unit < q->nunits)
        return 0;
    size_t n = q->nunits ? q->nunits : 64;
    while (n <= unit)
        n *= 2;
    struct lj_unit_queue *units = realloc(q->units, n * sizeof *units);
    if (!units)
        return LJ_E_NOMEM;
    q->units = units;
    for (size_t i = q->nunits; i < n; i++) {
        units[i] = (struct lj_unit_queue){0};
        lj_list_init(&units[i].list);
    }
    uint16_t *ring = malloc(n * sizeof *ring);
    if (!ring)
        return LJ_E_NOMEM;
    for (size_t i = 0; i < q->ring_count; i++)
        ring[i] = q->ring[(q->ring_head + i) % q->ring_cap];
    free(q->ring);
    q->ring = ring;
    q->ring_cap = n;
    q->ring_head = 0;
    q->nunits = n;
    return 0;
}

static void activate(struct lj_class_queue *q, uint16_t unit)
{
    if (q->units[unit].active)
        return;
    q->units[unit].active = 1;
    q->units[unit].deficit = 0;
    q->ring[(q->ring_head + q->ring_count++) % q->ring_cap] = unit;
}

int lj_queues_push(struct lj_queues *q, struct lj_cells *c, uint32_t cell)
{
    const struct lj_cell *x = lj_cell(c, cell);
    struct lj_class_queue *cq = &q->classes[x->bits & 3];
    int rc = reserve_unit(cq, x->unit);
    if (rc)
        return rc;
    lj_list_push(c, &cq->units[x->unit].list, cell);
    activate(cq, x->unit);
    cq->count++;
    q->count++;
    return 0;
}

int lj_queues_put_front(struct lj_queues *q, struct lj_cells *c, struct lj_list *list)
{
    if (!list->count)
        return 0;
    const struct lj_cell *x = lj_cell(c, list->head);
    struct lj_class_queue *cq = &q->classes[x->bits & 3];
    uint16_t unit = x->unit;
    int rc = reserve_unit(cq, unit);
    if (rc)
        return rc;
    cq->count += list->count;
    q->count += list->count;
    lj_list_prepend(c, &cq->units[unit].list, list);
    activate(cq, unit);
    return 0;
}

static int64_t class_oldest(const struct lj_class_queue *q, const struct lj_cells *c)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < q->ring_count; i++) {
        const struct lj_list *l = &q->units[q->ring[(q->ring_head + i) % q->ring_cap]].list;
        if (l->count && lj_cell(c, l->head)->position < oldest)
            oldest = lj_cell(c, l->head)->position;
    }
    return oldest;
}

int64_t lj_queues_oldest(const struct lj_queues *q, const struct lj_cells *c)
{
    int64_t oldest = INT64_MAX;
    for (int k = 0; k < LJ_CLASSES; k++) {
        int64_t o = class_oldest(&q->classes[k], c);
        oldest = o < oldest ? o : oldest;
    }
    return oldest;
}

/* The class whose turn it is: lowest number after ageing, the older head where two are equal. */
static int choose_class(const struct lj_queues *q, const struct lj_cells *c,
                        const struct lj_ages *ages, int64_t now_us)
{
    int best = -1;
    int64_t best_rank = 0, best_position = 0;
    for (int k = 0; k < LJ_CLASSES; k++) {
        const struct lj_class_queue *cq = &q->classes[k];
        if (!cq->count)
            continue;
        if (cq->count == q->count)
            return k;
        int64_t position = class_oldest(cq, c);
        int64_t rank = k - lj_ages_of(ages, position, now_us) / LJ_AGE_STEP_US;
        if (best < 0 || rank < best_rank || (rank == best_rank && position < best_position)) {
            best = k;
            best_rank = rank;
            best_position = position;
        }
    }
    return best;
}

/* Pops the first unit's next cell; moves the ring on when its deficit is used up or it has no more.
 */
static uint32_t pop_round_robin(struct lj_class_queue *q, struct lj_cells *c)
{
    uint16_t unit = q->ring[q->ring_head];
    struct lj_unit_queue *u = &q->units[unit];
    if (u->deficit <= 0)
        u->deficit = LJ_QUANTUM;
    uint32_t cell = lj_list_pop(c, &u->list);
    u->deficit--;
    q->count--;
    if (!u->list.count || u->deficit == 0) {
        q->ring_head = (q->ring_head + 1) % q->ring_cap;
        q->ring_count--;
        u->active = 0;
        if (u->list.count)
            activate(q, unit);
    }
    return cell;
}

uint32_t lj_queues_next(struct lj_queues *q, struct lj_cells *c, const struct lj_ages *ages,
                        int64_t now_us, int *class_hint)
{
    if (!q->count)
        return LJ_NIL;
    if (*class_hint < 0 || !q->classes[*class_hint].count)
        *class_hint = choose_class(q, c, ages, now_us);
    uint32_t cell = pop_round_robin(&q->classes[*class_hint], c);
    q->count--;
    return cell;
}

void lj_queues_free(struct lj_queues *q)
{
    for (int k = 0; k < LJ_CLASSES; k++) {
        free(q->classes[k].units);
        free(q->classes[k].ring);
    }
    *q = (struct lj_queues){0};
}
