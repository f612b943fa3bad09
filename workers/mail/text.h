/* Texts of mails: templates with {variables}, cleaned values, limits in characters. */
#ifndef LJ_WORKERS_MAIL_TEXT_H
#define LJ_WORKERS_MAIL_TEXT_H

#include <stddef.h>

#include "common/buf.h"

enum {
    LJ_MAIL_TITLE_MAX = 80,  /* characters, after variables */
    LJ_MAIL_BODY_MAX = 2000, /* source: domain 7.7 */
};

struct lj_mail_var {
    const char *name;
    const char *value; /* NULL counts as "" */
};

/* Appends a text that a client wrote, fit for a mail: control characters out (a line feed stays
 * where lines is set), and what looks like a telephone or identity number masked. shape: UTF-8
 * without NUL; owner: out keeps its memory; errors show in out->failed */
void lj_mail_clean(struct lj_buf *out, const char *text, int lines);

/* Appends a template with its variables put in. An unknown {name} stays as it is: a wrong template
 * shows itself. Values are not looked through for variables. */
void lj_mail_fill(struct lj_buf *out, const char *pattern, const struct lj_mail_var *vars,
                  size_t nvars);

/* Cuts to at most max characters; a cut text ends in …… */
void lj_mail_cut(struct lj_buf *text, size_t max);

#endif
