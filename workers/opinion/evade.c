/*
 * Hidden spellings.
 *
 * readings.tsv    character, another toneless reading
 * radicals.tsv    character, its parts; several spellings separated by blanks
 * pinyin.tsv      term, spelling in initials or syllables
 * homophones.tsv  term, spelling with a character of the same sound
 *
 * Symbols dropped inside a term are text.c's work; this file makes the spellings that need a
 * pattern of their own. Syllables are generated for every short term, because a reading stands for
 * so many characters that nobody writes gu折 by chance. Initials and homophones are short and
 * sound like ordinary words, so only reviewed ones exist: generated ones gave twice as many false
 * alarms as hits.
 *
 * Guarantees: a row that does not parse is an error with file and line; nothing is skipped; the
 * enumeration allocates nothing.
 */
#include "workers/opinion/evade.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/tables.h"
#include "workers/opinion/text.h"
#include "workers/opinion/tsv.h"

enum { TERM_MAX = 16, GENERATED_MIN = 2, GENERATED_MAX = 4, PARTS_TERM_MAX = 6, ROWS_MAX = 2000 };

#define TABLE(name)                                                                                \
    extern const char lj_opinion_##name##_tsv[];                                                   \
    extern const size_t lj_opinion_##name##_tsv_size;
TABLE(readings)
TABLE(radicals)
TABLE(pinyin)
TABLE(homophones)

struct spelling { /* of a whole term, or of one character */
    uint16_t sym[TERM_MAX];
    uint16_t with[LJ_EVADE_SYMBOLS_MAX];
    uint8_t n;
    uint8_t m;
    uint8_t how;
};

enum { BUCKETS = 1024 };

struct lj_evade {
    uint16_t count;
    uint16_t bucket[BUCKETS]; /* 1 + the last row whose first symbol hashes there, 0 = none */
    uint16_t chain[ROWS_MAX]; /* 1 + the row before it in its bucket */
    struct spelling rows[ROWS_MAX];
};

static const struct {
    const char *name;
    const char *text;
    const size_t *size;
    enum lj_evade_how how;
    bool one; /* of one character, put into every term that has it */
} tables[] = {
    {"readings.tsv", lj_opinion_readings_tsv, &lj_opinion_readings_tsv_size, LJ_EVADE_SYLLABLE,
     true},
    {"radicals.tsv", lj_opinion_radicals_tsv, &lj_opinion_radicals_tsv_size, LJ_EVADE_PARTS, true},
    {"pinyin.tsv", lj_opinion_pinyin_tsv, &lj_opinion_pinyin_tsv_size, LJ_EVADE_PINYIN, false},
    {"homophones.tsv", lj_opinion_homophones_tsv, &lj_opinion_homophones_tsv_size, LJ_EVADE_SOUND,
     false},
};

/* One spelling of the row's first field, the n bytes at p. */
static int add_spelling(struct lj_evade *ev, const struct lj_tsv *t, size_t which, const char *p,
                        size_t n, struct lj_err *err)
{
    if (ev->count == ROWS_MAX)
        return lj_fail(err, LJ_E_CONFIG, "%s:%u: there are too many spellings", t->name, t->line);
    struct spelling *s = &ev->rows[ev->count];
    s->how = (uint8_t)tables[which].how;
    s->n = (uint8_t)lj_text_fold_term(t->field[0].p, t->field[0].n, s->sym, TERM_MAX);
    s->m = (uint8_t)lj_text_fold_term(p, n, s->with, LJ_EVADE_SYMBOLS_MAX - TERM_MAX);
    if (s->n == 0 || s->m == 0 || (tables[which].one && s->n != 1))
        return lj_fail(err, LJ_E_CONFIG, "%s:%u: a field is empty, too long or has noise in it",
                       t->name, t->line);
    uint16_t *head = &ev->bucket[s->sym[0] % BUCKETS];
    ev->chain[ev->count++] = *head;
    *head = ev->count;
    return 0;
}

static int read_row(struct lj_evade *ev, const struct lj_tsv *t, size_t which, struct lj_err *err)
{
    int rc = 0;
    if (t->fields < 2)
        return lj_fail(err, LJ_E_CONFIG, "%s:%u: the spelling is missing", t->name, t->line);
    const char *p = t->field[1].p;
    const char *end = p + t->field[1].n;
    while (rc == 0 && p <= end) {
        const char *blank = p < end ? memchr(p, ' ', (size_t)(end - p)) : NULL;
        const char *stop = blank ? blank : end;
        rc = add_spelling(ev, t, which, p, (size_t)(stop - p), err);
        p = stop + 1;
    }
    return rc;
}

