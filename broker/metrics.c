/* The broker's metrics as text: sent with every HEAD, shown by the gateway under /metrics beside
 * its own. Labels are kinds only: a handful of series whatever the field does.
 */
#include "broker/broker.h"
#include "common/clock.h"

struct plain {
    const char *name, *help;
    enum lj_metric_kind kind;
    uint64_t value;
};

static void write_rows(struct lj_buf *out, const struct plain *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        lj_metric_head(out, rows[i].name, rows[i].kind, rows[i].help);
        lj_metric_u64(out, rows[i].name, "", rows[i].value);
    }
}

static void write_intake(struct broker *b, struct lj_buf *out)
{
    const struct plain rows[] = {
        {"liangjin_broker_events_stored_total",
         "Events stored for the first time; an ack was sent after their COMMIT.", LJ_COUNTER,
         b->intake.stored},
        {"liangjin_broker_events_duplicate_total",
         "Repeats of a stored event with the same content. Usual after a reconnect.", LJ_COUNTER,
         b->intake.duplicates},
        {"liangjin_broker_events_conflict_total",
         "Repeats with other content, refused. Look into: a client reuses ids.", LJ_COUNTER,
         b->intake.conflicts},
        {"liangjin_broker_events_refused_total", "Events refused at intake, nothing stored.",
         LJ_COUNTER, b->intake.refused},
        {"liangjin_broker_events_busy_total",
         "Events turned away because a limit was reached. Look into when it lasts.", LJ_COUNTER,
         b->intake.busy},
        {"liangjin_broker_bad_messages_total",
         "Messages against the protocol, dropped. Should stay at zero.", LJ_COUNTER,
         b->intake.bad_messages + b->peers.bad_messages},
        {"liangjin_broker_intake_queued", "Events that wait for a turn.", LJ_GAUGE,
         b->intake.flows.queued},
        {"liangjin_broker_intake_bytes", "Bytes held for events without an answer.", LJ_GAUGE,
         b->intake.bytes},
    };
    write_rows(out, rows, sizeof rows / sizeof rows[0]);
}

static void write_plain(struct broker *b, struct lj_buf *out)
{
    size_t rss = 0;
    if (uv_resident_set_memory(&rss))
        rss = 0;
    const struct plain rows[] = {
        {"liangjin_broker_turns_total", "Transactions of the lanes.", LJ_COUNTER, b->log.turns},
        {"liangjin_broker_turns_aborted_total",
         "Transactions that failed and went again. Look into when it grows steadily.", LJ_COUNTER,
         b->log.turns_aborted},
        {"liangjin_broker_turns_again_total",
         "Transactions sent again because an id in them was in the log already, or because the one "
         "before failed. Usual after a reconnect.",
         LJ_COUNTER, b->log.turns_again},
        {"liangjin_broker_recoveries_total",
         "Times the log was taken over anew after a lost connection.", LJ_COUNTER, b->recoveries},
        {"liangjin_broker_late_results_total",
         "Results that came after their lease had ended; counted, never applied.", LJ_COUNTER,
         b->dispatch.late_results},
        {"liangjin_broker_deadlines_total",
         "Leases that passed their deadline. Look into when it grows.", LJ_COUNTER,
         b->dispatch.deadlines},
        {"liangjin_broker_held_back_total",
         "Times an event was not given out because the directory does not have its unit. Should "
         "stay at zero.",
         LJ_COUNTER, b->dispatch.held_back},
        {"liangjin_broker_send_failed_total", "Sends to a peer that was not there any more.",
         LJ_COUNTER, b->peers.send_failed},
        {"liangjin_broker_stream_dropped_total",
         "Stream messages libzmq did not take. Readers fill the gap from the log.", LJ_COUNTER,
         b->stream.dropped},
        {"liangjin_broker_settle_runs_total", "Settlements committed.", LJ_COUNTER, b->settle.runs},
        {"liangjin_broker_frontier", "Highest position with nothing below it still in flight.",
         LJ_GAUGE, (uint64_t)b->log.frontier},
        {"liangjin_broker_memory_bytes", "Resident memory of the broker.", LJ_GAUGE, rss},
        {"liangjin_broker_peers", "Workers connected.", LJ_GAUGE, b->peers.count},
    };
    write_rows(out, rows, sizeof rows / sizeof rows[0]);
}

