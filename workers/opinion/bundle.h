#ifndef LJ_OPINION_BUNDLE_H
#define LJ_OPINION_BUNDLE_H
/*
 * A bundle: everything that the engine's results depend on, in one file.
 *
 * Sections with names: the rule tables as text, the linear tables, the fusion's weights, golden
 * cases, and a line about its making. Little-endian, sections at multiples of 64 bytes, a SHA-256
 * over all of it. Used in place: mapped read only, never written.
 */
#include <stddef.h>
#include <stdint.h>

#include "workers/opinion/linear.h"

struct lj_err;
struct lj_bundle;
struct lj_fusion;

enum { LJ_BUNDLE_MAX = 64 << 20, LJ_BUNDLE_SHA = 32 };

/*
 * Opens a file. It is copied into sealed memory first, so that whoever overwrites the file in place
 * cannot change or cut what is in use. Errors: LJ_E_IO, LJ_E_NOMEM, LJ_E_TOO_LARGE, LJ_E_CONFIG
 * (no bundle, another version, wrong checksum). The caller frees *ret with lj_bundle_close.
 */
int lj_bundle_open(const char *path, struct lj_bundle **ret, struct lj_err *err);

/* Over memory that outlives the bundle, aligned to 64 bytes; checked in the same way. */
int lj_bundle_borrow(const void *p, size_t size, struct lj_bundle **ret, struct lj_err *err);
void lj_bundle_close(struct lj_bundle **bundle);

/* The file, or with NULL the bundle that is built into the program. */
int lj_bundle_get(const char *path, struct lj_bundle **ret, struct lj_err *err);

/* A section, or NULL when there is none of that name. */
const void *lj_bundle_section(const struct lj_bundle *b, const char *name, size_t *ret_size);
const uint8_t *lj_bundle_sha(const struct lj_bundle *b);

/* The models in it, checked so that no text can lead outside of them. fusion points into b.
 * Errors: LJ_E_CONFIG (missing, or made for another engine). */
int lj_bundle_models(const struct lj_bundle *b, struct lj_linear *ret_linear,
                     const struct lj_fusion **ret_fusion, struct lj_err *err);

/* ---- making one ---- */

struct lj_bundle_part {
    const char *name;
    const void *p;
    size_t size;
};

/* Lays the parts out; the caller frees *ret. Errors: LJ_E_NOMEM, LJ_E_ARG (a name too long). */
int lj_bundle_make(const struct lj_bundle_part *parts, size_t count, void **ret, size_t *ret_size,
                   struct lj_err *err);

/* The parts of the models: caller frees *ret. */
int lj_bundle_linear_part(const struct lj_linear *m, void **ret, size_t *ret_size,
                          struct lj_err *err);
int lj_bundle_fusion_part(const struct lj_fusion *w, void **ret, size_t *ret_size,
                          struct lj_err *err);

#endif
