/*
 * Build-time trainer: rule tables, golden cases and labelled texts in, the built-in bundle out.
 *
 * Usage: opinion_gen_bundle DATA_DIR OUT
 *
 * Compiled with optimisation and without sanitizers whatever the build is, and with arithmetic that
 * gives the same result everywhere, so the same sources give the same bundle. The held-back fifth
 * of the texts is not trained on. A bundle that fails its own golden cases stops the build.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "workers/opinion/train.h"

/* This program makes the built-in bundle, so it has none. */
extern const unsigned char lj_opinion_builtin[];
extern const size_t lj_opinion_builtin_size;
_Alignas(64) const unsigned char lj_opinion_builtin[64] = {0};
const size_t lj_opinion_builtin_size = 64;

static int write_file(const char *path, const void *p, size_t size, struct lj_err *err)
{
    FILE *f = fopen(path, "wb");
    size_t n = f ? fwrite(p, 1, size, f) : 0;
    int bad = !f || n != size;
    if (f && fclose(f) != 0)
        bad = 1;
    return bad ? lj_fail(err, LJ_E_IO, "cannot write %s", path) : 0;
}

int main(int argc, char **argv)
{
    struct lj_err err = {0};
    void *bundle = NULL;
    size_t size = 0;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: opinion_gen_bundle DATA_DIR OUT\n");
        return 2;
    }
    int rc = lj_train_folder(argv[1], &bundle, &size, &err);
    if (rc == 0)
        rc = write_file(argv[2], bundle, size, &err);
    free(bundle);
    if (rc < 0)
        (void)fprintf(stderr, "opinion_gen_bundle: %s\n", err.text);
    return rc < 0 ? 1 : 0;
}
