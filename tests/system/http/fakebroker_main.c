/* The fake broker as a program: RUN_DIR [DSN] as arguments, commands on stdin
 * (tests/lib/fakebroker.h), `ok` or `what?` for each on stdout. It ends when stdin does, so no test
 * can leave it behind. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/fakebroker.h"

/* Take whole lines out of buf; what is left of the last one stays. */
static size_t take_lines(struct lj_fakebroker *b, char *buf, size_t len)
{
    char *end;
    while ((end = memchr(buf, '\n', len)) != NULL) {
        *end = '\0';
        puts(lj_fakebroker_command(b, buf) == 0 ? "ok" : "what?");
        fflush(stdout);
        len -= (size_t)(end + 1 - buf);
        memmove(buf, end + 1, len);
    }
    return len;
}

int main(int argc, char **argv)
{
    char buf[512];
    size_t len = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: lj-fakebroker RUN_DIR [DSN]\n");
        return 2;
    }
    struct lj_fakebroker *b = lj_fakebroker_open(argv[1], argc > 2 ? argv[2] : NULL);
    if (!b) {
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (lj_fakebroker_serve(b, 20) == 0) {
        struct pollfd in = {STDIN_FILENO, POLLIN, 0};
        if (poll(&in, 1, 0) > 0) {
            ssize_t n = read(STDIN_FILENO, buf + len, sizeof buf - len);
            if (n <= 0) {
                break;
            }
            len = take_lines(b, buf, len + (size_t)n);
        }
    }
    lj_fakebroker_free(&b);
    return 0;
}
