/* The demonstration's findings: answers, verdicts, totals, mails, times.
 *
 * Everything is limited to the ids and codes of this demonstration, so what else goes on in the
 * system does not matter. Verdicts and totals are held against the expectation one by one, not only
 * as sums: two mistakes that cancel each other are still mistakes. The first of each sort is named.
 */
#include "ctl/demo_found.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/uuid.h"

struct place { /* of a stored item in the log */
    int64_t position;
    uint32_t item;
};
struct finder {
    PGconn *c;
    const struct demo_burst *b;
    struct demo_expected *e;
    struct demo_found *f;
    struct place *places;
    size_t nplaces;
    char lo[40], hi[40], first[24], upto[24], prefix[24];
    struct lj_err *err;
};

static int by_position(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    return (x->position > y->position) - (x->position < y->position);
}

static const struct demo_item *item_at(const struct finder *f, int64_t position)
{
    struct place key = {position, 0};
    const struct place *p = bsearch(&key, f->places, f->nplaces, sizeof key, by_position);
    return p ? &f->b->items[p->item] : NULL;
}

static int64_t field(const PGresult *r, int row, int column)
{
    return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

static int query(struct finder *f, const char *sql, int n, const char *const *params,
                 PGresult **ret)
{
    return lj_dbs_query(f->c, sql, n, params, ret, f->err);
}

LJ_PRINTF(2, 3)
static void wrong(struct finder *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (f->f->wrong_items++ == 0)
        (void)vsnprintf(f->f->first_wrong, sizeof f->f->first_wrong, fmt, ap);
    va_end(ap);
}

static const char *id_of(const struct demo_item *i, char out[LJ_UUID_TEXT + 1])
{
    return lj_uuid_format(i->id, out);
}

/* ---- answers ---- */

static void take_answer(struct finder *f, size_t n)
{
    const struct demo_item *i = &f->b->items[n];
    char id[LJ_UUID_TEXT + 1];
    int first = i->op != DEMO_SAME && i->op != DEMO_OTHER;
    f->f->stored += i->answer == 0;
    f->f->repeated += i->answer == 1;
    f->f->conflicts += i->answer == LJ_E_ID_CONFLICT;
    if (i->answer < 0 && !(i->answer == LJ_E_ID_CONFLICT && i->op == DEMO_OTHER)) {
        f->f->other_answers++;
        wrong(f, "%s was answered %s", id_of(i, id), lj_err_info(i->answer)->name);
    }
    if (i->op == DEMO_OTHER && i->answer >= 0)
        wrong(f, "%s with other content was taken", id_of(i, id));
    if (first && i->position > 0)
        f->places[f->nplaces++] = (struct place){i->position, (uint32_t)n};
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void quantiles(int64_t *times, size_t n, int64_t *p50, int64_t *p99)
{
    qsort(times, n, sizeof *times, by_time);
    *p50 = n ? times[n / 2] : 0;
    *p99 = n ? times[n * 99 / 100] : 0;
}

static int answers(struct finder *f)
{
    int64_t *times = calloc(f->b->n, sizeof *times);
    f->places = calloc(f->b->n, sizeof *f->places);
    if (!times || !f->places) {
        free(times);
        return lj_fail(f->err, LJ_E_NOMEM, "no memory for the demonstration's answers");
    }
    for (size_t i = 0; i < f->b->n; i++) {
        take_answer(f, i);
        times[i] = f->b->items[i].acked_us - f->b->items[i].submitted_us;
    }
    quantiles(times, f->b->n, &f->f->ack_p50_us, &f->f->ack_p99_us);
    free(times);
    qsort(f->places, f->nplaces, sizeof *f->places, by_position);
    (void)snprintf(f->first, sizeof f->first, "%lld",
                   (long long)(f->nplaces ? f->places[0].position : 0));
    return 0;
}

/* ---- verdicts ---- */

/* The codes that rejected it, each once; *ret_only = 1 when `code` is the only one. */
static void take_codes(struct finder *f, const char *notes, const char *code, int *ret_only)
{
    json_t *list = json_loads(notes, 0, NULL);
    json_t *n;
    size_t i;
    const char *seen = NULL;
    *ret_only = 1;
    json_array_foreach(list, i, n)
    {
        const char *severity = json_string_value(json_object_get(n, "severity"));
        const char *found = json_string_value(json_object_get(n, "code"));
        if (!severity || !found || severity[0] != 'E' || (seen && strcmp(seen, found) == 0))
            continue;
        seen = found;
        demo_code_row(f->e, found)->found++;
        *ret_only &= code && strcmp(code, found) == 0;
    }
    json_decref(list);
}

static void take_verdict(struct finder *f, const PGresult *r, int row)
{
    const struct demo_item *i = item_at(f, field(r, row, 0));
    char id[LJ_UUID_TEXT + 1];
    int only = 1;
    int rejected = field(r, row, 1) == 2;
    const char *notes = PQgetvalue(r, row, 3);
    int noted = strlen(notes) > 2;
    f->f->rejected += rejected;
    f->f->accepted += !rejected;
    f->f->clean += !rejected && !noted;
    f->f->warned += !rejected && noted;
    if (rejected)
        take_codes(f, notes, i ? i->code : NULL, &only);
    if (!i)
        return;
    enum demo_verdict found = rejected ? DEMO_REJECTED : noted ? DEMO_WARNED : DEMO_CLEAN;
    if (found != (enum demo_verdict)i->verdict || !only)
        wrong(f, "%s (%s): expected %s, found %.80s", id_of(i, id), demo_type(i),
              i->verdict == DEMO_REJECTED ? i->code
              : i->verdict == DEMO_WARNED ? "a warning"
                                          : "nothing to say",
              notes);
}

static int verdicts(struct finder *f)
{
    const char *params[] = {f->lo, f->hi};
    PGresult *r = NULL;
    int rc = query(f,
                   "select e.position, v.verdict, v.op, coalesce(v.notes, '[]') from "
                   "liangjin.event e join liangjin.validation v on v.position = e.position"
                   " where e.id between $1::uuid and $2::uuid",
                   2, params, &r);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++)
        take_verdict(f, r, i);
    PQclear(r);
    return rc;
}

static int flags(struct finder *f)
{
    const char *params[] = {f->lo, f->hi};
    char id[LJ_UUID_TEXT + 1];
    PGresult *r = NULL;
    int rc = query(f,
                   "select e.position, o.verdict from liangjin.event e join "
                   "liangjin.opinion_score o on o.position = e.position"
                   " where e.id between $1::uuid and $2::uuid",
                   2, params, &r);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        const struct demo_item *item = item_at(f, field(r, i, 0));
        int flagged = field(r, i, 1) != 1;
        f->f->flags += flagged;
        if (item && flagged != (item->op == DEMO_FEEDBACK && item->risky))
            wrong(f, "%s (%s): %s", id_of(item, id), demo_type(item),
                  flagged ? "flagged without a risk" : "its risk was not seen");
    }
    PQclear(r);
    return rc;
}

