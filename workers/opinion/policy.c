/*
 * Severity modifiers and routing.
 *
 * severity.tsv  kind or *, conditions (commas: all of them), cap|floor|drop|route, number, note
 * routing.tsv   severity 0-3, none|digest|review|page, minutes, show|hide, sample permille, note;
 *               and one row: uncertain, from permille, to permille, note
 *
 * The lexicon gives each hit its severity; the modifiers move a finding's severity by what the text
 * shows besides (a near miss, hearsay, a child in hospital). route moves only the routing, never
 * down: who hides a word is looked at earlier. Rows apply in the order of the file; the result
 * stays within 1 to 3.
 *
 * Guarantees: every severity has its route, or the tables do not load.
 */
#include "workers/opinion/policy.h"

#include <string.h>

#include "common/err.h"
#include "workers/opinion/rules.h"

enum {
    WHEN_NEARMISS = 1,
    WHEN_HEARSAY = 2,
    WHEN_EVASION = 4,
    WHEN_MINORS = 8,
    WHEN_HOSPITAL = 16,
    WHEN_POLICE = 32,
    WHEN_DENY = 64,
    WHEN_SEVERITY_2 = 128,
};

static const char *const conditions[] = {"nearmiss", "hearsay", "evasion", "minors",
                                         "hospital", "police",  "deny",    "severity2"};

enum { APPLY_CAP, APPLY_FLOOR, APPLY_DROP, APPLY_ROUTE };

static const char *const applies[] = {"cap", "floor", "drop", "route"};

static int word_in(const struct lj_field *f, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == f->n && memcmp(names[i], f->p, f->n) == 0)
            return (int)i;
    }
    return -1;
}

static int read_conditions(const struct lj_tsv *t, uint16_t *ret, struct lj_err *err)
{
    const char *p = t->field[1].p;
    const char *end = p + t->field[1].n;
    while (p <= end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        struct lj_field one = {p, (size_t)(stop - p)};
        int c = word_in(&one, conditions, sizeof conditions / sizeof conditions[0]);
        if (c < 0)
            return lj_rules_bad_row(t, "an unknown condition", err);
        *ret = (uint16_t)(*ret | 1U << c);
        p = stop + 1;
    }
    return 0;
}

int lj_policy_modifier(struct lj_policy *p, const struct lj_tsv *t, struct lj_err *err)
{
    struct lj_modifier m = {.kind = -1};
    int by = 0;
    if (t->fields < 4 || p->modifiers == LJ_MODIFIERS_MAX)
        return lj_rules_bad_row(t, "fields are missing, or there are too many rows", err);
    if (!lj_field_is(t, 0, "*")) {
        m.kind = (int8_t)lj_opinion_kind_by_name(t->field[0].p, t->field[0].n);
        if (m.kind < 0)
            return lj_rules_bad_row(t, "unknown kind", err);
    }
    int apply = word_in(&t->field[2], applies, sizeof applies / sizeof applies[0]);
    if (apply < 0)
        return lj_rules_bad_row(t, "it must be cap, floor, drop or route", err);
    m.apply = (uint8_t)apply;
    int rc = read_conditions(t, &m.when, err);
    if (rc == 0)
        rc = lj_field_int(t, 3, 1, 3, &by, err);
    if (rc < 0)
        return rc;
    m.by = by;
    p->modifier[p->modifiers++] = m;
    return 0;
}

static int read_uncertain(struct lj_policy *p, const struct lj_tsv *t, struct lj_err *err)
{
    if (t->fields < 3)
        return lj_rules_bad_row(t, "fields are missing", err);
    int rc = lj_field_int(t, 1, 0, 1000, &p->uncertain_from, err);
    return rc < 0 ? rc : lj_field_int(t, 2, p->uncertain_from, 1000, &p->uncertain_to, err);
}

