/* What the lookup reads.
 *
 * Normally one round trip a batch: what is new in register_log, and the codes that are not held.
 * Only when something is new, a second one: which codes it concerns (those are dropped), units and
 * policies again, and the dropped codes that this batch needs, in a third.
 *
 * "New" goes by closure, not by position: a parked register event that is redriven writes rows at
 * its old, low position, but under a new closure, and apply_register lets closures commit only in
 * their order. Rows read later in the round than the news may be newer than `seen`; the next round
 * then drops them once for nothing.
 *
 * All versions of a code are read, also those above the batch: which one holds at p is picked
 * later, so a replay with the same log gives the same answers.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/pgparam.h"
#include "workers/runner/lookup_part.h"

/* Spans without an end come as the outermost int4, roles and kinds as their number in the enums of
 * lookup.h. */
#define FROM(column) "coalesce(" column "::date - date '2000-01-01', -2147483648)"
#define TO(column)   "coalesce(" column "::date - date '2000-01-01', 2147483647)"
#define KINDS                                                                                      \
    "'{KINDERGARTEN,PRIMARY,MIDDLE,SENIOR,NINE_YEAR,SPECIAL_ED,VOCATIONAL,COMMUNITY,VILLAGE,"      \
    "ELDER_CARE,ELDER_UNIV,PARK,STADIUM,TRAINING_BASE,UNIVERSITY,COMPANY,MALL,SCENIC,BARRACKS,"    \
    "OTHER}'::text[]"
#define CODES                                                                                      \
    " from unnest($1::text[], $2::text[]) with ordinality n(unit, code, ord)"                      \
    " join unit u on u.code = n.unit"
#define DEGREES(column) "coalesce(" column "::float8, 999)"

static const struct lj_statement first_news = {
    "lookup_first", "select coalesce(max(l.closure), 0), 0::int8 from register_log l"};
static const struct lj_statement news = {
    "lookup_news",
    "select l.closure, l.position from register_log l where l.closure > $1 order by l.closure"};
static const struct lj_statement units = {"lookup_units",
                                          "select v.number, v.position, coalesce(v.parent, "
                                          "-1::int2), v.state = 'CLOSED' from unit_version v"
                                          " order by v.number, v.position"};
static const struct lj_statement policies = {
    "lookup_policies",
    "select v.position, array_position('{NATION,UNIT,TEAM}'::text[], p.scope) - 1,"
    " coalesce(p.unit::int4, p.team, 0), v.version, " FROM("v.valid_from") ", " TO(
        "v.valid_to") ", v.athlete_min_minutes::int4, v.lecture_cap_minutes::int4,"
                      " (v.presence_min * 10000)::int4, (v.guidance_min_share * 10000)::int4,"
                      " (select coalesce(sum(1 << array_position(" KINDS
                      ", s)), 0)::int4 from unnest(v.sites_counted) s),"
                      " (select coalesce(sum(1 << array_position(" KINDS
                      ", s)), 0)::int4 from unnest(v.sites_conditional) s),"
                      " array_position('{NONE,UNIT,CENTRE}'::text[], v.review) - 1"
                      " from policy p join policy_version v on v.number = p.number"
                      " order by 2, 3, v.version desc"};

/* Injuries alone: that is what a rule asks for. */
static const struct lj_statement injuries = {
    "lookup_injuries",
    "select v.person, v.number, v.position, " FROM("v.valid_from") ", " TO(
        "v.valid_to") " from exemption_version v where v.person is not null and v.kind = 'INJURY'"
                      " order by 1, 2, 3"};

static const struct lj_statement holidays = {
    "lookup_holidays",
    "select y.position, d - date '2000-01-01', make_date(y.year, 1, 1) - date '2000-01-01',"
    " make_date(y.year, 12, 31) - date '2000-01-01' from calendar_year y cross join"
    " unnest(y.off) d order by y.year, y.position desc, d"};

static const struct lj_statement windows = {
    "lookup_windows", "select w.position, w.opened_from::date - date '2000-01-01', "
                      "w.opened_to::date - date '2000-01-01', w.unit from filing_window w order by "
                      "w.position"};

