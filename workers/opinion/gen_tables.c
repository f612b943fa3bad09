/*
 * Build-time generator of the character tables.
 *
 * Why: per-text normalisation must cost a table look-up, not a library call. For every code point
 * of the BMP: NFKC where that is one BMP code point, lower case, the unified ideograph of a
 * radical, then traditional to simplified (Unihan's kSimplifiedVariant), then our own exceptions
 * (t2s.tsv) and lookalikes (variants.tsv). Where NFKC is longer, but holds a single letter, digit
 * or ideograph (㈠ ⒜ ⒈), that one stands for it; the rest stays what it is. Code points above the
 * BMP that fold into it go to a small sorted table. A second table classes every folded code; a
 * third gives the toneless syllable of every ideograph (kMandarin); the last the mood of emoji.
 *
 * All input is Debian's unicode-data and our own tables; the generated file carries the notice that
 * the Unicode licence asks for.
 *
 * Tables that are only read at start (evade.c) follow as text, as NAME=FILE: const char
 * lj_opinion_NAME_tsv[].
 *
 * Usage: gen_tables DIR T2S.tsv VARIANTS.tsv EMOJI.tsv [NAME=FILE ...] > tables.c   DIR holds
 * UnicodeData.txt, DerivedNormalizationProps.txt, EquivalentUnifiedIdeograph.txt,
 * Unihan_Variants.txt and Unihan_Readings.txt.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/opinion/gen_ucd.h"
#include "workers/opinion/tables.h"

enum {
    HAN_FIRST = LJ_OPINION_HAN_FIRST,
    HAN_COUNT = LJ_OPINION_HAN_COUNT,
    BMP = 0x10000,
    SYLLABLES_MAX = 600,
    ASTRAL_MAX = 4096,
    EMOJI_MAX = 256,
};

struct syllables {
    char text[SYLLABLES_MAX][8];
    unsigned count;
};

struct tables {
    struct ucd ucd;
    uint16_t fold[BMP];
    uint16_t unify[BMP]; /* radical to ideograph, traditional to simplified; itself otherwise */
    uint16_t pinyin[HAN_COUNT];
    struct syllables syllables;
    struct lj_astral astral[ASTRAL_MAX];
    size_t astral_count;
    struct lj_emoji emoji[EMOJI_MAX];
    size_t emoji_count;
    unsigned longer;     /* BMP code points with a longer NFKC */
    unsigned longer_one; /* of these, folded to their only letter */
};

/* Reads the lines of path that are no comment; fn gets each without its newline. */
typedef void line_fn(struct tables *t, const char *path, char *line);

static void each_line(struct tables *t, const char *path, line_fn *fn)
{
    char line[4096];
    unsigned n = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        ucd_die(path, "cannot be opened");
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] && line[0] != '#') {
            fn(t, path, line);
            n++;
        }
    }
    if (ferror(f) || n == 0)
        ucd_die(path, "cannot be read, or is empty");
    (void)fclose(f);
}

/* Decodes the first character of UTF-8 text and moves on; 0 at the end. Our tables are UTF-8. */
static uint32_t next_char(const char **s)
{
    const unsigned char *p = (const unsigned char *)*s;
    if (*p == 0)
        return 0;
    unsigned n = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? *p : *p & (0xFFU >> (n + 1));
    for (unsigned i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            ucd_die(*s, "is not UTF-8");
        c = c << 6 | (p[i] & 0x3F);
    }
    *s += n;
    return c;
}

static bool is_gc(const struct ucd *u, uint32_t c, char major)
{
    return u->c[c].gc[0] == major;
}

static bool is_han(uint32_t c)
{
    return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF);
}

static bool is_word(const struct ucd *u, uint32_t c)
{
    return is_gc(u, c, 'L') || (is_gc(u, c, 'N') && u->c[c].gc[1] == 'd');
}

/* Radicals of the block 2E80: "2E81 ; 5382 # ..." and "2E9C..2E9D ; ..." do not differ for us. */
static void read_radical(struct tables *t, const char *path, char *line)
{
    char *end;
    unsigned long a = strtoul(line, &end, 16);
    unsigned long b = strncmp(end, "..", 2) == 0 ? strtoul(end + 2, &end, 16) : a;
    char *semicolon = strchr(line, ';');
    unsigned long to = semicolon ? strtoul(semicolon + 1, NULL, 16) : 0;
    if (to == 0 || a > b)
        ucd_die(path, "a line does not parse");
    for (unsigned long c = a; c <= b && c < BMP && to < BMP; c++)
        t->unify[c] = (uint16_t)to;
}

