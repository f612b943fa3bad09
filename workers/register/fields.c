/* Forms of payload members: each checks one JSON value and, where the form has a canonical
 * spelling, replaces it.
 *
 * Why normalise here: rows are written from the payload's members, and "the same content" is
 * decided by comparing rows; so a name in NFD, the integer 4.0 and the latitude 26 must have become
 * NFC, 4 and 26.0 before any rule looks at them. Characters are code points after NFC. */
#include "workers/register/reg.h"

#include <stdio.h>
#include <string.h>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#define TEXT_UNITS                                                                                 \
    4096 /* UTF-16 units of a text under work; the longest form is 200 characters                  \
          */

/* NFC of a text, in UTF-16. Returns the length, or -1 when it is longer than could be right. */
static int32_t nfc(const char *s, size_t n, UChar out[TEXT_UNITS])
{
    UChar raw[TEXT_UNITS];
    int32_t raw_len = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8(raw, TEXT_UNITS, &raw_len, s, n > INT32_MAX ? INT32_MAX : (int32_t)n, &status);
    const UNormalizer2 *norm = unorm2_getNFCInstance(&status);
    int32_t len =
        U_FAILURE(status) ? -1 : unorm2_normalize(norm, raw, raw_len, out, TEXT_UNITS, &status);
    return U_FAILURE(status) ? -1 : len;
}

static json_t *from_utf16(const UChar *s, int32_t n)
{
    char out[TEXT_UNITS * 3];
    int32_t len = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strToUTF8(out, sizeof(out), &len, s, n, &status);
    return U_FAILURE(status) ? NULL : json_stringn(out, (size_t)len);
}

/* The code point at *i, which is moved behind it. */
static UChar32 next_char(const UChar *s, int32_t *i, int32_t n)
{
    UChar32 c;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* inside ICU's macro */
    U16_NEXT(s, *i, n, c);
#pragma GCC diagnostic pop
    return c;
}

/* Length in code points; -1 when a control character is in it. */
static int32_t text_length(const UChar *s, int32_t n)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n; count++) {
        UChar32 c = next_char(s, &i, n);
        if (u_charType(c) == U_CONTROL_CHAR || u_charType(c) == U_SURROGATE) {
            return -1;
        }
    }
    return count;
}

static bool is_letter(UChar32 c)
{
    return u_isalpha(c) || u_charType(c) == U_NON_SPACING_MARK ||
           u_charType(c) == U_COMBINING_SPACING_MARK;
}

/* Letters with single spaces or middle dots between them; other dots that people type become
 * U+00B7. source: field handbook V40 */
static bool name_ok(UChar *s, int32_t n)
{
    bool letter = false;
    for (int32_t i = 0; i < n;) {
        if (s[i] == 0xFF65 || s[i] == 0x2022 || s[i] == 0x2027) {
            s[i] = 0x00B7;
        }
        UChar32 c = next_char(s, &i, n);
        bool separator = c == 0x00B7 || c == ' ';
        if ((separator && !letter) || (!separator && !is_letter(c))) {
            return false;
        }
        letter = !separator;
    }
    return letter;
}

static bool text_ok(const struct reg_field *f, json_t *v, json_t **ret_new)
{
    UChar text[TEXT_UNITS];
    if (!json_is_string(v)) {
        return false;
    }
    int32_t n = nfc(json_string_value(v), json_string_length(v), text);
    int32_t count = n < 0 ? -1 : text_length(text, n);
    if (count < f->min || count > f->max || (f->form == REG_F_NAME && !name_ok(text, n))) {
        return false;
    }
    *ret_new = from_utf16(text, n);
    return true;
}

#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define ALNUM  UPPER "abcdefghijklmnopqrstuvwxyz" DIGITS

static bool code_ok(const char *s)
{
    size_t n = strlen(s);
    return n >= 1 && n < REG_CODE_BYTES && strchr("._-", s[0]) == NULL &&
           strspn(s, ALNUM "._-") == n;
}

static bool unit_code_ok(const char *s)
{
    return strspn(s, UPPER) == 2 && strspn(s + 2, DIGITS) == 3 && s[5] == '\0';
}

void reg_ref_split(const char *text, char unit[6], char code[REG_CODE_BYTES])
{
    const char *slash = strchr(text, '/');
    snprintf(unit, 6, "%.*s", slash != NULL ? 5 : 0, text);
    snprintf(code, REG_CODE_BYTES, "%s", slash != NULL ? slash + 1 : text);
}

static bool ref_ok(const char *s)
{
    const char *slash = strchr(s, '/');
    if (slash == NULL) {
        return code_ok(s);
    }
    char unit[6];
    snprintf(unit, sizeof(unit), "%.5s", s);
    return slash - s == 5 && unit_code_ok(unit) && code_ok(slash + 1);
}