/* Codes that register events at these positions are about. */
static const struct lj_statement changed = {
    "lookup_changed",
    "select 0, u.code, i.code::text from team_version v join team i on i.number = v.number"
    " join unit u on u.number = i.unit where v.position = any($1::int8[])"
    " union all select 1, u.code, i.code::text from person_version v"
    " join person i on i.number = v.number join unit u on u.number = i.unit"
    " where v.position = any($1::int8[])"
    " union all select 1, u.code, i.code::text from membership_version v"
    " join membership m on m.number = v.number join person i on i.number = m.person"
    " join unit u on u.number = i.unit where v.position = any($1::int8[])"
    " union all select 2, u.code, i.code::text from site_version v join site i on i.number = "
    "v.number join unit u on u.number = i.unit where v.position = any($1::int8[])"};

/* Rows come by ordinal of the code, then in the order in which an entry keeps them. */
static const struct lj_statement codes[LJ_LOOKUP_WHATS] = {
    [LJ_LOOKUP_TEAM] =
        {"lookup_teams",
         "select n.ord::int4, v.position, i.number, i.unit, 0::int2, " FROM("v.valid_from") ", " TO(
             "v.valid_to") ", "
                           "case when d is null then 2147483647 else coalesce(lower(d) - date "
                           "'2000-01-01', -2147483648) end, "
                           "case when d is null then -2147483648 else coalesce(upper(d) - date "
                           "'2000-01-01' - 1, 2147483647) end, 0, " DEGREES(
                               "v.base_lat") ", " DEGREES("v.base_lon") CODES
         " join team i on i.unit = u.number and i.code = n.code"
         " join team_version v on v.number = i.number left join lateral "
         "unnest(v.paused) d on true order by n.ord, v.position"},
    /* A person's versions, each with the birth year, then the memberships. */
    [LJ_LOOKUP_PERSON] =
        {"lookup_persons",
         "select n.ord::int4, i.position, i.number, i.unit, x.is_version, x.position, x.team, "
         "x.number, x.since, x.until, x.role, x.status" CODES
         " join person i on i.unit = u.number and i.code = n.code"
         " cross join lateral (select true as is_version, coalesce(v.position, i.position) as "
         "position, 0 as team, coalesce(v.birth_year, 0)::int4 as number, 0 as since, 0 as until, "
         "0 as role, 0 as status from (values (1)) one left join person_version v on v.number = "
         "i.number union all select false, v.position, m.team, m.number, " FROM(
             "v.valid_from") ", " TO("v.valid_to") ", "
                                                   "array_position('{ATHLETE,COACH,OFFICIAL,STAFF}'"
                                                   "::text[], v.role),"
                                                   " array_position('{FORMAL,TRIAL,TRAINEE,RETIRED,"
                                                   "LEFT}'::text[], v.status)"
                                                   " from membership m join membership_version v "
                                                   "on v.number = m.number where m.person = "
                                                   "i.number) x order by n.ord, x.is_version desc, "
                                                   "x.team, case when x.is_version then 0 else "
                                                   "x.number end, x.position"},
    [LJ_LOOKUP_SITE] =
        {"lookup_sites",
         "select n.ord::int4, v.position, i.number, i.unit, array_position(" KINDS
         ", v.kind)::int2, coalesce(v.capacity, 0), 0, 0, 0, coalesce(v.region::int4, 0), " DEGREES(
             "v.lat") ", " DEGREES("v.lon") CODES
         " join site i on i.unit = u.number and i.code = n.code"
         " join site_version v on v.number = i.number order by n.ord, v.position"},
};

static double get_double(const PGresult *r, int row, int col)
{
    uint64_t bits = (uint64_t)lj_pgget_i64(r, row, col);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void get_text(const PGresult *r, int row, int col, char *out, size_t room)
{
    size_t n = (size_t)PQgetlength(r, row, col);
    n = n < room - 1 ? n : room - 1;
    memcpy(out, PQgetvalue(r, row, col), n);
    out[n] = '\0';
}

/* ---- units, policies, news ---- */

static int take_units(void *arg, const PGresult *r, struct lj_err *err)
{
    struct lj_lookup *lk = arg;
    lk->units.count = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        struct lj_unit_row *u = lj_list_add(&lk->units, err);
        if (!u)
            return LJ_E_NOMEM;
        u->number = lj_pgget_i16(r, i, 0);
        u->position = lj_pgget_i64(r, i, 1);
        u->parent = lj_pgget_i16(r, i, 2);
        u->closed = *PQgetvalue(r, i, 3) != 0;
    }
    return 0;
}

