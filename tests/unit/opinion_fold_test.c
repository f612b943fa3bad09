/* The fold table against its references: ICU for NFKC and classes, OpenCC for traditional to
 * simplified.
 *
 * The generator reads Debian's unicode-data with a normaliser of its own, so ICU, which shares
 * nothing with it, is asked about every code point of the planes 0 to 2. OpenCC is asked where its
 * program is installed; without it that test says so and is skipped.
 *
 * lj-test: lj_opinion PkgConfig::ICU
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include "workers/opinion/tables.h"
#include "workers/opinion/text.h"

static bool is_han(unsigned c)
{
    return c >= 0x3400 && c <= 0x9FFF;
}

/* A row of a table of two characters: from <tab> to <tab> third. */
struct pair_row {
    int32_t from;
    int32_t to;
    char third;
};

static size_t read_pairs(const char *name, struct pair_row *rows, size_t cap)
{
    char path[4096];
    char line[1024];
    size_t n = 0;
    const char *root = getenv("LJ_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/workers/opinion/data/%s", root ? root : ".", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        size_t len = strlen(line);
        size_t i = 0;
        if (line[0] == '#')
            continue;
        assert_true(n < cap);
        rows[n].from = lj_utf8_next(line, len, &i);
        assert_int_equal(line[i++], '\t');
        rows[n].to = lj_utf8_next(line, len, &i);
        rows[n].third = line[i] == '\t' ? line[i + 1] : '\0';
        n++;
    }
    (void)fclose(f);
    return n;
}

static bool is_lookalike(int32_t c)
{
    static struct pair_row rows[400];
    static size_t n;
    if (n == 0)
        n = read_pairs("variants.tsv", rows, 400);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].from == c || u_tolower(c) == rows[i].from)
            return true;
    }
    return false;
}

/* ICU's NFKC of c: its only code point, or -1 when it is longer. */
static int32_t one_nfkc(const UNormalizer2 *nfkc, int32_t c, UChar *out, int32_t *ret_n)
{
    UErrorCode e = U_ZERO_ERROR;
    UChar in[2] = {(UChar)c, 0};
    if (c > 0xFFFF) {
        in[0] = (UChar)(0xD7C0 + (c >> 10));
        in[1] = (UChar)(0xDC00 | (c & 0x3FF));
    }
    int32_t n = unorm2_normalize(nfkc, in, c > 0xFFFF ? 2 : 1, out, 64, &e);
    assert_true(U_SUCCESS(e));
    *ret_n = n;
    bool lead = out[0] >= 0xD800 && out[0] <= 0xDBFF;
    if (n == 2 && lead)
        return 0x10000 + ((out[0] & 0x3FF) << 10) + (out[1] & 0x3FF);
    return n == 1 ? out[0] : -1;
}

static const UNormalizer2 *get_nfkc(void)
{
    UErrorCode e = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&e);
    assert_true(U_SUCCESS(e));
    return nfkc;
}

/* Before traditional to simplified: c folds as its NFKC in lower case does, and what is no
 * ideograph and no radical folds to just that. */
static void the_fold_is_nfkc_wherever_that_is_one_bmp_code_point(void **state)
{
    (void)state;
    const UNormalizer2 *nfkc = get_nfkc();
    unsigned checked = 0;
    for (int32_t c = 0; c <= 0x2FFFF; c++) {
        UChar out[64];
        int32_t n;
        if ((c & 0x1FF800) == 0xD800 || is_lookalike(c))
            continue;
        int32_t want = one_nfkc(nfkc, c, out, &n);
        if (want < 0 || want > 0xFFFF || (c > 0xFFFF && u_charType(c) == U_UNASSIGNED))
            continue;
        want = u_tolower(want);
        assert_in_range(want, 0, 0xFFFF);
        if (is_lookalike(want))
            continue;
        assert_int_equal(lj_text_fold(c), lj_opinion_fold[want]);
        bool radical = want >= 0x2E80 && want <= 0x31EF;
        if (is_han((unsigned)want) || radical)
            assert_true(is_han(lj_opinion_fold[want]) || lj_opinion_fold[want] == want);
        else
            assert_int_equal(lj_opinion_fold[want], want);
        checked++;
    }
    print_message("%u code points fold as NFKC\n", checked);
    assert_true(checked > 60000);
}

/* The others: a longer NFKC, or one above the BMP. They stay what they are, or fold to the only
 * letter of their NFKC. */
