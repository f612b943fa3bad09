/* ljctl certificate issue|verify|ls: certificates of an athlete's hours in a year.
 *
 * What is certified is what the ledger holds at the settled position; it is written as an event
 * (certificate.issued), so it is in the log with everything else and its number is the event's
 * place there. The code on the paper is a keyed hash of all that the certificate says: who has not
 * the key (DIR/secret/certificate.key, made with the first certificate) cannot make one that verify
 * takes. Whether it still holds is asked of the ledger each time: a correction or a revocation
 * makes it void, here and for everybody who asks. */
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/send_event.h"

enum {
    KEY_BYTES = 32,
    CODE_BYTES = 10, /* 80 bits: sixteen letters and digits */
    CODE_TEXT = 20,  /* four groups of four, three dashes, NUL */
    POLL_MS = 50
};

/* ---- the code ---- */

static int read_key(const struct lj_ctl *ctl, int make, unsigned char key[KEY_BYTES],
                    struct lj_err *err)
{
    struct lj_layout at;
    char path[PATH_MAX], hex[2 * KEY_BYTES + 2];
    size_t n = 0;
    int rc = lj_layout_find(ctl, &at, err);
    if (rc == 0)
        rc = lj_path(path, at.secret, "certificate.key", err);
    if (rc)
        return rc;
    if (make && access(path, F_OK) != 0) {
        randombytes_buf(key, KEY_BYTES);
        (void)sodium_bin2hex(hex, sizeof hex, key, KEY_BYTES);
        rc = lj_write_whole(path, hex, 2 * KEY_BYTES, 0600, err);
        sodium_memzero(hex, sizeof hex);
        return rc;
    }
    rc = lj_read_small(path, hex, sizeof hex, err);
    if (rc == 0 &&
        (sodium_hex2bin(key, KEY_BYTES, hex, strlen(hex), " \n", &n, NULL) != 0 || n != KEY_BYTES))
        rc = lj_fail(err, LJ_E_CONFIG, "%.180s is no key of 64 hexadecimal digits", path);
    sodium_memzero(hex, sizeof hex);
    return rc;
}

/* Letters and digits that are not taken for each other. */
static void code_of(const unsigned char key[KEY_BYTES], const char *said, char ret[CODE_TEXT])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char hash[crypto_generichash_BYTES_MIN];
    unsigned bits = 0, have = 0;
    size_t n = 0;
    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)said, strlen(said), key,
                             KEY_BYTES);
    for (size_t i = 0; i < CODE_BYTES; i++) {
        bits = (bits << 8 | hash[i]) & 0xFFFFU;
        for (have += 8; have >= 5; have -= 5) {
            if (n % 5 == 4)
                ret[n++] = '-';
            ret[n++] = digits[bits >> (have - 5) & 31U];
        }
    }
    ret[n] = '\0';
}

/* ---- rows ---- */

static const struct lj_col columns[] = {
    {"number", "NUMBER", LJ_COL_TEXT},      {"issued_at", "ISSUED", LJ_COL_TEXT},
    {"unit", "UNIT", LJ_COL_TEXT},          {"person", "PERSON", LJ_COL_TEXT},
    {"year", "YEAR", LJ_COL_INT},           {"minutes", "MINUTES", LJ_COL_INT},
    {"hours", "HOURS", LJ_COL_INT},         {"state", "STATE", LJ_COL_TEXT},
    {"complete_through", NULL, LJ_COL_INT}, {"code", "CODE", LJ_COL_TEXT}};
enum { COLUMNS = sizeof columns / sizeof columns[0], C_STATE = 7, C_CODE = 9, C_SAID = 9 };

#define SELECT                                                                                     \
    "select number, to_char(issued_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI'), unit, " \
    "person, year, minutes, round(minutes / 60.0, 1), state, through, concat_ws('|', number, unit" \
    " || '/' || person, year, minutes, through) from liangjin.certificate_state "

/* Prints row 0 with its code. */
static int put_one(const struct lj_ctl *ctl, const PGresult *r, const char *code,
                   struct lj_err *err)
{
    const char *values[COLUMNS];
    struct lj_rows *rows = NULL;
    for (int i = 0; i < C_CODE; i++)
        values[i] = PQgetvalue(r, 0, i);
    values[C_CODE] = code;
    int rc = lj_rows_open(ctl->out, ctl->format, columns, COLUMNS, NULL, &rows, err);
    if (rc == 0)
        lj_rows_add(rows, values);
    return rc ? rc : lj_rows_close(&rows, err);
}

/* ---- issue ---- */

static int send_certificate(const struct lj_ctl *ctl, long year, const char *minutes,
                            const char *through, struct lj_sent_event *o, struct lj_err *err)
{
    json_t *event =
        json_pack("{s:s, s:s, s:{s:s, s:I, s:I, s:s}}", "type", "certificate.issued", "unit",
                  "CN000", "payload", "person", ctl->words[0], "year", (json_int_t)year, "minutes",
                  (json_int_t)strtoll(minutes, NULL, 10), "through", through);
    if (event && ctl->o.id)
        (void)json_object_set_new(event, "id", json_string(ctl->o.id));
    return lj_send_event(ctl, "ljctl", event, o, err);
}

