/*
 * From reviewable tables to an automaton.
 *
 * terms.tsv   term, kind, code, severity 1-3, weak|plain|strong, note
 * words.tsv   word, classes (comma separated), note
 * masks.tsv   word, classes or -, note
 * pairs.tsv and sentence_rules.tsv: rows.c; severity.tsv and routing.tsv: policy.c
 *
 * Every surface is folded with the fold of the texts. Terms and words also get the spellings that
 * hide them (evade.c: gu折, 扌丁, sf); these hits are marked evasive. Rows that fold to the same
 * symbols and mean the same are kept once: two equal negators would cancel each other.
 *
 * Guarantees: a row that does not parse is an error with file and line, never skipped.
 */
#include "workers/opinion/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/evade.h"
#include "workers/opinion/text.h"
#include "workers/opinion/tsv.h"

enum { TERM_MAX = 16, POOL_PER_ENTRY = 10, FILE_MAX = 1 << 20, BUCKETS = 1 << 15 };

struct builder {
    struct lj_rules *r;
    struct lj_ac_pattern *patterns;
    size_t pattern_count;
    uint16_t *pool; /* symbols of all patterns */
    size_t pool_used;
    size_t pool_size;
    uint16_t *bucket; /* 1 + the last pattern of that hash, 0 = none */
    uint16_t *chain;  /* by pattern: 1 + the one before it in its bucket */
    struct lj_evade *evade;
};

int lj_rules_class(const struct lj_rules *r, const char *name, size_t n)
{
    for (size_t i = 0; i < r->class_count; i++) {
        if (strlen(r->class_names[i]) == n && memcmp(r->class_names[i], name, n) == 0)
            return (int)i;
    }
    return -1;
}

static int add_class(struct lj_rules *r, const char *name, size_t n)
{
    int i = lj_rules_class(r, name, n);
    if (i >= 0)
        return i;
    if (n == 0 || n >= sizeof r->class_names[0] || r->class_count == LJ_W_MAX)
        return -1;
    memcpy(r->class_names[r->class_count], name, n);
    r->class_names[r->class_count][n] = '\0';
    return (int)r->class_count++;
}

void lj_rules_name(char *out, const char *p, size_t n)
{
    size_t k = n < LJ_OPINION_RULE_NAME_MAX ? n : LJ_OPINION_RULE_NAME_MAX - 1;
    while (k < n && k > 0 && ((unsigned char)p[k] & 0xC0) == 0x80)
        k--;
    memcpy(out, p, k);
    out[k] = '\0';
}

static bool same_symbols(const struct lj_ac_pattern *p, const uint16_t *sym, size_t n)
{
    return p->len == n && memcmp(p->sym, sym, n * sizeof *sym) == 0;
}

static unsigned bucket_of(const uint16_t *sym, size_t n)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < n; i++)
        h = (h ^ sym[i]) * 16777619U;
    return (h ^ h >> 15) & (BUCKETS - 1);
}

/* The entry of these symbols that means the same kind, or only words; NULL when there is none. */
static struct lj_entry *find_entry(struct builder *b, const uint16_t *sym, size_t n, int kind)
{
    for (uint16_t i = b->bucket[bucket_of(sym, n)]; i > 0; i = b->chain[i - 1]) {
        struct lj_entry *e = &b->r->entries[b->patterns[i - 1].id];
        if (same_symbols(&b->patterns[i - 1], sym, n) &&
            (e->kind == kind || e->kind < 0 || kind < 0))
            return e;
    }
    return NULL;
}

/* Adds e under the symbols, or merges it into the entry that is already there. */
static int add_entry(struct builder *b, const uint16_t *sym, size_t n, const struct lj_entry *e,
                     struct lj_err *err)
{
    struct lj_entry own = *e;
    struct lj_entry *old = find_entry(b, sym, n, e->kind);
    own.latin = sym[0] < 0x80 || sym[n - 1] < 0x80;
    e = &own;
    if (old && e->evasive && !old->evasive)
        return 0; /* a real word hides nothing */
    if (old && old->evasive && !e->evasive) {
        *old = *e;
        return 0;
    }
    if (old) {
        struct lj_classes classes = old->classes;
        lj_join(&classes, &e->classes);
        if (old->kind < 0 && e->kind >= 0)
            *old = *e;
        old->classes = classes;
        return 0;
    }
    if (b->r->entry_count == LJ_ENTRIES_MAX || b->pool_used + n > b->pool_size)
        return lj_fail(err, LJ_E_CONFIG, "more than %d patterns", LJ_ENTRIES_MAX);
    uint16_t id = (uint16_t)b->r->entry_count++;
    b->r->entries[id] = *e;
    uint16_t *copy = b->pool + b->pool_used;
    memcpy(copy, sym, n * sizeof *sym);
    b->pool_used += n;
    uint16_t *head = &b->bucket[bucket_of(sym, n)];
    b->chain[b->pattern_count] = *head;
    b->patterns[b->pattern_count++] = (struct lj_ac_pattern){copy, (uint16_t)n, id};
    *head = (uint16_t)b->pattern_count;
    return 0;
}

