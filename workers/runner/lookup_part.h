/* The inside of the lookup, shared by its three files: lookup.c (life, codes, answers),
 * lookup_cache.c (entries), lookup_sql.c (statements and what they bring). */
#ifndef LJ_WORKERS_RUNNER_LOOKUP_PART_H
#define LJ_WORKERS_RUNNER_LOOKUP_PART_H

#include "workers/runner/lookup.h"

struct lj_ref {
    char unit[6]; /* code of the unit */
    char code[LJ_CODE_MAX + 1];
};

struct lj_unit_row {
    int64_t position;
    int16_t number, parent; /* parent -1: none */
    int closed;
};

struct lj_member_row {
    int64_t position;
    int32_t team, number, from, to, role, status;
};

/* A public holiday of a version of a year, with the first and last day of that year. */
struct lj_holiday_row {
    int64_t position;
    int32_t day, first, last;
};

/* A version of a person's exemption for an injury. */
struct lj_injury_row {
    int64_t position;
    int32_t person, number, from, to;
};

/* A window for late reports. */
struct lj_window_row {
    int64_t position;
    int32_t from, to;
    int16_t unit;
};

/* EMPTY: known only as a code. ASKED: to be fetched in this batch. HELD: everything that the
 * register has about it up to the closure `seen`, which may be nothing. */
enum lj_entry_state { LJ_ENTRY_EMPTY, LJ_ENTRY_ASKED, LJ_ENTRY_HELD };

struct lj_entry {
    struct lj_ref ref;
    uint8_t what, state;
    uint32_t batch; /* the last that needed it */
    uint32_t nrows, nmembers;
    struct lj_lookup_row *rows;    /* by position */
    struct lj_member_row *members; /* by team, number, position */
};

struct lj_list {
    void *data;
    size_t count, cap, size;
};

struct lj_lookup {
    struct lj_fetch *reader;
    int64_t seen;   /* closure of the last register batch that is in the cache; -1: nothing is */
    uint32_t batch; /* number of this one */
    struct lj_list entries;                /* struct lj_entry; number 0 is none */
    uint32_t *slots;                       /* hash of entries, 0 = free */
    size_t nslots;                         /* power of 2 */
    size_t rows_held;                      /* rows and memberships in memory */
    struct lj_list asked[LJ_LOOKUP_WHATS]; /* uint32_t */
    struct lj_list units;                  /* struct lj_unit_row by number, position */
    struct lj_list policies;               /* struct lj_policy_row by scope, key, version down */
    struct lj_list injuries;               /* struct lj_injury_row by person, number, position */
    struct lj_list holidays;               /* struct lj_holiday_row by year, position down */
    struct lj_list windows;                /* struct lj_window_row by position */
    struct lj_list news;                   /* int64_t: positions of register events not seen yet */
};

/* A zeroed element at the end; NULL (and err) when there is no memory. */
void *lj_list_add(struct lj_list *l, struct lj_err *err);

/* The entry of a reference, made if it is not there. 0 and err when there is no memory. */
uint32_t lj_cache_entry(struct lj_lookup *lk, enum lj_lookup_what what, const struct lj_ref *ref,
                        struct lj_err *err);
/* The entry of a reference, 0 if there is none. */
uint32_t lj_cache_find(const struct lj_lookup *lk, enum lj_lookup_what what,
                       const struct lj_ref *ref);
struct lj_entry *lj_cache_at(const struct lj_lookup *lk, uint32_t entry);
/* Marks an entry as needed by this batch and asks for it if it is not held. */
LJ_MUST int lj_cache_ask(struct lj_lookup *lk, uint32_t entry, struct lj_err *err);
/* Drops what is held about an entry; asks for it again if this batch needs it. */
LJ_MUST int lj_cache_evict(struct lj_lookup *lk, uint32_t entry, struct lj_err *err);
/* Forgets everything. */
void lj_cache_clear(struct lj_lookup *lk);

#endif
