/* A text's sketch: 256 bits by which two texts are found to be alike. */
#ifndef LJ_WORKERS_VALIDATION_SKETCH_H
#define LJ_WORKERS_VALIDATION_SKETCH_H

#include <stddef.h>
#include <stdint.h>

enum { LJ_SKETCH_BYTES = 32, LJ_SKETCH_HEX = 64, LJ_SKETCH_SHINGLE = 4 };

/* Sketch of a UTF-8 text. Letters and Han characters count, everything else (spaces, punctuation,
 * digits) is passed over. Returns how many characters counted; fewer than a shingle: no sketch.
 * shape: two texts whose sets of shingles have the Jaccard similarity J differ in about 128 (1 - J)
 * bits, give or take 8 */
size_t lj_sketch(const char *text, size_t len, uint8_t ret[LJ_SKETCH_BYTES]);
/* As hexadecimal digits and a NUL. */
void lj_sketch_hex(const uint8_t sketch[LJ_SKETCH_BYTES], char ret[LJ_SKETCH_HEX + 1]);

#endif
