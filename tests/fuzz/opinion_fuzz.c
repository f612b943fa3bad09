/* libFuzzer target of the opinion engine: any bytes as a text.
 *
 * Judged without knowing the right answer: the text in symbols is well formed (offsets rise,
 * clauses and sentences cover it), findings stay in their ranges, evidence lies inside the
 * original, the explanation is one line of UTF-8 at every buffer size, and an engine opened for the
 * purpose and used before says the same as one that has seen all the texts before (a reload changes
 * nothing).
 *
 * Build: clang, -DLJ_FUZZ=ON -DLJ_SANITIZE=address,undefined. Run: opinion_fuzz -max_len=4096
 * NEW_CORPUS tests/fuzz/corpus/opinion */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRESH_EVERY = 1024 }; /* opening takes longer than scoring */

static void check(bool right, const char *what)
{
    if (!right) {
        (void)fprintf(stderr, "opinion_fuzz: %s\n", what);
        abort();
    }
}

static struct lj_opinion *open_engine(void)
{
    struct lj_err err;
    struct lj_opinion *o = NULL;
    check(lj_opinion_open(NULL, &o, &err) == 0, "the built-in engine does not open");
    return o;
}

static void check_text(const struct lj_text *t)
{
    check(t->n <= t->code_points && t->code_points <= LJ_OPINION_TEXT_MAX, "too many symbols");
    check((t->n == 0) == (t->clauses == 0) && (t->n == 0) == (t->sentences == 0),
          "symbols without a clause");
    check(t->list[t->clauses].first == t->n, "the last clause does not end");
    for (uint32_t i = 0; i < t->n; i++) {
        check(t->pos[i] < t->code_points, "an offset beyond the text");
        check(i == 0 || t->pos[i] > t->pos[i - 1], "offsets do not rise");
        check(t->clause[i] < t->clauses, "a symbol of no clause");
        check(i == 0 || t->clause[i] == t->clause[i - 1] || t->clause[i] == t->clause[i - 1] + 1,
              "a clause is skipped");
        check((t->list[t->clause[i]].first == i) == (i == 0 || t->clause[i] != t->clause[i - 1]),
              "a clause does not begin where it says");
    }
    for (uint32_t c = 0; c < t->clauses; c++)
        check(t->list[c].sentence < t->sentences, "a clause of no sentence");
}

static void check_finding(const struct lj_opinion_findings *f, const struct lj_opinion_finding *x)
{
    check(x->severity >= 1 && x->severity <= 3, "a severity out of range");
    check(x->score >= 0 && x->score <= 1, "a score out of range");
    check(x->span_count <= LJ_OPINION_SPANS_MAX && x->reason_count <= LJ_OPINION_REASONS_MAX,
          "too many spans or reasons");
    check(x->span_count > 0, "a finding without evidence");
    for (uint32_t i = 0; i < x->span_count; i++) {
        check(x->spans[i].start < x->spans[i].end && x->spans[i].end <= f->code_points,
              "evidence outside the text");
        check(i == 0 || x->spans[i - 1].end <= x->spans[i].start, "evidence overlaps");
    }
    for (uint32_t i = 0; i < x->reason_count; i++) {
        check(x->reasons[i].span.start < x->reasons[i].span.end &&
                  x->reasons[i].span.end <= f->code_points,
              "a reason outside the text");
        check(memchr(x->reasons[i].rule, 0, sizeof x->reasons[i].rule) != NULL,
              "a rule's name without an end");
        check(isfinite(x->reasons[i].weight), "a weight that is no number");
    }
}

static void check_findings(const struct lj_opinion_findings *f)
{
    check(f->count <= LJ_OPINION_KINDS && f->cancelled_count <= LJ_OPINION_CANCELLED_MAX,
          "too many findings");
    check(f->polarity >= -1 && f->polarity <= 1 && f->severity >= 0 && f->severity <= 3,
          "polarity or severity out of range");
    check(f->polarity_score >= -1 && f->polarity_score <= 1, "a polarity score out of range");
    check(f->risk_score >= 0 && f->risk_score <= 1, "a risk score out of range");
    check(f->base >= 0 && f->base <= 100, "a base out of range");
    unsigned kinds = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        check(!(kinds >> f->findings[i].kind & 1), "a kind twice");
        kinds |= 1U << f->findings[i].kind;
        check_finding(f, &f->findings[i]);
    }
}

static void check_explanation(const struct lj_opinion_findings *f, const char *text, size_t len)
{
    char buf[LJ_OPINION_EXPLAIN_MAX];
    for (size_t size = 1; size <= sizeof buf; size = size * 3 + 1) {
        memset(buf, 'x', sizeof buf);
        size_t n = lj_opinion_explain(f, text, len, buf, size);
        check(n < size && buf[n] == '\0', "an explanation without an end");
        for (size_t i = 0; i < n;) {
            int32_t c = lj_utf8_next(buf, n, &i);
            check(c >= 0x20, "an explanation that is no line of UTF-8");
        }
    }
}

static bool same(const struct lj_opinion_findings *a, const struct lj_opinion_findings *b)
{
    bool same = a->count == b->count && a->polarity == b->polarity && a->severity == b->severity &&
                a->base == b->base && a->level == b->level && a->main_code == b->main_code &&
                a->cancelled_count == b->cancelled_count &&
                memcmp(&a->risk_score, &b->risk_score, sizeof a->risk_score) == 0 &&
                memcmp(&a->polarity_score, &b->polarity_score, sizeof a->polarity_score) == 0 &&
                a->truncated == b->truncated && a->evasion == b->evasion;
    for (uint32_t i = 0; same && i < a->count; i++) {
        const struct lj_opinion_finding *x = &a->findings[i];
        const struct lj_opinion_finding *y = &b->findings[i];
        same = x->kind == y->kind && x->severity == y->severity &&
               memcmp(&x->score, &y->score, sizeof x->score) == 0 &&
               x->span_count == y->span_count &&
               memcmp(x->spans, y->spans, x->span_count * sizeof x->spans[0]) == 0;
    }
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lj_opinion *old;
    static struct lj_opinion *fresh;
    static struct lj_opinion_findings a;
    static struct lj_opinion_findings b;
    static unsigned runs;
    struct lj_err err;
    const char *text = (const char *)data;
    if (!old)
        old = open_engine();
    if (runs++ % FRESH_EVERY == 0) {
        lj_opinion_close(&fresh);
        fresh = open_engine();
    }
    int rc = lj_opinion_score(old, text, size, &a, &err);
    check(rc == 0 || rc == LJ_E_TOO_LARGE, "an error that no text may cause");
    check(lj_opinion_score(fresh, text, size, &b, &err) == rc, "another answer after a reload");
    if (rc < 0)
        return 0;
    check(same(&a, &b), "another result after a reload");
    check_text(&old->text);
    check_findings(&a);
    check_explanation(&a, text, size);
    return 0;
}
