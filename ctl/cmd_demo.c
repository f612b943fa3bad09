/* ljctl demo: a synthetic world and a burst of reports on a running system; `up --demo` runs it
 * too.
 *
 * In order: generation and sizes, registers (waited for until the kind register has them all), the
 * burst, then waiting until every kind has closed it and quota has settled it, and what followed on
 * it, and the comparison. Exit code 1 when any figure is not the one expected.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/demo_found.h"
#include "ctl/pg.h"
#include "ctl/processes.h"

enum { POLL_MS = 100, STATUS_MS = 5000, STUCK_S = 120, KINDS_MAX = 64 };

struct demo {
    struct lj_ctl *ctl;
    struct lj_layout at;
    struct lj_admin *admin;
    PGconn *c;
    struct demo_world world;
    struct demo_burst burst;
    struct demo_policy policy;
    struct demo_expected expected;
    struct demo_found found;
    struct demo_sending sending;
    int64_t settled_us; /* monotonic: when all was done */
    double register_s;
    size_t register_events;
    int64_t upto;
    int64_t told_us;
};

/* ---- waiting ---- */

static int64_t number(const json_t *o, const char *name)
{
    return (int64_t)json_number_value(json_object_get(o, name));
}

static void tell(struct demo *d, const json_t *status, const char *what)
{
    int tty = isatty(STDERR_FILENO);
    int64_t now = lj_mono_us();
    size_t i;
    json_t *k;
    if (now - d->told_us < (tty ? 300000 : 2000000))
        return;
    d->told_us = now;
    (void)fprintf(stderr, "%s%s ", tty ? "\r\033[K" : "", what);
    json_array_foreach(json_object_get(status, "kinds"), i, k)
    {
        const char *name = json_string_value(json_object_get(k, "name"));
        if (number(k, "open"))
            (void)fprintf(stderr, " %s %lld", name ? name : "?", (long long)number(k, "open"));
        else if (name && strcmp(name, "quota") == 0 &&
                 number(k, "settled") < number(status, "frontier"))
            (void)fprintf(stderr, " 结算 settling");
    }
    (void)fprintf(stderr, "%s", tty ? "" : "\n");
    (void)fflush(stderr);
}

/* What is still missing until every kind (or one) has closed everything up to a position, and quota
 * has settled it; a number that falls as work is done. */
static int64_t missing(const json_t *status, const char *only, int64_t upto)
{
    int64_t sum = 0;
    size_t i;
    json_t *k;
    json_array_foreach(json_object_get(status, "kinds"), i, k)
    {
        const char *name = json_string_value(json_object_get(k, "name"));
        if (!name || (only && strcmp(name, only) != 0))
            continue;
        int64_t mark = number(k, "watermark");
        sum += mark < upto ? upto - mark : 0;
        int64_t settled = number(k, "settled");
        if (strcmp(name, "quota") == 0 && settled < upto)
            sum += upto - settled;
    }
    return sum;
}

/* Until nothing is missing; gives up when nothing has moved for STUCK_S. *ret_frontier = the
 * frontier then. */