/* "U+9AD4 <tab> kSimplifiedVariant <tab> U+4F53": the first value in the BMP that is another. */
static void read_variant(struct tables *t, const char *path, char *line)
{
    char *tab = strchr(line, '\t');
    if (!tab || line[0] != 'U')
        ucd_die(path, "a line does not parse");
    unsigned long from = strtoul(line + 2, NULL, 16);
    if (from >= BMP || strncmp(tab + 1, "kSimplifiedVariant\t", 19) != 0)
        return;
    for (char *p = strstr(tab, "U+"); p; p = strstr(p + 2, "U+")) {
        unsigned long to = strtoul(p + 2, NULL, 16);
        if (to < BMP && to != from) {
            t->unify[from] = (uint16_t)to;
            return;
        }
    }
}

static void read_exception(struct tables *t, const char *path, char *line)
{
    const char *p = line;
    uint32_t from = next_char(&p);
    if (*p++ != '\t')
        ucd_die(path, "a row is not: character, tab, character");
    uint32_t to = next_char(&p);
    if (from >= BMP || to >= BMP || to == 0 || (*p && *p != '\t'))
        ucd_die(path, "a row has no two BMP characters");
    t->unify[from] = (uint16_t)to;
}

static void add_astral(struct tables *t, uint32_t from, uint32_t to)
{
    if (t->astral_count == ASTRAL_MAX)
        ucd_die("astral", "there are too many");
    t->astral[t->astral_count++] = (struct lj_astral){from, (uint16_t)to};
}

/* Lookalikes: any code point to a BMP one, on top of NFKC. */
static void read_lookalike(struct tables *t, const char *path, char *line)
{
    const char *p = line;
    uint32_t from = next_char(&p);
    if (*p++ != '\t')
        ucd_die(path, "a row is not: character, tab, character");
    uint32_t to = next_char(&p);
    if (to >= BMP || to == 0 || (*p && *p != '\t'))
        ucd_die(path, "a row folds to no BMP character");
    if (from < BMP)
        t->fold[from] = t->fold[to];
    else
        add_astral(t, from, t->fold[to]);
}

/* A capital goes to its small letter first, and that one may be a lookalike. */
static void close_fold(struct tables *t)
{
    for (uint32_t c = 0; c < BMP; c++)
        t->fold[c] = t->fold[t->fold[c]];
    for (size_t i = 0; i < t->astral_count; i++)
        t->astral[i].to = t->fold[t->astral[i].to];
}

static void read_emoji(struct tables *t, const char *path, char *line)
{
    const char *p = line;
    uint32_t c = next_char(&p);
    if (t->emoji_count == EMOJI_MAX)
        ucd_die(path, "has too many rows");
    bool good = strncmp(p, "\t1", 2) == 0;
    if (!good && strncmp(p, "\t-1", 3) != 0)
        ucd_die(path, "a mood is neither 1 nor -1");
    t->emoji[t->emoji_count++] = (struct lj_emoji){c, good ? 1 : -1};
}

/* NFKC, if need be reduced to its only letter, digit or ideograph; then lower case. */
static uint32_t one_nfkc(struct tables *t, uint32_t c)
{
    uint32_t out[UCD_NFKC_MAX];
    const struct ucd *u = &t->ucd;
    size_t n = ucd_nfkc(u, c, out);
    uint32_t one = n == 1 && (out[0] < BMP || c >= BMP) ? out[0] : c;
    if (c < BMP && (n > 1 || out[0] >= BMP)) {
        unsigned kept = 0;
        bool rest_is_marks = true;
        for (size_t i = 0; i < n; i++) {
            bool word = is_word(u, out[i]);
            kept += word;
            one = word ? out[i] : one;
            rest_is_marks = rest_is_marks && (word || is_gc(u, out[i], 'P'));
        }
        bool reduce = kept == 1 && rest_is_marks && !is_word(u, c);
        t->longer++;
        t->longer_one += reduce;
        one = reduce ? one : c;
    }
    uint32_t low = u->c[one].lower;
    return low < BMP || c >= BMP ? low : one;
}

static uint16_t unified(const struct tables *t, uint32_t c)
{
    for (unsigned steps = 0; t->unify[c] != c; steps++) {
        if (steps == 8)
            ucd_die("t2s", "a character folds in a circle");
        c = t->unify[c];
    }
    return (uint16_t)c;
}

