/* Fuzzing the option table: a configuration file and a command line.
 *
 * The bytes before the first NUL are the file, those behind it the words of the command line, each
 * ended by a NUL. A refusal must name its cause and leave nothing behind; what is taken must lie in
 * its bounds, words come back in order, and the same input must give the same values twice.
 *
 * --help and --version print, and --config opens what it names: words that ask for them are left
 * out, the file comes by its descriptor. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 12, PATH_SIZE = 40 };

struct conf {
    char *dsn;
    char *name;
    int64_t backlog;
    int64_t offset;
    int verbose;
};

static const struct lj_cfg_row rows[] = {
    {"dsn", LJ_CFG_STR, offsetof(struct conf, dsn), NULL, 0, 0, "", "where the database is"},
    {"name", LJ_CFG_STR, offsetof(struct conf, name), "broker", 0, 0, "", "the name"},
    {"backlog-max", LJ_CFG_INT, offsetof(struct conf, backlog), "100", 1, 1000, "events",
     "how many may wait"},
    {"offset", LJ_CFG_INT, offsetof(struct conf, offset), "0", INT64_MIN, INT64_MAX, "ms", "any"},
    {"verbose", LJ_CFG_BOOL, offsetof(struct conf, verbose), "no", 0, 0, "", "say more"},
};
enum { NROWS = sizeof rows / sizeof rows[0] };

/* A file without a name that holds the bytes; its path by descriptor goes to out. */
static int file_of(const uint8_t *p, size_t n, char *out)
{
    int fd = memfd_create("cfg", MFD_CLOEXEC);
    assert(fd >= 0);
    for (size_t at = 0; at < n;) {
        ssize_t w = write(fd, p + at, n - at);
        assert(w > 0);
        at += (size_t)w;
    }
    (void)snprintf(out, PATH_SIZE, "/proc/self/fd/%d", fd);
    return fd;
}

static bool left_out(const char *word)
{
    return strncmp(word, "--help", 6) == 0 || strncmp(word, "--version", 9) == 0 ||
           strncmp(word, "--config", 8) == 0 || strncmp(word, "-h", 2) == 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void check(char **argv, int argc)
{
    struct conf a = {0}, b = {0};
    struct lj_err err = {0};
    const char *words[WORDS_MAX + 4];
    size_t n = 0, again = 0;
    int rc = lj_cfg_load(rows, NROWS, argc, argv, &a, words, &n, &err);
    assert(rc == 0 || (rc < 0 && err.text[0]));
    if (rc == 0) {
        assert(n < (size_t)argc && a.backlog >= 1 && a.backlog <= 1000 &&
               (a.verbose == 0 || a.verbose == 1) && a.name);
        for (size_t i = 0, at = 0; i < n; i++, at++) {
            while (at < (size_t)argc && argv[at] != words[i])
                at++;
            assert(at < (size_t)argc);
        }
    }
    assert(lj_cfg_load(rows, NROWS, argc, argv, &b, words, &again, &err) == rc && again == n);
    assert(same_text(a.dsn, b.dsn) && same_text(a.name, b.name) && a.backlog == b.backlog &&
           a.offset == b.offset && a.verbose == b.verbose);
    lj_cfg_free(rows, NROWS, &a);
    lj_cfg_free(rows, NROWS, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char prog[] = "prog", option[] = "--config";
    const uint8_t *nul = memchr(data, 0, size);
    size_t file = nul ? (size_t)(nul - data) : size;
    char path[PATH_SIZE], *argv[WORDS_MAX + 4] = {prog, option, path};
    int argc = 3, fd = file_of(data, file, path);
    char *rest = NULL;
    if (nul) {
        size_t n = size - file - 1;
        rest = calloc(1, n + 1);
        assert(rest);
        memcpy(rest, nul + 1, n);
        for (char *p = rest; p < rest + n && argc < WORDS_MAX + 3; p += strlen(p) + 1) {
            if (!left_out(p))
                argv[argc++] = p;
        }
    }
    check(argv, argc);
    free(rest);
    (void)close(fd);
    return 0;
}
