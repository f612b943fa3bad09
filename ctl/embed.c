/* Looking up built-in files by path: a binary search in the table that embed.cmake sorted. */
#include "ctl/embed.h"

#include <string.h>

const struct lj_embedded *lj_embedded_find(const char *path)
{
    size_t low = 0;
    size_t high = lj_embedded_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(path, lj_embedded[mid].path);
        if (c == 0)
            return &lj_embedded[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
