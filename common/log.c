/* Logging: one logfmt line an event, on stderr.
 *
 *     ts=2026-11-24T08:00:00.123Z level=warn process=broker event=peer.gone peer=w3 reason="socket
 * closed"
 *
 * Each line is built in a fixed buffer and written by one write(2), so lines of several processes
 * on one pipe do not interleave (up to PIPE_BUF), nothing is lost in a stdio buffer when the
 * process is killed, and logging allocates nothing. Control bytes in the caller's pairs are
 * replaced on the way out: whatever a peer put in a name, it cannot start a line of its own; values
 * that may hold blanks or quotes go through lj_log_quote. A line that is too long is cut and says
 * so.
 *
 * An id that repeats more than 20 times in a second is suppressed; the id's next line carries
 * suppressed=n. The table of ids is fixed (64, oldest overwritten): a flood of one id cannot grow
 * anything, and a lost slot costs only its count. The process name, the level and that table are
 * the one global state of the project: a log line must be possible from everywhere, with no handle
 * passed down. Loop thread only, as everything else.
 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

enum {
    LINE_MAX_BYTES = 2048, /* below PIPE_BUF (4096), so one write is one piece */
    PER_SECOND = 20,       /* lines of one id before suppression: contract in log.h */
    SLOTS = 64,            /* more ids than any one process has busy at a time */
};

struct slot {
    char id[48];
    int64_t second; /* monotonic second the count belongs to */
    unsigned written;
    unsigned suppressed;
};

static struct {
    char process[32];
    enum lj_log_level lowest;
    struct slot slots[SLOTS];
} logger = {.process = "-", .lowest = LJ_INFO};

static const char *const level_names[] = {
    [LJ_DEBUG] = "debug", [LJ_INFO] = "info", [LJ_WARN] = "warn", [LJ_ERROR] = "error"};

void lj_log_open(const char *process, enum lj_log_level lowest)
{
    (void)snprintf(logger.process, sizeof logger.process, "%s", process);
    logger.lowest = lowest;
    memset(logger.slots, 0, sizeof logger.slots);
}

enum lj_log_level lj_log_level_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0)
            return (enum lj_log_level)i;
    }
    return LJ_INFO;
}

/* The id's slot, or the least recently used one made its own. */
static struct slot *slot_of(const char *id)
{
    struct slot *oldest = &logger.slots[0];
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &logger.slots[i];
        if (strncmp(s->id, id, sizeof s->id - 1) == 0)
            return s;
        if (s->second < oldest->second)
            oldest = s;
    }
    memset(oldest, 0, sizeof *oldest);
    (void)snprintf(oldest->id, sizeof oldest->id, "%s", id);
    return oldest;
}

/* 1 when the line may be written; *ret_suppressed then is what was kept back before it. */
static int admit(const char *id, unsigned *ret_suppressed)
{
    struct slot *s = slot_of(id);
    int64_t second = lj_mono_us() / 1000000;
    if (s->second != second) {
        s->second = second;
        s->written = 0;
    }
    if (s->written >= PER_SECOND) {
        s->suppressed++;
        return 0;
    }
    s->written++;
    *ret_suppressed = s->suppressed;
    s->suppressed = 0;
    return 1;
}

/* ts, level, process and event; returns its length. */
static size_t head(char *line, size_t cap, enum lj_log_level level, const char *id)
{
    int64_t now = lj_now_us();
    time_t seconds = (time_t)(now / 1000000);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        memset(&tm, 0, sizeof tm);
    int n =
        snprintf(line, cap, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s process=%s event=%s",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(now / 1000 % 1000), level_names[level], logger.process, id);
    return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

static void write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* nobody reads our log: there is no second place to say so */
        p += done;
        n -= (size_t)done;
    }
}

void lj_log(enum lj_log_level level, const char *id, const char *fmt, ...)
{
    static const char cut[] = " cut=1";
    char line[LINE_MAX_BYTES + sizeof cut + 40];
    unsigned suppressed = 0;
    if (level < logger.lowest || !admit(id, &suppressed))
        return;
    size_t len = head(line, LINE_MAX_BYTES, level, id);
    if (fmt[0]) {
        line[len++] = ' ';
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(line + len, LINE_MAX_BYTES - len, fmt, ap);
        va_end(ap);
        size_t room = LINE_MAX_BYTES - len - 1;
        len += n < 0 ? 0 : (size_t)n <= room ? (size_t)n : room;
        if (n >= 0 && (size_t)n > room) {
            memcpy(line + len, cut, sizeof cut);
            len += sizeof cut - 1;
        }
    }
    if (suppressed)
        len += (size_t)snprintf(line + len, sizeof line - len - 1, " suppressed=%u", suppressed);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7f)
            line[i] = '?';
    }
    line[len++] = '\n';
    write_all(line, len);
}

/* Where a text cut at `at` may end without half a UTF-8 character. */
static unsigned whole_characters(const char *out, unsigned at)
{
    while (at > 1 && ((unsigned char)out[at - 1] & 0xc0) == 0x80)
        at--;
    return at > 1 && (unsigned char)out[at - 1] >= 0xc0 ? at - 1 : at;
}

/* The bytes of one escaped character; returns how many. */
static unsigned escape(unsigned char c, char out[5])
{
    static const char hex[] = "0123456789abcdef";
    static const struct {
        char raw, name;
    } named[] = {{'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}, {'"', '"'}, {'\\', '\\'}};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (c == (unsigned char)named[i].raw) {
            out[0] = '\\';
            out[1] = named[i].name;
            return 2;
        }
    }
    if (c >= 0x20 && c != 0x7f) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex[c >> 4];
    out[3] = hex[c & 15];
    return 4;
}

const char *lj_log_quote(const char *text, char *out, unsigned cap)
{
    if (cap < 3) { /* no room for two quotes: an empty value is still a value */
        if (cap)
            out[0] = '\0';
        return out;
    }
    unsigned at = 0;
    out[at++] = '"';
    for (const char *p = text ? text : ""; *p; p++) {
        char piece[5];
        unsigned n = escape((unsigned char)*p, piece);
        if (at + n + 2 > cap) {
            at = whole_characters(out, at);
            break;
        }
        memcpy(out + at, piece, n);
        at += n;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