static void the_rest_is_listed(void **state)
{
    (void)state;
    const UNormalizer2 *nfkc = get_nfkc();
    unsigned longer = 0;
    unsigned reduced = 0;
    for (int32_t c = 0; c <= 0xFFFF; c++) {
        UChar out[64];
        int32_t n;
        if ((c & 0x1FF800) == 0xD800 || is_lookalike(c))
            continue;
        int32_t one = one_nfkc(nfkc, c, out, &n);
        if (one >= 0 && one <= 0xFFFF)
            continue;
        longer++;
        if (lj_opinion_fold[c] == u_tolower(c))
            continue;
        unsigned letters = 0;
        int32_t letter = 0;
        for (int32_t i = 0; i < n; i++) {
            letters += u_isalnum(out[i]) != 0;
            letter = u_isalnum(out[i]) ? out[i] : letter;
        }
        assert_int_equal(letters, 1);
        assert_int_equal(lj_opinion_fold[c], lj_opinion_fold[u_tolower(letter)]);
        reduced++;
    }
    print_message("%u longer, %u of them folded to their only letter\n", longer, reduced);
    assert_in_range(longer, 1100, 1250);
    assert_in_range(reduced, 80, 200);
    assert_int_equal(lj_opinion_fold[0x3220], 0x4E00); /* ㈠ */
    assert_int_equal(lj_opinion_fold[0x2474], '1');    /* ⑴ */
    assert_int_equal(lj_opinion_fold[0x33A1], 0x33A1); /* ㎡ */
}

static void folding_twice_changes_nothing_more(void **state)
{
    (void)state;
    for (unsigned c = 0; c <= 0xFFFF; c++)
        assert_int_equal(lj_opinion_fold[lj_opinion_fold[c]], lj_opinion_fold[c]);
    for (size_t i = 0; i < lj_opinion_astral_count; i++) {
        uint16_t to = lj_opinion_astral[i].to;
        assert_int_equal(lj_opinion_fold[to], to);
        assert_true(i == 0 || lj_opinion_astral[i - 1].from < lj_opinion_astral[i].from);
    }
}

static void classes_agree_with_icu(void **state)
{
    (void)state;
    for (int32_t c = 0; c <= 0xFFFF; c++) {
        uint8_t class = lj_opinion_char[c];
        bool word = class == LJ_CHAR_HAN || class == LJ_CHAR_LETTER || class == LJ_CHAR_DIGIT;
        bool filler = c == 0x115F || c == 0x1160 || c == 0x3164 || c == 0xFFA0;
        bool compat = c >= 0xF900 && c <= 0xFAFF; /* ideographs */
        if (u_charType(c) == U_UNASSIGNED)
            continue;
        assert_int_equal(word, u_isalnum(c) && !filler);
        if (class == LJ_CHAR_HAN)
            assert_true(is_han((unsigned)c) || compat);
        int8_t type = u_charType(c);
        if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR)
            assert_int_equal(class, LJ_CHAR_HIDDEN);
    }
    for (unsigned c = 0x4E00; c <= 0x9FFF; c++) /* text.c asks no class in this block */
        assert_int_equal(lj_opinion_char[lj_opinion_fold[c]], LJ_CHAR_HAN);
    static const uint16_t invisible[] = {0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD,
                                         0x202E, 0x2066, 0xFE0F, 0x0301, 0x20E3, 0x180E};
    for (size_t i = 0; i < sizeof invisible / sizeof invisible[0]; i++)
        assert_int_equal(lj_opinion_char[lj_opinion_fold[invisible[i]]], LJ_CHAR_HIDDEN);
}

static void emoji_have_moods(void **state)
{
    (void)state;
    unsigned good = 0;
    assert_in_range(lj_opinion_emoji_count, 55, 120);
    for (size_t i = 0; i < lj_opinion_emoji_count; i++) {
        const struct lj_emoji *e = &lj_opinion_emoji[i];
        assert_true(i == 0 || lj_opinion_emoji[i - 1].code < e->code);
        assert_int_equal(lj_text_mood((int32_t)e->code), e->mood);
        assert_true(e->code > 0xFFFF || lj_opinion_char[e->code] == LJ_CHAR_EMOJI);
        assert_true(e->code <= 0xFFFF || lj_text_fold((int32_t)e->code) == 0xFFFD);
        good += e->mood > 0;
    }
    assert_in_range(good, 20, lj_opinion_emoji_count - 20);
    assert_int_equal(lj_text_mood('a'), 0);
    assert_int_equal(lj_text_mood(-1), 0);
    assert_int_equal(lj_text_mood(0x1F92C), -1);
}