enum per_kind { PK_OPEN, PK_READY, PK_AGE, PK_WATERMARK, PK_CLOSED, PK_PARKED, PK_FAILED };
static const struct {
    const char *name, *help;
    enum per_kind what;
    enum lj_metric_kind kind;
} kind_rows[] = {
    {"liangjin_broker_backlog", "Events a kind has not closed.", PK_OPEN, LJ_GAUGE},
    {"liangjin_broker_ready", "Events of a kind that could go out now.", PK_READY, LJ_GAUGE},
    {"liangjin_broker_backlog_age_seconds",
     "Age of the oldest open event of a kind. Alarm when it grows for minutes.", PK_AGE, LJ_GAUGE},
    {"liangjin_broker_watermark", "Position up to which a kind has closed everything.",
     PK_WATERMARK, LJ_GAUGE},
    {"liangjin_broker_closed_total", "Events closed by a kind.", PK_CLOSED, LJ_COUNTER},
    {"liangjin_broker_parked_total", "Events parked by a kind. Look into each.", PK_PARKED,
     LJ_COUNTER},
    {"liangjin_broker_failed_total", "Events in batches that failed and went again.", PK_FAILED,
     LJ_COUNTER},
};

static double kind_value(struct broker *b, size_t k, enum per_kind what)
{
    struct lj_backlog_stats s = lj_backlog_stats(b->backlog, k);
    switch (what) {
    case PK_OPEN:
        return (double)s.open;
    case PK_READY:
        return (double)s.ready;
    case PK_AGE:
        return s.open ? (double)lj_backlog_age_us(b->backlog, s.oldest, lj_mono_us()) / 1e6 : 0;
    case PK_WATERMARK:
        return (double)s.watermark;
    case PK_CLOSED:
        return (double)b->dispatch.closed[k];
    case PK_PARKED:
        return (double)b->dispatch.parked[k];
    case PK_FAILED:
        return (double)b->dispatch.failed[k];
    }
    return 0;
}

static void write_kinds(struct broker *b, struct lj_buf *out)
{
    char label[LJ_WORD_MAX + 16];
    for (size_t r = 0; r < sizeof kind_rows / sizeof kind_rows[0]; r++) {
        lj_metric_head(out, kind_rows[r].name, kind_rows[r].kind, kind_rows[r].help);
        for (size_t k = 0; k < b->cat->nkinds; k++) {
            (void)snprintf(label, sizeof label, "kind=\"%s\"", b->cat->kinds[k].name);
            double v = kind_value(b, k, kind_rows[r].what);
            if (kind_rows[r].what == PK_AGE)
                lj_metric_double(out, kind_rows[r].name, label, v);
            else
                lj_metric_u64(out, kind_rows[r].name, label, (uint64_t)(v < 0 ? 0 : v));
        }
    }
}

void metrics_write(struct broker *b, struct lj_buf *out)
{
    write_intake(b, out);
    write_plain(b, out);
    if (b->cat && b->backlog)
        write_kinds(b, out);
    lj_metric_head(out, "liangjin_broker_ack_seconds", LJ_HISTOGRAM, "From SUBMIT to ACK.");
    lj_metric_hist(out, "liangjin_broker_ack_seconds", "", &b->intake.ack_seconds);
    lj_metric_head(out, "liangjin_broker_commit_seconds", LJ_HISTOGRAM,
                   "A turn, from its first statement to its flushed COMMIT.");
    lj_metric_hist(out, "liangjin_broker_commit_seconds", "", &b->log.commit_seconds);
    lj_metric_head(out, "liangjin_broker_effect_seconds", LJ_HISTOGRAM,
                   "From received to closed, every closure of every kind.");
    lj_metric_hist(out, "liangjin_broker_effect_seconds", "", &b->dispatch.last_effect_seconds);
    lj_metric_head(out, "liangjin_broker_settle_seconds", LJ_HISTOGRAM,
                   "A settlement, from begin to COMMIT.");
    lj_metric_hist(out, "liangjin_broker_settle_seconds", "", &b->settle.seconds);
}
