/* Files built into ljctl: the database's SQL, the event types and the seed, so that one binary can
 * set up a database. */
#ifndef LJ_CTL_EMBED_H
#define LJ_CTL_EMBED_H

#include <stddef.h>

struct lj_embedded {
    const char
        *path; /* below the source tree: "db/functions/core.sql"; the table is sorted by it */
    const char *start; /* the bytes; a NUL stands behind them */
    const char *end;
};

extern const struct lj_embedded lj_embedded[];
extern const size_t lj_embedded_count;

/* The file of that path, or NULL. */
const struct lj_embedded *lj_embedded_find(const char *path);

#endif
