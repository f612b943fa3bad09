/* Register events of an operator: sent over the broker's local socket like everybody's, then the
 * register is asked until it has judged each. So a command that says "done" speaks of the register
 * and not of the log, and a refusal is shown with its reason. The ids are new each time: an
 * operator who is in doubt looks (`account ls`, `policy show`) and does it again; the register
 * refuses what is done already. */
#include "ctl/register.h"

#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/uuid.h"
#include "common/who.h"
#include "ctl/layout.h"
#include "ctl/sender.h"

struct batch {
    struct lj_err first; /* of the first event that was not stored */
};

static void on_sent(const struct lj_sent *sent, void *arg)
{
    struct batch *b = arg;
    if (sent->code < 0 && !b->first.code)
        (void)lj_fail(&b->first, sent->code, "event %zu: %.180s", sent->line, sent->detail);
}

static int add_event(struct lj_sender *s, const struct lj_register_event *e, const char *id,
                     struct lj_err *err)
{
    json_t *all = e->payload ? json_pack("{s:s, s:s, s:s, s:O}", "id", id, "type", e->type, "unit",
                                         e->unit, "payload", e->payload)
                             : NULL;
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    int rc = text ? lj_sender_add(s, text, strlen(text), err)
                  : lj_fail(err, LJ_E_NOMEM, "no memory for an event");
    free(text);
    json_decref(all);
    return rc;
}

/* Wait until the register has judged the event. */
static int wait_answer(PGconn *c, const char *id, const char *type, int64_t until_us,
                       struct lj_err *err)
{
    for (;;) {
        PGresult *r = NULL;
        int rc = lj_dbs_query(c,
                              "select verdict, code, text_en, text_zh from "
                              "liangjin.register_answer($1::uuid)",
                              1, &id, &r, err);
        int there = rc == 0 && PQntuples(r) == 1;
        if (there && strcmp(PQgetvalue(r, 0, 0), "2") == 0)
            rc = lj_fail(err, LJ_E_STATE, "%s is refused: %s: %s · %s", type, PQgetvalue(r, 0, 1),
                         PQgetvalue(r, 0, 3), PQgetvalue(r, 0, 2));
        PQclear(r);
        if (rc || there)
            return rc;
        if (lj_mono_us() > until_us)
            return lj_fail(err, LJ_E_TIMEOUT,
                           "%s is stored, but the register has not judged it yet; look again later",
                           type);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

int lj_register_send(const struct lj_ctl *ctl, PGconn *c, const struct lj_register_event *events,
                     size_t n, struct lj_err *err)
{
    return lj_register_send_as(ctl, c, "ljctl", events, n, err);
}

int lj_register_send_as(const struct lj_ctl *ctl, PGconn *c, const char *name,
                        const struct lj_register_event *events, size_t n, struct lj_err *err)
{
    struct lj_layout at;
    struct lj_sender *s = NULL;
    struct batch b = {0};
    struct lj_uuid_gen uuids = {0};
    char ids[LJ_REGISTER_EVENTS][LJ_UUID_TEXT + 1];
    int64_t until_us = lj_mono_us() + ctl->o.timeout_s * INT64_C(1000000);
    int rc = n > LJ_REGISTER_EVENTS ? lj_fail(err, LJ_E_ARG, "%zu events at once", n)
             : strpbrk(name, ":@") || strlen(name) > LJ_WHO_ACCOUNT
                 ? lj_fail(err, LJ_E_ARG, "\"%.40s\" is no name: at most %d bytes, no ':' or '@'",
                           name, LJ_WHO_ACCOUNT)
                 : lj_layout_find(ctl, &at, err);
    if (rc == 0)
        rc = lj_sender_open(at.run, name, (int)ctl->o.timeout_s, on_sent, &b, &s, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        uint8_t id[LJ_UUID_BYTES];
        rc = lj_uuid_v7(&uuids, lj_now_us(), id, err);
        lj_uuid_format(id, ids[i]);
        if (rc == 0)
            rc = add_event(s, &events[i], ids[i], err);
    }
    if (rc == 0)
        rc = lj_sender_finish(s, err);
    lj_sender_close(&s);
    if (rc == 0 && b.first.code)
        rc = lj_fail(err, b.first.code, "%s", b.first.text);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = wait_answer(c, ids[i], events[i].type, until_us, err);
    for (size_t i = 0; i < n; i++)
        json_decref(events[i].payload);
    return rc;
}
