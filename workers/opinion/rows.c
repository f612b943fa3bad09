/*
 * The rows of the rule tables.
 *
 * pairs.tsv           name, kind, code, severity, weight, first class, second class, gap,
 *                     clause|clause~|sentence|sentence~ (~: in any order), vetoes or -, note
 * sentence_rules.tsv  name, kind, code, severity, weight, needs, clause|sentence|next (with >: in
 *                     that order), reach, vetoes or -, note
 *
 * Needs and vetoes are class names with commas between; A|B is one need that either class meets. A
 * pair's veto counts from the first word to the second, a rule's in its whole window. next is the
 * sentence and the one behind it.
 *
 * Guarantees: a class that no word has is an error with file and line: a rule that can never fire
 * is a spelling mistake.
 */
#include <string.h>

#include "common/err.h"
#include "workers/opinion/rules.h"

/* Reads class names with commas between into one set. */
static int read_set(const struct lj_rules *r, const struct lj_tsv *t, struct lj_field f, char sep,
                    struct lj_classes *ret, struct lj_err *err)
{
    const char *p = f.p;
    const char *end = p + f.n;
    while (p <= end) {
        const char *comma = memchr(p, sep, (size_t)(end - p));
        const char *stop = comma ? comma : end;
        int c = lj_rules_class(r, p, (size_t)(stop - p));
        if (c < 0)
            return lj_rules_bad_row(t, "a class that no word has", err);
        lj_add(ret, (unsigned)c);
        p = stop + 1;
    }
    return 0;
}

static int read_veto(const struct lj_rules *r, const struct lj_tsv *t, size_t i,
                     struct lj_classes *ret, struct lj_err *err)
{
    return lj_field_is(t, i, "-") ? 0 : read_set(r, t, t->field[i], ',', ret, err);
}

static int read_where(const struct lj_tsv *t, struct lj_pair *p, struct lj_err *err)
{
    static const struct {
        const char *name;
        bool sentence, any_order;
    } where[] = {
        {"clause", false, false},
        {"clause~", false, true},
        {"sentence", true, false},
        {"sentence~", true, true},
    };
    for (size_t i = 0; i < sizeof where / sizeof where[0]; i++) {
        if (lj_field_is(t, 8, where[i].name)) {
            p->sentence = where[i].sentence;
            p->any_order = where[i].any_order;
            return 0;
        }
    }
    return lj_rules_bad_row(t, "where must be clause, clause~, sentence or sentence~", err);
}

int lj_rules_pair(struct lj_rules *r, const struct lj_tsv *t, struct lj_err *err)
{
    struct lj_entry e = {0};
    struct lj_pair p = {0};
    int gap = 0;
    if (t->fields < 10 || r->pair_count == LJ_PAIRS_MAX)
        return lj_rules_bad_row(t, "fields are missing, or there are too many pairs", err);
    int first = lj_rules_class(r, t->field[5].p, t->field[5].n);
    int second = lj_rules_class(r, t->field[6].p, t->field[6].n);
    if (first < 0 || second < 0)
        return lj_rules_bad_row(t, "a class that no word has", err);
    int rc = lj_rules_risk(t, 1, &e, err);
    if (rc == 0)
        rc = lj_field_int(t, 7, 0, 60, &gap, err);
    if (rc == 0)
        rc = read_where(t, &p, err);
    if (rc == 0)
        rc = read_veto(r, t, 9, &p.veto, err);
    if (rc < 0)
        return rc;
    p.has_veto = lj_meet(&p.veto, &p.veto);
    p.first = (uint8_t)first;
    p.second = (uint8_t)second;
    p.gap = (uint8_t)gap;
    p.kind = (uint8_t)e.kind;
    p.code = e.code;
    p.severity = e.severity;
    p.weight = e.weight;
    lj_rules_name(p.name, t->field[0].p, t->field[0].n);
    r->pairs[r->pair_count++] = p;
    return 0;
}

static int read_window(const struct lj_tsv *t, struct lj_rule *p, struct lj_err *err)
{
    struct lj_field f = t->field[6];
    p->ordered = f.n > 0 && f.p[f.n - 1] == '>';
    size_t n = f.n - p->ordered;
    p->clause = n == 6 && memcmp(f.p, "clause", n) == 0;
    p->next = n == 4 && memcmp(f.p, "next", n) == 0;
    if (!p->clause && !p->next && !(n == 8 && memcmp(f.p, "sentence", n) == 0))
        return lj_rules_bad_row(t, "where must be clause, sentence or next, with or without >",
                                err);
    return 0;
}

static int read_needs(const struct lj_rules *r, const struct lj_tsv *t, struct lj_rule *p,
                      struct lj_err *err)
{
    const char *at = t->field[5].p;
    const char *end = at + t->field[5].n;
    while (at <= end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        if (p->needs == LJ_NEEDS_MAX)
            return lj_rules_bad_row(t, "more than four needs", err);
        int rc = read_set(r, t, (struct lj_field){at, (size_t)(stop - at)}, '|',
                          &p->need[p->needs++], err);
        if (rc < 0)
            return rc;
        at = stop + 1;
    }
    return p->needs < 2 ? lj_rules_bad_row(t, "a rule needs two words at least", err) : 0;
}

int lj_rules_rule(struct lj_rules *r, const struct lj_tsv *t, struct lj_err *err)
{
    struct lj_entry e = {0};
    struct lj_rule p = {0};
    int reach = 0;
    if (t->fields < 9 || r->rule_count == LJ_SENTENCE_RULES_MAX)
        return lj_rules_bad_row(t, "fields are missing, or there are too many rules", err);
    int rc = lj_rules_risk(t, 1, &e, err);
    if (rc == 0)
        rc = read_needs(r, t, &p, err);
    if (rc == 0)
        rc = read_window(t, &p, err);
    if (rc == 0)
        rc = lj_field_int(t, 7, 0, 120, &reach, err);
    if (rc == 0)
        rc = read_veto(r, t, 8, &p.veto, err);
    if (rc < 0)
        return rc;
    p.reach = (uint8_t)reach;
    p.kind = (uint8_t)e.kind;
    p.code = e.code;
    p.severity = e.severity;
    p.weight = e.weight;
    lj_rules_name(p.name, t->field[0].p, t->field[0].n);
    r->rules[r->rule_count++] = p;
    return 0;
}
