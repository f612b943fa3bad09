#ifndef LJ_OPINION_EVADE_H
#define LJ_OPINION_EVADE_H
/* Spellings that hide a term: one character in Latin letters, split into its parts, or replaced by
 * one of the same sound. Internal; built once, then read only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lj_err;
struct lj_evade;
struct lj_text;

enum lj_evade_how {
    LJ_EVADE_SYLLABLE, /* gu折, one character as its toneless reading */
    LJ_EVADE_PARTS,    /* 扌丁人, one character as its parts */
    LJ_EVADE_PINYIN,   /* sf, shoufei: reviewed */
    LJ_EVADE_SOUND,    /* 体伐: reviewed */
};

enum { LJ_EVADE_SYMBOLS_MAX = 32 };

/* Called for each spelling; sym holds n folded symbols and is the callee's to copy. A negative
 * return ends the enumeration. */
typedef int lj_evade_fn(void *arg, const uint16_t *sym, size_t n, enum lj_evade_how how,
                        struct lj_err *err);

/* Reads the built-in tables (readings, radicals, pinyin, homophones). The caller frees *ret with
 * lj_evade_close. Errors: LJ_E_CONFIG with file and line, LJ_E_NOMEM. */
int lj_evade_open(struct lj_evade **ret, struct lj_err *err);
void lj_evade_close(struct lj_evade **evade);

/*
 * Enumerates the spellings of a term of n folded symbols (at most 16). generated: also those that
 * nobody reviewed one by one, the syllables; only for terms of two to four characters. Returns 0,
 * or what fn returned.
 */
int lj_evade_term(const struct lj_evade *evade, const uint16_t *sym, size_t n, bool generated,
                  lj_evade_fn *fn, void *arg, struct lj_err *err);

/* FNV-1a over the tables' bytes, going on from hash. */
uint64_t lj_evade_hash(uint64_t hash);

/* The match [s, e) of a text neither begins nor ends inside a longer Latin word: sf in NSFC is no
 * fee. */
bool lj_evade_whole(const struct lj_text *t, uint32_t s, uint32_t e);

#endif
