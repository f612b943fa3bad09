/* Judging one event of a SUBMIT: who may send what, is it well-formed, which key and which content
 * it has.
 *
 * Everything PostgreSQL would refuse is refused here, so that one hostile event can never fail a
 * whole turn: UTF-8 and NUL in texts, times and numbers out of range. The payload goes through the
 * strict reader once; its canonical form is hashed, so "same content" is decided here and nowhere
 * else, for every way in.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/intake.h"
#include "common/uuid.h"
#include "common/who.h"
#include "proto/content_hash.h"
#include "proto/utf8.h"

static int judge_type(struct broker *b, const struct lj_submit_event *e, const struct sender *from,
                      struct pend *p)
{
    int type = lj_catalog_type(b->cat, e->type);
    if (type < 0)
        return LJ_E_TYPE_UNKNOWN;
    const struct lj_type *t = &b->cat->types[type];
    int origin = from->own ? LJ_ORIGIN_OPERATOR : e->origin;
    if (origin == LJ_ORIGIN_CENTRE && !from->may_centre)
        return LJ_E_FORBIDDEN_TYPE;
    if (t->origin != origin && !(t->origin == LJ_ORIGIN_CLIENT && origin == LJ_ORIGIN_CENTRE))
        return LJ_E_FORBIDDEN_TYPE;
    p->type = (uint8_t)type;
    if (origin == LJ_ORIGIN_CLIENT && !from->may_centre && e->class != LJ_CLASS_DEFAULT)
        return LJ_E_FORBIDDEN; /* only a gateway, which knows the token, may name a class */
    p->class =
        e->class == LJ_CLASS_DEFAULT || e->class < t->class ? t->class : e->class; /* a token may
                                                                                      lower, never
                                                                                      raise */
    if (t->class == 0)
        p->class = 0;
    p->schema_version = e->schema_version ? e->schema_version : t->schema_version;
    return p->class < LJ_CLASSES ? 0 : LJ_E_MEMBER_INVALID;
}

static int judge_unit(struct broker *b, const struct lj_submit_event *e, const struct sender *from,
                      struct pend *p)
{
    const struct lj_unit *u = lj_catalog_unit(b->cat, e->unit);
    if (!u || u->number < 0 || u->number >= LJ_UNITS_MAX)
        return LJ_E_UNIT_UNKNOWN;
    if (from->root != LJ_ROOT_ALL && !lj_catalog_within(b->cat, u, from->root))
        return LJ_E_FORBIDDEN_UNIT;
    p->unit = u->number;
    return 0;
}

/* A source that names a person's role is a gateway's word. It is held against the same table, and
 * against the role's units. */
static int judge_who(struct broker *b, const struct lj_submit_event *e, const struct sender *from,
                     const struct pend *p)
{
    struct lj_who who;
    if (from->own || !memchr(e->source.p, ':', e->source.n))
        return 0;
    lj_who_parse(e->source.p, e->source.n, &who);
    if (who.role == LJ_PERSON_NONE)
        return 0;
    if (!from->may_centre)
        return LJ_E_FORBIDDEN;
    if (!(b->cat->types[p->type].roles & LJ_PERSON_BIT(who.role)))
        return LJ_E_FORBIDDEN_TYPE;
    const struct lj_unit *root = lj_catalog_unit(b->cat, (struct lj_slice){who.unit, LJ_WHO_UNIT});
    const struct lj_unit *unit = lj_catalog_unit_number(b->cat, p->unit);
    if (!root || !lj_person_fits(who.role, root->number == 0) ||
        !lj_catalog_within(b->cat, unit, root->number))
        return LJ_E_FORBIDDEN_UNIT;
    return 0;
}

struct member {
    const char *text;
    const struct lj_json_value *value;
};

static int set_key(struct pend *p, const char *text, size_t n)
{
    p->key_copy = malloc(n + 1);
    if (!p->key_copy)
        return LJ_E_NOMEM;
    memcpy(p->key_copy, text, n);
    p->key_copy[n] = '\0';
    p->key = (struct lj_slice){p->key_copy, n};
    return 0;
}

static int default_key(const struct lj_type *t, const struct member *member, struct pend *p)
{
    char id[LJ_UUID_TEXT + 1], text[201];
    size_t n = 0;
    if (t->key_rule == LJ_KEY_CONST)
        return set_key(p, t->key_word, strlen(t->key_word));
    if (t->key_rule == LJ_KEY_PAYLOAD && member->value->type == LJ_JSON_TEXT &&
        lj_json_text(member->text + member->value->off, member->value->len, text, sizeof text,
                     &n) == 0 &&
        n > 0)
        return set_key(p, text, n);
    /* Without that member the event is its own aggregate: the kind that judges it says what is
     * missing. */
    lj_uuid_format(p->id, id);
    return set_key(p, id, LJ_UUID_TEXT);
}

