/* Length and cleanness of a text a client wrote.
 *
 * The field counts characters as code points after NFC, not bytes: "é" is one whether it came
 * composed or not, and a Han character is one. Nearly all texts are in NFC already; the quick check
 * says so and saves the copy. ASCII text needs no ICU at all.
 *
 * Control characters are those of category Cc: U+0000..U+001F and U+007F..U+009F. The second block
 * is two bytes in UTF-8 (C2 80..C2 9F), so bytes are enough to find them.
 */
#include "workers/validation/text.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

static int is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return 0;
    return 1;
}

/* Code points of `n` UTF-16 units after NFC; `room` is the size of `out`. */
static int count_nfc(const UChar *in, int32_t n, UChar *out, int32_t room, size_t *ret,
                     struct lj_err *err)
{
    UErrorCode code = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&code);
    if (U_SUCCESS(code) && unorm2_quickCheck(nfc, in, n, &code) == UNORM_YES && U_SUCCESS(code)) {
        *ret = (size_t)u_countChar32(in, n);
        return 0;
    }
    int32_t m = U_SUCCESS(code) ? unorm2_normalize(nfc, in, n, out, room, &code) : 0;
    if (U_FAILURE(code))
        return lj_fail(err, LJ_E_ARG, "text cannot be normalised: %s", u_errorName(code));
    *ret = (size_t)u_countChar32(out, m);
    return 0;
}

int lj_text_length(const char *text, size_t len, size_t *ret, struct lj_err *err)
{
    enum { GROWTH = 3 }; /* source: Unicode Standard Annex 15, maximum expansion of NFC in UTF-16 */
    if (is_ascii(text, len)) {
        *ret = len;
        return 0;
    }
    if (len > INT32_MAX / GROWTH)
        return lj_fail(err, LJ_E_ARG, "a text of %zu bytes", len);
    UChar *units = malloc((len + len * GROWTH) * sizeof *units);
    if (!units)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a text of %zu bytes", len);
    UErrorCode code = U_ZERO_ERROR;
    int32_t n = 0;
    int rc = 0;
    (void)u_strFromUTF8(units, (int32_t)len, &n, text, (int32_t)len, &code);
    if (U_FAILURE(code))
        rc = lj_fail(err, LJ_E_ARG, "text is not UTF-8: %s", u_errorName(code));
    else
        rc = count_nfc(units, n, units + len, (int32_t)(len * GROWTH), ret, err);
    free(units);
    return rc;
}

int lj_text_has_control(const char *text, size_t len, int lines)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (lines && (c == '\n' || c == '\r' || c == '\t'))
            continue;
        if (c < 0x20 || c == 0x7F)
            return 1;
        if (c == 0xC2 && i + 1 < len && (unsigned char)text[i + 1] < 0xA0)
            return 1;
    }
    return 0;
}

void lj_text_plain(const char *text, size_t len, char *out)
{
    static const char *const dots[] = {"\xEF\xBD\xA5", "\xE2\x80\xA2", "\xE2\x80\xA7"};
    for (size_t i = 0; i < len;) {
        const char *c = text + i;
        size_t left = len - i;
        int dot = 0;
        for (size_t d = 0; left >= 3 && d < sizeof dots / sizeof dots[0]; d++)
            dot |= memcmp(c, dots[d], 3) == 0;
        if (dot) {
            *out++ = '\xC2';
            *out++ = '\xB7';
            i += 3;
        } else if (left >= 3 && memcmp(c, "\xEF\xBC", 2) == 0 && (unsigned char)c[2] >= 0x90 &&
                   (unsigned char)c[2] <= 0x99) {
            *out++ = (char)('0' + (unsigned char)c[2] - 0x90);
            i += 3;
        } else {
            *out++ = *c;
            i++;
        }
    }
    *out = '\0';
}
