#ifndef LJ_OPINION_ENGINE_H
#define LJ_OPINION_ENGINE_H
/* The engine's scratch: tokens and hits of the text in hand. Internal. */
#include "workers/opinion/bundle.h"
#include "workers/opinion/fuse.h"
#include "workers/opinion/linear.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/rules.h"
#include "workers/opinion/text.h"

enum {
    LJ_TOKENS_MAX = 1024,
    LJ_FOUND_MAX = 4096, /* matches of the automaton, before those across clauses are dropped */
    LJ_HITS_MAX = 256,
    LJ_DENIERS_MAX = 64,
    LJ_WORD_CODES_MAX = 5, /* features that one word gives */
    LJ_WORDS_MAX = LJ_TOKENS_MAX * LJ_WORD_CODES_MAX,
};
_Static_assert((int)LJ_WORDS_MAX <= (int)LJ_LIN_WORDS_MAX, "the words' features fit");

/* A pattern or number found in the text: symbols [s, e). */
struct lj_match {
    uint16_t s;
    uint16_t e;
    uint16_t entry;
    uint16_t role;
    bool dead;  /* hidden by a mask or by a longer term of its kind */
    bool inner; /* inside a longer term: its scope classes decide nothing */
};

/* A match that stays. */
struct lj_tok {
    uint64_t words; /* of its classes those that the engine knows */
    uint16_t s;
    uint16_t e;
    uint16_t entry;
    uint16_t role; /* masks and enclosing terms have changed it */
    uint16_t clause;
    uint16_t sentence;
    bool evasive;
};

/* A term, a pair or a sentence rule that speaks of a risk. For a term a == b. */
struct lj_hit {
    uint16_t a_s, a_e; /* first word */
    uint16_t b_s, b_e; /* second word */
    uint16_t s, e;     /* both */
    uint16_t sentence;
    uint8_t kind, code, severity, weight;
    bool by_pair;
    bool by_rule;
    bool supported; /* a complaint or a consequence stands beside it */
    bool evasive;
    uint16_t rule; /* entry, pair or sentence rule index */
    uint16_t tok;  /* scope.c: the first token at or behind its start */
    enum lj_opinion_scope scope;
    float points; /* after the scope */
};

/* Hits of one kind in one sentence, by the ends of their span: is there one before or behind? */
struct lj_partner {
    uint16_t least_end;
    uint16_t most_start; /* plus one; 0 = there is none */
};

/* A sentence's features in lin_found, once somebody has asked for them. */
struct lj_listed {
    uint32_t from;
    uint32_t n;
    bool done;
};

/* Words of the text in hand that are no hits but tell its tone. */
struct lj_praise {
    uint32_t good;
    uint32_t bad;
    uint32_t complaints;
    uint32_t routine;
    bool minors;
    bool hospital;
    bool police;
};

struct lj_opinion {
    struct lj_bundle *bundle; /* what rules and models come from; NULL: from a folder */
    struct lj_rules *rules;
    struct lj_linear models;
    const struct lj_linear *linear; /* all or none; without them the rules alone decide */
    const struct lj_fusion *fusion;
    struct lj_words *words;
    const bool *hidden; /* entries that training takes for unknown; NULL in use */
    char version[24];
    struct lj_text text;
    uint32_t tok_count;
    uint32_t hit_count;
    bool truncated;
    bool confirmed;   /* some word of the text says that the accusation is true */
    bool rumoured;    /* some word of the text tells of a rumour */
    uint32_t deniers; /* words that deny, the first ones */
    uint16_t denier[LJ_DENIERS_MAX];
    bool headed; /* a heading makes the text advice, law or notice */
    struct lj_tok tok[LJ_TOKENS_MAX];
    uint32_t match_count;
    struct lj_ac_match found[LJ_FOUND_MAX];
    uint32_t digits;
    uint16_t digit[LJ_OPINION_TEXT_MAX + 1]; /* where they stand */
    struct lj_match match[LJ_TOKENS_MAX];
    struct lj_match aside[LJ_TOKENS_MAX]; /* find.c's, while it merges */
    struct lj_hit hit[LJ_HITS_MAX];
    uint16_t sentence_tok[LJ_CLAUSES_MAX + 1];            /* first token of a sentence */
    struct lj_classes sentence_set[LJ_CLAUSES_MAX];       /* classes of its tokens */
    uint64_t played[LJ_CLAUSES_MAX * LJ_PLAYS_WORDS_MAX]; /* rows of its tokens, see lj_played */
    struct lj_partner partner[LJ_CLAUSES_MAX][LJ_OPINION_KINDS];
    uint8_t frame[LJ_CLAUSES_MAX]; /* by sentence: the time or place carried into it, an enum
                                      lj_opinion_scope */
    struct lj_praise praise;
    uint16_t word_first[LJ_CLAUSES_MAX + 1]; /* first of a sentence's in word */
    struct lj_gram word[LJ_WORDS_MAX];       /* for training */
    struct lj_lin_extra extra[LJ_CLAUSES_MAX];
    struct lj_lin_score lin;
    struct lj_listed listed[LJ_CLAUSES_MAX]; /* by sentence; evidence.c's, as what follows */
    uint32_t lin_found_count;
    struct lj_lin_found lin_found[LJ_LIN_FOUND_MAX];
    int8_t lin_weight[LJ_LIN_FOUND_MAX];
    struct lj_fused fused;
};

