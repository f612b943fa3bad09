/* ljctl replay copy, replay compare: the kinds run once more over a copy of the log, and what came
 * of it held against what is stored.
 *
 * Between the two a broker and workers run on the copy; they need no option for it, since the
 * database itself says that it is a replay. Data: counts of what was copied; a line a fact, with
 * the first key that is off. Single differences are told on standard error, the first few of each
 * fact. */
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/replay.h"

enum { SHOWN = 3, SHOWN_BEFORE = 40, SHOWN_BYTES = 160 };

static int open_both(const struct lj_ctl *ctl, PGconn **source, PGconn **target, struct lj_err *err)
{
    if (!ctl->o.target)
        return lj_fail(err, LJ_E_CONFIG,
                       "--target is needed: the connection of the replay's database");
    int rc = ctl->o.source ? lj_dbs_open(ctl->o.source, "ljctl replay", source, err)
                           : lj_pg_connect(ctl, "liangjin_audit", source, err);
    return rc ? rc : lj_dbs_open(ctl->o.target, "ljctl replay", target, err);
}

int lj_cmd_replay_copy(struct lj_ctl *ctl)
{
    static const struct lj_col columns[] = {{"what", "WHAT", LJ_COL_TEXT},
                                            {"rows", "ROWS", LJ_COL_INT}};
    struct lj_err err = {0};
    struct lj_replay_copied n = {0};
    struct lj_rows *rows = NULL;
    PGconn *source = NULL;
    PGconn *target = NULL;
    int rc = open_both(ctl, &source, &target, &err);
    if (rc == 0)
        rc = lj_replay_copy(source, target, &n, &err);
    PQfinish(source);
    PQfinish(target); /* where it failed, all of it is rolled back */
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, columns, 2, NULL, &rows, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    const struct {
        const char *what;
        int64_t rows;
    } copied[] = {{"events", n.events},
                  {"parked, dropped", n.parked},
                  {"settlement steps", n.steps},
                  {"frontier", n.frontier}};
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        char number[24];
        const char *values[] = {copied[i].what, number};
        (void)snprintf(number, sizeof number, "%lld", (long long)copied[i].rows);
        lj_rows_add(rows, values);
    }
    rc = lj_rows_close(&rows, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    lj_say("copied; now run a broker and a worker of every kind on the target, then `ljctl replay "
           "compare`");
    return LJ_EXIT_OK;
}

/* ---- compare ---- */

struct talk {
    int shown; /* of this fact */
};

/* A part of a text, whole characters. */
struct part {
    const char *text;
    int n;
};

