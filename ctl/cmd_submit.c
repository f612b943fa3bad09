/* ljctl events submit: events from a file or standard input to the broker's local intake socket,
 * through the client library.
 *
 * So they have the same guarantees as everybody's: "stored" means a flushed COMMIT, and an unknown
 * outcome is resolved by sending the same ids again. One JSON value over several lines is one
 * event; else each line is one. A row for every event comes out, in the order of the answers, also
 * for those that were refused here. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/layout.h"
#include "ctl/out.h"
#include "ctl/sender.h"
#include "proto/limits.h"

static const struct lj_col submit_columns[] = {
    {"line", "LINE", LJ_COL_INT},      {"id", "ID", LJ_COL_TEXT},
    {"result", "RESULT", LJ_COL_TEXT}, {"position", "POSITION", LJ_COL_INT},
    {"code", "CODE", LJ_COL_TEXT},     {"detail", "DETAIL", LJ_COL_TEXT}};

struct submit {
    struct lj_rows *rows;
    size_t refused, unknown, away;
};

static const char *result_of(int code)
{
    if (code >= 0)
        return code ? "stored before" : "stored";
    return code == LJ_E_TIMEOUT || code == LJ_E_DB_LOST      ? "unknown"
           : code == LJ_E_BROKER_AWAY || code == LJ_E_CLOSED ? "not sent"
                                                             : "refused";
}

static void on_sent(const struct lj_sent *sent, void *arg)
{
    struct submit *s = arg;
    char line[24];
    char position[24];
    const char *result = result_of(sent->code);
    (void)snprintf(line, sizeof line, "%zu", sent->line);
    (void)snprintf(position, sizeof position, "%lld",
                   sent->answer ? (long long)sent->answer->position : 0);
    s->refused += result[0] == 'r';
    s->unknown += result[0] == 'u';
    s->away += result[0] == 'n';
    const char *values[] = {line,
                            sent->id[0] ? sent->id : NULL,
                            result,
                            sent->code >= 0 ? position : NULL,
                            sent->code < 0 ? lj_err_info(sent->code)->name : NULL,
                            sent->code < 0 ? sent->detail : NULL};
    lj_rows_add(s->rows, values);
}

/* A file whose first non-blank line does not end its JSON value is one event over several lines. */
static int is_one_value(const char *text, size_t n)
{
    json_t *v = n <= LJ_EVENT_BYTES_MAX ? json_loadb(text, n, 0, NULL) : NULL;
    int one = v != NULL;
    json_decref(v);
    return one;
}

static int submit_text(struct lj_sender *sender, const char *text, size_t n, struct lj_err *err)
{
    if (is_one_value(text, n))
        return lj_sender_add(sender, text, n, err);
    while (n) {
        const char *end = memchr(text, '\n', n);
        size_t len = end ? (size_t)(end - text) : n;
        size_t blank = 0;
        while (blank < len && strchr(" \t\r", text[blank]))
            blank++;
        int rc = blank == len ? 0 : lj_sender_add(sender, text, len, err);
        if (rc)
            return rc;
        text += len + (end != NULL);
        n -= len + (end != NULL);
    }
    return 0;
}

static int read_all(const char *path, struct lj_buf *ret, struct lj_err *err)
{
    FILE *f = path && strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    if (!f)
        return lj_fail_errno(err, LJ_E_NOT_FOUND, errno, "cannot open %.180s", path);
    uint8_t chunk[65536];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        lj_buf_put(ret, chunk, n);
    int bad = ferror(f);
    if (f != stdin)
        (void)fclose(f);
    if (bad || ret->failed)
        return lj_fail(err, bad ? LJ_E_IO : LJ_E_NOMEM, "cannot read %.180s",
                       path ? path : "standard input");
    return 0;
}

int lj_cmd_events_submit(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_layout at;
    struct lj_sender *sender = NULL;
    struct lj_buf text = {0};
    struct submit s = {0};
    int rc = lj_layout_find(ctl, &at, &err);
    if (rc == 0)
        rc = read_all(ctl->nwords ? ctl->words[0] : NULL, &text, &err);
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, submit_columns, 6, NULL, &s.rows, &err);
    if (rc == 0)
        rc = lj_sender_open(at.run, "ljctl", (int)ctl->o.timeout_s, on_sent, &s, &sender, &err);
    if (rc == 0)
        rc = submit_text(sender, (const char *)text.data, text.len, &err);
    if (rc == 0)
        rc = lj_sender_finish(sender, &err);
    lj_sender_close(&sender);
    lj_buf_free(&text);
    int closed = lj_rows_close(&s.rows, rc ? NULL : &err);
    if (rc || closed)
        return lj_ctl_error(&err, NULL);
    if (s.unknown)
        lj_say("%zu event(s) with unknown outcome: send the same ids again", s.unknown);
    if (s.away || s.unknown)
        return LJ_EXIT_UNREACHABLE;
    return s.refused ? LJ_EXIT_REFUSED : LJ_EXIT_OK;
}
