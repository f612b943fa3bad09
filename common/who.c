/* The source of an event says who sent it: "ACCOUNT:ROLE@UNIT" of a person's account, e.g.
 * "zhang_li:UNIT_ADMIN@PS001", and a bare name of everything else (a machine's token, a tool, a
 * kind).
 *
 * Why in the text: the source is stored with the event, is part of its provenance and is the same
 * in a replay, where accounts are not there. So a rule that asks "who" (four eyes, may this role do
 * it) asks the event alone. Who writes the text: the gateway, from the account that it has
 * authenticated; the broker takes a text of this form from gateways only and holds it against the
 * table of roles (broker/judge.c). An account's name has no ':' and no '@', so the form is
 * unambiguous. */
#include "common/who.h"

#include <stdio.h>
#include <string.h>

enum scope { SCOPE_UNIT, SCOPE_CENTRE, SCOPE_ANY };

static const struct {
    const char *name;
    enum scope scope;
} roles[LJ_PERSONS] = {
    [LJ_PERSON_NONE] = {"", SCOPE_ANY},
#define LJ_PERSON(number, name, scope, zh) [LJ_PERSON_##name] = {#name, SCOPE_##scope},
#include "common/persons.def"
#undef LJ_PERSON
};

const char *lj_person_name(enum lj_person role)
{
    return roles[role].name;
}

enum lj_person lj_person_of(const char *word, size_t len)
{
    for (int i = LJ_PERSON_NONE + 1; i < LJ_PERSONS; i++) {
        if (strlen(roles[i].name) == len && memcmp(roles[i].name, word, len) == 0) {
            return (enum lj_person)i;
        }
    }
    return LJ_PERSON_NONE;
}

bool lj_person_fits(enum lj_person role, bool centre)
{
    return roles[role].scope == SCOPE_ANY || (roles[role].scope == SCOPE_CENTRE) == centre;
}

static bool unit_ok(const char *s, size_t len)
{
    return len == LJ_WHO_UNIT && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= 2 &&
           strspn(s + 2, "0123456789") == 3;
}

void lj_who_parse(const char *source, size_t len, struct lj_who *ret)
{
    char text[LJ_WHO_TEXT + 1];
    len = len < LJ_WHO_TEXT ? len : LJ_WHO_TEXT;
    memcpy(text, source, len);
    text[len] = '\0';
    memset(ret, 0, sizeof *ret);
    const char *colon = strchr(text, ':');
    const char *at = colon ? strchr(colon, '@') : NULL;
    size_t account = colon ? (size_t)(colon - text) : len;
    if (at && account > 0 && account <= LJ_WHO_ACCOUNT && unit_ok(at + 1, strlen(at + 1))) {
        ret->role = lj_person_of(colon + 1, (size_t)(at - colon - 1));
    }
    if (ret->role != LJ_PERSON_NONE) {
        memcpy(ret->unit, at + 1, LJ_WHO_UNIT);
        text[account] = '\0';
    }
    (void)snprintf(ret->account, sizeof ret->account, "%s", text);
}

size_t lj_who_format(const char *account, enum lj_person role, const char *unit,
                     char ret[LJ_WHO_TEXT + 1])
{
    int n = role == LJ_PERSON_NONE
                ? snprintf(ret, LJ_WHO_TEXT + 1, "%.*s", (int)LJ_WHO_ACCOUNT, account)
                : snprintf(ret, LJ_WHO_TEXT + 1, "%.*s:%s@%.*s", (int)LJ_WHO_ACCOUNT, account,
                           roles[role].name, (int)LJ_WHO_UNIT, unit);
    return n > 0 ? (size_t)n : 0;
}

bool lj_who_differ(const struct lj_who *a, const struct lj_who *b)
{
    return a->account[0] && b->account[0] && strcmp(a->account, b->account) != 0;
}
