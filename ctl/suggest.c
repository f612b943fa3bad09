/* "Did you mean": the nearest known word of a mistyped one.
 *
 * Distance is the optimal string alignment one (insert, delete, change, swap of neighbours), which
 * counts the usual typing slips as one. A word is near when at most a third of its letters (at
 * least one, at most three) differ. Words longer than 40 bytes are not compared: no name here is
 * that long. Ties go to the first in the list, so the answer is stable. */
#include "ctl/ctl.h"

#include <string.h>

enum { WORD_MAX = 40 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned row[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= na; i++)
        row[i][0] = (unsigned)i;
    for (size_t j = 0; j <= nb; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        for (size_t j = 1; j <= nb; j++) {
            unsigned change = row[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            row[i][j] = min3(row[i - 1][j] + 1, row[i][j - 1] + 1, change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                row[i - 2][j - 2] + 1 < row[i][j])
                row[i][j] = row[i - 2][j - 2] + 1;
        }
    }
    return row[na][nb];
}

const char *lj_suggest(const char *word, const char *const *list)
{
    size_t n = strlen(word);
    if (n < 2 || n > WORD_MAX)
        return NULL;
    unsigned best = (unsigned)(n / 3) + 1;
    best = best > 4 ? 4 : best < 2 ? 2 : best;
    const char *found = NULL;
    for (; *list; list++) {
        size_t m = strlen(*list);
        if (m > WORD_MAX)
            continue;
        unsigned d = distance(word, n, *list, m);
        if (d < best) {
            best = d;
            found = *list;
        }
    }
    return found;
}
