/*
 * The built-in bundle: the file made at build time, taken into the program by the assembler.
 * LJ_BUNDLE_FILE is its path; the build makes this file again when the bundle changes.
 */
#include <stddef.h>

extern const unsigned char lj_opinion_builtin[];
extern const unsigned char lj_opinion_builtin_end[];
extern const size_t lj_opinion_builtin_size;

__asm__(".section .rodata\n"
        ".balign 64\n"
        ".global lj_opinion_builtin\n"
        "lj_opinion_builtin:\n"
        ".incbin \"" LJ_BUNDLE_FILE "\"\n"
        ".global lj_opinion_builtin_end\n"
        "lj_opinion_builtin_end:\n"
        ".balign 8\n"
        ".global lj_opinion_builtin_size\n"
        "lj_opinion_builtin_size:\n"
        ".quad lj_opinion_builtin_end - lj_opinion_builtin\n"
        ".previous\n");
