/* What the rules of mail share: templates, the columns of apply_mail, receivers. */
#ifndef LJ_WORKERS_MAIL_POST_H
#define LJ_WORKERS_MAIL_POST_H

#include <jansson.h>
#include <libpq-fe.h>

#include "common/buf.h"
#include "workers/mail/text.h"
#include "workers/worker.h"

enum { LJ_MAIL_WRITTEN = 1, LJ_MAIL_NOTHING = 2 };
enum {
    LJ_MAIL_N02 = 2,
    LJ_MAIL_N03 = 3,
    LJ_MAIL_N04 = 4,
    LJ_MAIL_N05 = 5,
    LJ_MAIL_N06 = 6,
    LJ_MAIL_N07 = 7,
    LJ_MAIL_N08 = 8,
    LJ_MAIL_N09 = 9,
    LJ_MAIL_N10 = 10,
    LJ_MAIL_N11 = 11,
    LJ_MAIL_N12 = 12,
    LJ_MAIL_N15 = 15,
    LJ_MAIL_N16 = 16,
    LJ_MAIL_N17 = 17,
    LJ_MAIL_N18 = 18,
    LJ_MAIL_N20 = 20,
    LJ_MAIL_N21 = 21,
    LJ_MAIL_N22 = 22,
    LJ_MAIL_N23 = 23,
    LJ_MAIL_N24 = 24,
    LJ_MAIL_N25 = 25, /* N26: settle_mail */
    LJ_MAIL_N27 = 27
}; /* mail_template.rule */
enum { LJ_MAIL_TEMPLATES_MAX = 128 };
enum { LJ_MAIL_RECALL = 1, LJ_MAIL_REPLY = 2 }; /* mail_word.what */
enum { LJ_MAIL_NO_UNIT = -1 };                  /* in a note: the whole mail was recalled */

enum lj_mail_state {
#define STATE(symbol, number) LJ_MAIL_##symbol = number,
#define MOVE(type, from, to)
#include "workers/mail/moves.def"
#undef STATE
#undef MOVE
};

/* Columns of apply_mail after the standard four. */
enum lj_mail_column {
    LJ_MC_VERDICT,
    LJ_MC_REASON,
    LJ_MC_POSITION,
    LJ_MC_ID,
    LJ_MC_RULE,
    LJ_MC_UNIT,
    LJ_MC_DUE,
    LJ_MC_URGENT,
    LJ_MC_KIND,
    LJ_MC_NEEDS,
    LJ_MC_TITLE,
    LJ_MC_BODY,
    LJ_MC_TO_POSITION,
    LJ_MC_TO_RULE,
    LJ_MC_TO_UNIT,
    LJ_MC_MOVE_POSITION,
    LJ_MC_MOVE_MAIL,
    LJ_MC_MOVE_UNIT,
    LJ_MC_MOVE_FROM,
    LJ_MC_MOVE_TO,
    LJ_MC_MOVE_BY,
    LJ_MC_WORD_POSITION,
    LJ_MC_WORD_MAIL,
    LJ_MC_WORD_UNIT,
    LJ_MC_WORD_WHAT,
    LJ_MC_WORD_TEXT,
    LJ_MC_WORD_BY,
    LJ_MAIL_COLUMNS
};

struct lj_mail_template {
    int rule;
    int due; /* working days, -1: none */
    char kind[16], needs[16];
    char *title, *body; /* owned */
};

/* A move that this batch made already: the database does not show it yet. */
struct lj_mail_moved {
    uint8_t mail[16];
    int16_t unit;
    enum lj_mail_state state;
};

struct lj_mail {
    PGconn *db; /* owned; NULL while there is none */
    char *dsn, *name;
    size_t ntemplates;
    struct lj_mail_template templates[LJ_MAIL_TEMPLATES_MAX];
    struct lj_buf title, body, scratch;
    size_t nmoved, moved_cap;
    struct lj_mail_moved *moved; /* owned; of the batch under way */
};

/* One event under way. */
struct lj_mail_event {
    struct lj_mail *m;
    const struct lj_event *event;
    json_t *payload; /* an object */
    struct lj_result *out;
};

/* A member of the payload that is a text; NULL where it is none. Lives as long as the payload. */
static inline const char *lj_mail_text_of(const struct lj_mail_event *x, const char *name)
{
    return json_string_value(json_object_get(x->payload, name));
}

/* A rule: writes mails or moves a receipt. shape: returns 0 with *ret_reason NULL (written) or why
 * nothing was written (a short code); errors: LJ_E_DB_*, LJ_E_NOMEM: the batch is tried again */
typedef int (*lj_mail_rule)(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* Rule of mail.read and mail.signed; the first half of mail.replied. */
int lj_mail_move(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* Rules of mail.replied and mail.recalled. */
int lj_mail_reply(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
int lj_mail_recall(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* Notes for later events of this batch how a receipt stands now. errors: LJ_E_NOMEM */
LJ_MUST int lj_mail_note(struct lj_mail *m, const uint8_t mail[16], int16_t unit,
                         enum lj_mail_state to, struct lj_err *err);
/* State that this batch gave a receipt; 0: it did not move it. */
enum lj_mail_state lj_mail_moved_to(const struct lj_mail *m, const uint8_t mail[16], int16_t unit);
/* Rules of flag.opened (N12) and account.bulk_entry (N22). */
int lj_mail_flag_opened(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
int lj_mail_bulk_entry(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* Rules of exemption.approved and .ended (N16), policy.set and .approved (N17). */
int lj_mail_exemption(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
int lj_mail_policy(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* Rules of activity.report_missing (N08), incident.reported (N15), story.decided (N20). */
int lj_mail_plans(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
int lj_mail_incident(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
int lj_mail_story(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* Rule of activity.state_changed. */
int lj_mail_review(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* Rules of calendar.day_started (N09, N18), quota.level_changed (N10), quota.quarter_summed (N11).
 */
int lj_mail_day(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
int lj_mail_level_changed(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
int lj_mail_quarter(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err);
/* NULL: no rule for that type. */
lj_mail_rule lj_mail_rule_of(const char *type);

/* Writes one mail of a template to units; units that are given twice get it once. due: working
 * days, -1 = the template's. needs: NULL = the template's. errors: LJ_E_STATE (the template is not
 * in the database), LJ_E_NOMEM */
struct lj_mail_draft {
    int rule;
    int urgent;
    int due;
    const char *needs;
    const struct lj_mail_var *vars;
    size_t nvars;
    const int16_t *units;
    size_t nunits;
};
LJ_MUST int lj_mail_post(struct lj_mail_event *x, const struct lj_mail_draft *d,
                         struct lj_err *err);

#endif
