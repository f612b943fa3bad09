/* A payload as a tree in an arena: read once, kept for a batch, forgotten at once. */
#ifndef LJ_WORKERS_RUNNER_TREE_H
#define LJ_WORKERS_RUNNER_TREE_H

#include <stddef.h>
#include <stdint.h>

enum lj_tree_type {
    LJ_TREE_NULL,
    LJ_TREE_FALSE,
    LJ_TREE_TRUE,
    LJ_TREE_INT,  /* no fraction, no exponent */
    LJ_TREE_REAL, /* any other number */
    LJ_TREE_TEXT,
    LJ_TREE_ARRAY,
    LJ_TREE_OBJECT
};

/* A value; members and items are a list from `first`. */
struct lj_tree {
    enum lj_tree_type type;
    uint32_t count;   /* items or members */
    const char *name; /* of a member; NULL for items and the top */
    const struct lj_tree *next, *first;
    const char *text; /* UTF-8, terminated, holds no NUL */
    size_t len;
    int64_t integer;
    double real; /* of INT too */
};

/* Where trees live. Zero it before first use. */
struct lj_tree_room {
    struct lj_tree_block *blocks, *at;
};
void lj_tree_room_clear(struct lj_tree_room *room); /* keeps a few blocks */
void lj_tree_room_free(struct lj_tree_room *room);

enum lj_tree_fault {
    LJ_TREE_OK,
    LJ_TREE_BAD,   /* not JSON, not UTF-8, a member twice, a number out of range, too deep */
    LJ_TREE_LARGE, /* more values than any right payload has */
    LJ_TREE_NOMEM
};

/* Reads a whole text, which must have a NUL behind it. owner: *ret lives in `room` until it is
 * cleared */
enum lj_tree_fault lj_tree_read(struct lj_tree_room *room, const char *text, size_t len,
                                const struct lj_tree **ret);

/* The member of that name; NULL if there is none or `t` is no object (or NULL). */
const struct lj_tree *lj_tree_get(const struct lj_tree *t, const char *name);

static inline int lj_tree_is(const struct lj_tree *t, enum lj_tree_type type)
{
    return t && t->type == type;
}

/* The text, NULL if it is none. */
static inline const char *lj_tree_text(const struct lj_tree *t)
{
    return lj_tree_is(t, LJ_TREE_TEXT) ? t->text : NULL;
}

#endif