struct spelling {
    struct builder *b;
    const struct lj_entry *e;
};

/* A homophone never weighs more than a plain word: it may still be chance. */
static int add_spelling(void *arg, const uint16_t *sym, size_t n, enum lj_evade_how how,
                        struct lj_err *err)
{
    const struct spelling *s = arg;
    struct lj_entry v = *s->e;
    v.evasive = true;
    if (how == LJ_EVADE_SOUND && v.weight == LJ_STRONG)
        v.weight = LJ_PLAIN;
    return add_entry(s->b, sym, n, &v, err);
}

int lj_rules_bad_row(const struct lj_tsv *t, const char *what, struct lj_err *err)
{
    return lj_fail(err, LJ_E_CONFIG, "%s:%u: %s", t->name, t->line, what);
}

static int read_weight(const struct lj_tsv *t, size_t i, uint8_t *ret, struct lj_err *err)
{
    static const char *const names[] = {"", "weak", "plain", "strong"};
    for (int w = LJ_WEAK; w <= LJ_STRONG; w++) {
        if (lj_field_is(t, i, names[w])) {
            *ret = (uint8_t)w;
            return 0;
        }
    }
    return lj_rules_bad_row(t, "weight must be weak, plain or strong", err);
}

/* Fields i..i+3: kind, code, severity, weight. */
int lj_rules_risk(const struct lj_tsv *t, size_t i, struct lj_entry *e, struct lj_err *err)
{
    int severity = 0;
    if (t->fields < i + 4)
        return lj_rules_bad_row(t, "fields are missing", err);
    int kind = lj_opinion_kind_by_name(t->field[i].p, t->field[i].n);
    int code = lj_opinion_code_by_name(t->field[i + 1].p, t->field[i + 1].n);
    if (kind < 0 || code < 0)
        return lj_rules_bad_row(t, kind < 0 ? "unknown kind" : "unknown code", err);
    int rc = lj_field_int(t, i + 2, 1, 3, &severity, err);
    if (rc < 0)
        return rc;
    e->kind = (int8_t)kind;
    e->code = (uint8_t)code;
    e->severity = (uint8_t)severity;
    return read_weight(t, i + 3, &e->weight, err);
}

static int read_term(struct builder *b, const struct lj_tsv *t, struct lj_err *err)
{
    struct lj_entry e = {0};
    uint16_t sym[TERM_MAX];
    size_t n = lj_text_fold_term(t->field[0].p, t->field[0].n, sym, TERM_MAX);
    if (n == 0)
        return lj_rules_bad_row(t, "the term is empty, too long, or has characters that are noise",
                                err);
    int rc = lj_rules_risk(t, 1, &e, err);
    if (rc < 0)
        return rc;
    lj_rules_name(e.name, t->field[0].p, t->field[0].n);
    rc = add_entry(b, sym, n, &e, err);
    struct spelling s = {b, &e};
    return rc < 0 ? rc : lj_evade_term(b->evade, sym, n, true, add_spelling, &s, err);
}

static int read_classes(struct builder *b, const struct lj_tsv *t, struct lj_classes *ret,
                        struct lj_err *err)
{
    if (t->fields < 2)
        return lj_rules_bad_row(t, "the classes are missing", err);
    const char *p = t->field[1].p;
    const char *end = p + t->field[1].n;
    while (p <= end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        int c = add_class(b->r, p, (size_t)(stop - p));
        if (c < 0)
            return lj_rules_bad_row(
                t, "a class name is empty or too long, or there are more than 256 classes", err);
        lj_add(ret, (unsigned)c);
        p = stop + 1;
    }
    return 0;
}

