/* The figures of the dashboard's first page, kept by asking while somebody looks. */
#ifndef LJ_GATEWAY_BOARD_H
#define LJ_GATEWAY_BOARD_H

#include <stdint.h>

#include "common/err.h"

struct lj_board;
struct lj_gateway;

/* owner: borrows g. errors: LJ_E_NOMEM */
LJ_MUST int lj_board_open(struct lj_gateway *g, struct lj_board **ret, struct lj_err *err);
void lj_board_free(struct lj_board **b); /* when the loop has ended */
/* The board's own database link is ready (again); arg is the gateway. */
void lj_board_up(void *arg);
/* Called every 50 ms. */
void lj_board_tick(struct lj_board *b, int64_t mono_us);

#endif