static int take_policies(void *arg, const PGresult *r, struct lj_err *err)
{
    struct lj_lookup *lk = arg;
    lk->policies.count = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        struct lj_policy_row *p = lj_list_add(&lk->policies, err);
        if (!p)
            return LJ_E_NOMEM;
        *p = (struct lj_policy_row){
            .position = lj_pgget_i64(r, i, 0),
            .scope = lj_pgget_i32(r, i, 1),
            .key = lj_pgget_i32(r, i, 2),
            .version = lj_pgget_i32(r, i, 3),
            .from = lj_pgget_i32(r, i, 4),
            .to = lj_pgget_i32(r, i, 5),
            .terms = {.athlete_min = lj_pgget_i32(r, i, 6),
                      .lecture_cap = lj_pgget_i32(r, i, 7),
                      .presence_bp = lj_pgget_i32(r, i, 8),
                      .guidance_bp = lj_pgget_i32(r, i, 9),
                      .sites_counted = (uint32_t)lj_pgget_i32(r, i, 10),
                      .sites_conditional = (uint32_t)lj_pgget_i32(r, i, 11),
                      .review = (enum lj_review)lj_pgget_i32(r, i, 12)},
        };
    }
    return 0;
}

static int take_injuries(void *arg, const PGresult *r, struct lj_err *err)
{
    struct lj_lookup *lk = arg;
    lk->injuries.count = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        struct lj_injury_row *x = lj_list_add(&lk->injuries, err);
        if (!x)
            return LJ_E_NOMEM;
        *x = (struct lj_injury_row){.person = lj_pgget_i32(r, i, 0),
                                    .number = lj_pgget_i32(r, i, 1),
                                    .position = lj_pgget_i64(r, i, 2),
                                    .from = lj_pgget_i32(r, i, 3),
                                    .to = lj_pgget_i32(r, i, 4)};
    }
    return 0;
}

static int take_holidays(void *arg, const PGresult *r, struct lj_err *err)
{
    struct lj_lookup *lk = arg;
    lk->holidays.count = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        struct lj_holiday_row *h = lj_list_add(&lk->holidays, err);
        if (!h)
            return LJ_E_NOMEM;
        *h = (struct lj_holiday_row){.position = lj_pgget_i64(r, i, 0),
                                     .day = lj_pgget_i32(r, i, 1),
                                     .first = lj_pgget_i32(r, i, 2),
                                     .last = lj_pgget_i32(r, i, 3)};
    }
    return 0;
}

static int take_windows(void *arg, const PGresult *r, struct lj_err *err)
{
    struct lj_lookup *lk = arg;
    lk->windows.count = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        struct lj_window_row *w = lj_list_add(&lk->windows, err);
        if (!w)
            return LJ_E_NOMEM;
        *w = (struct lj_window_row){.position = lj_pgget_i64(r, i, 0),
                                    .from = lj_pgget_i32(r, i, 1),
                                    .to = lj_pgget_i32(r, i, 2),
                                    .unit = lj_pgget_i16(r, i, 3)};
    }
    return 0;
}

/* What is held whole: units, policies, injuries, windows, holidays. */
static int add_wholes(struct lj_lookup *lk, struct lj_err *err)
{
    int rc = lj_fetch_add(lk->reader, &units, NULL, take_units, lk, err);
    if (rc == 0)
        rc = lj_fetch_add(lk->reader, &policies, NULL, take_policies, lk, err);
    if (rc == 0)
        rc = lj_fetch_add(lk->reader, &injuries, NULL, take_injuries, lk, err);
    if (rc == 0)
        rc = lj_fetch_add(lk->reader, &windows, NULL, take_windows, lk, err);
    return rc < 0 ? rc : lj_fetch_add(lk->reader, &holidays, NULL, take_holidays, lk, err);
}

static int take_news(void *arg, const PGresult *r, struct lj_err *err)
{
    struct lj_lookup *lk = arg;
    int first = lk->seen < 0;
    for (int i = 0; i < PQntuples(r); i++) {
        lk->seen = lj_pgget_i64(r, i, 0);
        int64_t *at = first ? NULL : lj_list_add(&lk->news, err);
        if (!first && !at)
            return LJ_E_NOMEM;
        if (at)
            *at = lj_pgget_i64(r, i, 1);
    }
    return 0;
}

static int take_changed(void *arg, const PGresult *r, struct lj_err *err)
{
    struct lj_lookup *lk = arg;
    int rc = 0;
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        struct lj_ref ref;
        get_text(r, i, 1, ref.unit, sizeof ref.unit);
        get_text(r, i, 2, ref.code, sizeof ref.code);
        uint32_t entry = lj_cache_find(lk, (enum lj_lookup_what)lj_pgget_i32(r, i, 0), &ref);
        if (entry)
            rc = lj_cache_evict(lk, entry, err);
    }
    return rc;
}