static void judge_json_detail(const struct lj_json_error *je, char *detail, size_t cap)
{
    (void)snprintf(detail, cap, "%s at byte %zu of the payload (/payload%.48s)",
                   lj_json_reason_name(je->reason), je->offset, je->pointer);
}

static int judge_payload(struct broker *b, const struct lj_submit_event *e, struct pend *p,
                         char *detail, size_t cap)
{
    const struct lj_type *t = &b->cat->types[p->type];
    struct lj_json_name name = {t->key_word, strlen(t->key_word)};
    struct lj_json_value value = {0};
    struct lj_json_result result;
    struct lj_json_error je;
    size_t wanted = t->key_rule == LJ_KEY_PAYLOAD ? 1 : 0;
    struct lj_json_request req = {
        .start_depth = 2, .canonical = true, .names = &name, .n_names = wanted};
    int rc = lj_json_scan(&req, e->payload.p, e->payload.n, b->intake.scratch,
                          wanted ? &value : NULL, &result, &je);
    if (rc) {
        judge_json_detail(&je, detail, cap);
        return rc;
    }
    p->key = e->key;
    if (!e->key.n)
        rc = default_key(t, &(struct member){e->payload.p, &value}, p);
    if (rc)
        return rc;
    char id[LJ_UUID_TEXT + 1];
    lj_uuid_format(p->id, id);
    if (p->key.n == LJ_UUID_TEXT && memcmp(p->key.p, id, LJ_UUID_TEXT) == 0)
        p->flags |= LJ_ITEM_OWN_KEY;
    p->key_hash = lj_key_hash(p->unit, p->key.p, p->key.n);
    struct lj_content c = {.type = t->name,
                           .type_len = strlen(t->name),
                           .unit = e->unit.p,
                           .unit_len = e->unit.n,
                           .key = p->key.p,
                           .key_len = p->key.n,
                           .has_occurred_at = e->occurred_at_us != LJ_TIME_NONE,
                           .occurred_at_us = e->occurred_at_us,
                           .schema_version = p->schema_version};
    lj_content_hash_canonical(&c, result.canonical, result.canonical_len, p->hash);
    return 0;
}

static int valid_text(struct lj_slice s, size_t max)
{
    if (s.n > max)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return 0;
    }
    return lj_utf8_valid(s.p, s.n);
}

/* PostgreSQL's timestamptz reaches from 4713 BC to 294276 AD; the years 1 to 9999 are what RFC 3339
 * can say. */
#define OCCURRED_MIN (-62135596800000000LL)
#define OCCURRED_MAX 253402300799999999LL

int intake_judge(struct broker *b, const struct lj_submit_event *e, const struct sender *from,
                 struct pend *p, char *detail, size_t cap)
{
    int version = lj_uuid_version(e->id);
    memcpy(p->id, e->id, 16);
    p->occurred_at_us = e->occurred_at_us;
    p->source = e->source;
    p->payload = e->payload;
    if (version < 1 || version > (from->own ? 8 : 7))
        return LJ_E_ID_VERSION;
    if (!valid_text(e->key, 200) || !valid_text(e->source, 64)) {
        (void)snprintf(detail, cap,
                       "key (at most 200 bytes) or source (at most 64) is not clean UTF-8 text");
        return LJ_E_MEMBER_INVALID;
    }
    if (e->occurred_at_us != LJ_TIME_NONE &&
        (e->occurred_at_us < OCCURRED_MIN || e->occurred_at_us > OCCURRED_MAX)) {
        (void)snprintf(detail, cap, "occurred_at lies outside the years 1 to 9999");
        return LJ_E_MEMBER_INVALID;
    }
    if (e->schema_version > INT16_MAX) {
        (void)snprintf(detail, cap, "schema_version is over %d", INT16_MAX);
        return LJ_E_MEMBER_INVALID;
    }
    int rc = judge_type(b, e, from, p);
    if (rc == 0)
        rc = judge_unit(b, e, from, p);
    if (rc == 0)
        rc = judge_who(b, e, from, p);
    return rc ? rc : judge_payload(b, e, p, detail, cap);
}