int lj_policy_route(struct lj_policy *p, const struct lj_tsv *t, struct lj_err *err)
{
    static const char *const names[] = {"none", "digest", "review", "page"};
    int severity = 0;
    int minutes = 0;
    int sample = 0;
    if (lj_field_is(t, 0, "uncertain"))
        return read_uncertain(p, t, err);
    if (t->fields < 5)
        return lj_rules_bad_row(t, "fields are missing", err);
    int action = word_in(&t->field[1], names, LJ_OPINION_ACTIONS);
    bool hide = lj_field_is(t, 3, "hide");
    if (action < 0 || !(hide || lj_field_is(t, 3, "show")))
        return lj_rules_bad_row(t, "an unknown action, or neither show nor hide", err);
    int rc = lj_field_int(t, 0, 0, 3, &severity, err);
    if (rc == 0)
        rc = lj_field_int(t, 2, 0, 14400, &minutes, err);
    if (rc == 0)
        rc = lj_field_int(t, 4, 0, 1000, &sample, err);
    if (rc < 0)
        return rc;
    if (p->routes_read >> severity & 1)
        return lj_rules_bad_row(t, "a second row for this severity", err);
    p->routes_read |= 1U << severity;
    p->route[severity] = (struct lj_opinion_route){
        .action = (enum lj_opinion_action)action,
        .severity = severity,
        .within_minutes = (uint32_t)minutes,
        .sample_permille = (uint32_t)sample,
        .hide = hide,
    };
    return 0;
}

int lj_policy_check(const struct lj_policy *p, struct lj_err *err)
{
    if (p->routes_read != 0xF)
        return lj_fail(err, LJ_E_CONFIG, "routing.tsv: a severity from 0 to 3 has no row");
    return 0;
}

static unsigned conditions_of(const struct lj_opinion_findings *f,
                              const struct lj_opinion_finding *x, bool hearsay)
{
    bool near = false;
    bool plain = false;
    for (uint32_t i = 0; i < x->reason_count; i++) {
        bool n = x->reasons[i].scope == LJ_OPINION_SCOPE_NEARMISS;
        near = near || n;
        plain = plain || !n;
    }
    return (near && !plain ? WHEN_NEARMISS : 0U) | (hearsay ? WHEN_HEARSAY : 0U) |
           (f->evasion ? WHEN_EVASION : 0U) | (f->minors ? WHEN_MINORS : 0U) |
           (f->hospital ? WHEN_HOSPITAL : 0U) | (f->police ? WHEN_POLICE : 0U) |
           (f->rumour ? WHEN_DENY : 0U) | (x->severity >= 2 ? WHEN_SEVERITY_2 : 0U);
}

int lj_policy_severity(const struct lj_policy *p, const struct lj_opinion_findings *f,
                       const struct lj_opinion_finding *x, bool hearsay)
{
    const unsigned seen = conditions_of(f, x, hearsay);
    int severity = x->severity;
    for (size_t i = 0; i < p->modifiers; i++) {
        const struct lj_modifier *m = &p->modifier[i];
        if ((m->kind >= 0 && m->kind != (int)x->kind) || (m->when & seen) != m->when)
            continue;
        if (m->apply == APPLY_CAP)
            severity = severity < m->by ? severity : m->by;
        else if (m->apply == APPLY_FLOOR)
            severity = severity > m->by ? severity : m->by;
        else if (m->apply == APPLY_DROP)
            severity -= m->by;
    }
    return severity < 1 ? 1 : severity > 3 ? 3 : severity;
}

void lj_policy_apply(const struct lj_policy *p, struct lj_opinion_findings *f)
{
    int severity = f->severity;
    int steps = 0;
    for (uint32_t k = 0; k < f->count; k++) {
        const unsigned seen = conditions_of(f, &f->findings[k], false);
        for (size_t i = 0; i < p->modifiers; i++) {
            const struct lj_modifier *m = &p->modifier[i];
            bool mine = m->kind < 0 || m->kind == (int)f->findings[k].kind;
            if (m->apply == APPLY_ROUTE && mine && (m->when & seen) == m->when && m->by > steps)
                steps = m->by;
        }
    }
    severity += severity > 0 ? steps : 0;
    f->route = p->route[severity > 3 ? 3 : severity];
    int permille = (int)(f->risk_score * 1000);
    f->route.uncertain =
        f->count == 0 && permille >= p->uncertain_from && permille < p->uncertain_to;
}
