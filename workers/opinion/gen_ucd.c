/*
 * Build-time reader of the Unicode Character Database (Debian package unicode-data).
 *
 * Why our own normaliser: the character tables must come from reviewable sources that the package
 * manager brings, and the worker must not carry ICU. One code point at a time is all that is
 * needed, so this is the plain algorithm of UAX #15: decompose fully, order by combining class,
 * compose what may be composed. Hangul is computed, not listed.
 *
 * Guarantees: a file that is missing or does not parse ends the build with a message; nothing is
 * skipped. The unit test compares the result with ICU over the whole BMP.
 */
#include "workers/opinion/gen_ucd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    L_BASE = 0x1100,
    V_BASE = 0x1161,
    T_BASE = 0x11A7,
    S_BASE = 0xAC00,
    L_COUNT = 19,
    V_COUNT = 21,
    T_COUNT = 28,
    S_COUNT = L_COUNT * V_COUNT * T_COUNT,
};

void ucd_die(const char *path, const char *what)
{
    (void)fprintf(stderr, "gen_tables: %s: %s\n", path, what);
    exit(1);
}

static void *get_memory(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p)
        ucd_die("memory", "there is not enough");
    return p;
}

static void add_part(struct ucd *u, uint32_t c)
{
    if (u->part_count == u->part_room) {
        u->part_room = u->part_room ? 2 * u->part_room : 32768;
        uint32_t *p = realloc(u->part, u->part_room * sizeof *p);
        if (!p)
            ucd_die("memory", "there is not enough");
        u->part = p;
    }
    u->part[u->part_count++] = c;
}

/* "<font> 0061" or "0041 0300" */
static void read_parts(struct ucd *u, struct ucd_char *c, char *s)
{
    c->canonical = *s != '<';
    if (*s == '<')
        s = strchr(s, '>') ? strchr(s, '>') + 1 : s + strlen(s);
    c->first = (uint32_t)u->part_count;
    for (char *end = s; *s; s = end) {
        unsigned long part = strtoul(s, &end, 16);
        if (end == s || part >= UCD_MAX)
            break;
        add_part(u, (uint32_t)part);
        c->parts++;
    }
}

static void read_char(struct ucd *u, const char *path, char *line, uint32_t *range_first)
{
    char *field[15] = {line};
    size_t n = 1;
    for (char *p = strchr(line, ';'); p && n < 15; p = strchr(p, ';')) {
        *p++ = '\0';
        field[n++] = p;
    }
    unsigned long cp = strtoul(field[0], NULL, 16);
    if (n < 15 || cp >= UCD_MAX || strlen(field[2]) != 2)
        ucd_die(path, "a line does not parse");
    bool first = strstr(field[1], ", First>") != NULL;
    bool last = strstr(field[1], ", Last>") != NULL;
    for (uint32_t c = last ? *range_first : (uint32_t)cp; c <= cp; c++) {
        u->c[c].lower = c;
        memcpy(u->c[c].gc, field[2], 2);
    }
    if (first)
        *range_first = (uint32_t)cp;
    u->c[cp].ccc = (uint8_t)strtoul(field[3], NULL, 10);
    read_parts(u, &u->c[cp], field[5]);
    if (*field[13])
        u->c[cp].lower = (uint32_t)strtoul(field[13], NULL, 16);
}

static void read_exclusions(struct ucd *u, const char *path)
{
    char line[512];
    unsigned found = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        ucd_die(path, "cannot be opened");
    while (fgets(line, sizeof line, f)) {
        char *hash = strchr(line, '#');
        char *name = strstr(line, "; Full_Composition_Exclusion");
        if (!name || (hash && hash < name))
            continue;
        char *end;
        unsigned long a = strtoul(line, &end, 16);
        unsigned long b = strncmp(end, "..", 2) == 0 ? strtoul(end + 2, NULL, 16) : a;
        for (unsigned long c = a; c <= b && c < UCD_MAX; c++)
            u->c[c].never_made = true;
        found++;
    }
    (void)fclose(f);
    if (!found)
        ucd_die(path, "has no Full_Composition_Exclusion");
}