/* ---- entries ---- */

/* A site has no span; its capacity stands where a team's begins. */
static void read_row(const PGresult *r, int i, int is_site, struct lj_lookup_row *out)
{
    *out = (struct lj_lookup_row){
        .position = lj_pgget_i64(r, i, 1),
        .number = lj_pgget_i32(r, i, 2),
        .unit = lj_pgget_i16(r, i, 3),
        .kind = lj_pgget_i16(r, i, 4),
        .from = is_site ? 0 : lj_pgget_i32(r, i, 5),
        .capacity = is_site ? lj_pgget_i32(r, i, 5) : 0,
        .to = lj_pgget_i32(r, i, 6),
        .paused_from = lj_pgget_i32(r, i, 7),
        .paused_to = lj_pgget_i32(r, i, 8),
        .region = lj_pgget_i32(r, i, 9),
        .lat = get_double(r, i, 10),
        .lon = get_double(r, i, 11),
    };
}

static void read_member(const PGresult *r, int i, struct lj_member_row *out)
{
    *out = (struct lj_member_row){
        .position = lj_pgget_i64(r, i, 5),
        .team = lj_pgget_i32(r, i, 6),
        .number = lj_pgget_i32(r, i, 7),
        .from = lj_pgget_i32(r, i, 8),
        .to = lj_pgget_i32(r, i, 9),
        .role = lj_pgget_i32(r, i, 10),
        .status = lj_pgget_i32(r, i, 11),
    };
}

/* Fills an entry with rows [from, to) of the result. */
static int fill(struct lj_entry *e, const PGresult *r, int from, int to, struct lj_err *err)
{
    uint32_t n = (uint32_t)(to - from), versions = 0;
    int person = e->what == LJ_LOOKUP_PERSON;
    while (person && versions < n && lj_pgget_bool(r, from + (int)versions, 4))
        versions++;
    e->nrows = person ? versions : n;
    e->nmembers = n - e->nrows;
    e->rows = calloc(e->nrows, sizeof *e->rows);
    e->members = e->nmembers ? calloc(e->nmembers, sizeof *e->members) : NULL;
    if (!e->rows || (e->nmembers && !e->members)) {
        e->nrows = e->nmembers = 0;
        return lj_fail(err, LJ_E_NOMEM, "no memory for a register entry");
    }
    for (uint32_t k = 0; k < e->nmembers; k++)
        read_member(r, from + (int)(versions + k), &e->members[k]);
    for (uint32_t k = 0; k < versions; k++)
        e->rows[k] = (struct lj_lookup_row){.position = lj_pgget_i64(r, from + (int)k, k ? 5 : 1),
                                            .number = lj_pgget_i32(r, from, 2),
                                            .unit = lj_pgget_i16(r, from, 3),
                                            .kind = (int16_t)lj_pgget_i32(r, from + (int)k, 7)};
    if (person)
        return 0;
    for (uint32_t k = 0; k < n; k++)
        read_row(r, from + (int)k, e->what == LJ_LOOKUP_SITE, &e->rows[k]);
    return 0;
}

static int take_codes(struct lj_lookup *lk, enum lj_lookup_what what, const PGresult *r,
                      struct lj_err *err)
{
    const uint32_t *asked = lk->asked[what].data;
    int rows = PQntuples(r), rc = 0;
    for (int i = 0, end; rc == 0 && i < rows; i = end) {
        int ord = lj_pgget_i32(r, i, 0);
        for (end = i + 1; end < rows && lj_pgget_i32(r, end, 0) == ord;)
            end++;
        struct lj_entry *e = lj_cache_at(lk, asked[ord - 1]);
        rc = fill(e, r, i, end, err);
        lk->rows_held += e->nrows + e->nmembers;
    }
    for (size_t k = 0; rc == 0 && k < lk->asked[what].count; k++)
        lj_cache_at(lk, asked[k])->state = LJ_ENTRY_HELD;
    lk->asked[what].count = 0;
    return rc;
}

static int take_teams(void *arg, const PGresult *r, struct lj_err *err)
{
    return take_codes(arg, LJ_LOOKUP_TEAM, r, err);
}
static int take_persons(void *arg, const PGresult *r, struct lj_err *err)
{
    return take_codes(arg, LJ_LOOKUP_PERSON, r, err);
}
static int take_sites(void *arg, const PGresult *r, struct lj_err *err)
{
    return take_codes(arg, LJ_LOOKUP_SITE, r, err);
}

