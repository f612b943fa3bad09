/*
 * Build-time generator of the character tables.
 *
 * Why: per-text normalisation must cost a table look-up, not a library call, and the worker should
 * not carry ICU. So ICU is asked once, while building, for every code point of the BMP: NFKC where
 * that is one BMP code point, lower case, then traditional to simplified (ICU's Hant-Hans), then
 * the hand-made exceptions of data/t2s.tsv. A second table classes every folded code (letter,
 * noise, clause end, ...). A third gives the toneless Mandarin syllable of every CJK ideograph, for
 * the spellings of a term with one character written in Latin letters.
 *
 * Issue 5 replaces ICU's data by the Unihan tables of Debian's unicode-data; the output's shape
 * stays. Usage: gen_tables T2S.tsv > tables.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "workers/opinion/tables.h"

enum { HAN_FIRST = LJ_OPINION_HAN_FIRST, HAN_COUNT = LJ_OPINION_HAN_COUNT, SYLLABLES_MAX = 600 };

struct syllables {
    char text[SYLLABLES_MAX][8];
    unsigned count;
};

static void die(const char *what, UErrorCode e)
{
    (void)fprintf(stderr, "gen_tables: %s: %s\n", what, u_errorName(e));
    exit(1);
}

static UTransliterator *transliterator(const char *name)
{
    UErrorCode e = U_ZERO_ERROR;
    UChar id[64];
    u_uastrncpy(id, name, 64);
    UTransliterator *t = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &e);
    if (U_FAILURE(e))
        die(name, e);
    return t;
}

/* One character through a transliterator; returns the length of the result in out. */
static int32_t convert(const UTransliterator *t, UChar c, UChar *out, int32_t cap)
{
    UErrorCode e = U_ZERO_ERROR;
    int32_t len = 1;
    int32_t limit = 1;
    out[0] = c;
    utrans_transUChars(t, out, &len, cap, 0, &limit, &e);
    if (U_FAILURE(e))
        die("transliterate", e);
    return len;
}

static uint16_t nfkc_lower(const UNormalizer2 *nfkc, UChar c)
{
    UErrorCode e = U_ZERO_ERROR;
    UChar out[40];
    if (c >= 0xD800 && c <= 0xDFFF)
        return 0xFFFD;
    int32_t n = unorm2_normalize(nfkc, &c, 1, out, 40, &e);
    if (U_FAILURE(e))
        die("normalise", e);
    UChar32 one = n == 1 ? out[0] : c;
    UChar32 low = u_tolower(one);
    return (uint16_t)(low <= 0xFFFF ? low : one);
}

/* First code point of s (UTF-8), -1 where there is none. */
static long first_code_point(const char *s)
{
    int32_t i = 0;
    UChar32 c;
    U8_NEXT((const uint8_t *)s, i, (int32_t)strlen(s), c);
    return c;
}

/* A variant may fold onto a traditional form (薴 to 苧 to 苎): follow until nothing changes. */
static void close_fold(uint16_t *fold)
{
    for (unsigned c = 0; c <= 0xFFFF; c++) {
        for (unsigned steps = 0; fold[fold[c]] != fold[c]; steps++) {
            if (steps == 8) {
                (void)fprintf(stderr, "gen_tables: U+%04X folds in a circle\n", c);
                exit(1);
            }
            fold[c] = fold[fold[c]];
        }
    }
}

static void apply_exceptions(const char *path, uint16_t *fold)
{
    char line[256];
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(1);
    }
    while (fgets(line, sizeof line, f)) {
        char *tab = strchr(line, '\t');
        if (line[0] == '#' || !tab)
            continue;
        long from = first_code_point(line);
        long to = first_code_point(tab + 1);
        if (from <= 0 || from > 0xFFFF || to <= 0 || to > 0xFFFF) {
            (void)fprintf(stderr, "gen_tables: %s: bad row: %s", path, line);
            exit(1);
        }
        fold[from] = (uint16_t)to;
    }
    (void)fclose(f);
}

