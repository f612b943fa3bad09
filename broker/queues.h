/* Ready events of one kind: FIFO a unit, units by deficit round robin, four classes with ageing. */
#ifndef LJ_BROKER_QUEUES_H
#define LJ_BROKER_QUEUES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/wire.h"

#define LJ_NIL UINT32_MAX

/* An open (event, kind), as it is handed around. */
struct lj_item {
    int64_t position;
    uint64_t key;  /* hash of (unit, key): collisions only order more than needed */
    uint16_t unit; /* number */
    uint8_t type;  /* catalogue index */
    uint8_t class;
    uint8_t flags; /* LJ_ITEM_* */
};
enum { LJ_ITEM_OWN_KEY = 1, LJ_ITEM_REDRIVEN = 2 };

/* The same, waiting: 24 bytes, linked by index. */
struct lj_cell {
    int64_t position;
    uint64_t key;
    uint32_t next;
    uint16_t unit;
    uint8_t type;
    uint8_t bits; /* class in the low two bits, flags above */
};

/* All cells of a broker, in chunks that never move. */
struct lj_cells {
    struct lj_cell **chunks;
    size_t nchunks;
    uint32_t free_head;
    uint32_t used, made;
};
uint32_t lj_cell_new(struct lj_cells *c,
                     const struct lj_item *item); /* LJ_NIL when out of memory */
void lj_cell_free(struct lj_cells *c, uint32_t i);
struct lj_cell *lj_cell(const struct lj_cells *c, uint32_t i);
struct lj_item lj_cell_item(const struct lj_cell *c);
void lj_cells_free(struct lj_cells *c);

struct lj_list {
    uint32_t head, tail;
    uint32_t count;
};
void lj_list_init(struct lj_list *l);
void lj_list_push(struct lj_cells *c, struct lj_list *l, uint32_t i);
uint32_t lj_list_pop(struct lj_cells *c, struct lj_list *l); /* LJ_NIL when empty */
void lj_list_prepend(struct lj_cells *c, struct lj_list *to,
                     struct lj_list *from); /* from becomes empty */

/* When was a position new? A ring of samples, for ages of waiting events without a time in each. */
#define LJ_AGE_SAMPLES 1024
struct lj_ages {
    int64_t position[LJ_AGE_SAMPLES];
    int64_t at_us[LJ_AGE_SAMPLES];
    unsigned head, count;
};
void lj_ages_sample(struct lj_ages *a, int64_t position,
                    int64_t now_us); /* at most one sample in 50 ms is kept */
int64_t lj_ages_of(const struct lj_ages *a, int64_t position, int64_t now_us);

struct lj_unit_queue {
    struct lj_list list;
    int32_t deficit;
    uint8_t active;
};
struct lj_class_queue {
    struct lj_unit_queue *units; /* by unit number, nunits of them */
    size_t nunits;
    uint16_t *ring; /* active units in turn; ring_cap >= nunits */
    size_t ring_cap, ring_head, ring_count;
    uint32_t count;
};
struct lj_queues {
    struct lj_class_queue classes[LJ_CLASSES];
    uint32_t count;
};

/* Events a unit may take from one visit of the round robin: small enough that a quiet unit waits
 * for little, large enough that a visit pays. source: architecture §4 */
#define LJ_QUANTUM 16
/* An event rises one class for each of these it has waited. source: architecture §4 */
#define LJ_AGE_STEP_US 2000000

int lj_queues_push(struct lj_queues *q, struct lj_cells *c, uint32_t cell); /* 0 or LJ_E_NOMEM */
int lj_queues_put_front(struct lj_queues *q, struct lj_cells *c,
                        struct lj_list *list); /* all of one unit and class */
/* The next cell by class, age and turn; LJ_NIL when nothing is ready. *class_hint: -1 at the start
 * of a batch, kept between calls. */
uint32_t lj_queues_next(struct lj_queues *q, struct lj_cells *c, const struct lj_ages *ages,
                        int64_t now_us, int *class_hint);
int64_t lj_queues_oldest(const struct lj_queues *q,
                         const struct lj_cells *c); /* lowest head position, INT64_MAX */
void lj_queues_free(struct lj_queues *q);

#endif