int lj_evade_open(struct lj_evade **ret, struct lj_err *err)
{
    int rc = 0;
    struct lj_evade *ev = calloc(1, sizeof *ev);
    if (!ev)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the hidden spellings");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct lj_tsv t = {.name = tables[i].name, .p = tables[i].text};
        t.end = t.p + *tables[i].size;
        while (rc == 0 && lj_tsv_next(&t))
            rc = read_row(ev, &t, i, err);
    }
    if (rc < 0)
        lj_evade_close(&ev);
    else
        *ret = ev;
    return rc;
}

void lj_evade_close(struct lj_evade **evade)
{
    if (!evade)
        return;
    free(*evade);
    *evade = NULL;
}

/* The term with symbol i replaced. */
struct replacing {
    const uint16_t *sym;
    size_t n;
    lj_evade_fn *fn;
    void *arg;
    struct lj_err *err;
};

static int replace(const struct replacing *r, size_t i, const uint16_t *with, size_t m,
                   enum lj_evade_how how)
{
    uint16_t out[TERM_MAX + LJ_EVADE_SYMBOLS_MAX];
    memcpy(out, r->sym, i * sizeof *out);
    memcpy(out + i, with, m * sizeof *out);
    memcpy(out + i + m, r->sym + i + 1, (r->n - i - 1) * sizeof *out);
    return r->fn(r->arg, out, r->n - 1 + m, how, r->err);
}

/* The reading of symbol i in Latin letters; ü is written v or u. */
static int spell_syllable(const struct replacing *r, size_t i)
{
    uint16_t with[8];
    uint16_t c = r->sym[i];
    bool umlaut = false;
    if (c < LJ_OPINION_HAN_FIRST || c >= LJ_OPINION_HAN_FIRST + LJ_OPINION_HAN_COUNT)
        return 0;
    const char *s = lj_opinion_syllable[lj_opinion_pinyin[c - LJ_OPINION_HAN_FIRST]];
    size_t m = strlen(s);
    if (m == 0)
        return 0;
    for (size_t k = 0; k < m; k++) {
        with[k] = (uint16_t)s[k];
        umlaut = umlaut || s[k] == 'v';
    }
    int rc = replace(r, i, with, m, LJ_EVADE_SYLLABLE);
    for (size_t k = 0; k < m && umlaut; k++)
        with[k] = with[k] == 'v' ? 'u' : with[k];
    return rc == 0 && umlaut ? replace(r, i, with, m, LJ_EVADE_SYLLABLE) : rc;
}

/* The rows that begin with symbol i: of that character alone, or, with i = 0, of the whole term. */
static int spell_rows(const struct lj_evade *ev, const struct replacing *r, size_t i,
                      bool syllables)
{
    int rc = 0;
    for (uint16_t k = ev->bucket[r->sym[i] % BUCKETS]; rc == 0 && k; k = ev->chain[k - 1]) {
        const struct spelling *x = &ev->rows[k - 1];
        bool wanted = x->how == LJ_EVADE_SYLLABLE ? syllables : r->n <= PARTS_TERM_MAX;
        bool whole = i == 0 && x->n > 1 && x->n == r->n;
        if (whole && memcmp(x->sym, r->sym, r->n * sizeof *r->sym) == 0)
            rc = r->fn(r->arg, x->with, x->m, x->how, r->err);
        else if (x->n == 1 && x->sym[0] == r->sym[i] && wanted)
            rc = replace(r, i, x->with, x->m, x->how);
    }
    return rc;
}

int lj_evade_term(const struct lj_evade *evade, const uint16_t *sym, size_t n, bool generated,
                  lj_evade_fn *fn, void *arg, struct lj_err *err)
{
    int rc = 0;
    const struct replacing r = {sym, n, fn, arg, err};
    if (n < GENERATED_MIN || n > TERM_MAX)
        return 0;
    bool syllables = generated && n <= GENERATED_MAX;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (syllables)
            rc = spell_syllable(&r, i);
        if (rc == 0)
            rc = spell_rows(evade, &r, i, syllables);
    }
    return rc;
}

uint64_t lj_evade_hash(uint64_t hash)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (size_t k = 0; k < *tables[i].size; k++)
            hash = (hash ^ (unsigned char)tables[i].text[k]) * UINT64_C(0x100000001B3);
    }
    return hash;
}

static bool is_letter(uint16_t c)
{
    return c < 0x80 && lj_opinion_char[c] == LJ_CHAR_LETTER;
}

/* Two letters that stand next to each other in the original. */
static bool joined(const struct lj_text *t, uint32_t i)
{
    return is_letter(t->code[i]) && is_letter(t->code[i + 1]) && t->pos[i] + 1 == t->pos[i + 1];
}

bool lj_evade_whole(const struct lj_text *t, uint32_t s, uint32_t e)
{
    return !(s > 0 && joined(t, s - 1)) && !(e < t->n && joined(t, e - 1));
}
