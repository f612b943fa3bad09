#ifndef LJ_OPINION_H
#define LJ_OPINION_H
/*
 * The opinion (舆情) engine: text in, findings out.
 *
 * A library of its own: no broker, no database, no clock, no network. It reads a narrative, a
 * feedback text or a media item and says which risk kinds it asserts, where in the original text,
 * how bad, and why. It never decides anything about credit or publication: people do.
 *
 * A handle owns its rule tables and its scratch memory; nothing is global. One handle serves one
 * thread; calls on different handles never meet. After lj_opinion_open no call allocates. Findings
 * are plain values: they hold copies, no pointer into the handle, so they outlive it and can be
 * compared with memcmp-like care.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lj_err;
struct lj_opinion;

enum {
    LJ_OPINION_TEXT_MAX = 5000,    /* code points; the field's limit for an opinion item */
    LJ_OPINION_SPANS_MAX = 8,      /* evidence spans kept per finding; more are counted, not kept */
    LJ_OPINION_REASONS_MAX = 8,    /* reasons kept per finding */
    LJ_OPINION_CANCELLED_MAX = 16, /* hits that a scope cancelled, kept for the explanation */
    LJ_OPINION_RULE_NAME_MAX = 48, /* bytes with the NUL */
    LJ_OPINION_EXPLAIN_MAX = 1024, /* bytes that always suffice for lj_opinion_explain */
};

/* The nine risk kinds of the labelled field data, and threat (self-harm, violence) apart. */
enum lj_opinion_kind {
    LJ_OPINION_INJURY,
    LJ_OPINION_FEE,
    LJ_OPINION_FORMALISM,
    LJ_OPINION_MISCONDUCT,
    LJ_OPINION_DISCRIMINATION,
    LJ_OPINION_DISTURBANCE,
    LJ_OPINION_FAKE,
    LJ_OPINION_REPUTATION,
    LJ_OPINION_PRIVACY,
    LJ_OPINION_THREAT,
    LJ_OPINION_KINDS,
};

/* The field's codes (domain, opinion module), in falling order of base severity where they have
 * one. */
enum lj_opinion_code {
    LJ_OPINION_CODE_ABUSE,
    LJ_OPINION_CODE_INJURY,
    LJ_OPINION_CODE_FINANCE,
    LJ_OPINION_CODE_FRAUD,
    LJ_OPINION_CODE_CONDUCT,
    LJ_OPINION_CODE_COMMERCE,
    LJ_OPINION_CODE_FAKE,
    LJ_OPINION_CODE_FEES,
    LJ_OPINION_CODE_PRIVACY,
    LJ_OPINION_CODE_WAIT,
    LJ_OPINION_CODE_WEATHER,
    LJ_OPINION_CODE_CLASS,
    LJ_OPINION_CODE_FAN,
    LJ_OPINION_CODE_FORMAL,
    LJ_OPINION_CODE_OTHER,
    LJ_OPINION_CODE_POSITIVE,
    LJ_OPINION_CODE_NEUTRAL,
    LJ_OPINION_CODES,
};

/* What a scope did to a hit. NONE and the last three raise or keep it; the others cancel or damp
 * it. */
enum lj_opinion_scope {
    LJ_OPINION_SCOPE_NONE,
    LJ_OPINION_SCOPE_NEG,      /* 没有、未、零…… in the clause, or carried over a list */
    LJ_OPINION_SCOPE_PREV,     /* 严禁、杜绝: a rule against it */
    LJ_OPINION_SCOPE_HYP,      /* 如果、担心、是否 */
    LJ_OPINION_SCOPE_TOPIC,    /* a talk or a drill about it */
    LJ_OPINION_SCOPE_PAST,     /* another time; an athlete's biography */
    LJ_OPINION_SCOPE_OTHER,    /* another place or other people */
    LJ_OPINION_SCOPE_DENY,     /* 辟谣、查无实据: rumour, not confirmed */
    LJ_OPINION_SCOPE_RESOLVED, /* settled, complaint withdrawn */
    LJ_OPINION_SCOPE_SPORT,    /* a sport's own violent words */
    LJ_OPINION_SCOPE_LONE,     /* a weak word without a partner nearby */
    LJ_OPINION_SCOPE_UNLIKELY, /* it stands, but the whole text speaks against its kind */
    LJ_OPINION_SCOPE_CONTRA,   /* 说好、号称: cancels a negation, the hit stands */
    LJ_OPINION_SCOPE_NEARMISS, /* 险些: stands, at severity 1 */
    LJ_OPINION_SCOPE_QUOTE,    /* reported speech: stands, the speaker is another */
    LJ_OPINION_SCOPES,
};