static void fill_fold(struct tables *t)
{
    for (uint32_t c = 0; c < BMP; c++) {
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        t->fold[c] = surrogate ? 0xFFFD : unified(t, one_nfkc(t, c));
    }
    for (uint32_t c = BMP; c < 0x30000; c++) { /* nothing beyond decomposes into the BMP */
        uint32_t to = one_nfkc(t, c);
        if (to < BMP)
            add_astral(t, c, unified(t, to));
    }
    for (uint32_t c = 0; c < BMP; c++) {
        if (t->fold[t->fold[c]] != t->fold[c]) {
            (void)fprintf(stderr, "U+%04X folds to U+%04X, which folds on\n", c, t->fold[c]);
            ucd_die("fold", "folding twice gives another character");
        }
    }
}

static bool is_hidden(const struct ucd *u, uint32_t c)
{
    bool filler = c == 0x115F || c == 0x1160 || c == 0x3164 || c == 0xFFA0; /* Hangul fillers */
    return is_gc(u, c, 'M') || (u->c[c].gc[0] == 'C' && u->c[c].gc[1] == 'f') || filler;
}

static uint8_t class_of(const struct tables *t, uint32_t c)
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
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *p = marks[i].chars;
        for (uint32_t m = next_char(&p); m; m = next_char(&p)) {
            if (m == c)
                return marks[i].class;
        }
    }
    for (size_t i = 0; i < t->emoji_count; i++) {
        if (t->emoji[i].code == c)
            return LJ_CHAR_EMOJI;
    }
    if (is_hidden(&t->ucd, c))
        return LJ_CHAR_HIDDEN;
    if (c >= '0' && c <= '9')
        return LJ_CHAR_DIGIT;
    if (is_word(&t->ucd, c))
        return is_han(c) ? LJ_CHAR_HAN : LJ_CHAR_LETTER;
    return LJ_CHAR_NOISE;
}

static unsigned syllable_id(struct syllables *s, const char *text)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strcmp(s->text[i], text) == 0)
            return i;
    }
    if (s->count == SYLLABLES_MAX || strlen(text) >= sizeof s->text[0])
        ucd_die(text, "is a syllable that does not fit");
    (void)snprintf(s->text[s->count], sizeof s->text[0], "%s", text);
    return s->count++;
}

/* "U+8D39 <tab> kMandarin <tab> fèi": the first reading without its tone. */
static void read_reading(struct tables *t, const char *path, char *line)
{
    char *tab = strchr(line, '\t');
    char ascii[8] = "";
    size_t k = 0;
    if (!tab || line[0] != 'U')
        ucd_die(path, "a line does not parse");
    unsigned long c = strtoul(line + 2, NULL, 16);
    if (c < HAN_FIRST || c >= HAN_FIRST + HAN_COUNT || strncmp(tab + 1, "kMandarin\t", 10) != 0)
        return;
    const char *p = tab + 11;
    for (uint32_t m = next_char(&p); m && m != ' '; m = next_char(&p)) {
        uint32_t nfd[UCD_NFKC_MAX];
        size_t n = ucd_nfd(&t->ucd, m, nfd);
        bool umlaut = nfd[0] == 'u' && n > 1 && nfd[1] == 0x308;
        if (nfd[0] >= 'a' && nfd[0] <= 'z' && k + 1 < sizeof ascii)
            ascii[k++] = umlaut ? 'v' : (char)nfd[0];
    }
    t->pinyin[c - HAN_FIRST] = (uint16_t)(k > 1 ? syllable_id(&t->syllables, ascii) : 0);
}

static int by_from(const void *pa, const void *pb)
{
    const struct lj_astral *a = pa;
    const struct lj_astral *b = pb;
    return (a->from > b->from) - (a->from < b->from);
}

static int by_code(const void *pa, const void *pb)
{
    const struct lj_emoji *a = pa;
    const struct lj_emoji *b = pb;
    return (a->code > b->code) - (a->code < b->code);
}

static void print_u16(const char *name, const uint16_t *v, size_t n)
{
    printf("const uint16_t %s[%zu] = {", name, n);
    for (size_t i = 0; i < n; i++)
        printf("%s%u,", i % 16 ? "" : "\n", v[i]);
    printf("\n};\n");
}

static void print_head(const struct tables *t)
{
    printf(
        "/*\n * Generated by gen_tables.c; do not edit.\n *\n"
        " * Derived from data files of the Unicode Character Database and Unihan, Copyright (c)\n"
        " * 1991-2022 Unicode, Inc. All rights reserved; modified: reduced to look-up tables. The\n"
        " * licence and its permission notice: workers/opinion/data/LICENSE.unicode.txt.\n *\n"
        " * %u BMP code points have an NFKC form of more than one code point; %u of them fold to\n"
        " * the only letter in it, the others to themselves.\n */\n",
        t->longer, t->longer_one);
    printf("#include \"workers/opinion/tables.h\"\n");
}

