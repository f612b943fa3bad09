/*
 * What an engine says about many texts, one line a text: to see that a change changed nothing.
 * Built, not installed.
 *
 * Two builds over the same bundle (-m) must print the same bytes. The texts are the labelled ones,
 * for each of them a few spoilt by a fixed sequence of random numbers (cut, joined, repeated, with
 * marks, digits, noise and bytes that are no UTF-8 put in), and the crafted ones. A line holds a
 * hash over everything that a caller can see: scores bit by bit, evidence, reasons, cancelled hits,
 * route. With -v it is the values themselves, for diff.
 *
 * Usage: opinion_digest [-v] [-m BUNDLE | -d RULES_DIR] [-n SPOILT_A_TEXT] TEXTS.tsv ...
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "workers/opinion/crafted.h"
#include "workers/opinion/labels.h"
#include "workers/opinion/opinion.h"

enum { TEXT_ROOM = 24000, LINE_ROOM = 1 << 16 };

struct digest {
    struct lj_opinion *engine;
    const struct lj_labels *labels;
    bool verbose;
    uint32_t seed;
    uint64_t all;
    char line[LINE_ROOM];
    size_t used;
};

static uint32_t pick(struct digest *d, uint32_t n)
{
    d->seed ^= d->seed << 13;
    d->seed ^= d->seed >> 17;
    d->seed ^= d->seed << 5;
    return n ? d->seed % n : 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct digest *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(d->line + d->used, sizeof d->line - d->used, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof d->line - d->used)
        d->used += (size_t)n;
}

static void say_reason(struct digest *d, const struct lj_opinion_reason *r)
{
    say(d, " (%d %d %d %d %u-%u %a %s)", (int)r->kind, (int)r->code, (int)r->source, (int)r->scope,
        r->span.start, r->span.end, (double)r->weight, r->rule);
}

static void say_findings(struct digest *d, const struct lj_opinion_findings *f)
{
    say(d, "%d %a %a code %d sev %d base %d level %d", f->polarity, (double)f->polarity_score,
        (double)f->risk_score, (int)f->main_code, f->severity, f->base, (int)f->level);
    say(d, " route %d %d %u %u %d %d", (int)f->route.action, f->route.severity,
        f->route.within_minutes, f->route.sample_permille, f->route.hide, f->route.uncertain);
    say(d, " is %d%d%d%d%d%d cp %u bad %u", f->rumour, f->minors, f->hospital, f->police,
        f->evasion, f->truncated, f->code_points, f->bad_bytes);
    for (uint32_t i = 0; i < f->count; i++) {
        const struct lj_opinion_finding *x = &f->findings[i];
        say(d, "\n  %d code %d %a sev %d:", (int)x->kind, (int)x->code, (double)x->score,
            x->severity);
        for (uint32_t k = 0; k < x->span_count; k++)
            say(d, " %u-%u", x->spans[k].start, x->spans[k].end);
        for (uint32_t k = 0; k < x->reason_count; k++)
            say_reason(d, &x->reasons[k]);
    }
    say(d, "\n  not:");
    for (uint32_t i = 0; i < f->cancelled_count; i++)
        say_reason(d, &f->cancelled[i]);
}

static uint64_t hash_of(const char *p, size_t n)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001B3);
    return h;
}

static void take(struct digest *d, const char *id, unsigned variant, const char *text, size_t len)
{
    struct lj_opinion_findings f;
    struct lj_err err;
    d->used = 0;
    int rc = lj_opinion_score(d->engine, text, len, &f, &err);
    if (rc < 0)
        say(d, "error %d", rc);
    else
        say_findings(d, &f);
    uint64_t h = hash_of(d->line, d->used);
    d->all = (d->all ^ h) * UINT64_C(0x9E3779B97F4A7C15);
    if (d->verbose)
        printf("%s/%u\t%s\n", id, variant, d->line);
    else
        printf("%s/%u\t%016" PRIx64 "\n", id, variant, h);
}

/* Puts n bytes into the text at a place, if they fit. */
static size_t put(char *text, size_t len, size_t at, const char *p, size_t n)
{
    if (len + n > TEXT_ROOM)
        return len;
    memmove(text + at + n, text + at, len - at);
    memcpy(text + at, p, n);
    return len + n;
}

