/* What the gateway knows from the database: tokens, units, event types; kept fresh by asking twice
 * a second. */
#ifndef LJ_GATEWAY_CATALOG_H
#define LJ_GATEWAY_CATALOG_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/err.h"
#include "gateway/directory.h"
#include "gateway/tokens.h"

struct lj_catalog;

LJ_MUST int lj_catalog_open(uv_loop_t *loop, const char *dsn, int64_t grace_ms,
                            struct lj_catalog **ret, struct lj_err *err);
void lj_catalog_close(struct lj_catalog **c, void (*cb)(void *arg), void *arg);

/* Tokens and directory have been loaded at least once. */
bool lj_catalog_loaded(const struct lj_catalog *c);
/* The database answers now. */
bool lj_catalog_fresh(const struct lj_catalog *c);
uint64_t lj_catalog_losses(const struct lj_catalog *c);
size_t lj_catalog_token_count(const struct lj_catalog *c);

/* The present snapshot; NULL before the first load. Valid until the loop's next turn. */
const struct lj_directory *lj_catalog_directory(const struct lj_catalog *c);

/* Who holds this token. Without the database known tokens are good for the grace, and an unknown
 * one cannot be judged. errors: LJ_E_UNAUTHENTICATED, LJ_E_DB_SYSTEM */
LJ_MUST int lj_catalog_auth(struct lj_catalog *c, const char *text, size_t len,
                            struct lj_token **ret, struct lj_err *err);

#endif