static bool login_ok(const char *s)
{
    size_t n = strlen(s);
    return n >= 4 && n <= 32 && s[0] >= 'a' && s[0] <= 'z' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz_" DIGITS) == n;
}

static bool symbol_ok(const char *s)
{
    size_t n = strlen(s);
    return n >= 2 && n <= 32 && strspn(s, UPPER) >= 1 && strspn(s, UPPER DIGITS "_") == n;
}

static bool monthday_ok(const char *s)
{
    char date[16];
    snprintf(date, sizeof(date), "2024-%.6s", s); /* a leap year: 02-29 is a month and day */
    return strlen(s) == 5 && reg_date_ok(date);
}

static bool word_ok(const struct reg_field *f, const char *s)
{
    for (const char *const *w = f->more; *w != NULL; w++) {
        if (strcmp(*w, s) == 0) {
            return true;
        }
    }
    return false;
}

static bool uuid_ok(const char *s)
{
    size_t n = 0;
    for (; s[n] != '\0'; n++) {
        bool dash = n == 8 || n == 13 || n == 18 || n == 23;
        if (n >= 36 || (dash ? s[n] != '-' : strchr("0123456789abcdef", s[n]) == NULL)) {
            return false;
        }
    }
    return n == 36;
}

/* Forms that are strings and stay as they are. */
static bool string_ok(const struct reg_field *f, const json_t *v)
{
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v)) {
        return false;
    }
    const char *s = json_string_value(v);
    switch (f->form) {
    case REG_F_CODE:
        return code_ok(s);
    case REG_F_UNIT:
        return unit_code_ok(s);
    case REG_F_TEAM:
    case REG_F_TEAMS:
    case REG_F_PERSON:
    case REG_F_SITE:
        return ref_ok(s);
    case REG_F_LOGIN:
        return login_ok(s);
    case REG_F_WORD:
    case REG_F_WORDS:
        return word_ok(f, s);
    case REG_F_SYMBOL:
    case REG_F_SYMBOLS:
        return symbol_ok(s);
    case REG_F_DATE:
    case REG_F_DATES:
        return reg_date_ok(s);
    case REG_F_MONTHDAY:
        return monthday_ok(s);
    case REG_F_UUID:
    case REG_F_UUIDS:
        return uuid_ok(s);
    case REG_F_REGION:
        return strlen(s) == 6 && strspn(s, DIGITS) == 6;
    default:
        return false;
    }
}

static bool int_ok(json_int_t min, json_int_t max, const json_t *v, json_t **ret_new)
{
    if (json_is_integer(v)) {
        return json_integer_value(v) >= min && json_integer_value(v) <= max;
    }
    double d = json_is_real(v) ? json_real_value(v) : (double)min - 1;
    if (!(d >= (double)min && d <= (double)max) || (double)(json_int_t)d < d) {
        return false;
    }
    *ret_new = json_integer((json_int_t)d); /* 4.0 is 4 */
    return *ret_new != NULL;
}

/* A number with at most `decimals` decimals, kept as a real: the column is numeric and rounds to
 * the same decimals. */
static bool decimal_ok(double min, double max, double scale, const json_t *v, json_t **ret_new)
{
    double d = json_is_number(v) ? json_number_value(v) : min - 1;
    if (!(d >= min && d <= max)) {
        return false;
    }
    double whole = (double)(int64_t)(d * scale + (d < 0 ? -0.5 : 0.5));
    double off = d * scale - whole;
    if (off > 1e-6 || off < -1e-6) {
        return false;
    }
    *ret_new = json_real(whole / scale);
    return *ret_new != NULL;
}

static bool item_ok(const struct reg_field *f, json_t *v, json_t **ret_new)
{
    static const struct reg_field text = {"", REG_F_TEXT, true, 1, 60, NULL};
    switch (f->form) {
    case REG_F_TEXTS:
        return text_ok(&text, v, ret_new);
    case REG_F_INTS:
        return int_ok(0, f->min, v, ret_new);
    case REG_F_RATIOS:
        return decimal_ok(0, 1, 1e4, v, ret_new);
    default:
        return string_ok(f, v);
    }
}

/* Lists: words and texts are sets of at most max; numbers are exactly max, ratios growing. */
static bool list_ok(const struct reg_field *f, json_t *v)
{
    bool exact = f->form == REG_F_INTS || f->form == REG_F_RATIOS;
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > (size_t)f->max || (f->form == REG_F_UUIDS && n < (size_t)f->min) ||
        (exact && n != (size_t)f->max)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        json_t *new = NULL;
        if (!item_ok(f, json_array_get(v, i), &new) ||
            (new != NULL &&json_array_set_new(v, i, new) != 0)) {
            return false;
        }
        for (size_t j = 0; j < i && f->form != REG_F_INTS; j++) {
            const json_t *a = json_array_get(v, j);
            const json_t *b = json_array_get(v, i);
            bool bad = exact ? json_real_value(a) >= json_real_value(b) : json_equal(a, b) != 0;
            if (bad) {
                return false;
            }
        }
    }
    return true;
}

