/* Words of a setting, looked for in a text as they stand. */
#ifndef LJ_WORKERS_VALIDATION_WORDS_H
#define LJ_WORKERS_VALIDATION_WORDS_H

#include "workers/validation/case.h"

enum { LJ_WORDS_MAX = 64 };

/* The words, with the marks of their first three bytes: one pass over a text then tells where a
 * word can begin at all. */
struct lj_words {
    const struct lj_setting_row *row[LJ_WORDS_MAX];
    size_t count;
    uint64_t marks[4];
};

/* The words of a setting in force on the activity's day, at the event's position. The body has its
 * START_AT. owner: they point into the case's settings */
void lj_words_take(const struct lj_case *c, enum lj_setting what, struct lj_words *ret);
/* 1 if the text holds one of them. */
int lj_words_in(const struct lj_words *w, const char *text);

#endif
