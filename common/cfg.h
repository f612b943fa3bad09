/* Configuration as a typed table: one row gives parsing of `--name value`, `--name=value`, the file
 * `name = value`, bounds, help and docs. */
#ifndef LJ_COMMON_CFG_H
#define LJ_COMMON_CFG_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum lj_cfg_type { LJ_CFG_STR, LJ_CFG_INT, LJ_CFG_BOOL };

struct lj_cfg_row {
    const char *name; /* "backlog-max"; in a file also "backlog_max" */
    enum lj_cfg_type type;
    size_t offset; /* of the field in the program's config struct: char * (owned copy), int64_t, or
                      int */
    const char *value; /* default, as text; NULL = none */
    int64_t min, max;  /* for LJ_CFG_INT */
    const char *unit;  /* "ms", "bytes", "" */
    const char *help;  /* one sentence */
};

/* Fill *cfg (zeroed by the caller) from defaults, then the file named by `--config`, then the
 * command line; words that are no option are returned in order in ret_words (argv pointers, at most
 * argc; may be NULL = none allowed). errors: LJ_E_CONFIG names the option, the value, and where it
 * came from. `--help` prints the table and returns 1; `--version` likewise. */
LJ_MUST int lj_cfg_load(const struct lj_cfg_row *rows, size_t nrows, int argc, char **argv,
                        void *cfg, const char **ret_words, size_t *ret_nwords, struct lj_err *err);
void lj_cfg_free(const struct lj_cfg_row *rows, size_t nrows, void *cfg);

#endif
