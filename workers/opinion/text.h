#ifndef LJ_OPINION_TEXT_H
#define LJ_OPINION_TEXT_H
/* A text as the rules see it: folded symbols with their place in the original. Internal. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workers/opinion/opinion.h"

enum {
    LJ_SYM_NOISE_BEFORE = 1, /* characters were dropped between this symbol and the one before it */
    LJ_SYM_QUOTED = 2,
};

enum { LJ_CLAUSES_MAX = LJ_OPINION_TEXT_MAX + 1 };

struct lj_clause {
    uint16_t first; /* index of its first symbol */
    uint16_t sentence;
    bool by_list; /* opened by 、 */
};

struct lj_text {
    uint32_t n;           /* symbols */
    uint32_t code_points; /* of the original */
    uint32_t bad_bytes;
    uint32_t clauses;
    uint32_t sentences;
    uint32_t squeezed; /* places inside a clause where noise was dropped between two symbols */
    uint32_t hidden;   /* of these, where the noise is invisible and no emoji stands by it */
    uint32_t emoji_good;
    uint32_t emoji_bad;
    uint16_t code[LJ_OPINION_TEXT_MAX + 2]; /* folded; never noise, never punctuation; two zeros
                                               behind them */
    uint16_t pos[LJ_OPINION_TEXT_MAX];      /* code point offset in the original */
    uint16_t clause[LJ_OPINION_TEXT_MAX];   /* index into list */
    uint8_t flags[LJ_OPINION_TEXT_MAX];
    struct lj_clause list[LJ_CLAUSES_MAX + 1]; /* list[clauses].first == n */
    bool question[LJ_CLAUSES_MAX];             /* by sentence: it ends with a question mark */
};

/* Fills t from UTF-8. Returns false, with t in no defined state, when text has more than
 * LJ_OPINION_TEXT_MAX code points. */
bool lj_text_read(struct lj_text *t, const char *text, size_t len);

/* The first clause of sentence s, or of a later one. */
uint32_t lj_text_clause_of(const struct lj_text *t, uint32_t s);

/* Decodes one code point at *i (< len) and moves *i on; a byte that starts no valid sequence gives
 * -1 and one step. */
int32_t lj_utf8_next(const char *text, size_t len, size_t *i);

/* The symbol of a code point; U+FFFD, which is noise, for -1 and for what has none in the BMP. */
uint16_t lj_text_fold(int32_t cp);

/* The mood of an emoji, 1 or -1; 0 for any other code point. */
int lj_text_mood(int32_t cp);

/* Folds a term (UTF-8, n bytes) into symbols; returns their number, or 0 when it is empty, too long
 * or not UTF-8. */
size_t lj_text_fold_term(const char *term, size_t n, uint16_t *out, size_t cap);

#endif