/* An engine over a bundle, which it owns from the call on, also when the call fails. */
int lj_opinion_use(struct lj_bundle *b, struct lj_opinion **ret, struct lj_err *err);

/* golden.c: the engine's bundle's own cases come out as they say; LJ_E_CONFIG names the first one
 * that does not. */
int lj_golden_check(struct lj_opinion *o, struct lj_err *err);

/* find.c: fills tok and hit from text. */
void lj_find(struct lj_opinion *o);
void lj_add_match(struct lj_opinion *o, uint32_t s, uint32_t e, uint16_t entry);
void lj_add_hit(struct lj_opinion *o, const struct lj_hit *h);

/* numbers.c: adds tokens for numbers. */
void lj_find_numbers(struct lj_opinion *o);

/* combine.c: adds the hits of pairs and of sentence rules. */
void lj_combine(struct lj_opinion *o);

/* scope.c: sets scope and points of every hit. */
void lj_judge(struct lj_opinion *o);

/* weak.c: decides which weak hits stand; the last step of lj_judge. */
void lj_judge_weak(struct lj_opinion *o);

/* score.c: sets praise. */
void lj_count_words(struct lj_opinion *o);

/* words.c: the linear models' features from the rules' words. Fills word with them, for training;
 * fills extra with their sums; lists those of sentence s that have a row, returns how many. */
void lj_word_features(struct lj_opinion *o);
void lj_word_sums(struct lj_opinion *o);
uint32_t lj_word_list(const struct lj_opinion *o, uint32_t s, struct lj_lin_found *out);

/* words.c: the rows of all words of the rules. The caller frees *ret. */
int lj_words_open(const struct lj_rules *r, const struct lj_linear *m, struct lj_words **ret,
                  struct lj_err *err);
void lj_words_close(struct lj_words **words);

/* engine.c: gives the engine other models, which it does not own; NULL, NULL: none. Errors:
 * LJ_E_NOMEM, then it has none. */
int lj_opinion_set_models(struct lj_opinion *o, const struct lj_linear *linear,
                          const struct lj_fusion *fusion, struct lj_err *err);

/* engine.c: everything up to the judged hits. false: too long. */
bool lj_opinion_prepare(struct lj_opinion *o, const char *text, size_t len);

/* evidence.c: adds the n-grams that speak for the finding, and, where no hit gives any, spans;
 * lj_evidence_begin once before the findings of a text. */
void lj_evidence_begin(struct lj_opinion *o);
void lj_ngram_evidence(struct lj_opinion *o, struct lj_opinion_finding *x);

/* finding.c: the findings, highest score first, and the risk's score; f is empty. */
void lj_collect(struct lj_opinion *o, struct lj_opinion_findings *f);
struct lj_opinion_reason lj_reason_of(const struct lj_opinion *o, const struct lj_hit *h);

/* score.c: findings from the judged hits, and from fused when that is on. */
void lj_summarise(struct lj_opinion *o, struct lj_opinion_findings *f);

/* Tokens of sentence s: [first, end). A sentence that does not exist gives an empty range. */
static inline void lj_sentence_range(const struct lj_opinion *o, int32_t s, uint32_t *first,
                                     uint32_t *end)
{
    bool exists = s >= 0 && (uint32_t)s < o->text.sentences;
    *first = exists ? o->sentence_tok[s] : 0;
    *end = exists ? o->sentence_tok[s + 1] : 0;
}

/* Some token of sentence s has one of these engine classes; no sentence, no token. */
static inline bool lj_sentence_has(const struct lj_opinion *o, int32_t s, uint64_t bits)
{
    return s >= 0 && (uint32_t)s < o->text.sentences && (o->sentence_set[s].w[0] & bits) != 0;
}

static inline const struct lj_classes *lj_classes_of(const struct lj_opinion *o,
                                                     const struct lj_tok *t)
{
    return &o->rules->hot.role[t->role].classes;
}

/* What the words of sentence s together may do in pairs and rules, see plays.h. */
static inline uint64_t *lj_played(struct lj_opinion *o, uint32_t s)
{
    return o->played + s * o->rules->plays.bits * LJ_BITS_WORDS;
}

/* It counts: no scope took it away, and it does not wait for a partner. */
static inline bool lj_stands(const struct lj_hit *h)
{
    return h->points >= 1 && h->scope != LJ_OPINION_SCOPE_LONE;
}

static inline uint16_t lj_clause_at(const struct lj_opinion *o, uint16_t sym)
{
    return o->text.clause[sym];
}

#endif