static void syllables_are_the_common_readings(void **state)
{
    (void)state;
    static const struct {
        uint16_t c;
        const char *syllable;
    } want[] = {{0x6536, "shou"}, {0x8D39, "fei"}, {0x9AA8, "gu"}, {0x6253, "da"}, {0x5047, "jia"},
                {0x9A97, "pian"}, {0x7F5A, "fa"},  {0x7EFF, "lv"}, {0x6B7B, "si"}, {0x8650, "nve"}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_string_equal(
            lj_opinion_syllable[lj_opinion_pinyin[want[i].c - LJ_OPINION_HAN_FIRST]],
            want[i].syllable);
}

/* Sends one character a line through the program opencc; reads one line each. */
static bool ask_opencc(const int32_t *in, size_t n, int32_t *out)
{
    char path[] = "/tmp/lj_opencc_XXXXXX";
    char command[128];
    char line[256];
    if (system("command -v opencc >/dev/null 2>&1") != 0)
        return false;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(f, "%c%c%c\n", 0xE0 | in[i] >> 12, 0x80 | (in[i] >> 6 & 0x3F),
                      0x80 | (in[i] & 0x3F));
    assert_int_equal(fclose(f), 0);
    (void)snprintf(command, sizeof command, "opencc -c t2s.json -i %s", path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        assert_non_null(fgets(line, sizeof line, p));
        out[i] = lj_utf8_next(line, strlen(line), &at);
        assert_int_equal(line[at], '\n');
    }
    assert_int_equal(pclose(p), 0);
    assert_int_equal(unlink(path), 0);
    return true;
}

static void our_exceptions_agree_with_opencc(void **state)
{
    (void)state;
    static struct pair_row rows[600];
    int32_t in[600];
    int32_t out[600];
    unsigned wrong = 0;
    unsigned checked = 0;
    size_t n = read_pairs("t2s.tsv", rows, 600);
    for (size_t i = 0; i < n; i++) {
        in[i] = rows[i].from;
        assert_true(rows[i].third == 't' || rows[i].third == 'o');
        assert_int_equal(lj_opinion_fold[rows[i].from], lj_opinion_fold[rows[i].to]);
    }
    if (!ask_opencc(in, n, out)) {
        print_message("SKIPPED: the program opencc is not installed, nothing was compared\n");
        skip();
    }
    for (size_t i = 0; i < n; i++) {
        if (rows[i].third != 't')
            continue;
        checked++;
        if (out[i] > 0xFFFF || lj_opinion_fold[out[i]] != lj_opinion_fold[rows[i].to]) {
            print_message("U+%04X: ours U+%04X, OpenCC U+%04X\n", (unsigned)in[i],
                          (unsigned)rows[i].to, (unsigned)out[i]);
            wrong++;
        }
    }
    print_message("%u of %zu rows compared\n", checked, n);
    assert_int_equal(wrong, 0);
    assert_true(checked >= 220);
}

/* Every ideograph that OpenCC simplifies folds together with its simplified form, but for a few
 * rare ones. */
static void traditional_characters_fold_as_opencc_says(void **state)
{
    (void)state;
    enum { FIRST = 0x3400, LAST = 0x9FFF };
    static int32_t in[LAST - FIRST + 1];
    static int32_t out[LAST - FIRST + 1];
    unsigned changed = 0;
    unsigned apart = 0;
    for (int32_t c = FIRST; c <= LAST; c++)
        in[c - FIRST] = c;
    if (!ask_opencc(in, LAST - FIRST + 1, out)) {
        print_message("SKIPPED: the program opencc is not installed, nothing was compared\n");
        skip();
    }
    for (int32_t c = FIRST; c <= LAST; c++) {
        int32_t to = out[c - FIRST];
        if (to == c || to > 0xFFFF)
            continue;
        changed++;
        if (lj_opinion_fold[c] != lj_opinion_fold[to]) {
            print_message("U+%04X is simplified to U+%04X, but folds to U+%04X\n", (unsigned)c,
                          (unsigned)to, lj_opinion_fold[c]);
            apart++;
        }
    }
    print_message("%u characters simplified, %u of them apart\n", changed, apart);
    assert_true(changed > 2500);
    assert_in_range(apart, 0, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fold_is_nfkc_wherever_that_is_one_bmp_code_point),
        cmocka_unit_test(the_rest_is_listed),
        cmocka_unit_test(folding_twice_changes_nothing_more),
        cmocka_unit_test(classes_agree_with_icu),
        cmocka_unit_test(emoji_have_moods),
        cmocka_unit_test(syllables_are_the_common_readings),
        cmocka_unit_test(our_exceptions_agree_with_opencc),
        cmocka_unit_test(traditional_characters_fold_as_opencc_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
