/* One event as a client sent it: the envelope is judged here, completely; the payload only as JSON.
 */
#ifndef LJ_GATEWAY_EVENT_IN_H
#define LJ_GATEWAY_EVENT_IN_H

#include "common/uuid.h"
#include "common/who.h"
#include "gateway/directory.h"
#include "gateway/problem.h"
#include "gateway/tokens.h"
#include "proto/json_scan.h"
#include "proto/wire.h"

#define LJ_KEY_MAX                                                                                 \
    200 /* bytes of an event's key. source: project contract; str8 would allow 255                 \
         */

/* What judging needs; all borrowed. */
struct lj_event_judge {
    struct lj_json_scratch *scratch;
    const struct lj_directory *directory;
    const struct lj_token *token;
    struct lj_uuid_gen *uuids; /* makes the id where none was sent */
    int64_t now_us;            /* wall clock, for that id only */
};

struct lj_event_in {
    struct lj_submit_event event; /* slices point into the text and into `key` */
    int unit;                     /* number */
    char key[LJ_KEY_MAX + 1];
    char source[LJ_WHO_TEXT + 1];
};

/* Read and judge one event.
 * order:  well-formed JSON within the limits and no unknown member (400); members there, of the
 * right type and form (422); the type known (422) and this token may send it (403); the unit known
 * (422) and in the token's subtree (403) owner:  borrows text: ret's slices point into it errors:
 * the code that *problem (filled) carries */
LJ_MUST int lj_event_in_read(const struct lj_event_judge *j, const char *text, size_t len,
                             struct lj_event_in *ret, struct lj_problem *problem);

#endif