static void fill_fold(uint16_t *fold, const char *exceptions)
{
    UErrorCode e = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&e);
    if (U_FAILURE(e))
        die("NFKC", e);
    UTransliterator *simplify = transliterator("Hant-Hans");
    for (unsigned c = 0; c <= 0xFFFF; c++) {
        uint16_t folded = nfkc_lower(nfkc, (UChar)c);
        UChar out[16];
        if (folded >= 0x3400 && folded <= 0x9FFF && convert(simplify, folded, out, 16) == 1)
            folded = out[0];
        fold[c] = folded;
    }
    utrans_close(simplify);
    apply_exceptions(exceptions, fold);
    close_fold(fold);
}

static uint8_t class_of(unsigned c)
{
    static const struct {
        const char *chars; /* after NFKC: full-width forms are ASCII here */
        uint8_t class;
    } marks[] = {
        {"。!?\n\r｡", LJ_CHAR_SENTENCE},
        {",;:()[]{}【】《》〈〉〔〕—…", LJ_CHAR_CLAUSE},
        {"、", LJ_CHAR_LIST},
        {"“‘「『", LJ_CHAR_OPEN},
        {"”’」』", LJ_CHAR_CLOSE},
    };
    uint8_t utf8[8] = {0};
    int32_t n = 0;
    U8_APPEND_UNSAFE(utf8, n, c);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (c && strstr(marks[i].chars, (const char *)utf8))
            return marks[i].class;
    }
    if (c >= '0' && c <= '9')
        return LJ_CHAR_DIGIT;
    if (u_isalnum((UChar32)c))
        return c >= 0x3400 && c <= 0x9FFF ? LJ_CHAR_HAN : LJ_CHAR_LETTER;
    return LJ_CHAR_NOISE;
}

static unsigned syllable_id(struct syllables *s, const char *text)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strcmp(s->text[i], text) == 0)
            return i;
    }
    if (s->count == SYLLABLES_MAX || strlen(text) >= sizeof s->text[0]) {
        (void)fprintf(stderr, "gen_tables: syllable '%s' does not fit\n", text);
        exit(1);
    }
    (void)snprintf(s->text[s->count], sizeof s->text[0], "%s", text);
    return s->count++;
}

static void fill_pinyin(uint16_t *pinyin, struct syllables *s)
{
    UTransliterator *latin = transliterator("Han-Latin; Latin-ASCII");
    (void)syllable_id(s, ""); /* 0: none */
    for (unsigned i = 0; i < HAN_COUNT; i++) {
        UChar out[32];
        char ascii[8] = "";
        int32_t n = convert(latin, (UChar)(HAN_FIRST + i), out, 32);
        int32_t k = 0;
        while (k < n && k < 7 && out[k] >= 'a' && out[k] <= 'z') {
            ascii[k] = (char)out[k];
            k++;
        }
        ascii[k] = '\0';
        pinyin[i] = (uint16_t)(k == n && k > 1 ? syllable_id(s, ascii) : 0);
    }
    utrans_close(latin);
}

static void print_u16(const char *name, const uint16_t *v, size_t n)
{
    printf("const uint16_t %s[%zu] = {", name, n);
    for (size_t i = 0; i < n; i++)
        printf("%s%u,", i % 16 ? "" : "\n", v[i]);
    printf("\n};\n");
}

int main(int argc, char **argv)
{
    static uint16_t fold[0x10000];
    static uint16_t pinyin[HAN_COUNT];
    static struct syllables syllables;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: gen_tables T2S.tsv\n");
        return 2;
    }
    fill_fold(fold, argv[1]);
    fill_pinyin(pinyin, &syllables);
    printf("/* Generated by gen_tables.c from ICU %s data; do not edit. */\n", U_ICU_VERSION);
    printf("#include \"workers/opinion/tables.h\"\n");
    print_u16("lj_opinion_fold", fold, 0x10000);
    printf("const uint8_t lj_opinion_char[0x10000] = {");
    for (unsigned c = 0; c <= 0xFFFF; c++)
        printf("%s%u,", c % 32 ? "" : "\n", class_of(c));
    printf("\n};\n");
    print_u16("lj_opinion_pinyin", pinyin, HAN_COUNT);
    printf("const char lj_opinion_syllable[%u][8] = {\n", syllables.count);
    for (unsigned i = 0; i < syllables.count; i++)
        printf("\"%s\",\n", syllables.text[i]);
    printf("};\n");
    return ferror(stdout) || fclose(stdout) ? 1 : 0;
}
