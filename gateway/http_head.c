/* The strict check of a request's head.
 *
 * libmicrohttpd is lenient where leniency lets two parsers see two requests in one text: it takes a
 * bare LF for a line end, joins folded lines, keeps the first of two Content-Lengths, prefers one
 * of Content-Length and Transfer-Encoding, and does not ask for Host. All of that is refused here,
 * with 400 and the end of the connection, before anything of the request is acted on.
 *
 * Line ends are gone when the application sees a header: the library overwrites them in its read
 * buffer, CRLF with two NULs and a bare LF with one. Request line and header lines stand in that
 * buffer one behind the other, and the strings it hands out point into it. So the head is strict
 * exactly if each name begins two bytes behind the end of the value (or version) before it and both
 * bytes are NUL, and two NULs (the empty line) follow the last. A folded line is copied elsewhere
 * by the library and so breaks the chain, a NUL inside a line ends the string too early and breaks
 * it too. This leans on the library's inside (0.9.75), but fails closed: another layout would
 * refuse everything, and tests/system/http/raw.py sends each of these heads.
 *
 * One gap: when the empty line is a bare LF and the byte behind it in the buffer is a NUL, the two
 * look alike. The byte is the first of the body, or of memory cleared by the library, so `GET` with
 * a final bare LF alone passes; no second request can hide in that. */
#include "gateway/http_part.h"

#include <string.h>
#include <strings.h>

/* Bytes of a token. source: RFC 9110 §5.6.2 */
static bool is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (c == 0 || (!alnum && !strchr("!#$%&'*+-.^_`|~", c))) {
            return false;
        }
    }
    return n > 0;
}

/* Visible bytes, blanks and tabs. source: RFC 9110 §5.5 */
static bool is_value(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
    }
    return n > 0 && n <= 18; /* 18 digits always fit int64 */
}

struct walk {
    const struct lj_http_limits *limits;
    const char *next;   /* where the next name must begin */
    const char *broken; /* what is wrong with the chain, NULL while nothing */
    size_t fields, bytes;
    unsigned hosts, lengths, encodings;
    bool length_ok, encoding_ok, host_ok, expect;
};

/* The few fields that this layer understands. */
static void look_at(struct walk *w, const char *name, const char *value, size_t n)
{
    if (strcasecmp(name, "Host") == 0) {
        w->hosts++;
        w->host_ok = n > 0 && n <= 255 && !strpbrk(value, " \t,/@");
    } else if (strcasecmp(name, "Content-Length") == 0) {
        w->lengths++;
        w->length_ok = is_digits(value, n);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        w->encodings++;
        w->encoding_ok = strcasecmp(value, "chunked") == 0;
    } else if (strcasecmp(name, "Expect") == 0) {
        w->expect = strcasecmp(value, "100-continue") == 0;
    }
}

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                size_t name_len, const char *value, size_t value_len)
{
    struct walk *w = cls;
    (void)kind;
    if (!name || !value || name != w->next) {
        w->broken = "a line ends with a bare LF, is folded, or holds a NUL";
        return MHD_NO;
    }
    if (!is_token(name, name_len) || !is_value(value, value_len)) {
        w->broken = "a header field has a byte that is not allowed";
        return MHD_NO;
    }
    w->fields++;
    w->bytes += (size_t)(value - name) + value_len + 2;
    if ((int64_t)w->fields > w->limits->headers || (int64_t)w->bytes > w->limits->header_bytes) {
        return MHD_NO; /* and nothing behind is looked at */
    }
    if (value[value_len] != '\0' || value[value_len + 1] != '\0') {
        w->broken = "a line ends with a bare LF";
        return MHD_NO;
    }
    w->next = value + value_len + 2;
    look_at(w, name, value, value_len);
    return MHD_YES;
}

static int judge(const struct walk *w, bool http11, struct lj_err *err)
{
    if (w->broken) {
        return lj_fail(err, LJ_E_BAD_REQUEST, "%s", w->broken);
    }
    if (w->next[0] != '\0' || w->next[1] != '\0') {
        return lj_fail(err, LJ_E_BAD_REQUEST, "the head ends with a bare LF");
    }
    if (w->hosts > 1 || (w->hosts == 1 && !w->host_ok) || (w->hosts == 0 && http11)) {
        return lj_fail(err, LJ_E_BAD_REQUEST, "exactly one valid Host is needed");
    }
    if (w->lengths > 1 || (w->lengths == 1 && !w->length_ok)) {
        return lj_fail(err, LJ_E_BAD_REQUEST, "Content-Length must stand once and be a number");
    }
    if (w->encodings > 1 || (w->encodings == 1 && (!w->encoding_ok || !http11))) {
        return lj_fail(err, LJ_E_BAD_REQUEST,
                       "the only Transfer-Encoding taken is chunked, once, in HTTP/1.1");
    }
    if (w->encodings && w->lengths) {
        return lj_fail(err, LJ_E_BAD_REQUEST,
                       "Content-Length and Transfer-Encoding exclude each other");
    }
    return 0;
}

/* The path without scheme and host: absolute-form is a valid way to write a target. source: RFC
 * 9112 §3.2.2 */
static const char *origin_path(const char *url)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        return url;
    }
    const char *slash = strchr(strstr(url, "://") + 3, '/');
    return slash ? slash : "/";
}

int lj_http_head_check(struct lj_http_conn *conn, const char *url, const char *version,
                       struct lj_req *rq, struct lj_err *err)
{
    const struct lj_http_limits *limits = &conn->http->limits;
    size_t version_len = strlen(version);
    struct walk w = {.limits = limits, .next = version + version_len + 2};
    bool http11 = strcmp(version, "HTTP/1.1") == 0;
    if (!http11 && strcmp(version, "HTTP/1.0") != 0) {
        return lj_fail(err, LJ_E_BAD_REQUEST, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    if (version != conn->uri_end + 1) {
        return lj_fail(err, LJ_E_BAD_REQUEST,
                       "the request line has a NUL or more than single blanks");
    }
    if (version[version_len + 1] != '\0') {
        return lj_fail(err, LJ_E_BAD_REQUEST, "the request line ends with a bare LF");
    }
    if ((int64_t)conn->uri_len > limits->uri_bytes) {
        return lj_fail(err, LJ_E_URI_TOO_LONG, "the address has %zu bytes, limit %lld",
                       conn->uri_len, (long long)limits->uri_bytes);
    }
    if (!is_token(rq->method, strlen(rq->method))) {
        return lj_fail(err, LJ_E_BAD_REQUEST, "the method is no token");
    }
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, on_field, &w);
    if ((int64_t)w.fields > limits->headers || (int64_t)w.bytes > limits->header_bytes) {
        return lj_fail(err, LJ_E_HEADERS_TOO_LARGE,
                       "at most %lld header fields and %lld bytes of them are taken",
                       (long long)limits->headers, (long long)limits->header_bytes);
    }
    if (judge(&w, http11, err) != 0) {
        return err ? err->code : LJ_E_BAD_REQUEST;
    }
    rq->has_length = w.lengths == 1;
    rq->chunked = w.encodings == 1;
    rq->priv->expect = w.expect && http11;
    const char *path = origin_path(url);
    size_t n = strlen(path);
    if (path[0] != '/' || n >= sizeof rq->path) {
        return n >= sizeof rq->path
                   ? lj_fail(err, LJ_E_NOT_FOUND_PATH, "no path is that long")
                   : lj_fail(err, LJ_E_BAD_REQUEST, "the request target is no path");
    }
    memcpy(rq->path, path, n + 1);
    return 0;
}