static size_t whole(const char *text, size_t at)
{
    while (at && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    return at;
}

/* Of a long value what stands around the first byte that is off. */
static struct part part_of(const char *text, size_t off)
{
    if (!text)
        return (struct part){"(none)", 6};
    size_t from = whole(text, off > SHOWN_BEFORE ? off - SHOWN_BEFORE : 0);
    size_t n = strlen(text + from);
    return (struct part){text + from, (int)(n > SHOWN_BYTES ? whole(text + from, SHOWN_BYTES) : n)};
}

static void on_difference(const struct lj_replay_fact *fact, const char *key, const char *source,
                          const char *target, void *arg)
{
    struct talk *t = arg;
    size_t off = 0;
    while (source && target && source[off] && source[off] == target[off])
        off++;
    struct part there = part_of(source, off);
    struct part here = part_of(target, off);
    if (t->shown++ < SHOWN)
        lj_say("%s %s: source %.*s | replay %.*s", fact->name, key, there.n, there.text, here.n,
               here.text);
    else if (t->shown == SHOWN + 1)
        lj_say("%s: more of them", fact->name);
}

/* Until every kind of the replay has done and settled what was copied. */
static int wait_finished(const struct lj_ctl *ctl, PGconn *target, struct lj_err *err)
{
    int64_t end = lj_mono_us() + ctl->o.timeout_s * 1000000;
    char what[160];
    for (;;) {
        int rc = lj_replay_unfinished(target, "select max(frontier) from liangjin.replay", what,
                                      sizeof what, err);
        if (rc || !what[0])
            return rc;
        if (lj_mono_us() >= end)
            return lj_fail(err, LJ_E_STATE, "the replay is not through: %s", what);
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
}

/* The target is a replay, and of the source as it stands now. */
static int check_pair(PGconn *source, PGconn *target, struct lj_err *err)
{
    PGresult *r = NULL;
    PGresult *top = NULL;
    int rc = lj_dbs_query(target, "select frontier from liangjin.replay", 0, NULL, &r, err);
    if (rc == 0 && PQntuples(r) == 0)
        rc = lj_fail(err, LJ_E_STATE, "the target is no replay: `ljctl replay copy` makes one");
    if (rc == 0) {
        const char *params[] = {PQgetvalue(r, 0, 0)};
        rc = lj_dbs_query(source,
                          "select max(position) from liangjin.event where position > $1::int8", 1,
                          params, &top, err);
    }
    if (rc == 0 && !PQgetisnull(top, 0, 0))
        rc = lj_fail(err, LJ_E_STATE,
                     "the source has gone on since it was copied (to position %.20s): copy it anew",
                     PQgetvalue(top, 0, 0));
    PQclear(r);
    PQclear(top);
    return rc;
}

static void add_row(struct lj_rows *rows, const char *name, const struct lj_replay_compared *n)
{
    char number[6][24];
    const int64_t values[6] = {n->source, n->target,  n->equal,
                               n->differ, n->missing, n->additional};
    for (size_t i = 0; i < 6; i++)
        (void)snprintf(number[i], sizeof number[i], "%lld", (long long)values[i]);
    const char *cells[] = {name,      number[0], number[1], number[2],
                           number[3], number[4], number[5], n->first[0] ? n->first : NULL};
    lj_rows_add(rows, cells);
}

static const struct lj_col compare_columns[] = {{"fact", "FACT", LJ_COL_TEXT},
                                                {"source", "SOURCE", LJ_COL_INT},
                                                {"replay", "REPLAY", LJ_COL_INT},
                                                {"equal", "EQUAL", LJ_COL_INT},
                                                {"different", "DIFFERENT", LJ_COL_INT},
                                                {"missing", "MISSING", LJ_COL_INT},
                                                {"additional", "ADDITIONAL", LJ_COL_INT},
                                                {"first", "FIRST", LJ_COL_TEXT}};

static int compare_all(const struct lj_ctl *ctl, PGconn *source, PGconn *target, int64_t *ret_off,
                       struct lj_err *err)
{
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(ctl->out, ctl->format, compare_columns, 8, NULL, &rows, err);
    for (size_t i = 0; rc == 0 && i < lj_replay_facts_count; i++) {
        struct lj_replay_compared n = {0};
        struct talk talk = {0};
        rc = lj_replay_compare(source, target, &lj_replay_facts[i], on_difference, &talk, &n, err);
        if (rc == 0)
            add_row(rows, lj_replay_facts[i].name, &n);
        *ret_off += n.differ + n.missing + n.additional;
    }
    int closed = lj_rows_close(&rows, rc ? NULL : err);
    return rc ? rc : closed;
}

int lj_cmd_replay_compare(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *source = NULL;
    PGconn *target = NULL;
    int64_t off = 0;
    int rc = open_both(ctl, &source, &target, &err);
    if (rc == 0)
        rc = check_pair(source, target, &err);
    if (rc == 0)
        rc = wait_finished(ctl, target, &err);
    if (rc == 0)
        rc = lj_replay_snapshot(source, &err);
    if (rc == 0)
        rc = lj_replay_snapshot(target, &err);
    if (rc == 0)
        rc = compare_all(ctl, source, target, &off, &err);
    PQfinish(source);
    PQfinish(target);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (off)
        lj_say("%lld row(s) are not what the replay made", (long long)off);
    else
        lj_say("the replay made the same");
    return off ? LJ_EXIT_FAILED : LJ_EXIT_OK;
}