static int read_word_or_mask(struct builder *b, const struct lj_tsv *t, bool mask,
                             struct lj_err *err)
{
    struct lj_entry e = {.kind = -1};
    uint16_t sym[TERM_MAX];
    size_t n = lj_text_fold_term(t->field[0].p, t->field[0].n, sym, TERM_MAX);
    if (n == 0)
        return lj_rules_bad_row(t, "the word is empty, too long, or has characters that are noise",
                                err);
    int rc = mask && lj_field_is(t, 1, "-") ? 0 : read_classes(b, t, &e.classes, err);
    if (rc < 0)
        return rc;
    if (mask)
        lj_add(&e.classes, LJ_W_MASK);
    lj_rules_name(e.name, t->field[0].p, t->field[0].n);
    rc = add_entry(b, sym, n, &e, err);
    struct spelling s = {b, &e};
    return rc < 0 || mask ? rc : lj_evade_term(b->evade, sym, n, false, add_spelling, &s, err);
}

static int read_word(struct builder *b, const struct lj_tsv *t, struct lj_err *err)
{
    return read_word_or_mask(b, t, false, err);
}

static int read_mask(struct builder *b, const struct lj_tsv *t, struct lj_err *err)
{
    return read_word_or_mask(b, t, true, err);
}

static int read_pair(struct builder *b, const struct lj_tsv *t, struct lj_err *err)
{
    return lj_rules_pair(b->r, t, err);
}

static int read_rule(struct builder *b, const struct lj_tsv *t, struct lj_err *err)
{
    return lj_rules_rule(b->r, t, err);
}

static int read_modifier(struct builder *b, const struct lj_tsv *t, struct lj_err *err)
{
    return lj_policy_modifier(&b->r->policy, t, err);
}

static int read_route(struct builder *b, const struct lj_tsv *t, struct lj_err *err)
{
    return lj_policy_route(&b->r->policy, t, err);
}

