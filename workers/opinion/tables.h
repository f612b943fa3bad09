#ifndef LJ_OPINION_TABLES_H
#define LJ_OPINION_TABLES_H
/* Character tables made at build time by gen_tables.c; read only. */
#include <stddef.h>
#include <stdint.h>

enum {
    LJ_CHAR_NOISE, /* dropped between two characters of a term */
    LJ_CHAR_HAN,
    LJ_CHAR_LETTER,
    LJ_CHAR_DIGIT,
    LJ_CHAR_CLAUSE,   /* ends a clause */
    LJ_CHAR_LIST,     /* 、: ends a clause, carries a negation on */
    LJ_CHAR_SENTENCE, /* ends a sentence */
    LJ_CHAR_OPEN,     /* quotation marks: noise, but seen */
    LJ_CHAR_CLOSE,
    LJ_CHAR_HIDDEN, /* noise that nobody sees: zero width, bidi, combining, variation selectors */
    LJ_CHAR_EMOJI,  /* noise with a mood, see lj_opinion_emoji */
};

#define LJ_OPINION_HAN_FIRST 0x4E00
#define LJ_OPINION_HAN_COUNT 0x5200

struct lj_astral { /* a code point above the BMP that folds into it: 𝐀, 🈚, compatibility ideographs
                    */
    uint32_t from;
    uint16_t to;
};

struct lj_emoji {
    uint32_t code;
    int8_t mood; /* -1 or 1 */
};

extern const uint16_t lj_opinion_fold[0x10000];
extern const uint8_t lj_opinion_char[0x10000];     /* LJ_CHAR_* of a folded code */
extern const struct lj_astral lj_opinion_astral[]; /* by from */
extern const size_t lj_opinion_astral_count;
extern const struct lj_emoji lj_opinion_emoji[]; /* by code */
extern const size_t lj_opinion_emoji_count;
extern const uint16_t
    lj_opinion_pinyin[LJ_OPINION_HAN_COUNT]; /* index into lj_opinion_syllable, 0 = none */
extern const char lj_opinion_syllable[][8];  /* toneless; ü is v */

#endif