bool reg_form_ok(const struct reg_field *f, json_t *v, json_t **ret_new)
{
    *ret_new = NULL;
    switch (f->form) {
    case REG_F_TEXT:
    case REG_F_NAME:
        return text_ok(f, v, ret_new);
    case REG_F_WORDS:
    case REG_F_TEAMS:
    case REG_F_TEXTS:
    case REG_F_SYMBOLS:
    case REG_F_DATES:
    case REG_F_UUIDS:
    case REG_F_INTS:
    case REG_F_RATIOS:
        return list_ok(f, v);
    case REG_F_INT:
        return int_ok(f->min, f->max, v, ret_new);
    case REG_F_RATIO:
        return decimal_ok(0, f->max, 1e4, v, ret_new);
    case REG_F_DEGREES:
        return decimal_ok(-f->max, f->max, 1e6, v, ret_new);
    case REG_F_BOOL:
        return json_is_boolean(v);
    case REG_F_OBJECT:
        return json_is_object(v);
    default:
        return string_ok(f, v);
    }
}

static void words_text(const struct reg_field *f, char *out, size_t n)
{
    size_t at = 0;
    for (const char *const *w = f->more; *w != NULL && at < n; w++) {
        at += (size_t)snprintf(out + at, n - at, "%s%s", at > 0 ? ", " : "", *w);
    }
}

