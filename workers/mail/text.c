/* Texts of mails.
 *
 * Mails are read by people of other units than those who wrote what is quoted in them, so nothing
 * personal may travel along: a run of eleven or more digits (hyphens between them allowed:
 * telephone with area code, identity number with or without its X), and eleven digits with spaces
 * that begin like a mobile number, lose all but their first three. Dates and counts stay readable.
 * Full-width digits count as digits. Control characters go. Lengths are characters (code points),
 * cuts never split one.
 *
 * Guarantees: output is UTF-8 where the input is; no value is looked through for variables again,
 * so a client cannot inject one. */
#include "workers/mail/text.h"

#include <string.h>

#define DIGITS_MIN 11
#define ELLIPSIS   "……"

/* Bytes of the digit at p (1 ASCII, 3 full-width), 0 if there is none; its value in *ret. */
static size_t digit(const char *p, int *ret)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] >= '0' && u[0] <= '9') {
        *ret = u[0] - '0';
        return 1;
    }
    if (u[0] == 0xEF && u[1] == 0xBC && u[2] >= 0x90 && u[2] <= 0x99) {
        *ret = u[2] - 0x90;
        return 3;
    }
    return 0;
}

struct run {
    size_t bytes, digits, head; /* head: bytes of the first three digits */
    int first, second;
};

/* The run of digits at p, with single separators of `between` inside. */
static struct run run_at(const char *p, const char *between)
{
    struct run r = {0};
    size_t at = 0, n;
    int d = 0;
    while ((n = digit(p + at, &d)) != 0) {
        at += n;
        r.digits++;
        r.bytes = at;
        r.first = r.digits == 1 ? d : r.first;
        r.second = r.digits == 2 ? d : r.second;
        r.head = r.digits == 3 ? at : r.head;
        if (p[at] != '\0' && strchr(between, p[at]) != NULL) {
            at++;
        }
    }
    return r;
}

/* Bytes to mask at p, where a run begins; 0 = none. *ret_head: how many of them stay. */
static size_t secret_at(const char *p, size_t *ret_head)
{
    struct run plain = run_at(p, "-"), spaced = run_at(p, "- ");
    const struct run *r = plain.digits >= DIGITS_MIN ? &plain : NULL;
    if (r == NULL && spaced.digits == DIGITS_MIN && spaced.first == 1 && spaced.second >= 3) {
        r = &spaced;
    }
    if (r == NULL) {
        return 0;
    }
    *ret_head = r->head;
    return r->bytes + (p[r->bytes] == 'X' || p[r->bytes] == 'x');
}

/* Bytes of the control character at p: C0, DEL, C1 (C2 80..9F), and the marks that turn or hide
 * text (U+200B..200F, 2028..202E, FEFF). */
static size_t control(const char *p, int lines)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] < 0x20 || u[0] == 0x7F) {
        return !(lines && u[0] == '\n');
    }
    if (u[0] == 0xC2 && u[1] >= 0x80 && u[1] <= 0x9F) {
        return 2;
    }
    int turns = u[0] == 0xE2 && u[1] == 0x80 &&
                ((u[2] >= 0x8B && u[2] <= 0x8F) || (u[2] >= 0xA8 && u[2] <= 0xAE));
    int mark = u[0] == 0xEF && u[1] == 0xBB && u[2] == 0xBF;
    return turns || mark ? 3 : 0;
}

void lj_mail_clean(struct lj_buf *out, const char *text, int lines)
{
    struct lj_buf visible = {
        0}; /* without controls first: they could hide a number from the mask */
    for (const char *p = text; *p != '\0';) {
        size_t n = control(p, lines);
        if (n == 0) {
            lj_buf_put(&visible, p++, 1);
        }
        p += n;
    }
    lj_buf_u8(&visible, 0);
    out->failed |= visible.failed;
    for (const char *p = visible.failed ? "" : (const char *)visible.data; *p != '\0';) {
        size_t head = 0, n = secret_at(p, &head);
        struct run r = run_at(p, "-");
        if (n != 0) {
            lj_buf_put(out, p, head);
            lj_buf_put(out, "****", 4);
        } else {
            n = r.bytes != 0 ? r.bytes : 1;
            lj_buf_put(out, p, n);
        }
        p += n;
    }
    lj_buf_free(&visible);
}

static const char *value_of(const struct lj_mail_var *vars, size_t nvars, const char *name,
                            size_t len)
{
    for (size_t i = 0; i < nvars; i++) {
        if (strncmp(vars[i].name, name, len) == 0 && vars[i].name[len] == '\0') {
            return vars[i].value != NULL ? vars[i].value : "";
        }
    }
    return NULL;
}

void lj_mail_fill(struct lj_buf *out, const char *pattern, const struct lj_mail_var *vars,
                  size_t nvars)
{
    for (const char *p = pattern; *p != '\0';) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        const char *value =
            end != NULL ? value_of(vars, nvars, p + 1, (size_t)(end - p - 1)) : NULL;
        if (value != NULL) {
            lj_buf_put(out, value, strlen(value));
            p = end + 1;
        } else {
            lj_buf_put(out, p++, 1);
        }
    }
}

void lj_mail_cut(struct lj_buf *text, size_t max)
{
    size_t chars = 0, keep = 0;
    for (size_t i = 0; i < text->len; i++) {
        if ((text->data[i] & 0xC0) == 0x80) {
            continue;
        }
        if (chars == max - 2) {
            keep = i;
        }
        chars++;
    }
    if (chars > max) {
        text->len = keep;
        lj_buf_put(text, ELLIPSIS, strlen(ELLIPSIS));
    }
}