enum lj_opinion_source {
    LJ_OPINION_BY_TERM,  /* a term of the lexicon */
    LJ_OPINION_BY_PAIR,  /* two words near each other */
    LJ_OPINION_BY_RULE,  /* a sentence rule: several words of one sentence */
    LJ_OPINION_BY_NGRAM, /* a character n-gram of the linear model */
};

enum lj_opinion_level { /* names as in the field; NONE first so that > compares */
                        LJ_OPINION_LEVEL_NONE,
                        LJ_OPINION_LEVEL_BLUE,
                        LJ_OPINION_LEVEL_YELLOW,
                        LJ_OPINION_LEVEL_ORANGE,
                        LJ_OPINION_LEVEL_RED,
};

enum lj_opinion_action { /* what people do with a text; routing.tsv says when */
                         LJ_OPINION_ACTION_NONE,
                         LJ_OPINION_ACTION_DIGEST, /* in the daily digest */
                         LJ_OPINION_ACTION_REVIEW, /* a reviewer, within the time of the route */
                         LJ_OPINION_ACTION_PAGE,   /* the duty officer, at once */
                         LJ_OPINION_ACTIONS,
};

/* Where a text goes. The engine recommends; it never hides, publishes or deletes by itself. */
struct lj_opinion_route {
    enum lj_opinion_action action;
    int severity;             /* 0..3: the text's severity with the routing's steps (evasion) */
    uint32_t within_minutes;  /* a person must have seen it by then; 0 = no clock */
    uint32_t sample_permille; /* share to show to reviewers all the same, to measure misses */
    bool hide;                /* keep from public display until a person has decided */
    bool uncertain;           /* below the threshold but near it: into the queue by uncertainty */
};

struct lj_opinion_span { /* code point offsets into the original text, end exclusive */
    uint32_t start;
    uint32_t end;
};

struct lj_opinion_reason {
    enum lj_opinion_kind kind;
    enum lj_opinion_code code;
    enum lj_opinion_source source;
    enum lj_opinion_scope scope; /* what was decided about this hit, NONE: it simply stands */
    struct lj_opinion_span span;
    float weight; /* what it adds to the kind's points after the scope; 0 = cancelled */
    char rule[LJ_OPINION_RULE_NAME_MAX]; /* the term itself, or the rule's name; UTF-8, cut at
                                            a character */
};

struct lj_opinion_finding {
    enum lj_opinion_kind kind;
    enum lj_opinion_code code; /* of the strongest hit */
    float score;               /* 0..1, 0.5 is the threshold; not calibrated yet */
    int severity;              /* 1..3 */
    uint32_t span_count;       /* entries used in spans */
    uint32_t reason_count;     /* entries used in reasons */
    struct lj_opinion_span spans[LJ_OPINION_SPANS_MAX]; /* by start, not overlapping */
    struct lj_opinion_reason reasons[LJ_OPINION_REASONS_MAX];
};

