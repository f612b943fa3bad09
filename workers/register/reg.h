/* Inside of the kind register: the payload's forms, the registers as the worker sees them, and the
 * rules. workers/register.c drives them.
 *
 * One batch: every payload is checked against its type's table of fields (fields.c, types.c); the
 * registers that the batch names are read in one snapshot (state.c); then each event is played
 * through in position order by its rule (rules_*.c), which either refuses it with all its reasons
 * or writes the exact rows to insert and keeps the state up to date for the events behind it. */
#ifndef LJ_WORKERS_REGISTER_REG_H
#define LJ_WORKERS_REGISTER_REG_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/who.h"
#include "workers/worker.h"

#define REG_CODE_BYTES  41 /* a code of 1..40 characters and its NUL */
#define REG_REASONS_MAX 20 /* reasons kept of one event */

/* Columns of apply_register after the standard four; the order is its signature's. */
enum reg_column {
    REG_C_VERDICTS,
    REG_C_BASIS,
    REG_C_TABLES,
    REG_C_ROWS,
    REG_C_REFUSED_POSITIONS,
    REG_C_REFUSED_CODES,
    REG_C_REFUSED_POINTERS,
    REG_C_REFUSED_EN,
    REG_C_REFUSED_ZH,
    REG_COLUMNS
};

enum { REG_APPLIED = 1, REG_REFUSED = 2 }; /* verdicts */

enum reg_table {
    REG_UNIT,
    REG_TEAM,
    REG_PERSON,
    REG_SITE,
    REG_EXEMPTION,
    REG_ACCOUNT,
    REG_PROPOSAL,
    REG_TABLES
};

/* One thing with a code. row: its latest version as in the version table (owned). */
struct reg_entity {
    int32_t number;
    int32_t unit; /* whose codes it is among; 0 for units, accounts and proposals */
    char code[REG_CODE_BYTES];
    json_t *row;
};

struct reg_set {
    struct reg_entity *items; /* owned */
    size_t count;
    size_t cap;
    int32_t last; /* greatest number given out in the whole register */
};

struct reg_membership {
    int32_t number;
    int32_t person;
    int32_t team;
    json_t *row; /* owned */
};

struct reg_policy {
    int32_t number;
    int32_t unit;    /* -1 = none */
    int32_t team;    /* -1 = none */
    int32_t version; /* highest */
    char scope[8];
};

struct reg_state {
    struct reg_set set[REG_TABLES];
    struct reg_membership *memberships; /* owned */
    size_t nmemberships, cap_memberships;
    struct reg_policy *policies; /* owned */
    size_t npolicies, cap_policies;
    int32_t last_membership;
    int32_t last_policy;
    json_t *limits;   /* owned: rows name, value, valid_from, valid_to of the rule REGISTER */
    json_t *settings; /* owned: rows rule, name, value of rule_setting; NULL unless asked for */
    int64_t height;   /* position of the last event that the register has judged; with settings */
    int64_t basis;    /* closure up to which the registers were seen */
};

/* What bounds the registers: settings of the rule REGISTER. source: field handbook 7.2, 7.4, F2 */
enum reg_limit {
    REG_LIMIT_LEVELS,         /* of units below CN000 */
    REG_LIMIT_TEAMS,          /* of a person at once */
    REG_LIMIT_ADMINS,         /* of a unit, not disabled */
    REG_LIMIT_EXEMPTION_DAYS, /* that one reaches back before it was asked for */
    REG_LIMITS
};

/* Reasons of a refusal; codes and texts in reasons.def. */
enum reg_reason {
#define REG_REASON(symbol, code, en, zh) REG_R_##symbol,
#include "workers/register/reasons.def"
#undef REG_REASON
    REG_REASONS
};

/* One event being judged. */
struct reg_ctx {
    struct reg_state *state;
    struct lj_result *out;
    const struct lj_event *event;
    json_t *payload;   /* checked and normalised by reg_check; borrowed */
    struct lj_who who; /* the sender, where the type asks for it; else nobody */
    int reasons;       /* written so far */
    bool nomem;        /* an allocation failed: the batch is tried again */
};

