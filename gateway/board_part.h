/* What the files of the board share. */
#ifndef LJ_GATEWAY_BOARD_PART_H
#define LJ_GATEWAY_BOARD_PART_H

#include <stdbool.h>

#include "gateway/board.h"
#include "gateway/gateway.h"
#include "gateway/live.h"

enum {
    LJ_BOARD_UNITS = 32768, /* numbers are int2 */
    LJ_BOARD_FEW = 5,       /* persons; source: domain rules on figures of small groups */
};

struct lj_board_unit {
    int16_t number;
    char code[LJ_UNIT_CODE_LEN + 1];
    char kind[24], state[16];
    char *name; /* owned */
    int64_t teams_owing, teams_met, persons_owing, persons_met, sessions, minutes;
};

struct lj_board_kind {
    char name[33], state[16];
    int64_t watermark, settled, parked; /* settled -1: it does not settle */
};

struct lj_board_wait {
    struct lj_board_wait *next;
    struct lj_req *rq;
    int64_t until_us;
};

struct lj_board {
    struct lj_gateway *g;
    struct lj_live live;
    uint64_t heads; /* of the feed, when live was fed last */
    struct lj_board_unit *units;
    size_t n_units;
    struct lj_board_kind kinds[LJ_LIVE_KINDS];
    size_t n_kinds;
    uint64_t *accepted, *rejected; /* by unit number, folded up to closure `folded` */
    uint32_t *unread;              /* by unit number */
    int64_t folded;
    bool behind; /* there are more closures to fold */
    int64_t quota_settled;
    int year;
    bool busy;
    int64_t asked_us, polled_us, units_us; /* monotonic: somebody looked; last poll; last units */
    int64_t fresh_us, as_of_us;            /* last complete poll: monotonic, wall clock */
    struct lj_board_wait *waiting;
};

/* board_json.c: the whole answer for who asks. */
void lj_board_put(const struct lj_board *b, struct lj_req *rq, struct lj_buf *out);

#endif
