/* libFuzzer target of the JSON reader: any bytes, judged by json_check.h (never past the end,
 * agrees with jansson, canonical form is idempotent, says the same, and does not depend on the
 * spelling).
 *
 * Build: clang, -DLJ_FUZZ=ON -DLJ_SANITIZE=address,undefined. Run: json_fuzz -max_len=4096
 * NEW_CORPUS tests/fuzz/corpus/json The input is copied to memory of its exact size by libFuzzer
 * itself, so AddressSanitizer sees the first byte read too far. */
#include <stdint.h>
#include <stdio.h>

#include "tests/fuzz/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lj_json_scratch
        *scratch; /* kept: the reuse of a scratch is part of what is tested */
    if (scratch == NULL) {
        scratch = lj_json_scratch_new();
    }
    const char *wrong = json_check(scratch, (const char *)data, size);
    if (wrong != NULL) {
        fprintf(stderr, "json_check: %s\n", wrong);
        abort();
    }
    return 0;
}
