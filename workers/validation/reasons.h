/* What validation has to say about one event: clauses of rules.def, each with a JSON pointer and up
 * to two numbers. */
#ifndef LJ_WORKERS_VALIDATION_REASONS_H
#define LJ_WORKERS_VALIDATION_REASONS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum lj_severity { LJ_SEVERITY_E = 'E', LJ_SEVERITY_W = 'W', LJ_SEVERITY_F = 'F' };

enum lj_clause {
#define RULE(symbol, code, severity, zh, en) LJ_CLAUSE_##symbol,
#include "workers/validation/rules.def"
#undef RULE
    LJ_CLAUSES
};

struct lj_clause_info {
    const char *code;
    enum lj_severity severity;
    const char *zh, *en;
};
const struct lj_clause_info *lj_clause_info(enum lj_clause clause);

enum {
    LJ_REASONS_MAX = 64,         /* kept of one event; more are counted */
    LJ_REASONS_TOLD = 20,        /* told in activity.rejected: follow-on events are short */
    LJ_REASON_POINTER_MAX = 120, /* bytes */
};

struct lj_reason {
    enum lj_clause clause;
    int64_t a, b;
    char pointer[LJ_REASON_POINTER_MAX + 1];
};

struct lj_reasons {
    size_t count, dropped, errors;
    const char *prefix; /* of every pointer: "" or "/body" */
    struct lj_reason items[LJ_REASONS_MAX];
};

void lj_reasons_init(struct lj_reasons *r, const char *prefix);
/* Adds a clause; the pointer is made by fmt, behind the prefix. An error always finds room: it
 * takes a warning's place. */
void lj_reasons_add(struct lj_reasons *r, enum lj_clause clause, int64_t a, int64_t b,
                    const char *fmt, ...) LJ_PRINTF(5, 6);
/* The same for a member whose name a client chose: escaped by RFC 6901, cut at the limit. */
void lj_reasons_add_member(struct lj_reasons *r, enum lj_clause clause, const char *parent,
                           const char *name);
/* Whether a clause is among them. */
int lj_reasons_has(const struct lj_reasons *r, enum lj_clause clause);

/* [{code, severity, pointer, zh, en}], errors first, at most LJ_REASONS_TOLD. owner: the caller.
 * NULL when out of memory */
json_t *lj_reasons_told(const struct lj_reasons *r);
/* [{code, severity, pointer}] of all that are kept, of flags with their numbers a and b, as text
 * for free(); NULL when out of memory. */
char *lj_reasons_notes(const struct lj_reasons *r);

#endif
