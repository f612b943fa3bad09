/* account.locked: the gateway tells the log that an account was tried with wrong passwords too
 * often, whatever the addresses.
 *
 * An event and not a count of this process's, so that every gateway keeps to it and the unit's
 * administrator sees it. What the event says is judged by the register like any other; if it does
 * not get there (the broker is away), the counts in memory still hold, and the next failures say it
 * again. It ends by itself after a quarter of an hour, so that nobody can be kept out for good. */
#include "gateway/lock.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "gateway/gateway.h"

static void on_answer(const struct lj_answer *answer, void *arg)
{
    (void)arg;
    if (answer->code < 0) {
        lj_log(LJ_WARN, "login.lock", "code=%s", lj_err_info(answer->code)->name);
    }
}

void lj_lock_account(struct lj_gateway *g, const char *login, int unit)
{
    static const char type[] = "account.locked", source[] = "gateway";
    const char *code = lj_directory_code(lj_catalog_directory(g->catalog), unit);
    struct lj_submit_event e = {.occurred_at_us = LJ_TIME_NONE,
                                .origin = LJ_ORIGIN_CENTRE,
                                .class = LJ_CLASS_DEFAULT,
                                .type = {type, sizeof type - 1},
                                .unit = {code, strlen(code)},
                                .source = {source, sizeof source - 1}};
    char payload[64];
    struct lj_err err = {0};
    int n =
        snprintf(payload, sizeof payload, "{\"login\":\"%s\"}", login); /* of the database: its
                                                                          form needs no escape */
    e.payload = (struct lj_slice){payload, (size_t)n};
    int rc = lj_uuid_v7(&g->uuids, lj_now_us(), e.id, &err);
    if (rc == 0) {
        rc = lj_client_submit(g->client, &e, on_answer, NULL, &err);
    }
    lj_log(LJ_WARN, "login.lock", "account=%s code=%s", login,
           rc == 0 ? "sent" : lj_err_info(rc)->name);
}
