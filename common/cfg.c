/* Configuration from one table.
 *
 * Three sources, each overriding the one before: the defaults of the table, the file named by
 * --config, the command line. All three go through set(), so an option has one syntax and one set
 * of bounds wherever it stands, and every refusal says what was wrong, where
 * (`--port`, `broker.conf line 12`, the default) and what is allowed. Nothing is guessed: an
 * unknown name, a repeated line in the file, a missing value or trailing characters of a number are
 * errors, because a silently ignored option is found at the worst time.
 *
 * The file is `name = value` lines; `#` starts a comment at a line's beginning, blanks around name
 * and value are dropped, and a value may be empty. `_` and `-` are the same in names. Values are
 * taken as they are (no quotes, no expansion): secrets belong in files of their own that an option
 * names.
 *
 * A string field owns its copy; set() frees the old one, so a second source leaks nothing, and
 * lj_cfg_free gives all back.
 */
#include "common/cfg.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

enum {
    FILE_MAX = 1024 * 1024, /* a configuration is a page, not a data set */
    ROWS_MAX = 256,
};

struct loader {
    const struct lj_cfg_row *rows;
    size_t nrows;
    void *cfg;
    struct lj_err *err;
};

static const char *const bool_words[2][4] = {{"no", "false", "off", "0"},
                                             {"yes", "true", "on", "1"}};

static void *field(const struct loader *l, const struct lj_cfg_row *row)
{
    return (char *)l->cfg + row->offset;
}

static int set_str(const struct loader *l, const struct lj_cfg_row *row, const char *value)
{
    char **at = field(l, row);
    char *copy = strdup(value);
    if (!copy)
        return lj_fail(l->err, LJ_E_NOMEM, "no memory for option %s", row->name);
    free(*at);
    *at = copy;
    return 0;
}

static int set_int(const struct loader *l, const struct lj_cfg_row *row, const char *value,
                   const char *where)
{
    const char *blank = row->unit && row->unit[0] ? " " : "";
    const char *unit = row->unit ? row->unit : "";
    char *end = NULL;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (!isdigit((unsigned char)value[value[0] == '-']) || *end)
        return lj_fail(l->err, LJ_E_CONFIG,
                       "%s: %s is \"%.60s\", not a whole number (%" PRId64 " to %" PRId64 "%s%s)",
                       where, row->name, value, row->min, row->max, blank, unit);
    if (errno || v < row->min || v > row->max)
        return lj_fail(l->err, LJ_E_CONFIG,
                       "%s: %s is %.60s, allowed are %" PRId64 " to %" PRId64 "%s%s", where,
                       row->name, value, row->min, row->max, blank, unit);
    *(int64_t *)field(l, row) = v;
    return 0;
}

static int set_bool(const struct loader *l, const struct lj_cfg_row *row, const char *value,
                    const char *where)
{
    for (int v = 0; v < 2; v++) {
        for (size_t i = 0; i < 4; i++) {
            if (strcmp(value, bool_words[v][i]) == 0) {
                *(int *)field(l, row) = v;
                return 0;
            }
        }
    }
    return lj_fail(l->err, LJ_E_CONFIG, "%s: %s is \"%.60s\", allowed are yes and no", where,
                   row->name, value);
}

static int set(const struct loader *l, const struct lj_cfg_row *row, const char *value,
               const char *where)
{
    switch (row->type) {
    case LJ_CFG_STR:
        return set_str(l, row, value);
    case LJ_CFG_INT:
        return set_int(l, row, value, where);
    case LJ_CFG_BOOL:
        return set_bool(l, row, value, where);
    }
    return lj_fail(l->err, LJ_E_INTERNAL, "option %s has no type", row->name);
}

/* The row of a name of n bytes, `_` taken as `-`; NULL when there is none. */
static const struct lj_cfg_row *find(const struct loader *l, const char *name, size_t n)
{
    for (size_t i = 0; i < l->nrows; i++) {
        const char *own = l->rows[i].name;
        size_t at = 0;
        while (at < n && own[at] && (name[at] == own[at] || (name[at] == '_' && own[at] == '-')))
            at++;
        if (at == n && !own[at])
            return &l->rows[i];
    }
    return NULL;
}

/* ---- the file ---- */

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1]))
        s[--n] = '\0';
    return s;
}