/* ---- fields ---- */
enum reg_form {
    REG_F_TEXT,     /* min..max characters after NFC, no control characters; normalised */
    REG_F_NAME,     /* the same, letters of any script, one space or U+00B7 between them */
    REG_F_CODE,     /* a new thing's code */
    REG_F_UNIT,     /* a unit's code */
    REG_F_TEAM,     /* CODE of the event's unit, or UNIT/CODE */
    REG_F_TEAMS,    /* set of at most max of these */
    REG_F_PERSON,   /* likewise */
    REG_F_LOGIN,    /* an account's login */
    REG_F_SITE,     /* CODE of the event's unit, or UNIT/CODE */
    REG_F_WORD,     /* one of `more` */
    REG_F_WORDS,    /* set of at most max of `more` */
    REG_F_TEXTS,    /* set of at most max texts of 1..60 characters */
    REG_F_SYMBOL,   /* upper-case word, as a sport's code */
    REG_F_SYMBOLS,  /* set of at most max of these */
    REG_F_INT,      /* min..max */
    REG_F_INTS,     /* exactly max of 0..min */
    REG_F_RATIO,    /* 0..max with at most 4 decimals */
    REG_F_RATIOS,   /* exactly max of 0..1, growing */
    REG_F_DEGREES,  /* -max..max with at most 6 decimals */
    REG_F_DATE,     /* YYYY-MM-DD, 1900 to 2999 */
    REG_F_DATES,    /* set of at most max dates */
    REG_F_MONTHDAY, /* MM-DD */
    REG_F_REGION,   /* six digits */
    REG_F_UUID,     /* lower case */
    REG_F_UUIDS,    /* set of min..max of these */
    REG_F_BOOL,
    REG_F_OBJECT, /* members as in table `more` */
    REG_FORMS
};

struct reg_field {
    const char *name; /* NULL ends a table */
    enum reg_form form;
    bool required;
    int32_t min;
    int32_t max;
    const void *more; /* const char *const * ending in NULL, or const struct reg_field * */
};

/* A type of event: its fields, the register of REG_F_CODE, and the rule. */
struct reg_type {
    const char *name;
    const struct reg_field *fields;
    enum reg_table table;
    void (*rule)(struct reg_ctx *x);
    bool asks_who; /* the rule asks for the sender */
};

const struct reg_type *reg_type_find(const char *name); /* NULL where unknown */

/* Judges one value by its form and normalises it in place (*value may be replaced inside `holder`).
 * true = right. */
bool reg_form_ok(const struct reg_field *f, json_t *value, json_t **ret_new);
/* The sentence that says what a form wants. */
void reg_form_text(const struct reg_field *f, char *en, char *zh, size_t n);
/* Checks ctx->payload against the fields: writes a reason for every fault. */
void reg_check(struct reg_ctx *x, const struct reg_field *fields);

/* "CODE" or "UNIT/CODE": unit is "" for the short form. The text must have passed the form. */
void reg_ref_split(const char *text, char unit[6], char code[REG_CODE_BYTES]);

/* ---- dates: "YYYY-MM-DD" compares as text ---- */
bool reg_date_ok(const char *s);
void reg_date_before(const char *s, char ret[11]); /* the day before */
int reg_local_year(int64_t us);                    /* year in Asia/Shanghai */
int reg_local_day(int64_t us);                     /* days since 1970-01-01, in Asia/Shanghai */
int reg_day_number(const char *s);                 /* the same of a date */
void reg_local_date(int64_t us, char ret[11]);     /* date in Asia/Shanghai */

/* ---- state ---- */
/* Reads what the payloads name, in one snapshot. payloads: array of objects in batch order, NULL
 * for those not to be looked at. errors: LJ_E_NOMEM, LJ_E_DB_* */
LJ_MUST int reg_state_load(PGconn *db, const struct lj_batch *in, json_t *const *payloads,
                           struct reg_state *ret, struct lj_err *err);
void reg_state_free(struct reg_state *s);
struct reg_entity *reg_by_code(struct reg_state *s, enum reg_table t, int32_t unit,
                               const char *code); /* NULL = none; unit -1 = any */
struct reg_entity *reg_by_number(struct reg_state *s, enum reg_table t, int32_t number);
/* Takes over row. NULL = no memory (row is freed). The pointer is valid until the next addition. */
struct reg_entity *reg_add(struct reg_state *s, enum reg_table t, int32_t unit, const char *code,
                           json_t *row);
struct reg_membership *reg_add_membership(struct reg_state *s, int32_t number, int32_t person,
                                          int32_t team, json_t *row);
/* Limits, limits.c. The table's rows go into s; the caller frees them with the state. errors: as a
 * query, LJ_E_NOMEM */
LJ_MUST int reg_limits_read(PGconn *db, struct reg_state *s, struct lj_err *err);
/* As it stands on the day of the event's receipt; INT32_MAX where there is none. */
int64_t reg_limit(const struct reg_ctx *x, enum reg_limit what);
/* The event's values in place of all that the limit was, for the events behind it. */
void reg_limits_replace(struct reg_ctx *x, const char *name, const json_t *values);
struct reg_policy *reg_add_policy(struct reg_state *s);
bool reg_unit_inside(struct reg_state *s, int32_t unit,
                     int32_t root);                    /* in root's subtree, root itself included */
int reg_unit_depth(struct reg_state *s, int32_t unit); /* CN000 0 */

/* ---- for the rules (rules.c) ---- */
void reg_refuse(struct reg_ctx *x, const char *pointer, enum reg_reason reason);
void reg_refuse_text(struct reg_ctx *x, const char *pointer, enum reg_reason reason, const char *en,
                     const char *zh);
