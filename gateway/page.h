/* Pages of the stream from the log: what fills gaps, and what readers get who are older than the
 * ring. */
#ifndef LJ_GATEWAY_PAGE_H
#define LJ_GATEWAY_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/link.h"
#include "gateway/ring.h"

struct lj_page_ask;

/* code 0: rows can be read with the functions below during the callback. frontier: of the series,
 * as the database knew it before the page was read: a page that is not full proves that nothing is
 * missing up to the lower of frontier and upto. Else LJ_E_DB_*: nothing is known. */
struct lj_page {
    int code;
    int64_t frontier;
    int rows;
    const PGresult *res;
};
typedef void (*lj_page_cb)(const struct lj_page *page, void *arg);

struct lj_page_query {
    bool events;         /* else closures */
    int64_t after, upto; /* after < number <= upto */
    int32_t limit;
};

/* calls:  cb once, later, unless lj_page_forget was called
 * errors: LJ_E_DB_SYSTEM no connection now, LJ_E_NOMEM, and what lj_db_exec says: cb is not called
 * then */
LJ_MUST int lj_page_open(struct lj_link *link, const struct lj_page_query *q, lj_page_cb cb,
                         void *arg, struct lj_page_ask **ret, struct lj_err *err);
void lj_page_forget(struct lj_page_ask **ask);

/* Only where the series begins: rows 0, frontiers of both series. */
LJ_MUST int lj_page_frontier(struct lj_link *link,
                             void (*cb)(int code, struct lj_cursor at, void *arg), void *arg,
                             struct lj_err *err);

/* One row as a ring item; name and members are valid until the next call with the same buffer
 * `members` (grown as needed). */
struct lj_page_row {
    int64_t number;
    uint8_t id[16];
    char unit[LJ_UNIT_CODE_LEN + 1];
    const char *name;
    size_t name_len;
    struct lj_ring_member *members;
    uint16_t count;
};
struct lj_page_members {
    struct lj_ring_member *p;
    size_t cap;
};
void lj_page_event(const struct lj_page *page, int row, struct lj_page_row *ret);
/* errors: LJ_E_PROTOCOL the arrays do not fit each other, LJ_E_NOMEM */
LJ_MUST int lj_page_closure(const struct lj_page *page, int row, struct lj_page_members *members,
                            struct lj_page_row *ret, struct lj_err *err);
void lj_page_members_free(struct lj_page_members *m);

#endif
