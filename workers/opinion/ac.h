#ifndef LJ_OPINION_AC_H
#define LJ_OPINION_AC_H
/* Many patterns over 16-bit symbols, found at once. Internal; built once, then read only. */
#include <stddef.h>
#include <stdint.h>

struct lj_err;
struct lj_ac;

struct lj_ac_pattern {
    const uint16_t *sym;
    uint16_t len;
    uint16_t id; /* given back by a match */
};

struct lj_ac_match {
    uint32_t start; /* index of its first symbol */
    uint16_t id;
    uint16_t len;
};

/* What lj_ac_run finds. */
struct lj_ac_found {
    struct lj_ac_match *match; /* cap of them */
    uint32_t cap;
    uint16_t *marked; /* places of marked symbols; room for one more than the text has symbols */
    uint32_t marks;   /* how many there are */
};

/*
 * Builds the automaton over count patterns; several may have equal symbols. Symbols are copied.
 * marked: symbols whose places lj_ac_run shall list too. Errors: LJ_E_CONFIG (empty pattern, too
 * many symbols or nodes), LJ_E_NOMEM.
 */
int lj_ac_build(const struct lj_ac_pattern *patterns, size_t count, const uint16_t *marked,
                size_t marks, struct lj_ac **ret, struct lj_err *err);
void lj_ac_free(struct lj_ac **ac);

/* Runs over n symbols, behind which two more stand that are in no pattern; matches come by rising
 * start, shortest first at one start. Returns how many there are, of which at most cap are written.
 */
uint32_t lj_ac_run(const struct lj_ac *ac, const uint16_t *sym, uint32_t n,
                   struct lj_ac_found *ret);

#endif