static void hash_classes(struct lj_rules *r)
{
    for (size_t i = 0; i < r->class_count; i++) {
        uint32_t h = 2166136261U;
        for (const char *p = r->class_names[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 16777619U;
        r->class_hash[i] = h;
    }
}

typedef int read_row_fn(struct builder *b, const struct lj_tsv *t, struct lj_err *err);

static int read_rows(struct builder *b, struct lj_tsv *t, read_row_fn *fn, struct lj_err *err)
{
    for (const char *p = t->p; p < t->end; p++) /* FNV-1a */
        b->r->hash = (b->r->hash ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    while (lj_tsv_next(t)) {
        int rc = fn(b, t, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The tables in the order in which they are read: words and masks before pairs and rules, which
 * name their classes. */
static const struct {
    const char *name;
    read_row_fn *fn;
} tables[LJ_RULE_TABLES] = {
    {"terms.tsv", read_term},    {"words.tsv", read_word},          {"masks.tsv", read_mask},
    {"pairs.tsv", read_pair},    {"sentence_rules.tsv", read_rule}, {"severity.tsv", read_modifier},
    {"routing.tsv", read_route},
};

const char *lj_rule_table_name(size_t i)
{
    return tables[i].name;
}

static void add_fixed(struct lj_rules *r)
{
    static const char *const names[] = {
#define X(name) #name,
        LJ_WORD_CLASSES(X)
#undef X
    };
    for (size_t i = 0; i < LJ_W_FIXED; i++)
        (void)add_class(r, names[i], strlen(names[i]));
    static const struct {
        const char *name;
        uint64_t classes;
    } numbers[LJ_ENTRY_FIRST] = {
        [LJ_ENTRY_MONEY] = {"金额", LJ_BIT(MONEY) | LJ_BIT(NUM)},
        [LJ_ENTRY_NUM] = {"数字", LJ_BIT(NUM)},
        [LJ_ENTRY_COUNT] = {"人数", LJ_BIT(COUNT)},
        [LJ_ENTRY_MINUTES] = {"几分钟", LJ_BIT(MINUTES)},
        [LJ_ENTRY_HOURS] = {"几小时", LJ_BIT(HOURS)},
        [LJ_ENTRY_AGO] = {"几年前", LJ_BIT(PAST)},
        [LJ_ENTRY_TIMES] = {"几遍", LJ_BIT(TIMES)},
    };
    for (size_t i = 0; i < LJ_ENTRY_FIRST; i++) {
        r->entries[i] = (struct lj_entry){.kind = -1, .classes.w[0] = numbers[i].classes};
        lj_rules_name(r->entries[i].name, numbers[i].name, strlen(numbers[i].name));
    }
    r->entry_count = LJ_ENTRY_FIRST;
    r->hash = UINT64_C(0xCBF29CE484222325);
}

static int builder_init(struct builder *b, struct lj_err *err)
{
    b->r = calloc(1, sizeof *b->r);
    b->pool_size = (size_t)LJ_ENTRIES_MAX * POOL_PER_ENTRY;
    b->pool = malloc(b->pool_size * sizeof *b->pool);
    b->patterns = malloc(LJ_ENTRIES_MAX * sizeof *b->patterns);
    b->bucket = calloc(BUCKETS, sizeof *b->bucket);
    b->chain = malloc(LJ_ENTRIES_MAX * sizeof *b->chain);
    if (b->r) {
        b->r->entries = calloc(LJ_ENTRIES_MAX, sizeof *b->r->entries);
        b->r->pairs = calloc(LJ_PAIRS_MAX, sizeof *b->r->pairs);
        b->r->rules = calloc(LJ_SENTENCE_RULES_MAX, sizeof *b->r->rules);
    }
    if (!b->r || !b->pool || !b->patterns || !b->bucket || !b->chain || !b->r->entries ||
        !b->r->pairs || !b->r->rules)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the rule tables");
    add_fixed(b->r);
    b->r->hash = lj_evade_hash(b->r->hash);
    return lj_evade_open(&b->evade, err);
}

int lj_rules_parse(const struct lj_rule_table *text, struct lj_rules **ret, struct lj_err *err)
{
    struct builder b = {0};
    int rc = builder_init(&b, err);
    for (size_t i = 0; rc == 0 && i < LJ_RULE_TABLES; i++) {
        struct lj_tsv t = {
            .name = tables[i].name, .p = text[i].text, .end = text[i].text + text[i].size};
        rc = read_rows(&b, &t, tables[i].fn, err);
    }
    if (rc == 0)
        rc = lj_policy_check(&b.r->policy, err);
    if (rc == 0)
        hash_classes(b.r);
    if (rc == 0)
        rc = lj_ac_build(b.patterns, b.pattern_count, lj_digits, LJ_DIGITS, &b.r->ac, err);
    if (rc == 0)
        rc = lj_hot_build(b.r, &b.r->hot, err);
    if (rc == 0)
        rc = lj_plays_build(b.r, &b.r->plays, err);
    free(b.pool);
    free(b.patterns);
    free(b.bucket);
    free(b.chain);
    lj_evade_close(&b.evade);
    if (rc < 0)
        lj_rules_close(&b.r);
    else
        *ret = b.r;
    return rc;
}

int lj_rules_read(const char *dir, struct lj_rule_table *text, struct lj_err *err)
{
    char path[4096];
    for (size_t i = 0; i < LJ_RULE_TABLES; i++) {
        char *buf = NULL;
        if (snprintf(path, sizeof path, "%s/%s", dir, tables[i].name) >= (int)sizeof path)
            return lj_fail(err, LJ_E_ARG, "the folder's name is too long");
        int rc = lj_read_file(path, FILE_MAX, &buf, &text[i].size, err);
        if (rc < 0)
            return rc;
        text[i].text = buf;
        text[i].owned = buf;
    }
    return 0;
}

void lj_rules_drop(struct lj_rule_table *text)
{
    for (size_t i = 0; i < LJ_RULE_TABLES; i++)
        free(text[i].owned);
}

int lj_rules_open(const char *dir, struct lj_rules **ret, struct lj_err *err)
{
    struct lj_rule_table text[LJ_RULE_TABLES] = {0};
    int rc = lj_rules_read(dir, text, err);
    if (rc == 0)
        rc = lj_rules_parse(text, ret, err);
    lj_rules_drop(text);
    return rc;
}

void lj_rules_close(struct lj_rules **rules)
{
    if (!rules || !*rules)
        return;
    lj_ac_free(&(*rules)->ac);
    lj_hot_free(&(*rules)->hot);
    lj_plays_free(&(*rules)->plays);
    free((*rules)->entries);
    free((*rules)->pairs);
    free((*rules)->rules);
    free(*rules);
    *rules = NULL;
}