void ucd_load(struct ucd *u, const char *unicode_data, const char *normalization_props)
{
    char line[1024];
    uint32_t range_first = 0;
    *u = (struct ucd){.c = get_memory(UCD_MAX, sizeof *u->c)};
    for (uint32_t c = 0; c < UCD_MAX; c++)
        u->c[c].lower = c;
    FILE *f = fopen(unicode_data, "r");
    if (!f)
        ucd_die(unicode_data, "cannot be opened");
    while (fgets(line, sizeof line, f))
        read_char(u, unicode_data, line, &range_first);
    (void)fclose(f);
    read_exclusions(u, normalization_props);
    u->pair = get_memory(UCD_MAX / 64, sizeof *u->pair);
    for (uint32_t c = 0; c < UCD_MAX; c++) {
        const struct ucd_char *x = &u->c[c];
        if (x->parts == 2 && x->canonical && !x->never_made && u->pair_count < UCD_MAX / 64)
            u->pair[u->pair_count++] = c;
    }
}

void ucd_free(struct ucd *u)
{
    free(u->c);
    free(u->part);
    free(u->pair);
    *u = (struct ucd){0};
}

static size_t decompose(const struct ucd *u, uint32_t c, bool compat, uint32_t *out, size_t n)
{
    const struct ucd_char *x = &u->c[c];
    if (c >= S_BASE && c < S_BASE + S_COUNT) {
        uint32_t s = c - S_BASE;
        if (n + 3 > UCD_NFKC_MAX)
            ucd_die("NFKC", "a decomposition is too long");
        out[n++] = L_BASE + s / (V_COUNT * T_COUNT);
        out[n++] = V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT;
        if (s % T_COUNT)
            out[n++] = T_BASE + s % T_COUNT;
        return n;
    }
    if (x->parts == 0 || (!x->canonical && !compat)) {
        if (n == UCD_NFKC_MAX)
            ucd_die("NFKC", "a decomposition is too long");
        out[n++] = c;
        return n;
    }
    for (uint8_t i = 0; i < x->parts; i++)
        n = decompose(u, u->part[x->first + i], compat, out, n);
    return n;
}

/* Canonical order: combining marks by rising class, stable. */
static void order(const struct ucd *u, uint32_t *s, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0; k--) {
            uint8_t a = u->c[s[k - 1]].ccc;
            uint8_t b = u->c[s[k]].ccc;
            if (b == 0 || a <= b)
                break;
            uint32_t swap = s[k];
            s[k] = s[k - 1];
            s[k - 1] = swap;
        }
    }
}

/* The primary composite of a and b, 0 = none. */
static uint32_t composite(const struct ucd *u, uint32_t a, uint32_t b)
{
    if (a >= L_BASE && a < L_BASE + L_COUNT && b >= V_BASE && b < V_BASE + V_COUNT)
        return S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT;
    if (a >= S_BASE && a < S_BASE + S_COUNT && (a - S_BASE) % T_COUNT == 0 && b > T_BASE &&
        b < T_BASE + T_COUNT)
        return a + (b - T_BASE);
    for (size_t i = 0; i < u->pair_count; i++) {
        const uint32_t *part = &u->part[u->c[u->pair[i]].first];
        if (part[0] == a && part[1] == b)
            return u->pair[i];
    }
    return 0;
}

static size_t compose(const struct ucd *u, uint32_t *s, size_t n)
{
    size_t starter = SIZE_MAX;
    size_t k = 0;
    uint8_t before = 0; /* class of the last character kept after the starter */
    for (size_t i = 0; i < n; i++) {
        uint8_t ccc = u->c[s[i]].ccc;
        bool near = k > 0 && starter == k - 1;
        bool blocked = !near && (before == 0 || before >= ccc);
        uint32_t one = starter != SIZE_MAX && !blocked ? composite(u, s[starter], s[i]) : 0;
        if (one) {
            s[starter] = one;
            continue;
        }
        if (ccc == 0)
            starter = k;
        before = ccc;
        s[k++] = s[i];
    }
    return k;
}

size_t ucd_nfkc(const struct ucd *u, uint32_t c, uint32_t *out)
{
    size_t n = decompose(u, c, true, out, 0);
    order(u, out, n);
    return compose(u, out, n);
}

size_t ucd_nfd(const struct ucd *u, uint32_t c, uint32_t *out)
{
    size_t n = decompose(u, c, false, out, 0);
    order(u, out, n);
    return n;
}
