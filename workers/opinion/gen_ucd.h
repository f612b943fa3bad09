#ifndef LJ_OPINION_GEN_UCD_H
#define LJ_OPINION_GEN_UCD_H
/* Build time only: the Unicode Character Database as far as the table generator needs it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UCD_MAX = 0x110000, UCD_NFKC_MAX = 32 };

struct ucd_char {
    char gc[2];      /* general category, 0 for an unassigned code point */
    uint8_t ccc;     /* combining class */
    bool canonical;  /* its decomposition has no <tag> */
    bool never_made; /* Full_Composition_Exclusion */
    uint8_t parts;   /* code points of its decomposition, 0 = none */
    uint32_t first;  /* of them, in ucd.part */
    uint32_t lower;  /* simple lower case, or the character itself */
};

struct ucd {
    struct ucd_char *c; /* UCD_MAX of them */
    uint32_t *part;
    size_t part_count;
    size_t part_room;
    uint32_t *pair; /* code points with a canonical decomposition into two, for composition */
    size_t pair_count;
};

/* Loads UnicodeData.txt and DerivedNormalizationProps.txt; ends the program with a message when a
 * file is missing or a line does not parse. */
void ucd_load(struct ucd *u, const char *unicode_data, const char *normalization_props);
void ucd_free(struct ucd *u);

/* Writes the NFKC form of one code point to out; returns its length, at most UCD_NFKC_MAX. */
size_t ucd_nfkc(const struct ucd *u, uint32_t c, uint32_t *out);

/* Writes the full canonical decomposition of one code point; returns its length. */
size_t ucd_nfd(const struct ucd *u, uint32_t c, uint32_t *out);

/* Ends the program with "path: what". */
void ucd_die(const char *path, const char *what) __attribute__((noreturn));

#endif