/* Flags that stand: persons at two places, and signs of formalism. */
static int standing(struct finder *f)
{
    const char *params[] = {f->lo, f->hi};
    PGresult *r = NULL;
    int rc = query(f,
                   "select count(*), code from liangjin.flag_standing where event_id between "
                   "$1::uuid and $2::uuid group by code",
                   2, params, &r);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        const char *code = PQgetvalue(r, i, 1);
        if (strcmp(code, "V09") == 0)
            f->f->overlaps = field(r, i, 0);
        for (size_t k = 0; k < DEMO_SIGNS; k++)
            if (strcmp(code, demo_sign_codes[k]) == 0)
                f->f->signs[k] = field(r, i, 0);
    }
    PQclear(r);
    return rc;
}

/* ---- what followed ---- */

static int single_counts(struct finder *f)
{
    uint8_t lo[16];
    uint8_t hi[16];
    char wlo[40];
    char whi[40];
    demo_ids(f->b->world, 0, lo, hi);
    const char *params[] = {f->lo,    f->hi,  lj_uuid_format(lo, wlo), lj_uuid_format(hi, whi),
                            f->first, f->upto};
    PGresult *r = NULL;
    int rc = query(
        f,
        "with f as materialized (select e.position, t.name, case when t.name = 'quota.duty_met' "
        "then e.payload::json ->> 'subject' end as subject from liangjin.event e join "
        "liangjin.event_type t on t.number = e.type where e.causation_id between $1::uuid and "
        "$2::uuid), m as (select t.code from liangjin.mail m join f on f.position = m.position "
        "join "
        "liangjin.mail_template t on t.rule = m.rule)"
        " select (select count(*) from f where name = 'activity.withdrawn'), (select count(*) from "
        "f where subject = 'PERSON'), (select count(*) from f where subject = 'TEAM'),"
        " (select count(*) from m where code = 'N23'), (select count(*) from m where code = 'N24'),"
        " (select count(*) from m where code = 'N25'), (select count(*) from m where code not in "
        "('N23', 'N24', 'N25')), (select count(*) from liangjin.parked_open where position between "
        "$5::int8 and $6::int8), (select count(*) from liangjin.event e join liangjin.register_log "
        "l on l.position = e.position where e.id between $3::uuid and $4::uuid and l.verdict = 2)",
        6, params, &r);
    if (rc == 0) {
        int64_t *const to[] = {&f->f->withdrawn,      &f->f->persons_met, &f->f->teams_met,
                               &f->f->mails_rejected, &f->f->mails_met,   &f->f->mails_flagged,
                               &f->f->mails_other,    &f->f->parked,      &f->f->register_refused};
        for (int i = 0; i < 9; i++)
            *to[i] = field(r, 0, i);
    }
    PQclear(r);
    return rc;
}

