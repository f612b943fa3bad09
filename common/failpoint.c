/* Named fail points for the kill matrix and for negative controls.
 *
 * A test sets LJ_FAIL_AT="log.commit.sent:3" in a child's environment and the process dies by
 * SIGKILL at the third passage of that point: no handler runs, no buffer is flushed, exactly as
 * when the kernel or the power takes it. LJ_BREAK="word" (or "word,word") switches a deliberate
 * fault on, so that a test can be shown to fail when the thing it guards is broken.
 *
 * Only builds with -DLJ_FAILPOINTS contain any of it; in a product build the macros are empty and
 * this file compiles to nothing. The environment is read at each passage: these builds are for
 * tests, and a cache would be mutable state to explain. The counters of passages are the one piece
 * of state, and exist in test builds alone.
 */
#include "common/failpoint.h"

#ifdef LJ_FAILPOINTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>

void lj_failpoint_hit(const char *name)
{
    static long passages; /* of the one point LJ_FAIL_AT names */
    const char *spec = getenv("LJ_FAIL_AT");
    if (!spec)
        return;
    size_t n = strlen(name);
    if (strncmp(spec, name, n) != 0 || (spec[n] != ':' && spec[n] != '\0'))
        return;
    long wanted = spec[n] == ':' ? strtol(spec + n + 1, NULL, 10) : 1;
    if (++passages >= wanted)
        (void)raise(SIGKILL);
}

int lj_broken(const char *word)
{
    const char *list = getenv("LJ_BREAK");
    size_t n = strlen(word);
    while (list && *list) {
        size_t item = strcspn(list, ",");
        if (item == n && memcmp(list, word, n) == 0)
            return 1;
        list += item + (list[item] == ',');
    }
    return 0;
}

#else

/* ISO C wants at least one declaration in a translation unit. */
typedef int lj_failpoints_are_compiled_out;

#endif
