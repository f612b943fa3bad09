/* Sketches of texts: equal for what only looks different, near for copies, far for others, and as
 * far as the true similarity says. lj-test: lj_kind_validation
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "workers/validation/sketch.h"

static int distance(const char *a, const char *b)
{
    uint8_t x[LJ_SKETCH_BYTES], y[LJ_SKETCH_BYTES];
    int n = 0;
    (void)lj_sketch(a, strlen(a), x);
    (void)lj_sketch(b, strlen(b), y);
    for (size_t i = 0; i < LJ_SKETCH_BYTES; i++)
        n += __builtin_popcount(x[i] ^ y[i]);
    return n;
}

static const char story[] =
    "活动在升国旗、奏国歌中开始,同学们为运动员系上红领巾。随后分组教学,运动员一对一纠正动作,"
    "手把手指导。最后进行了一场趣味对抗,同学们玩得很开心。活动结束后合影留念。";

static void what_is_not_letters_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(distance(story, story), 0);
    assert_int_equal(
        distance(story, "活动在升国旗 奏国歌中开始 12 同学们为运动员系上红领巾!随后分组教学;运动员"
                        "一对一纠正动作、手把手指导。最后进行了一场趣味对抗。\n同学们玩得很开心……"
                        "活动结束后合影留念"),
        0);
    assert_int_equal(distance("We PLAYED table tennis.", "we played, table tennis"), 0);
}

static void copies_are_near_and_others_far(void **state)
{
    (void)state;
    int copy = distance(
        story, "活动在升国旗、奏国歌中开始,同学们为运动员系上红领巾。随后分组教学,运动员一对一纠正"
               "动作,手把手指导。最后进行了一场趣味对抗,同学们玩得非常开心。活动结束后合影。");
    int other =
        distance(story, "社区居民早早来到广场,工作人员摆好了器材。队员们先展示了基本功,赢得阵阵"
                        "掌声;居民们跟着学了一套居家健身动作,约定下月再见。");
    assert_in_range(copy, 1, 40);
    assert_in_range(other, 105, 160);
}

static void short_texts_have_none(void **state)
{
    uint8_t s[LJ_SKETCH_BYTES], zero[LJ_SKETCH_BYTES] = {0};
    (void)state;
    assert_int_equal(lj_sketch("三个字", strlen("三个字"), s), 3);
    assert_memory_equal(s, zero, sizeof s);
    assert_int_equal(lj_sketch("", 0, s), 0);
    assert_int_equal(lj_sketch("\xF0\x9F", 2, s), 0); /* cut in the middle of a character */
    assert_int_equal(lj_sketch("2024年6月1日,共30人", strlen("2024年6月1日,共30人"), s), 5);
}

/* Texts of 300 random letters of 26 * 26; the first `same` of them in common. */
static void make(char *out, unsigned seed, unsigned common, size_t same)
{
    for (size_t i = 0; i < 300; i++) {
        unsigned *s = i < same ? &common : &seed;
        *s = *s * 1103515245U + 12345U;
        uint32_t c = 0x4E00 + (*s >> 16) % 5000;
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    }
    *out = '\0';
}

/* same of 300 characters: of 297 shingles each, same - 3 are common. */
static void distances_say_how_alike_texts_are(void **state)
{
    static const size_t shares[] = {0, 60, 150, 225, 276, 300};
    (void)state;
    for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
        static char a[1000], b[1000];
        double common = shares[k] > 3 ? (double)shares[k] - 3 : 0;
        double jaccard = common / (2 * 297 - common), sum = 0;
        for (unsigned i = 1; i <= 60; i++) {
            make(a, i * 7919, i, shares[k]);
            make(b, i * 104729 + 1, i, shares[k]);
            int d = distance(a, b);
            double off = d - 128 * (1 - jaccard);
            if (off > 40 || off < -40)
                fail_msg("%zu of 300 characters: %d bits, %.1f expected", shares[k], d,
                         128 * (1 - jaccard));
            sum += d;
        }
        double off = sum / 60 - 128 * (1 - jaccard);
        if (off > 4 || off < -4)
            fail_msg("%zu of 300 characters: off by %.2f bits on average", shares[k], off);
    }
}

static void hexadecimal_digits(void **state)
{
    uint8_t s[LJ_SKETCH_BYTES] = {0x0f, 0xa0};
    char text[LJ_SKETCH_HEX + 1];
    (void)state;
    lj_sketch_hex(s, text);
    assert_int_equal(strlen(text), LJ_SKETCH_HEX);
    assert_memory_equal(text, "0fa000", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_letters_does_not_count),
        cmocka_unit_test(copies_are_near_and_others_far),
        cmocka_unit_test(short_texts_have_none),
        cmocka_unit_test(distances_say_how_alike_texts_are),
        cmocka_unit_test(hexadecimal_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