void reg_form_text(const struct reg_field *f, char *en, char *zh, size_t n)
{
    static const struct {
        const char *en, *zh; /* may take the form's min and max, in that order */
    } texts[REG_FORMS] = {
        [REG_F_TEXT] = {"must be a text of %1$d to %2$d characters without control characters",
                        "必须为 %1$d 至 %2$d 个字符的文本,不得含控制字符"},
        [REG_F_NAME] =
            {"must be a name of %1$d to %2$d letters, with single spaces or \"·\" between them",
             "必须为 %1$d 至 %2$d 个字符的姓名,只含文字、单个空格或“·”"},
        [REG_F_CODE] =
            {"must be a code of 1 to 40 letters, digits, dots, underscores and hyphens, letter or "
             "digit first",
             "必须为 1 至 40 位代码,由字母、数字、点、下划线、连字符组成,以字母或数字开头"},
        [REG_F_UNIT] = {"must be a unit's code: two capital letters and three digits",
                        "必须为单位代码:两个大写字母加三位数字"},
        [REG_F_TEAM] = {"must be a team's CODE, or UNIT/CODE for another unit's",
                        "必须为队伍代码,其他单位的队伍写作“单位代码/队伍代码”"},
        [REG_F_TEAMS] = {"must be a list of at most %2$d different teams' codes",
                         "必须为列表,至多 %2$d 个互不相同的队伍代码"},
        [REG_F_SITE] = {"must be a site's CODE, or UNIT/CODE for another unit's",
                        "必须为场所代码,其他单位的场所写作“单位代码/场所代码”"},
        [REG_F_LOGIN] = {"must be a login: 4 to 32 small letters, digits and underscores, a letter "
                         "first",
                         "必须为账号:4 至 32 位小写字母、数字、下划线,以字母开头"},
        [REG_F_PERSON] = {"must be a person's CODE, or UNIT/CODE for another unit's",
                          "必须为人员代码,其他单位的人员写作“单位代码/人员代码”"},
        [REG_F_TEXTS] = {"must be a list of at most %2$d different texts of 1 to 60 characters",
                         "必须为列表,至多 %2$d 项互不相同的文本,每项 1 至 60 个字符"},
        [REG_F_SYMBOL] = {"must be 2 to 32 capital letters, digits and underscores, letter first",
                          "必须为 2 至 32 位大写字母、数字、下划线,以字母开头"},
        [REG_F_SYMBOLS] = {"must be a list of at most %2$d different words of capital letters",
                           "必须为列表,至多 %2$d 个互不相同的大写词"},
        [REG_F_INT] = {"must be a whole number from %1$d to %2$d", "必须为 %1$d 至 %2$d 的整数"},
        [REG_F_INTS] = {"must be a list of exactly %2$d whole numbers from 0 to %1$d",
                        "必须为恰好 %2$d 个 0 至 %1$d 的整数"},
        [REG_F_RATIO] = {"must be a number from 0 to %2$d with at most 4 decimals",
                         "必须为 0 至 %2$d 的数,至多四位小数"},
        [REG_F_RATIOS] =
            {"must be a list of exactly %2$d growing numbers from 0 to 1 with at most 4 decimals",
             "必须为恰好 %2$d 个由小到大的 0 至 1 的数,至多四位小数"},
        [REG_F_DEGREES] = {"must be a number from -%2$d to %2$d with at most 6 decimals",
                           "必须为 -%2$d 至 %2$d 的数,至多六位小数"},
        [REG_F_DATE] = {"must be a date YYYY-MM-DD", "必须为日期,格式 YYYY-MM-DD"},
        [REG_F_DATES] = {"must be a list of at most %2$d different dates YYYY-MM-DD",
                         "必须为列表,至多 %2$d 个互不相同的日期,格式 YYYY-MM-DD"},
        [REG_F_MONTHDAY] = {"must be a month and day MM-DD", "必须为月日,格式 MM-DD"},
        [REG_F_REGION] = {"must be a region's code of six digits (GB/T 2260)",
                          "必须为六位行政区划代码(GB/T 2260)"},
        [REG_F_UUID] = {"must be a UUID in lower case", "必须为小写 UUID"},
        [REG_F_UUIDS] = {"must be a list of %1$d to %2$d different UUIDs in lower case",
                         "必须为列表,%1$d 至 %2$d 个互不相同的小写 UUID"},
        [REG_F_BOOL] = {"must be true or false", "必须为 true 或 false"},
        [REG_F_OBJECT] = {"must be an object", "必须为对象"},
    };
    if (f->form == REG_F_WORD || f->form == REG_F_WORDS) {
        char words[320] = "";
        words_text(f, words, sizeof(words));
        snprintf(en, n,
                 f->form == REG_F_WORD ? "must be one of: %s"
                                       : "must be a list of different words out of: %s",
                 words);
        snprintf(zh, n,
                 f->form == REG_F_WORD ? "必须为下列之一:%s" : "必须为下列词的列表,不得重复:%s",
                 words);
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored                                                                     \
    "-Wformat-nonliteral" /* the formats are the table above, each with these two arguments */
    snprintf(en, n, texts[f->form].en, f->min, f->max);
    snprintf(zh, n, texts[f->form].zh, f->min, f->max);
#pragma GCC diagnostic pop
}

/* "/a~b" and so on: a member's name in a JSON pointer. source: RFC 6901 §3 */
static void pointer_of(const char *prefix, const char *name, char *out, size_t n)
{
    size_t at = (size_t)snprintf(out, n, "%s/", prefix);
    for (; *name != '\0' && at + 3 < n; name++) {
        bool special = *name == '~' || *name == '/';
        if (special) {
            out[at++] = '~';
        }
        out[at++] = special ? (*name == '~' ? '0' : '1') : *name;
    }
    out[at] = '\0';
}

static void check_object(struct reg_ctx *x, const struct reg_field *fields, json_t *object,
                         const char *prefix);

static void check_member(struct reg_ctx *x, const struct reg_field *f, json_t *object,
                         const char *prefix)
{
    char pointer[120];
    json_t *value = json_object_get(object, f->name);
    pointer_of(prefix, f->name, pointer, sizeof(pointer));
    if (value == NULL) {
        if (f->required) {
            reg_refuse(x, pointer, REG_R_MISSING);
        }
        return;
    }
    json_t *new = NULL;
    if (!reg_form_ok(f, value, &new)) {
        char en[480];
        char zh[480];
        reg_form_text(f, en, zh, sizeof(en));
        reg_refuse_text(x, pointer, REG_R_INVALID, en, zh);
        return;
    }
    if (new != NULL && json_object_set_new(object, f->name, new) != 0) {
        x->nomem = true;
    }
    if (f->form == REG_F_OBJECT) {
        check_object(x, f->more, value, pointer);
    }
}

static void check_object(struct reg_ctx *x, const struct reg_field *fields, json_t *object,
                         const char *prefix)
{
    for (const struct reg_field *f = fields; f->name != NULL; f++) {
        check_member(x, f, object,
                     prefix); /* depth: a table of members holds no further objects with objects */
    }
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct reg_field *f = fields;
        while (f->name != NULL && strcmp(f->name, name) != 0) {
            f++;
        }
        if (f->name == NULL) {
            char pointer[120];
            pointer_of(prefix, name, pointer, sizeof(pointer));
            reg_refuse(x, pointer, REG_R_UNKNOWN);
        }
    }
}

void reg_check(struct reg_ctx *x, const struct reg_field *fields)
{
    if (!json_is_object(x->payload)) {
        reg_refuse(x, "", REG_R_PAYLOAD);
        return;
    }
    check_object(x, fields, x->payload, "");
}
