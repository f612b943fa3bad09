#ifndef LJ_OPINION_CRAFTED_H
#define LJ_OPINION_CRAFTED_H
/* Texts made to be slow: for the bench and the tests only, not part of the engine. */
#include <stddef.h>

enum { LJ_CRAFTED_BYTES = 8192 };

unsigned lj_crafted_count(void);
const char *lj_crafted_name(unsigned which);
/* What the text repeats. */
const char *lj_crafted_unit(unsigned which);

/* Fills out with at most size bytes, and at most LJ_OPINION_TEXT_MAX characters, of crafted text
 * number which; whole units only. Returns the bytes. */
size_t lj_crafted(unsigned which, size_t size, char *out);

#endif