static void print_tables(const struct tables *t)
{
    print_head(t);
    print_u16("lj_opinion_fold", t->fold, BMP);
    printf("const uint8_t lj_opinion_char[0x10000] = {");
    for (uint32_t c = 0; c < BMP; c++)
        printf("%s%u,", c % 32 ? "" : "\n", class_of(t, c));
    printf("\n};\nconst struct lj_astral lj_opinion_astral[] = {\n");
    for (size_t i = 0; i < t->astral_count; i++)
        printf("{0x%X,0x%X},%s", t->astral[i].from, t->astral[i].to, i % 8 == 7 ? "\n" : "");
    printf("\n};\nconst size_t lj_opinion_astral_count = %zu;\n", t->astral_count);
    printf("const struct lj_emoji lj_opinion_emoji[] = {\n");
    for (size_t i = 0; i < t->emoji_count; i++)
        printf("{0x%X,%d},%s", t->emoji[i].code, t->emoji[i].mood, i % 8 == 7 ? "\n" : "");
    printf("\n};\nconst size_t lj_opinion_emoji_count = %zu;\n", t->emoji_count);
    print_u16("lj_opinion_pinyin", t->pinyin, HAN_COUNT);
    printf("const char lj_opinion_syllable[%u][8] = {\n", t->syllables.count);
    for (unsigned i = 0; i < t->syllables.count; i++)
        printf("\"%s\",\n", t->syllables.text[i]);
    printf("};\n");
}

/* NAME=FILE: the file's bytes. */
static void print_file(char *arg)
{
    char *eq = strchr(arg, '=');
    size_t n = 0;
    if (!eq)
        ucd_die(arg, "is not NAME=FILE");
    *eq = '\0';
    FILE *f = fopen(eq + 1, "rb");
    if (!f)
        ucd_die(eq + 1, "cannot be opened");
    printf("extern const char lj_opinion_%s_tsv[];\nextern const size_t lj_opinion_%s_tsv_size;\n",
           arg, arg);
    printf("const char lj_opinion_%s_tsv[] = {", arg);
    for (int c = getc(f); c != EOF; c = getc(f), n++)
        printf("%s%d,", n % 24 ? "" : "\n", c < 128 ? c : c - 256);
    if (ferror(f) || n == 0)
        ucd_die(eq + 1, "cannot be read, or is empty");
    (void)fclose(f);
    printf("0};\nconst size_t lj_opinion_%s_tsv_size = %zu;\n", arg, n);
}

static const char *in_dir(const char *dir, const char *name)
{
    static char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        ucd_die(dir, "is too long");
    return path;
}

int main(int argc, char **argv)
{
    static struct tables t;
    char *data;
    if (argc < 5) {
        (void)fprintf(stderr,
                      "usage: gen_tables DIR T2S.tsv VARIANTS.tsv EMOJI.tsv [NAME=FILE ...]\n");
        return 2;
    }
    data = strdup(in_dir(argv[1], "UnicodeData.txt"));
    if (!data)
        ucd_die("memory", "there is not enough");
    ucd_load(&t.ucd, data, in_dir(argv[1], "DerivedNormalizationProps.txt"));
    free(data);
    for (uint32_t c = 0; c < BMP; c++)
        t.unify[c] = (uint16_t)c;
    each_line(&t, in_dir(argv[1], "EquivalentUnifiedIdeograph.txt"), read_radical);
    each_line(&t, in_dir(argv[1], "Unihan_Variants.txt"), read_variant);
    each_line(&t, argv[2], read_exception);
    fill_fold(&t);
    each_line(&t, argv[3], read_lookalike);
    close_fold(&t);
    each_line(&t, argv[4], read_emoji);
    (void)syllable_id(&t.syllables, ""); /* 0: none */
    each_line(&t, in_dir(argv[1], "Unihan_Readings.txt"), read_reading);
    qsort(t.astral, t.astral_count, sizeof t.astral[0], by_from);
    qsort(t.emoji, t.emoji_count, sizeof t.emoji[0], by_code);
    print_tables(&t);
    for (int i = 5; i < argc; i++)
        print_file(argv[i]);
    ucd_free(&t.ucd);
    return ferror(stdout) || fclose(stdout) ? 1 : 0;
}