static int file_line(const struct loader *l, char *line, const char *where, unsigned char *seen)
{
    char *name = trim(line);
    if (!*name || *name == '#')
        return 0;
    char *equals = strchr(name, '=');
    if (!equals)
        return lj_fail(l->err, LJ_E_CONFIG, "%s: \"%.60s\" is not of the form name = value", where,
                       name);
    *equals = '\0';
    name = trim(name);
    const struct lj_cfg_row *row = find(l, name, strlen(name));
    if (!row)
        return lj_fail(l->err, LJ_E_CONFIG, "%s: there is no option \"%.60s\" (--help lists all)",
                       where, name);
    size_t index = (size_t)(row - l->rows);
    if (seen[index])
        return lj_fail(l->err, LJ_E_CONFIG, "%s: %s is set a second time in this file", where,
                       row->name);
    seen[index] = 1;
    return set(l, row, trim(equals + 1), where);
}

/* The whole file, NUL-terminated, in *ret (zeroed by the caller). */
static int slurp(const char *path, struct lj_buf *ret, struct lj_err *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return lj_fail_errno(err, LJ_E_CONFIG, errno, "--config: cannot open %.120s", path);
    int rc = 0;
    while (rc == 0 && !feof(f)) {
        uint8_t chunk[4096];
        size_t n = fread(chunk, 1, sizeof chunk, f);
        lj_buf_put(ret, chunk, n);
        if (ferror(f))
            rc = lj_fail_errno(err, LJ_E_CONFIG, errno, "--config: cannot read %.120s", path);
        else if (ret->len > FILE_MAX)
            rc = lj_fail(err, LJ_E_CONFIG, "--config: %.120s is larger than %d bytes", path,
                         FILE_MAX);
    }
    (void)fclose(f); /* only read: nothing can be lost */
    if (rc == 0 && ret->len && memchr(ret->data, 0, ret->len))
        rc = lj_fail(err, LJ_E_CONFIG, "--config: %.120s holds a NUL byte", path);
    lj_buf_u8(ret, 0);
    if (rc == 0 && ret->failed)
        rc = lj_fail(err, LJ_E_NOMEM, "no memory to read %.120s", path);
    return rc;
}

static int load_file(const struct loader *l, const char *path)
{
    unsigned char seen[ROWS_MAX] = {0};
    struct lj_buf text = {0};
    int rc = slurp(path, &text, l->err);
    char *rest = (char *)text.data;
    for (unsigned number = 1; rc == 0 && rest; number++) {
        char where[160];
        char *line = strsep(&rest, "\n");
        (void)snprintf(where, sizeof where, "%.120s line %u", path, number);
        rc = file_line(l, line, where, seen);
    }
    lj_buf_free(&text);
    return rc;
}

/* ---- the command line ---- */

static const char program_options[] =
    "  --config FILE\n      read options from FILE (name = value lines); the command line wins\n"
    "  --help\n      print this list\n"
    "  --version\n      print the version\n";

static void print_help(const struct loader *l, const char *program)
{
    static const char *const placeholders[] = {
        [LJ_CFG_STR] = "TEXT", [LJ_CFG_INT] = "N", [LJ_CFG_BOOL] = "yes|no"};
    printf("usage: %s [--name value | --name=value]...\n\n%s", program, program_options);
    for (size_t i = 0; i < l->nrows; i++) {
        const struct lj_cfg_row *row = &l->rows[i];
        const char *unit = row->unit ? row->unit : "";
        printf("  --%s %s\n      %s", row->name, placeholders[row->type], row->help);
        if (row->type == LJ_CFG_INT)
            printf(" [%" PRId64 " to %" PRId64 "%s%s]", row->min, row->max, unit[0] ? " " : "",
                   unit);
        if (row->value)
            printf(" (default %s)", row->value[0] ? row->value : "empty");
        printf("\n");
    }
}

/* One option of the command line taken apart. */
struct word {
    const char *name;
    size_t name_len;
    const char *value; /* NULL when the next word is the value, or there is none */
};

static struct word split(const char *arg)
{
    struct word w = {.name = arg + 2};
    w.name_len = strcspn(w.name, "=");
    if (w.name[w.name_len] == '=')
        w.value = w.name + w.name_len + 1;
    return w;
}

static int is_word(const struct word *w, const char *name)
{
    return w->name_len == strlen(name) && memcmp(w->name, name, w->name_len) == 0;
}

/* Walk the command line. pass 0 looks for --help, --version and --config only; pass 1 sets. Returns
 * 1 when help or version was asked. */
struct walk {
    int argc;
    char **argv;
    const char *config;
    const char **words;
    size_t nwords;
    int want_help, want_version;
    int setting;
};