/* With the limit that was passed behind the reason's text. */
void reg_refuse_limit(struct reg_ctx *x, const char *pointer, enum reg_reason reason, int64_t most);
const char *reg_text(const json_t *object, const char *member); /* NULL = absent or null */
json_int_t reg_int(const json_t *object, const char *member);   /* 0 = absent or null */
void reg_put(struct reg_ctx *x, json_t *row, const char *column,
             json_t *value); /* takes over value; NULL value = no memory */
void reg_copy(struct reg_ctx *x, json_t *row, const char *column,
              const char *member); /* from the payload, if it is there */
json_t *reg_row_new(struct reg_ctx *x,
                    const char *const *columns);            /* all columns null; NULL = no memory */
json_t *reg_row_next(struct reg_ctx *x, const json_t *old); /* a copy with the event's position */
void reg_write(struct reg_ctx *x, const char *table, const json_t *row);
bool reg_same(const json_t *a, const json_t *b); /* equal but for position */
void reg_replace(json_t **slot, json_t *row);    /* frees the old one */
bool reg_late(struct reg_ctx *x, const json_t *row,
              const char *pointer); /* refuses, when a later event made this row */
/* The state that an event of this type leads to from another (moves.def); NULL after a refusal: the
 * move is impossible, or made already. */
const char *reg_move(struct reg_ctx *x, const char *type, const char *from, const char *pointer);
void reg_put_state(struct reg_ctx *x, json_t *row, const char *state); /* with the day it began */
/* Resolves a reference in a member; refuses where there is none, or (inside) where it is not in the
 * subtree of the event's unit. */
struct reg_entity *reg_require(struct reg_ctx *x, enum reg_table t, const char *member,
                               bool inside);
/* Resolves one reference; refuses at the pointer where there is none. */
struct reg_entity *reg_resolve(struct reg_ctx *x, enum reg_table t, const char *text,
                               const char *pointer);
/* The common part of x.registered for things with a code: refuses, writes identity and version, or
 * finds the same content there. */
void reg_register(struct reg_ctx *x, enum reg_table t, int32_t unit, json_t *row);
void reg_register_as(struct reg_ctx *x, enum reg_table t, int32_t unit, const char *member,
                     json_t *row); /* the code is in another member than `code` */
void reg_span_check(struct reg_ctx *x, const json_t *row,
                    const char *pointer); /* valid_from <= valid_to */

void reg_unit_registered(struct reg_ctx *x);
void reg_unit_changed(struct reg_ctx *x);
void reg_unit_suspended(struct reg_ctx *x);
void reg_unit_addressed(struct reg_ctx *x);
void reg_unit_moved(struct reg_ctx *x); /* invited, applied, returned, activated, resumed, closed */
bool reg_unit_may_send(struct reg_ctx *x); /* refuses where the sender's unit may not */
void reg_team_registered(struct reg_ctx *x);
void reg_team_changed(struct reg_ctx *x);
void reg_team_disbanded(struct reg_ctx *x);
void reg_person_registered(struct reg_ctx *x);
void reg_site_registered(struct reg_ctx *x);
void reg_membership_started(struct reg_ctx *x);
void reg_membership_changed(struct reg_ctx *x);
void reg_membership_ended(struct reg_ctx *x);
void reg_policy_set(struct reg_ctx *x);
/* Parts of policy.set: the checks, with what the policy is of (numbers, -1 = none); and the
 * version, unless it is not higher. */
void reg_policy_check(struct reg_ctx *x, int32_t *ret_unit, int32_t *ret_team);
void reg_policy_write(struct reg_ctx *x, int32_t unit, int32_t team);
void reg_policy_rule_set(struct reg_ctx *x);
void reg_policy_proposed(struct reg_ctx *x);
void reg_policy_rule_proposed(struct reg_ctx *x);
void reg_policy_approved(struct reg_ctx *x);
void reg_policy_withdrawn(struct reg_ctx *x);
void reg_team_paused(struct reg_ctx *x); /* paused, resumed */
void reg_person_changed(struct reg_ctx *x);
void reg_site_changed(struct reg_ctx *x);
void reg_calendar_day_started(struct reg_ctx *x);
void reg_calendar_year_set(struct reg_ctx *x);
void reg_exemption_approved(struct reg_ctx *x);
void reg_exemption_ended(struct reg_ctx *x);
void reg_certificate_issued(struct reg_ctx *x);
void reg_filing_window_opened(struct reg_ctx *x);
void reg_flag_explained(struct reg_ctx *x);
void reg_flag_decided(struct reg_ctx *x);
void reg_duplicate_decided(struct reg_ctx *x);
void reg_opinion_item_linked(struct reg_ctx *x);
void reg_activity_planned(struct reg_ctx *x);
void reg_activity_plan_cancelled(struct reg_ctx *x);
void reg_account_invited(struct reg_ctx *x);
void reg_account_changed(struct reg_ctx *x);
void reg_account_moved(struct reg_ctx *x); /* accepted, activated, locked, unlocked, disabled */

#endif