static int add_codes(struct lj_lookup *lk, enum lj_lookup_what what, struct lj_err *err)
{
    static const lj_fetch_take takers[LJ_LOOKUP_WHATS] = {take_teams, take_persons, take_sites};
    const struct lj_list *asked = &lk->asked[what];
    struct lj_pgarray arrays[2] = {0};
    struct lj_fetch_params params = {.count = 2};
    int rc = 0;
    if (asked->count == 0)
        return 0;
    lj_pgarray_init(&arrays[0], LJ_PG_TEXT);
    lj_pgarray_init(&arrays[1], LJ_PG_TEXT);
    for (size_t i = 0; i < asked->count; i++) {
        const struct lj_ref *ref = &lj_cache_at(lk, ((const uint32_t *)asked->data)[i])->ref;
        lj_pgarray_bytes(&arrays[0], ref->unit, strlen(ref->unit));
        lj_pgarray_bytes(&arrays[1], ref->code, strlen(ref->code));
    }
    for (int i = 0; rc == 0 && i < 2; i++) {
        const uint8_t *p = NULL;
        size_t n = 0;
        rc = lj_pgarray_done(&arrays[i], &p, &n, err);
        params.values[i] = (const char *)p;
        params.lengths[i] = (int)n;
    }
    if (rc == 0)
        rc = lj_fetch_add(lk->reader, &codes[what], &params, takers[what], lk, err);
    lj_pgarray_free(&arrays[0]);
    lj_pgarray_free(&arrays[1]);
    return rc;
}

static int add_all_codes(struct lj_lookup *lk, struct lj_err *err)
{
    int rc = 0;
    for (size_t w = 0; rc == 0 && w < LJ_LOOKUP_WHATS; w++)
        rc = add_codes(lk, (enum lj_lookup_what)w, err);
    return rc;
}

/* ---- rounds ---- */

static int add_news(struct lj_lookup *lk, struct lj_err *err)
{
    uint64_t since = htobe64((uint64_t)lk->seen);
    const struct lj_fetch_params params = {1, {(const char *)&since}, {sizeof since}};
    if (lk->seen >= 0)
        return lj_fetch_add(lk->reader, &news, &params, take_news, lk, err);
    int rc = lj_fetch_add(lk->reader, &first_news, NULL, take_news, lk, err);
    return rc < 0 ? rc : add_wholes(lk, err);
}

static int add_changed(struct lj_lookup *lk, struct lj_err *err)
{
    struct lj_pgarray positions = {0};
    const uint8_t *p = NULL;
    size_t n = 0;
    lj_pgarray_init(&positions, LJ_PG_INT8);
    for (size_t i = 0; i < lk->news.count; i++)
        lj_pgarray_int(&positions, ((const int64_t *)lk->news.data)[i]);
    int rc = lj_pgarray_done(&positions, &p, &n, err);
    if (rc == 0) {
        const struct lj_fetch_params params = {1, {(const char *)p}, {(int)n}};
        rc = lj_fetch_add(lk->reader, &changed, &params, take_changed, lk, err);
    }
    lj_pgarray_free(&positions);
    return rc;
}

/* Drops everything that is held, without asking which codes the news are about. */
static int evict_all(struct lj_lookup *lk, struct lj_err *err)
{
    int rc = 0;
    for (uint32_t i = 1; rc == 0 && i < lk->entries.count; i++)
        rc = lj_cache_evict(lk, i, err);
    return rc;
}

static int follow_news(struct lj_lookup *lk, struct lj_err *err)
{
    enum { NEWS_ONE_BY_ONE = 2000 }; /* more than this many: a load of registers is going on */
    int rc = lk->news.count > NEWS_ONE_BY_ONE ? evict_all(lk, err) : add_changed(lk, err);
    lk->news.count = 0;
    if (rc == 0)
        rc = add_wholes(lk, err);
    if (rc == 0)
        rc = lj_fetch_run(lk->reader, err);
    if (rc == 0)
        rc = add_all_codes(lk, err);
    return rc < 0 ? rc : lj_fetch_run(lk->reader, err);
}

int lj_lookup_fetch(struct lj_lookup *lk, struct lj_err *err)
{
    int rc = add_news(lk, err);
    if (rc == 0)
        rc = add_all_codes(lk, err);
    if (rc == 0)
        rc = lj_fetch_run(lk->reader, err);
    if (rc == 0 && lk->news.count > 0)
        rc = follow_news(lk, err);
    if (rc < 0)
        lj_cache_clear(lk); /* half a round is none */
    return rc;
}