/* A switch may stand alone (`--verbose`): it takes the next word only when that word is one of its
 * own. */
static int takes_next(const struct lj_cfg_row *row, const char *next)
{
    if (!next)
        return 0;
    if (!row || row->type != LJ_CFG_BOOL)
        return 1;
    for (size_t i = 0; i < 8; i++) {
        if (strcmp(next, bool_words[i / 4][i % 4]) == 0)
            return 1;
    }
    return 0;
}

/* The option at argv[*at]; moves *at on over a value in a word of its own. */
static int option(const struct loader *l, struct walk *k, int *at)
{
    struct word w = split(k->argv[*at]);
    char where[80];
    (void)snprintf(where, sizeof where, "--%.*s", w.name_len < 60 ? (int)w.name_len : 60, w.name);
    if (!w.value && (is_word(&w, "help") || is_word(&w, "version"))) {
        *(w.name[0] == 'h' ? &k->want_help : &k->want_version) = 1;
        return 0;
    }
    int config = is_word(&w, "config");
    const struct lj_cfg_row *row = config ? NULL : find(l, w.name, w.name_len);
    if (!row && !config)
        return lj_fail(l->err, LJ_E_CONFIG, "there is no option %s (--help lists all)", where);
    const char *next = *at + 1 < k->argc ? k->argv[*at + 1] : NULL;
    if (!w.value && takes_next(row, next)) {
        w.value = next;
        (*at)++;
    } else if (!w.value && row && row->type == LJ_CFG_BOOL) {
        w.value = "yes";
    }
    if (!w.value)
        return lj_fail(l->err, LJ_E_CONFIG, "%s needs a value", where);
    if (config)
        k->config = w.value;
    return row && k->setting ? set(l, row, w.value, "command line") : 0;
}

static int walk_words(const struct loader *l, struct walk *k)
{
    int only_words = 0;
    k->nwords = 0;
    for (int i = 1; i < k->argc; i++) {
        const char *arg = k->argv[i];
        if (!only_words && strcmp(arg, "--") == 0) {
            only_words = 1;
        } else if (!only_words && strncmp(arg, "--", 2) == 0) {
            int rc = option(l, k, &i);
            if (rc)
                return rc;
        } else if (!only_words && arg[0] == '-' && arg[1]) {
            return lj_fail(l->err, LJ_E_CONFIG,
                           "%.60s: options start with two dashes (--help lists all)", arg);
        } else if (!k->words) {
            return lj_fail(l->err, LJ_E_CONFIG,
                           "unexpected word \"%.60s\" (--help lists all options)", arg);
        } else {
            k->words[k->nwords++] = arg;
        }
    }
    return 0;
}

static int set_defaults(const struct loader *l)
{
    for (size_t i = 0; i < l->nrows; i++) {
        int rc = l->rows[i].value ? set(l, &l->rows[i], l->rows[i].value, "default") : 0;
        if (rc)
            return rc;
    }
    return 0;
}

int lj_cfg_load(const struct lj_cfg_row *rows, size_t nrows, int argc, char **argv, void *cfg,
                const char **ret_words, size_t *ret_nwords, struct lj_err *err)
{
    struct loader l = {.rows = rows, .nrows = nrows, .cfg = cfg, .err = err};
    struct walk k = {.argc = argc, .argv = argv, .words = ret_words};
    if (nrows > ROWS_MAX)
        return lj_fail(err, LJ_E_CONFIG, "the option table has %zu rows, at most %d are possible",
                       nrows, ROWS_MAX);
    int rc = walk_words(&l, &k);
    if (rc == 0 && (k.want_help || k.want_version)) {
        if (k.want_help)
            print_help(&l, argc > 0 ? argv[0] : "program");
        else
            printf("liangjin %s\n", LJ_VERSION);
        return 1;
    }
    if (rc == 0)
        rc = set_defaults(&l);
    if (rc == 0 && k.config)
        rc = load_file(&l, k.config);
    if (rc == 0) {
        k.setting = 1;
        rc = walk_words(&l, &k);
    }
    if (rc == 0 && ret_nwords)
        *ret_nwords = k.nwords;
    if (rc)
        lj_cfg_free(rows, nrows, cfg);
    return rc;
}

void lj_cfg_free(const struct lj_cfg_row *rows, size_t nrows, void *cfg)
{
    for (size_t i = 0; i < nrows; i++) {
        if (rows[i].type == LJ_CFG_STR) {
            char **at = (char **)((char *)cfg + rows[i].offset);
            free(*at);
            *at = NULL;
        }
    }
}
