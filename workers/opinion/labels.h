#ifndef LJ_OPINION_LABELS_H
#define LJ_OPINION_LABELS_H
/*
 * Labelled texts: what the models are trained on and what an evaluation compares with. Internal to
 * the engine, its trainer and its tools.
 *
 * Two forms are read, told apart by the header line: texts with marks inside the text
 * (`⟦fee|先交六十块押金⟧`, no evidence column) and the columns of the labelled field data
 * (evidence as `fee@3-10:words;...`). Offsets are code points of the text without marks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lj_err;

enum { LJ_LABEL_SPANS_MAX = 24, LJ_LABEL_TAGS_MAX = 24 };

struct lj_label_span {
    uint8_t kind; /* enum lj_opinion_kind */
    uint32_t start;
    uint32_t end; /* exclusive */
};

struct lj_label {
    char id[16];
    char source[16]; /* the column `kind`: narrative, feedback, ... */
    char note[96];   /* tags, comma separated */
    char *text;      /* without marks, NUL-terminated; owned */
    size_t len;
    int polarity;
    unsigned kinds; /* bit by enum lj_opinion_kind */
    int severity;
    bool held; /* held back for measuring: SHA-256 of the text, first byte modulo 5 is 0 */
    uint32_t span_count;
    struct lj_label_span spans[LJ_LABEL_SPANS_MAX];
};

struct lj_labels {
    struct lj_label *row;
    size_t count;
    size_t size;
};

/* Appends a file's rows. Errors: LJ_E_CONFIG (the message names file and line), LJ_E_IO,
 * LJ_E_NOMEM; rows read before the bad one stay. */
int lj_labels_read(const char *path, struct lj_labels *labels, struct lj_err *err);

/* The same from memory; name is for messages. */
int lj_labels_parse(const char *name, const char *p, size_t n, struct lj_labels *labels,
                    struct lj_err *err);

/* Appends every *.tsv of a folder, in the order of their names; not its sub-folders. */
int lj_labels_read_dir(const char *dir, struct lj_labels *labels, struct lj_err *err);

void lj_labels_free(struct lj_labels *labels);

/* The note holds the tag, between commas or blanks. */
bool lj_label_has(const struct lj_label *l, const char *tag);

#endif