/* ---- totals ---- */

static void take_total(struct finder *f, const PGresult *r, int row, uint8_t *seen)
{
    const struct demo_world *w = f->b->world;
    int team = PQgetvalue(r, row, 0)[0] == 'T';
    const char *code = PQgetvalue(r, row, 1) + strlen(f->prefix) + 1; /* behind d1-t */
    uint32_t n = (uint32_t)strtoul(code, NULL, 10);
    int64_t back = f->e->year - field(r, row, 2);
    if (n >= (team ? w->nteams : w->npersons) || back < 0 || back >= DEMO_YEARS)
        return;
    size_t at = n * DEMO_YEARS + (size_t)back;
    const struct demo_total *t = team ? &f->e->teams[at] : &f->e->persons[at];
    seen[(team ? 0 : w->nteams * DEMO_YEARS) + at] = 1;
    f->f->minutes += field(r, row, 3);
    f->f->sessions += field(r, row, 4);
    if (field(r, row, 3) == t->minutes && field(r, row, 4) == t->sessions &&
        field(r, row, 5) == t->duty)
        return;
    if (f->f->wrong_totals++ == 0)
        (void)snprintf(f->f->first_total, sizeof f->f->first_total,
                       "%s %s %s: expected %d minutes, %d sessions, duty %d; found %s, %s, %s",
                       PQgetvalue(r, row, 0), PQgetvalue(r, row, 1), PQgetvalue(r, row, 2),
                       t->minutes, t->sessions, t->duty, PQgetvalue(r, row, 3),
                       PQgetvalue(r, row, 4), PQgetvalue(r, row, 5));
}