/* Waits until the register has taken the event, and reads the certificate. */
static int wait_for(const struct lj_ctl *ctl, PGconn *c, int64_t position, PGresult **ret,
                    struct lj_err *err)
{
    char at[24];
    const char *params[] = {at};
    int rc = 0;
    (void)snprintf(at, sizeof at, "%lld", (long long)position);
    for (int64_t left = ctl->o.timeout_s * 1000; left > 0; left -= POLL_MS) {
        rc = lj_dbs_query(c, SELECT "where position = $1::int8", 1, params, ret, err);
        if (rc || PQntuples(*ret) > 0)
            return rc;
        PQclear(*ret);
        *ret = NULL;
        (void)nanosleep(&(struct timespec){0, POLL_MS * 1000000L}, NULL);
    }
    return lj_fail(err, LJ_E_TIMEOUT, "event %s is stored, but the register has not taken it yet",
                   at);
}

static int read_hours(const struct lj_ctl *ctl, PGconn *c, PGresult **ret, struct lj_err *err)
{
    const char *slash = strchr(ctl->words[0], '/');
    char unit[8];
    const char *params[] = {unit, slash ? slash + 1 : "", ctl->words[1]};
    if (!slash || slash - ctl->words[0] != 5)
        return lj_fail(err, LJ_E_ARG, "an athlete is UNIT/CODE, e.g. PS001/P1");
    (void)snprintf(unit, sizeof unit, "%.5s", ctl->words[0]);
    int rc = lj_dbs_query(c, "select * from liangjin.certificate_subject($1, $2, $3::int2)", 3,
                          params, ret, err);
    if (rc == 0 && PQntuples(*ret) == 0)
        rc = lj_fail(err, LJ_E_NOT_FOUND, "there is no person %.60s", ctl->words[0]);
    if (rc == 0 && strcmp(PQgetvalue(*ret, 0, 0), "0") == 0)
        rc = lj_fail(err, LJ_E_STATE, "%.60s has no hours in %.6s", ctl->words[0], ctl->words[1]);
    return rc;
}

int lj_cmd_certificate_issue(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_sent_event o = {0};
    unsigned char key[KEY_BYTES];
    char code[CODE_TEXT];
    PGconn *c = NULL;
    PGresult *hours = NULL, *r = NULL;
    char *end = NULL;
    long year = strtol(ctl->words[1], &end, 10);
    if (*end || year < 2000 || year > 2999) {
        lj_say("a year is 2000 to 2999");
        return LJ_EXIT_USAGE;
    }
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = read_key(ctl, 1, key, &err);
    if (rc == 0)
        rc = read_hours(ctl, c, &hours, &err);
    if (rc == 0)
        rc =
            send_certificate(ctl, year, PQgetvalue(hours, 0, 0), PQgetvalue(hours, 0, 1), &o, &err);
    if (rc == 0)
        rc = wait_for(ctl, c, o.position, &r, &err);
    if (rc == 0) {
        code_of(key, PQgetvalue(r, 0, C_SAID), code);
        rc = put_one(ctl, r, code, &err);
    }
    sodium_memzero(key, sizeof key);
    PQclear(hours);
    PQclear(r);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

/* ---- verify ---- */

int lj_cmd_certificate_verify(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    unsigned char key[KEY_BYTES];
    char code[CODE_TEXT];
    PGconn *c = NULL;
    PGresult *r = NULL;
    int valid = 0;
    const char *given = ctl->words[1];
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = read_key(ctl, 0, key, &err);
    if (rc == 0)
        rc = lj_dbs_query(c, SELECT "where number = $1", 1, ctl->words, &r, &err);
    if (rc == 0 && PQntuples(r) == 1)
        code_of(key, PQgetvalue(r, 0, C_SAID), code);
    if (rc == 0 && (PQntuples(r) != 1 || strlen(given) != CODE_TEXT - 1 ||
                    sodium_memcmp(given, code, CODE_TEXT - 1) != 0))
        rc = lj_fail(&err, LJ_E_NOT_FOUND, "there is no certificate with this number and code");
    if (rc == 0) {
        valid = strcmp(PQgetvalue(r, 0, C_STATE), "VALID") == 0;
        rc = put_one(ctl, r, given, &err);
    }
    sodium_memzero(key, sizeof key);
    PQclear(r);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    lj_say(valid ? "valid: the ledger holds what it says" : "void: the figure has changed since");
    return valid ? LJ_EXIT_OK : LJ_EXIT_FAILED;
}

int lj_cmd_certificate_ls(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    char year[24], limit[24];
    int n = 0;
    (void)snprintf(year, sizeof year, "%lld", (long long)ctl->o.year);
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {ctl->o.unit, ctl->o.person, ctl->o.year ? year : NULL, limit};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(ctl, c,
                         &(struct lj_pg_list){
                             SELECT "where ($1::text is null or unit = $1) and ($2::text is null "
                                    "or person = $2) and ($3::int4 is null or year = $3::int4) "
                                    "order by position desc limit $4::int8",
                             params, 4, columns, C_CODE},
                         &n, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (n == 0)
        lj_say("no certificates");
    return LJ_EXIT_OK;
}
