/*
 * Golden cases: texts that a bundle must judge as it says itself, before anybody uses it.
 *
 * golden.tsv: expect, polarity, text. expect is - for a text without a finding, else the kinds that
 * must be found, with commas between; others may be found too. polarity is -1, 0, 1 or * for any.
 * They are plain cases that no training should lose: a bundle that fails one is broken, not just
 * different.
 */
#include <string.h>

#include "common/err.h"
#include "workers/opinion/bundle.h"
#include "workers/opinion/engine.h"
#include "workers/opinion/tsv.h"

/* Kinds of field 0, or -1 when one has no such name. */
static int expected(const struct lj_tsv *t)
{
    const char *p = t->field[0].p;
    const char *end = p + t->field[0].n;
    int set = 0;
    if (lj_field_is(t, 0, "-"))
        return 0;
    while (p <= end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        int kind = lj_opinion_kind_by_name(p, (size_t)(stop - p));
        if (kind < 0)
            return -1;
        set |= 1 << kind;
        p = stop + 1;
    }
    return set;
}

static bool polarity_fits(const struct lj_tsv *t, int polarity)
{
    static const char *const names[] = {"-1", "0", "1"};
    return lj_field_is(t, 1, "*") || lj_field_is(t, 1, names[polarity + 1]);
}

static int check_case(struct lj_opinion *o, const struct lj_tsv *t, struct lj_err *err)
{
    struct lj_opinion_findings f;
    int want = t->fields == 3 ? expected(t) : -1;
    if (want < 0)
        return lj_fail(err, LJ_E_CONFIG, "golden.tsv:%u: not kinds, polarity and text", t->line);
    int rc = lj_opinion_score(o, t->field[2].p, t->field[2].n, &f, err);
    if (rc < 0)
        return rc;
    int said = 0;
    for (uint32_t i = 0; i < f.count; i++)
        said |= 1 << f.findings[i].kind;
    if ((want == 0) != (said == 0) || (want & ~said) != 0 || !polarity_fits(t, f.polarity))
        return lj_fail(err, LJ_E_CONFIG, "golden case %u comes out otherwise: %.*s", t->line,
                       (int)(t->field[2].n < 120 ? t->field[2].n : 120), t->field[2].p);
    return 0;
}

int lj_golden_check(struct lj_opinion *o, struct lj_err *err)
{
    size_t size = 0;
    unsigned cases = 0;
    const char *p = o->bundle ? lj_bundle_section(o->bundle, "golden.tsv", &size) : NULL;
    struct lj_tsv t = {.name = "golden.tsv", .p = p, .end = p ? p + size : p};
    while (lj_tsv_next(&t)) {
        if (lj_field_is(&t, 0, "expect"))
            continue;
        int rc = check_case(o, &t, err);
        if (rc < 0)
            return rc;
        cases++;
    }
    return cases ? 0 : lj_fail(err, LJ_E_CONFIG, "the bundle has no golden cases");
}