static size_t spoil_once(struct digest *d, char *text, size_t len)
{
    static const char *const pieces[] = {",",
                                         "，",
                                         "。",
                                         "、",
                                         "？",
                                         "！",
                                         "“",
                                         "”",
                                         "\n",
                                         " ",
                                         "·",
                                         "*",
                                         "x",
                                         "X",
                                         "3",
                                         "1,200",
                                         "三百元",
                                         "年前",
                                         "没有",
                                         "不",
                                         "如果",
                                         "辟谣",
                                         "网传",
                                         "打人",
                                         "收费",
                                         "shou费",
                                         "扌丁人",
                                         "😡",
                                         "👍",
                                         "\xE2\x80\x8B",
                                         "\xFF",
                                         "\xE6\x94",
                                         "\xED\xA0\x80",
                                         "𝐀",
                                         "Ａ",
                                         "wx",
                                         "【普法】",
                                         "結果",
                                         "\xC2\xA0",
                                         "é",
                                         "ﾊﾟ",
                                         "①",
                                         "\xEF\xBF\xBD",
                                         "\xF4\x90\x80\x80",
                                         "\xC0\xAF"};
    const struct lj_label *other = &d->labels->row[pick(d, (uint32_t)d->labels->count)];
    size_t at = pick(d, (uint32_t)len + 1);
    size_t n;
    const char *p;
    switch (pick(d, 7)) {
    case 0: /* cut, wherever it may be */
        return at;
    case 1: /* another text behind it */
        return put(text, len, len, other->text, other->len);
    case 2: /* a piece of another one inside */
        n = pick(d, (uint32_t)other->len + 1);
        return put(text, len, at, other->text, n);
    case 3: /* a byte changed */
        if (at < len)
            text[at] = (char)pick(d, 256);
        return len;
    case 4: /* bytes lost */
        n = pick(d, 8);
        n = n < len - at ? n : len - at;
        memmove(text + at, text + at + n, len - at - n);
        return len - n;
    default:
        p = pieces[pick(d, sizeof pieces / sizeof pieces[0])];
        while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80)
            at++;
        return put(text, len, at, p, strlen(p));
    }
}

static void take_spoilt(struct digest *d, const struct lj_label *l, unsigned variants)
{
    static char text[TEXT_ROOM];
    for (unsigned v = 1; v <= variants; v++) {
        size_t len = put(text, 0, 0, l->text, l->len);
        for (uint32_t k = 1 + pick(d, v % 8 == 0 ? 60 : 6); k > 0; k--)
            len = spoil_once(d, text, len);
        for (uint32_t k = v % 16 == 15 ? pick(d, 100) : 0; k > 0; k--) { /* up to too long */
            const struct lj_label *more = &d->labels->row[pick(d, (uint32_t)d->labels->count)];
            len = put(text, len, len, more->text, more->len);
        }
        take(d, l->id, v, text, len);
    }
}

static void take_all(struct digest *d, unsigned variants)
{
    static char text[LJ_CRAFTED_BYTES];
    for (size_t i = 0; i < d->labels->count; i++) {
        const struct lj_label *l = &d->labels->row[i];
        take(d, l->id, 0, l->text, l->len);
        take_spoilt(d, l, variants);
    }
    for (unsigned k = 0; k < lj_crafted_count(); k++) {
        for (unsigned v = 0; v < 4; v++)
            take(d, lj_crafted_name(k), v, text, lj_crafted(k, sizeof text >> v, text));
    }
    printf("all\t%016" PRIx64 "\n", d->all);
}

int main(int argc, char **argv)
{
    static struct digest d = {.seed = 2463534242U};
    struct lj_labels labels = {0};
    struct lj_err err;
    const char *bundle = NULL;
    const char *rules = NULL;
    unsigned variants = 20;
    for (int c = getopt(argc, argv, "vm:d:n:"); c != -1; c = getopt(argc, argv, "vm:d:n:")) {
        if (c == 'v')
            d.verbose = true;
        else if (c == 'm')
            bundle = optarg;
        else if (c == 'd')
            rules = optarg;
        else if (c == 'n')
            variants = (unsigned)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    int rc = rules ? lj_opinion_open_rules(rules, &d.engine, &err)
                   : lj_opinion_open(bundle, &d.engine, &err);
    for (int i = optind; rc == 0 && i < argc; i++)
        rc = lj_labels_read(argv[i], &labels, &err);
    if (rc == 0 && labels.count == 0)
        rc = lj_fail(&err, LJ_E_ARG, "there are no texts; usage: opinion_digest TEXTS.tsv ...");
    if (rc == 0) {
        d.labels = &labels;
        take_all(&d, variants);
    }
    lj_labels_free(&labels);
    lj_opinion_close(&d.engine);
    if (rc < 0)
        (void)fprintf(stderr, "opinion_digest: %s\n", err.text);
    return rc < 0 ? 1 : 0;
}