static int await(struct demo *d, const char *what, const char *only, int64_t upto,
                 int64_t *ret_frontier, struct lj_err *err)
{
    int64_t least = INT64_MAX;
    int64_t moved = lj_mono_us();
    for (;;) {
        json_t *status = NULL;
        int rc =
            lj_admin_call(d->admin, json_pack("{s:s}", "op", "status"), STATUS_MS, &status, err);
        int64_t left = rc == 0 ? missing(status, only, upto) : least;
        if (rc == 0)
            tell(d, status, what);
        if (ret_frontier && rc == 0)
            *ret_frontier = number(status, "frontier");
        json_decref(status);
        if (rc == 0 && left == 0)
            break;
        if (left < least) {
            least = left;
            moved = lj_mono_us();
        }
        if (lj_mono_us() - moved > STUCK_S * INT64_C(1000000))
            return rc ? rc
                      : lj_fail(err, LJ_E_TIMEOUT,
                                "nothing has moved for %d s; `ljctl status` shows where it stands",
                                STUCK_S);
        (void)usleep(POLL_MS * 1000);
    }
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r\033[K");
    return 0;
}

/* ---- the steps ---- */

/* The first generation that no team of this database has. */
static int next_generation(PGconn *c, int *ret, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(c,
                          "select coalesce(max(substring(code from '^d([0-9]{1,6})-t')::int4), 0) "
                          "+ 1 from liangjin.team where code ~ '^d[0-9]{1,6}-t'",
                          0, NULL, &r, err);
    if (rc == 0)
        *ret = (int)strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return rc;
}

static int make(struct demo *d, size_t n, struct lj_err *err)
{
    int generation = 1;
    int rc = next_generation(d->c, &generation, err);
    if (rc == 0)
        rc = demo_policy_seed(&d->policy, err);
    if (rc == 0)
        rc = demo_world_make((uint64_t)d->ctl->o.seed, generation, n, lj_now_us(), &d->world, err);
    if (rc == 0)
        rc = demo_burst_make(&d->world, n, &d->burst, err);
    if (rc == 0)
        rc = demo_expect(&d->burst, &d->policy, &d->expected, err);
    if (rc == 0)
        lj_say(
            "演示 %d · demonstration %d: %zu units, %zu teams, %zu persons, %zu memberships, %zu "
            "sites; %zu reports",
            generation, generation, d->world.nunits, d->world.nteams, d->world.npersons,
            d->world.nmembers, d->world.nunits * d->world.sites_per_unit, n);
    return rc;
}

static int registers(struct demo *d, struct lj_err *err)
{
    int64_t last = 0;
    int64_t began = lj_mono_us();
    size_t dependent;
    d->register_events = demo_world_events(&d->world, &dependent);
    int rc = demo_send_world(&d->world, d->at.run, &last, err);
    if (rc == 0)
        rc = await(d, "名册 registers:", "register", last, NULL, err);
    d->register_s = (double)(lj_mono_us() - began) / 1e6;
    return rc;
}

static int burst(struct demo *d, struct lj_err *err)
{
    int64_t last = 0;
    int rc = demo_send_burst(&d->burst, d->at.run, &d->sending, err);
    for (size_t i = 0; i < d->burst.n; i++)
        last = d->burst.items[i].position > last ? d->burst.items[i].position : last;
    if (rc == 0)
        rc = await(d, "处理 processing:", NULL, last, &d->upto, err);
    if (rc == 0) /* what followed on it, the duties met at its settlement among it */
        rc = await(d, "后续 follow-ons:", NULL, d->upto, NULL, err);
    d->settled_us = lj_mono_us();
    return rc;
}

/* ---- the result ---- */

static const struct lj_col columns[] = {{"figure", "FIGURE", LJ_COL_TEXT},
                                        {"expected", "EXPECTED", LJ_COL_INT},
                                        {"found", "FOUND", LJ_COL_INT},
                                        {"equal", "EQUAL", LJ_COL_BOOL}};

static int add(struct lj_rows *rows, const char *name, int64_t expected, int64_t found)
{
    char want[24];
    char have[24];
    (void)snprintf(want, sizeof want, "%lld", (long long)expected);
    (void)snprintf(have, sizeof have, "%lld", (long long)found);
    const char *values[] = {name, want, have, expected == found ? "true" : "false"};
    lj_rows_add(rows, values);
    return expected != found;
}

static int add_figures(struct lj_rows *rows, const struct demo_expected *e,
                       const struct demo_found *f)
{
    const struct {
        const char *name;
        int64_t expected, found;
    } figures[] = {
        {"入库 events stored", e->stored, f->stored},
        {"重复 repeats answered with the first position", e->repeated, f->repeated},
        {"冲突 same id, other content: refused", e->conflicts, f->conflicts},
        {"其他拒收 other refusals", 0, f->other_answers},
        {"受理 accepted", e->accepted, f->accepted},
        {"  其中无提示 without a remark", e->clean, f->clean},
        {"  其中有提示 with a warning", e->warned, f->warned},
        {"退回 rejected", e->rejected, f->rejected},
        {"撤回 withdrawn", e->withdrawn, f->withdrawn},
        {"计入分钟 minutes credited", e->minutes, f->minutes},
        {"计入场次 sessions", e->sessions, f->sessions},
        {"运动员达标 athletes whose duty is met", e->persons_met, f->persons_met},
        {"运动队达标 teams whose duty is met", e->teams_met, f->teams_met},
        {"时间重叠 persons at two places V09", e->overlaps, f->overlaps},
        {"舆情标记 opinion flags", e->flags, f->flags},
        {"站内信·退回 mails N23 rejected", e->rejected, f->mails_rejected},
        {"站内信·达标 mails N24 duty met", e->persons_met + e->teams_met, f->mails_met},
        {"站内信·舆情 mails N25 opinion", e->flags, f->mails_flagged},
        {"搁置 parked", 0, f->parked},
        {"名册拒收 register events refused", 0, f->register_refused},
        {"结果不符的事件 events with another outcome", 0, f->wrong_items},
        {"合计不符的对象 subjects with other totals", 0, f->wrong_totals},
    };
    int off = 0;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        off += add(rows, figures[i].name, figures[i].expected, figures[i].found);
    return off;
}

static int add_codes(struct lj_rows *rows, const struct demo_expected *e,
                     const struct demo_found *f)
{
    int off = 0;
    for (size_t i = 0; i < DEMO_SIGNS; i++) {
        char name[60];
        (void)snprintf(name, sizeof name, "线索 signs %s", demo_sign_codes[i]);
        off += add(rows, name, e->signs[i], f->signs[i]);
    }
    for (size_t i = 0; i < e->ncodes; i++) {
        char name[60];
        (void)snprintf(name, sizeof name, "退回 rejected by %s", e->codes[i].code);
        off += add(rows, name, e->codes[i].expected, e->codes[i].found);
    }
    return off;
}

static int by_code(const void *a, const void *b)
{
    return strcmp(((const struct demo_code *)a)->code, ((const struct demo_code *)b)->code);
}

static void put_times(const struct demo *d)
{
    const struct demo_found *f = &d->found;
    const struct demo_expected *e = &d->expected;
    FILE *out = d->ctl->out;
    double sent = (double)(d->sending.ended_us - d->sending.began_us) / 1e6;
    double all = (double)(d->settled_us - d->sending.began_us) / 1e6;
    fprintf(out,
            "\n  名册 registers            %zu events in %.1f s\n"
            "  接收 intake               %.0f events/s (%zu in %.2f s), sent again %zu\n"
            "  全程 whole job            %.0f events/s (settled %.1f s after the first was sent)\n"
            "  提交至应答 submit to ack      p50 %.1f ms   p99 %.1f ms\n"
            "  提交至末项 to last effect     p50 %.1f ms   p99 %.1f ms\n"
            "  日封顶 days over the cap   %lld   合并场次 merged sessions %lld   联合 joint %lld\n",
            d->register_events, d->register_s, (double)d->burst.n / sent, d->burst.n, sent,
            d->sending.again, (double)d->burst.n / all, all, (double)f->ack_p50_us / 1e3,
            (double)f->ack_p99_us / 1e3, (double)f->effect_p50_us / 1e3,
            (double)f->effect_p99_us / 1e3, (long long)e->capped_days, (long long)e->merged,
            (long long)e->joint);
}

/* The page's address, where a gateway of this directory is known. */
static void put_address(const struct demo *d)
{
    char path[PATH_MAX];
    char port[16];
    if (lj_path(path, d->at.run, "gateway.port", NULL) == 0 &&
        lj_read_small(path, port, sizeof port, NULL) == 0)
        fprintf(d->ctl->out, "  页面 page                 http://127.0.0.1:%ld/\n",
                strtol(port, NULL, 10));
}

static int show(struct demo *d, int *ret_off, struct lj_err *err)
{
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(d->ctl->out, d->ctl->format, columns, 4, NULL, &rows, err);
    if (rc)
        return rc;
    qsort(d->expected.codes, d->expected.ncodes, sizeof d->expected.codes[0], by_code);
    *ret_off =
        add_figures(rows, &d->expected, &d->found) + add_codes(rows, &d->expected, &d->found);
    rc = lj_rows_close(&rows, err);
    if (d->ctl->format == LJ_FORMAT_TABLE) {
        put_times(d);
        put_address(d);
    }
    if (d->found.first_wrong[0])
        lj_say("first event with another outcome: %s", d->found.first_wrong);
    if (d->found.first_total[0])
        lj_say("first total that differs: %s", d->found.first_total);
    if (*ret_off)
        lj_say("%d 项与预期不符 · %d figure(s) are not as expected", *ret_off, *ret_off);
    else
        lj_say("全部符合预期 · all as expected");
    return rc;
}

static int run(struct demo *d, size_t n, int *ret_off, struct lj_err *err)
{
    int rc = lj_layout_find(d->ctl, &d->at, err);
    if (rc == 0)
        rc = lj_pg_connect(d->ctl, "liangjin_audit", &d->c, err);
    if (rc == 0)
        rc = lj_admin_open(d->at.run, &d->admin, err);
    if (rc == 0)
        rc = make(d, n, err);
    if (rc == 0)
        rc = registers(d, err);
    if (rc == 0)
        rc = burst(d, err);
    if (rc == 0)
        rc = demo_find(d->c, &d->burst, &d->expected, d->upto, &d->found, err);
    return rc == 0 ? show(d, ret_off, err) : rc;
}

int lj_cmd_demo(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    char *rest = NULL;
    long n = strtol(ctl->words[0], &rest, 10);
    int off = 0;
    if (*rest || n < DEMO_REPORTS_MIN || n > DEMO_REPORTS_MAX) {
        lj_say("REPORTS must be a number from %d to %d", DEMO_REPORTS_MIN, DEMO_REPORTS_MAX);
        return LJ_EXIT_USAGE;
    }
    struct demo *d = calloc(1, sizeof *d);
    int rc = d ? 0 : lj_fail(&err, LJ_E_NOMEM, "no memory for the demonstration");
    if (d) {
        d->ctl = ctl;
        rc = run(d, (size_t)n, &off, &err);
        demo_expected_free(&d->expected);
        demo_burst_free(&d->burst);
        demo_world_free(&d->world);
        lj_admin_close(&d->admin);
        PQfinish(d->c);
        free(d);
    }
    if (rc)
        return lj_ctl_error(&err, NULL);
    return off ? LJ_EXIT_FAILED : LJ_EXIT_OK;
}