/* Totals that should be there and are not. */
static void take_missing(struct finder *f, const uint8_t *seen)
{
    const struct demo_world *w = f->b->world;
    size_t nteams = w->nteams * DEMO_YEARS;
    for (size_t i = 0; i < nteams + w->npersons * DEMO_YEARS; i++) {
        const struct demo_total *t = i < nteams ? &f->e->teams[i] : &f->e->persons[i - nteams];
        if (seen[i] || (t->minutes == 0 && t->sessions == 0))
            continue;
        if (f->f->wrong_totals++ == 0)
            (void)snprintf(f->f->first_total, sizeof f->f->first_total,
                           "%s%s%zu has no total: expected %d minutes, %d sessions", f->prefix,
                           i < nteams ? "t" : "p", (i < nteams ? i : i - nteams) / DEMO_YEARS,
                           t->minutes, t->sessions);
    }
}

static int totals(struct finder *f)
{
    const struct demo_world *w = f->b->world;
    const char *params[] = {f->prefix};
    PGresult *r = NULL;
    uint8_t *seen = calloc((w->nteams + w->npersons) * DEMO_YEARS, 1);
    if (!seen)
        return lj_fail(f->err, LJ_E_NOMEM, "no memory for the demonstration's totals");
    int rc = query(f,
                   "select subject, code, year, minutes, sessions, duty from "
                   "liangjin.quota_subject where starts_with(code, $1)",
                   1, params, &r);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++)
        take_total(f, r, i, seen);
    if (rc == 0)
        take_missing(f, seen);
    PQclear(r);
    free(seen);
    return rc;
}

/* ---- times ---- */

/* From handing over to the last closure of the event or of what followed on it. */
static int effects(struct finder *f)
{
    const char *params[] = {f->first, f->upto};
    PGresult *r = NULL;
    size_t n = 0;
    int64_t *times = calloc(f->nplaces + 1, sizeof *times);
    if (!times)
        return lj_fail(f->err, LJ_E_NOMEM, "no memory for the demonstration's times");
    int rc = query(f,
                   "with c as materialized (select p, max(closed_at) as at from liangjin.closure x "
                   "cross join lateral unnest(x.positions) p where x.hi >= $1::int8 and x.lo <= "
                   "$2::int8 group by p), f as materialized (select e.position, r.position as root "
                   "from liangjin.event e join liangjin.event r on r.id = e.causation_id where "
                   "e.position between $1::int8 and $2::int8)"
                   " select coalesce(f.root, c.p), (extract(epoch from max(c.at)) * 1000000)::int8 "
                   "from c left join f on f.position = c.p group by 1",
                   2, params, &r);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        const struct demo_item *item = item_at(f, field(r, i, 0));
        if (item && n < f->nplaces)
            times[n++] = field(r, i, 1) - item->submitted_us;
    }
    quantiles(times, n, &f->f->effect_p50_us, &f->f->effect_p99_us);
    PQclear(r);
    free(times);
    return rc;
}

int demo_find(PGconn *c, const struct demo_burst *b, struct demo_expected *e, int64_t upto,
              struct demo_found *ret, struct lj_err *err)
{
    static int (*const steps[])(struct finder * f) = {answers,       verdicts, flags,  standing,
                                                      single_counts, totals,   effects};
    struct finder f = {.c = c, .b = b, .e = e, .f = ret, .err = err};
    uint8_t lo[16];
    uint8_t hi[16];
    int rc = 0;
    *ret = (struct demo_found){0};
    demo_ids(b->world, 1, lo, hi);
    (void)lj_uuid_format(lo, f.lo);
    (void)lj_uuid_format(hi, f.hi);
    (void)snprintf(f.upto, sizeof f.upto, "%lld", (long long)upto);
    (void)snprintf(f.prefix, sizeof f.prefix, "d%d-", b->world->generation);
    for (size_t i = 0; rc == 0 && i < sizeof steps / sizeof steps[0]; i++)
        rc = steps[i](&f);
    free(f.places);
    return rc;
}