struct lj_opinion_findings {
    int polarity;         /* -1, 0, 1 */
    float polarity_score; /* -1..1 */
    float risk_score;     /* 0..1, any risk; 0.5 is the threshold */
    enum lj_opinion_code
        main_code; /* highest base severity; POSITIVE or NEUTRAL without a finding */
    int severity;  /* 0..3, the highest of the findings */
    int base;      /* 0..100: base severity S as far as one text tells (no heat, source, burst) */
    enum lj_opinion_level level; /* of base, with the floors of the field */
    struct lj_opinion_route route;
    bool rumour;    /* an accusation together with its denial */
    bool minors;    /* pupils or children are spoken of */
    bool hospital;  /* hospital or police words outside a career story */
    bool police;    /* of these, police and courts */
    bool evasion;   /* a hit was written with symbols, pinyin or split characters inside */
    bool truncated; /* more hits than the engine keeps; the first ones were judged */
    uint32_t code_points;
    uint32_t
        bad_bytes;  /* bytes that were no UTF-8; each became U+FFFD and counts as one code point */
    uint32_t count; /* findings, highest score first */
    uint32_t cancelled_count;
    struct lj_opinion_finding findings[LJ_OPINION_KINDS];
    struct lj_opinion_reason cancelled[LJ_OPINION_CANCELLED_MAX]; /* in text order */
};

/*
 * Opens an engine over a bundle: rule tables, models, golden cases in one file.
 * path: the file; NULL takes the bundle built into the library. A file is checked (form, version,
 * checksum) and its golden cases are run: one that fails is refused. The file may be replaced or
 * overwritten afterwards. The caller frees *ret with lj_opinion_close. Errors: LJ_E_CONFIG
 * (refused, the message says why), LJ_E_IO, LJ_E_NOMEM. On failure *ret is untouched.
 */
int lj_opinion_open(const char *path, struct lj_opinion **ret, struct lj_err *err);

/*
 * Opens an engine over rule tables alone, without models: the rules decide.
 * dir: a folder with terms, words, masks, pairs, sentence_rules, severity and routing, each .tsv.
 * Errors: LJ_E_CONFIG (a row that does not parse, the message names file and line), LJ_E_IO,
 * LJ_E_NOMEM. On failure *ret is untouched.
 */
int lj_opinion_open_rules(const char *dir, struct lj_opinion **ret, struct lj_err *err);

/* Frees an engine; accepts NULL and a pointer to NULL. */
void lj_opinion_close(struct lj_opinion **engine);

/*
 * Scores one text.
 * text: UTF-8, len bytes, NUL bytes allowed (they are noise); may be NULL when len is 0. Empty is a
 * valid, neutral text. ret: filled completely on success, untouched on failure. Errors:
 * LJ_E_TOO_LARGE for more than LJ_OPINION_TEXT_MAX code points. Hostile bytes are no error: see
 * bad_bytes.
 */
int lj_opinion_score(struct lj_opinion *engine, const char *text, size_t len,
                     struct lj_opinion_findings *ret, struct lj_err *err);

/*
 * Writes why, in one line of Chinese, NUL-terminated and cut at a character. Returns the bytes
 * written without the NUL. The evidence is quoted from text, which must be the text that was
 * scored.
 */
size_t lj_opinion_explain(const struct lj_opinion_findings *f, const char *text, size_t len,
                          char *buf, size_t size);

/* Names: kinds and scopes as in the labelled data (lower case), codes and levels as in the field
 * (upper case). */
const char *lj_opinion_kind_name(enum lj_opinion_kind kind);
const char *lj_opinion_kind_name_zh(enum lj_opinion_kind kind);
const char *lj_opinion_code_name(enum lj_opinion_code code);
const char *lj_opinion_scope_name(enum lj_opinion_scope scope);
const char *lj_opinion_action_name(enum lj_opinion_action action);
const char *lj_opinion_level_name(enum lj_opinion_level level);
/* The code's base severity, 0 for POSITIVE and NEUTRAL. */
int lj_opinion_code_base(enum lj_opinion_code code);
/* Finds a kind by its name of n bytes; -1 when there is none. */
int lj_opinion_kind_by_name(const char *name, size_t n);
int lj_opinion_code_by_name(const char *name, size_t n);

/* What the results depend on: "bundle-" and the first 16 hex digits of the bundle's checksum, or
 * "rules-" and 16 over all tables; stable across reloads of the same. */
const char *lj_opinion_version(const struct lj_opinion *engine);

#endif
