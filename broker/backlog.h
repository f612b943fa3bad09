/* The dispatcher's memory: what every kind still has to do, in which order it may go out, and up to
 * where it is done. Pure: no I/O, no clock. */
#ifndef LJ_BROKER_BACKLOG_H
#define LJ_BROKER_BACKLOG_H

#include "broker/catalog.h"
#include "broker/queues.h"

struct lj_backlog;

/* Items that go out together. Belongs to whoever holds it: a lease, or the backlog's list of groups
 * that go out again. */
struct lj_group {
    struct lj_group *next; /* list link */
    struct lj_group *then; /* ordered kinds: the half that must wait until this one is closed */
    int64_t not_before_us;
    int attempts;   /* times it failed while alone */
    int retries;    /* times it met the system's fault, for the backoff */
    int holds_keys; /* its keys count as out (ordered by key); not so where it was taken as `behind`
                     */
    size_t n;
    struct lj_item items[];
};

void lj_group_free(struct lj_group *g); /* with what waits for it; g may be NULL */

struct lj_backlog_stats {
    uint64_t open, ready, held, groups_out, groups_again;
    int64_t oldest, watermark;
};

LJ_MUST int lj_backlog_new(const struct lj_catalog *cat, struct lj_backlog **ret,
                           struct lj_err *err); /* borrows cat */
void lj_backlog_free(struct lj_backlog **b);

/* An event at this position is wanted by the kind (gated ones too): from now on it counts in the
 * watermark. */
LJ_MUST int lj_backlog_open(struct lj_backlog *b, size_t kind, int64_t position);
/* It may go out (its gate is open). errors: LJ_E_NOMEM */
LJ_MUST int lj_backlog_push(struct lj_backlog *b, size_t kind, const struct lj_item *item);
/* A redriven one: before everything of its unit that is queued, so before the later ones of its
 * key. errors: LJ_E_NOMEM */
LJ_MUST int lj_backlog_push_front(struct lj_backlog *b, size_t kind, const struct lj_item *item);
/* Not for this kind after all: its gate closed with another verdict. */
void lj_backlog_close(struct lj_backlog *b, size_t kind, int64_t position);
/* Everything at or below is known: barriers are judged by it. */
void lj_backlog_advance(struct lj_backlog *b, int64_t frontier, int64_t now_us);

/* Up to max items that may go out now. *ret = NULL: nothing. *ret_behind: items whose key is parked
 * (ordered kinds), to be parked as `behind`; both are the caller's and come back by finish, park or
 * again. */
LJ_MUST int lj_backlog_take(struct lj_backlog *b, size_t kind, size_t max, int64_t now_us,
                            struct lj_group **ret, struct lj_group **ret_behind);
int64_t lj_backlog_next_due(const struct lj_backlog *b,
                            size_t kind); /* earliest not_before of a waiting group, INT64_MAX */

/* In a replay: nothing above this position goes out of a kind that looks back until it is raised.
 */
void lj_backlog_limit(struct lj_backlog *b, size_t kind, int64_t upto);

/* Committed: closed, keys free. */
void lj_backlog_finish(struct lj_backlog *b, size_t kind, struct lj_group **g);
/* Committed as parked: closed, and later events of its keys (ordered kinds) will be parked behind
 * it. */
void lj_backlog_parked(struct lj_backlog *b, size_t kind, struct lj_group **g);
/* Out again, whole, at a time. */
void lj_backlog_again(struct lj_backlog *b, size_t kind, struct lj_group **g,
                      int64_t not_before_us);
/* Out again as two groups, the first of `at` items, or as two halves (n > 1). Without memory it
 * goes out again whole. */
void lj_backlog_split(struct lj_backlog *b, size_t kind, struct lj_group **g, size_t at,
                      int64_t not_before_us);
void lj_backlog_halve(struct lj_backlog *b, size_t kind, struct lj_group **g,
                      int64_t not_before_us);
/* Take the items marked in `failed` (n flags) out of g into a group of their own; the rest stays.
 * NULL when out of memory. */
struct lj_group *lj_backlog_cut(struct lj_backlog *b, size_t kind, struct lj_group *g,
                                const uint8_t *failed);
/* May a part of a batch be closed while the rest goes out again? Not where a batch may hold one key
 * twice, or order is by position. */
int lj_backlog_divisible(const struct lj_backlog *b, size_t kind);

/* A key of an ordered kind has this many parked events (delta +1 / -1). */
LJ_MUST int lj_backlog_parked_key(struct lj_backlog *b, size_t kind, uint64_t key, int delta);

int64_t lj_backlog_watermark(struct lj_backlog *b, size_t kind);
struct lj_backlog_stats lj_backlog_stats(struct lj_backlog *b, size_t kind);
int64_t lj_backlog_age_us(const struct lj_backlog *b, int64_t position, int64_t now_us);
uint64_t lj_backlog_total_open(const struct lj_backlog *b);

uint64_t lj_key_hash(int unit, const char *key, size_t n);

#endif
