/* Words of a setting, looked for in a text as they stand ("no promotion" holds the word too).
 *
 * A Han character is three bytes, and nearly no character of a text begins a word: so each word's
 * first three bytes are hashed to one of 256 marks, and only where the text has a mark are the
 * words compared. Words shorter than three bytes are no words here (the table's check says so).
 *
 * Guarantees: nothing is allocated; a word that the settings do not have is not found, and no
 * setting is read above the event's position.
 */
#include "workers/validation/words.h"

#include <string.h>

#include "workers/runner/calendar.h"

static unsigned mark_of(const char *at)
{
    return (unsigned)((unsigned char)at[0] * 7U + (unsigned char)at[1] * 31U +
                      (unsigned char)at[2] * 5U) &
           255U;
}

void lj_words_take(const struct lj_case *c, enum lj_setting what, struct lj_words *ret)
{
    const struct lj_setting_row *r = NULL;
    int32_t day = lj_local_day(c->body.start_us);
    *ret = (struct lj_words){.count = 0};
    while (ret->count < LJ_WORDS_MAX &&
           (r = lj_settings_next(c->settings, what, day, c->event->position, r)))
        if (r->len >= 3) {
            unsigned mark = mark_of(r->text);
            ret->marks[mark / 64] |= UINT64_C(1) << mark % 64;
            ret->row[ret->count++] = r;
        }
}

int lj_words_in(const struct lj_words *w, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + 3 <= len; i++) {
        unsigned mark = mark_of(text + i);
        if (!(w->marks[mark / 64] >> mark % 64 & 1U))
            continue;
        for (size_t k = 0; k < w->count; k++)
            if (w->row[k]->len <= len - i && memcmp(text + i, w->row[k]->text, w->row[k]->len) == 0)
                return 1;
    }
    return 0;
}
