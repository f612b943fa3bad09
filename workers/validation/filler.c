/* A filler's own teams.
 *
 * An account of the role TEAM_FILLER may have teams (register: account.invited, account.changed);
 * then it reports, corrects and withdraws for these alone. Of an activity that teams of other
 * units share, only the teams of its own unit's subtree are held against it: whom a partner brings
 * is the partner's matter. An account without teams files for all of its unit; machines and other
 * roles are not asked.
 *
 * Who sent an event is in the log, not in the batch. So this costs a probe of the primary key an
 * event, and more only for fillers; it goes in the round trip that a batch makes anyhow. The
 * account is taken as of the event's position: everything below it is in the registers (barrier).
 */
#include "workers/validation/filler.h"

#include <stdlib.h>

#include "common/pgparam.h"

static const struct lj_statement fillers = {
    "validation_fillers",
    "select a.ordinal::int4, array_to_string(v.teams, ','),"
    " coalesce((select n.teams && v.teams from validation n where n.activity = a.activity"
    "  and n.version is not null and n.teams is not null order by n.version desc limit 1), true)"
    " from unnest($1::int8[], $2::uuid[]) with ordinality a(position, activity, ordinal)"
    " join event e on e.position = a.position and e.source like '%:TEAM\\_FILLER@%'"
    " join account i on i.code = source_account(e.source)"
    " cross join lateral (select x.teams from account_version x where x.number = i.number"
    "  and x.position < a.position order by x.position desc limit 1) v"
    " where cardinality(v.teams) > 0 order by 1"};

static int asks(const struct lj_case *c)
{
    return c->op != 0 && LJ_OP_MAKES(c->op) && c->has_activity;
}

static void read_teams(struct lj_case *c, const char *text, size_t len)
{
    const char *end = text + len;
    c->nown = 0;
    while (text < end && c->nown < sizeof c->own / sizeof c->own[0]) {
        int32_t n = 0;
        while (text < end && *text != ',')
            n = n * 10 + (*text++ - '0');
        c->own[c->nown++] = n;
        text++;
    }
}

static int take(void *arg, const PGresult *res, struct lj_err *err)
{
    const struct lj_current_want *want = arg;
    int row = 0, ordinal = 0;
    (void)err;
    for (size_t i = 0; i < want->count && row < PQntuples(res); i++) {
        struct lj_case *c = &want->cases[i];
        if (!asks(c) || ++ordinal != lj_pgget_i32(res, row, 0))
            continue;
        read_teams(c, PQgetvalue(res, row, 1), (size_t)PQgetlength(res, row, 1));
        c->owns_current = *PQgetvalue(res, row, 2) != 0;
        row++;
    }
    return 0;
}

int lj_filler_need(struct lj_fetch *reader, struct lj_current_want *want, struct lj_err *err)
{
    enum { POSITIONS, ACTIVITIES, PARAMS };
    static const enum lj_pgtype types[PARAMS] = {LJ_PG_INT8, LJ_PG_UUID};
    struct lj_pgarray arrays[PARAMS] = {0};
    struct lj_fetch_params params = {.count = PARAMS};
    int rc = 0, asked = 0;
    for (int i = 0; i < PARAMS; i++)
        lj_pgarray_init(&arrays[i], types[i]);
    for (size_t i = 0; i < want->count; i++)
        if (asks(&want->cases[i])) {
            lj_pgarray_int(&arrays[POSITIONS], want->cases[i].event->position);
            lj_pgarray_bytes(&arrays[ACTIVITIES], want->cases[i].activity,
                             sizeof want->cases[i].activity);
            asked = 1;
        }
    for (int i = 0; rc == 0 && i < PARAMS; i++) {
        const uint8_t *p = NULL;
        size_t n = 0;
        rc = lj_pgarray_done(&arrays[i], &p, &n, err);
        params.values[i] = (const char *)p;
        params.lengths[i] = (int)n;
    }
    if (rc == 0 && asked)
        rc = lj_fetch_add(reader, &fillers, &params, take, want, err);
    for (int i = 0; i < PARAMS; i++)
        lj_pgarray_free(&arrays[i]);
    return rc;
}

static int is_own(const struct lj_case *c, int32_t team)
{
    for (size_t i = 0; i < c->nown; i++)
        if (c->own[i] == team)
            return 1;
    return 0;
}

void lj_rule_filler(struct lj_case *c)
{
    if (c->nown == 0)
        return;
    for (size_t i = 0; i < c->body.nteams; i++) {
        const struct lj_team_fact *t = &c->body.teams[i];
        if (t->number && t->in_subtree && !is_own(c, t->number))
            lj_reasons_add(&c->found, LJ_CLAUSE_R08_TEAM, 0, 0, "/teams/%zu", i);
    }
    c->found.prefix = "";
    if (c->op != LJ_OP_REPORT && !c->owns_current)
        lj_reasons_add(&c->found, LJ_CLAUSE_R08_TEAM, 0, 0, "/activity");
}
