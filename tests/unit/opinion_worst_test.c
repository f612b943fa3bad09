/* No text makes the engine slow: work is counted, not timed.
 *
 * The engine is built once more with a call in every basic block (lj_opinion_counted); the work of
 * a text is the number of blocks run. Texts grow by doubling: crafted ones, and units that a search
 * makes of the lexicon's own words and marks and keeps while they get worse. Twice the text may
 * cost a little more than twice the work while the caps on tokens and hits fill up, never four
 * times.
 *
 * Registered in workers/opinion/CMakeLists.txt, because it links an engine of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "workers/opinion/crafted.h"
#include "workers/opinion/engine.h"

enum {
    SMALL = 1024,
    WHOLE = 8192,
    PIECES_MAX = 6,
    UNIT_MAX = 400,
    SEARCHES = 6,
    STEPS = 60,
    WORST = 6000000 /* blocks for 8 KB; the worst found so far costs a third of it */
};

static struct lj_opinion *engine;
static uint64_t blocks;

void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
    blocks++;
}

static uint32_t pick(uint32_t n)
{
    static uint32_t x = 88172645U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x % n;
}

static uint64_t work_of(const char *text, size_t len)
{
    static struct lj_opinion_findings f;
    struct lj_err err;
    blocks = 0;
    assert_int_equal(lj_opinion_score(engine, text, len, &f, &err), 0);
    return blocks;
}

/* Repeats a unit to at most size bytes and LJ_OPINION_TEXT_MAX characters. */
static size_t repeat(const char *unit, size_t n, size_t size, char *out)
{
    size_t characters = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; characters++)
        (void)lj_utf8_next(unit, n, &i);
    for (size_t total = characters; used + n <= size && total <= LJ_OPINION_TEXT_MAX;
         total += characters) {
        memcpy(out + used, unit, n);
        used += n;
    }
    return used;
}

/* Doubles the text from SMALL to WHOLE bytes; a text must not cost 10 times one of a quarter of its
 * length: a square would cost sixteen times. One doubling alone may bring the first finding, whose
 * evidence costs more than all the rest of a short text. */
static void check_growth(const char *name, const char *unit, size_t n)
{
    static char text[WHOLE];
    uint64_t before[2] = {0};
    size_t before_len = 0;
    for (size_t size = SMALL; size <= WHOLE; size *= 2) {
        size_t len = repeat(unit, n, size, text);
        uint64_t work = work_of(text, len);
        if ((before[0] && work > before[0] * 10) || work > WORST) {
            print_message("%s: %zu bytes cost %llu blocks, %zu bytes %llu: %.*s\n", name,
                          before_len, (unsigned long long)before[0], len, (unsigned long long)work,
                          (int)n, unit);
            fail();
        }
        before[0] = before[1];
        before[1] = work;
        before_len = len / 2; /* when it is before[0]'s turn */
    }
}

static void crafted_texts_cost_work_in_line_with_their_length(void **state)
{
    (void)state;
    for (unsigned k = 0; k < lj_crafted_count(); k++) {
        const char *unit = lj_crafted_unit(k);
        check_growth(lj_crafted_name(k), unit, strlen(unit));
    }
}

/* A unit under search: some words and marks in a row. */
struct unit {
    const char *piece[PIECES_MAX];
    unsigned count;
};

static const char *pick_piece(void)
{
    static const char *const marks[] = {"，", "。", "、", "？", "！", "“",
                                        "”",  " ",  "x",  "3",  "元"};
    if (pick(4) == 0)
        return marks[pick(sizeof marks / sizeof marks[0])];
    const struct lj_rules *rules = engine->rules;
    return rules->entries[LJ_ENTRY_FIRST + pick((uint32_t)rules->entry_count - LJ_ENTRY_FIRST)]
        .name;
}

static size_t spell(const struct unit *u, char *out)
{
    size_t n = 0;
    for (unsigned i = 0; i < u->count; i++) {
        size_t k = strlen(u->piece[i]);
        memcpy(out + n, u->piece[i], k);
        n += k;
    }
    return n;
}

static void mutate(struct unit *u)
{
    unsigned i = pick(PIECES_MAX);
    if (i >= u->count)
        u->piece[u->count++] = pick_piece();
    else if (pick(4) == 0 && u->count > 1)
        u->piece[i] = u->piece[--u->count];
    else
        u->piece[i] = pick_piece();
}

static double cost(const struct unit *u, char *unit, size_t *ret_n)
{
    static char text[WHOLE / 2];
    *ret_n = spell(u, unit);
    size_t len = repeat(unit, *ret_n, sizeof text, text);
    return len ? (double)work_of(text, len) / (double)len : 0;
}

static void a_search_finds_no_slow_text(void **state)
{
    (void)state;
    char unit[UNIT_MAX];
    size_t n;
    for (int search = 0; search < SEARCHES; search++) {
        struct unit best = {{pick_piece()}, 1};
        double most = cost(&best, unit, &n);
        for (int step = 0; step < STEPS; step++) {
            struct unit next = best;
            mutate(&next);
            double c = cost(&next, unit, &n);
            if (c > most) {
                most = c;
                best = next;
            }
        }
        n = spell(&best, unit);
        print_message("%.0f blocks a byte: %.*s\n", most, (int)n, unit);
        check_growth("search", unit, n);
    }
}

/* The counter counts: a text of hits costs more than one of noise. */
static void the_count_is_real(void **state)
{
    (void)state;
    static char text[2048];
    uint64_t noise = work_of(text, repeat("·", strlen("·"), sizeof text, text));
    uint64_t words = work_of(text, repeat("教练打学生", strlen("教练打学生"), sizeof text, text));
    assert_true(noise > 500);
    assert_true(words > 2 * noise); /* 3.2 to 5 times, by how far the compiler folds branches */
}

static int open_engine(void **state)
{
    (void)state;
    struct lj_err err;
    return lj_opinion_open(NULL, &engine, &err);
}

static int close_engine(void **state)
{
    (void)state;
    lj_opinion_close(&engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count_is_real),
        cmocka_unit_test(crafted_texts_cost_work_in_line_with_their_length),
        cmocka_unit_test(a_search_finds_no_slow_text),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
