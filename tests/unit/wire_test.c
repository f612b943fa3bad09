/* The codec of the protocol: bytes are exactly those of PROTOCOL.md, every record is refused when
 * it is cut at any byte, and values outside their range are refused. The expected bytes are written
 * out by hand from the document, not made by the encoder. lj-test: lj_proto lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/wire.h"

#define S(text) ((struct lj_slice){(text), sizeof(text) - 1})

static const uint8_t ID[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#define ID_BYTES "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
#define T1       "\x00\x00\x00\x00\x00\x00\x03\xe8" /* 1000 */
#define NONE     "\x80\x00\x00\x00\x00\x00\x00\x00"
#define P7       "\x00\x00\x00\x00\x00\x00\x00\x07"

static int slice_is(struct lj_slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* ---- one decoder for each kind of record, with a common shape ---- */

static int get_envelope(const void *p, size_t n)
{
    struct lj_envelope e;
    return lj_envelope_get(p, n, &e, NULL);
}

static int get_hello(const void *p, size_t n)
{
    struct lj_hello h;
    return lj_hello_get(p, n, &h, NULL);
}

static int get_welcome(const void *p, size_t n)
{
    struct lj_welcome w;
    return lj_welcome_get(p, n, &w, NULL);
}

static int get_error(const void *p, size_t n)
{
    int16_t code;
    struct lj_slice text;
    return lj_error_get(p, n, &code, &text, NULL);
}

static int get_head(const void *p, size_t n)
{
    struct lj_head h;
    return lj_head_get(p, n, &h, NULL);
}

#define READER_GET(fn, type, get)                                                                  \
    static int fn(const void *p, size_t n)                                                         \
    {                                                                                              \
        struct lj_reader r = lj_reader(p, n);                                                      \
        type x;                                                                                    \
        int rc = get(&r, &x, NULL);                                                                \
        return rc != 0 ? rc : (int)r.left;                                                         \
    }
READER_GET(get_submit_event, struct lj_submit_event, lj_submit_event_get)
READER_GET(get_ack, struct lj_ack, lj_ack_get)
READER_GET(get_batch_head, struct lj_batch_head, lj_batch_head_get)
READER_GET(get_batch_record, struct lj_batch_record, lj_batch_record_get)
READER_GET(get_result_head, struct lj_result_head, lj_result_head_get)
READER_GET(get_outcome, struct lj_outcome_record, lj_outcome_get)
READER_GET(get_stream_event, struct lj_stream_event, lj_stream_event_get)
READER_GET(get_stream_closure, struct lj_stream_closure, lj_stream_closure_get)
READER_GET(get_stream_member, struct lj_stream_member, lj_stream_member_get)

/* The copy is of the exact size, so that a read past its end is seen by the address sanitizer. */
static int get_cut(int (*get)(const void *, size_t), const void *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n)
        memcpy(copy, p, n);
    int rc = get(copy, n);
    free(copy);
    return rc;
}

static void check(const char *what, struct lj_buf *b, const char *want, size_t n,
                  int (*get)(const void *, size_t))
{
    if (b->failed || b->len != n || memcmp(b->data, want, n) != 0) {
        for (size_t i = 0; i < b->len; i++)
            print_message("%02x ", b->data[i]);
        fail_msg("%s: %zu bytes (failed=%d), expected %zu others", what, b->len, b->failed, n);
    }
    for (size_t cut = 0; cut < n; cut++) {
        if (get_cut(get, b->data, cut) != LJ_E_PROTOCOL)
            fail_msg("%s cut at byte %zu was taken", what, cut);
    }
    if (get_cut(get, b->data, n) != 0)
        fail_msg("%s was refused whole", what);
    lj_buf_free(b);
}
#define CHECK(b, want, get) check(#get, b, want, sizeof(want) - 1, get)

static void handshake(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    uint8_t *at = lj_buf_grow(&b, LJ_ENVELOPE_SIZE);
    lj_envelope_put(at, LJ_MSG_SUBMIT, 0x0102030405060708u);
    CHECK(&b, "LJ\x01\x10\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08", get_envelope);

    lj_hello_put(&b, &(struct lj_hello){.role = LJ_ROLE_INTAKE, .nonce = 7, .name = S("gw-1")});
    CHECK(&b, "\x01" P7 "\x04gw-1", get_hello);
    lj_hello_put(&b, &(struct lj_hello){.role = LJ_ROLE_WORKER,
                                        .nonce = 7,
                                        .name = S("w"),
                                        .kind = S("quota"),
                                        .version = S("1.0"),
                                        .slots = 258});
    CHECK(&b,
          "\x02" P7 "\x01w\x05quota\x03"
          "1.0\x01\x02",
          get_hello);

    lj_welcome_put(&b, &(struct lj_welcome){.nonce = 7,
                                            .events_max = 500,
                                            .event_bytes_max = 65536,
                                            .body_bytes_max = 1114112});
    CHECK(&b, P7 "\x00\x00\x01\xf4\x00\x01\x00\x00\x00\x11\x00\x00", get_welcome);

    lj_error_put(&b, LJ_E_PROTOCOL, "no");
    CHECK(&b, "\xff\xf9\x02no", get_error);
}

static void intake(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    struct lj_submit_event e = {.occurred_at_us = LJ_TIME_NONE,
                                .schema_version = 1,
                                .origin = LJ_ORIGIN_CLIENT,
                                .class = LJ_CLASS_DEFAULT,
                                .type = S("a.b"),
                                .unit = S("PS001"),
                                .key = S(""),
                                .source = S("x"),
                                .payload = S("{}")};
    memcpy(e.id, ID, 16);
    lj_submit_event_put(&b, &e);
    CHECK(&b,
          "\x00\x00\x00\x2f" ID_BYTES NONE "\x00\x01\x01\xff\x03"
          "a.b\x05PS001\x00\x01x\x00\x00\x00\x02{}",
          get_submit_event);

    lj_ack_put(&b,
               &(struct lj_ack){
                   .code = LJ_E_ID_CONFLICT, .retry_after_s = 3, .position = 7, .detail = S("no")});
    CHECK(&b, "\xff\xc9\x00\x03" P7 "\x02no", get_ack);
}

static void work(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    lj_batch_head_put(&b,
                      &(struct lj_batch_head){
                          .batch = 7, .deadline_ms = 2000, .attempt = 1, .flags = 1, .count = 2});
    CHECK(&b, P7 "\x00\x00\x07\xd0\x00\x01\x01\x00\x02", get_batch_head);

    struct lj_batch_record e = {.position = 7,
                                .received_at_us = 1000,
                                .occurred_at_us = LJ_TIME_NONE,
                                .schema_version = 1,
                                .unit = -2,
                                .unit_code = S("PS001"),
                                .type = S("a.b"),
                                .key = S("k"),
                                .payload = S("{}")};
    memcpy(e.id, ID, 16);
    lj_batch_record_put(&b, &e);
    CHECK(&b,
          P7 ID_BYTES T1 NONE "\x00\x01\xff\xfe\x05PS001\x03"
                              "a.b\x01k\x00\x00\x00\x02{}",
          get_batch_record);

    lj_result_head_put(&b, &(struct lj_result_head){.batch = 7, .spent_us = 9, .count = 1});
    CHECK(&b, P7 "\x00\x00\x00\x09\x00\x01", get_result_head);
    lj_outcome_put(
        &b, &(struct lj_outcome_record){.what = LJ_OUTCOME_DONE, .code = 2, .bytes = S("{}")});
    CHECK(&b, "\x00\x00\x02\x00\x00\x00\x02{}", get_outcome);
    lj_outcome_put(&b, &(struct lj_outcome_record){
                           .what = LJ_OUTCOME_FINAL, .code = LJ_E_MEMBER_INVALID, .bytes = S("m")});
    CHECK(&b, "\x02\xff\xcd\x00\x00\x00\x01m", get_outcome);
}

static void stream(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    struct lj_stream_event e = {
        .position = 7, .received_at_us = 1000, .unit = "PS001", .type = S("a.b")};
    memcpy(e.id, ID, 16);
    lj_stream_event_put(&b, &e);
    CHECK(&b,
          P7 ID_BYTES T1 "PS001\x03"
                         "a.b",
          get_stream_event);
    lj_stream_closure_put(&b,
                          &(struct lj_stream_closure){
                              .number = 7, .kind = S("quota"), .closed_at_us = 1000, .count = 1});
    CHECK(&b, P7 "\x05quota" T1 "\x00\x01", get_stream_closure);
    lj_stream_member_put(&b,
                         &(struct lj_stream_member){.position = 7, .verdict = -1, .unit = "CN000"});
    CHECK(&b,
          P7 "\xff\xff"
             "CN000",
          get_stream_member);
    lj_head_put(&b, &(struct lj_head){.nonce = 7,
                                      .frontier = 1000,
                                      .closure_frontier = 7,
                                      .now_us = 1000,
                                      .status = S("{}"),
                                      .metrics = S("m 1\n")});
    CHECK(&b, P7 T1 P7 T1 "\x00\x00\x00\x02{}\x00\x00\x00\x04m 1\n", get_head);
}

static void values_come_back(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    struct lj_submit_event in = {.occurred_at_us = -5,
                                 .schema_version = 9,
                                 .origin = LJ_ORIGIN_CENTRE,
                                 .class = 2,
                                 .type = S("a.b"),
                                 .unit = S("PS001"),
                                 .key = S("键"),
                                 .source = S("x"),
                                 .payload = S("{\"a\":1}")};
    memcpy(in.id, ID, 16);
    lj_submit_event_put(&b, &in);
    struct lj_reader r = lj_reader(b.data, b.len);
    struct lj_submit_event out;
    assert_int_equal(lj_submit_event_get(&r, &out, NULL), 0);
    assert_memory_equal(out.id, ID, 16);
    assert_true(out.occurred_at_us == -5 && out.schema_version == 9 && out.origin == 2 &&
                out.class == 2);
    assert_true(slice_is(out.type, "a.b") && slice_is(out.unit, "PS001") &&
                slice_is(out.key, "键"));
    assert_true(slice_is(out.source, "x") && slice_is(out.payload, "{\"a\":1}"));

    lj_buf_clear(&b);
    lj_hello_put(&b, &(struct lj_hello){.role = LJ_ROLE_WORKER,
                                        .nonce = ~0ull,
                                        .name = S("w"),
                                        .kind = S("mail"),
                                        .version = S("2"),
                                        .slots = 4});
    struct lj_hello h;
    assert_int_equal(lj_hello_get(b.data, b.len, &h, NULL), 0);
    assert_true(h.nonce == ~0ull && h.slots == 4 && slice_is(h.kind, "mail") &&
                slice_is(h.version, "2") && slice_is(h.name, "w"));

    lj_buf_clear(&b);
    lj_ack_put(&b,
               &(struct lj_ack){
                   .code = -75, .retry_after_s = 65535, .position = INT64_MAX, .detail = S("d")});
    r = lj_reader(b.data, b.len);
    struct lj_ack a;
    assert_int_equal(lj_ack_get(&r, &a, NULL), 0);
    assert_true(a.code == LJ_E_RATE && a.retry_after_s == 65535 && a.position == INT64_MAX &&
                slice_is(a.detail, "d"));
    lj_buf_free(&b);
}

/* One byte of a good message is changed; the message must be refused, and the text says something.
 */
static void refused(int (*get)(const void *, size_t), const char *bytes, size_t n, size_t at,
                    char value)
{
    char copy[256];
    assert_true(n <= sizeof copy && at < n);
    memcpy(copy, bytes, n);
    assert_int_equal(get_cut(get, copy, n), 0);
    copy[at] = value;
    if (get_cut(get, copy, n) != LJ_E_PROTOCOL)
        fail_msg("byte %zu changed to %d was taken", at, value);
}
#define REFUSED(get, bytes, at, value) refused(get, bytes, sizeof(bytes) - 1, at, value)

static void ranges(void **state)
{
    (void)state;
    static const char envelope[] = "LJ\x01\x10\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08";
    for (size_t i = 0; i < 8; i++) {
        if (i != 3)
            REFUSED(get_envelope, envelope, i, 9);
    }
    assert_int_equal(get_envelope(envelope, 17), LJ_E_PROTOCOL);
    static const char hello[] = "\x02" P7 "\x01w\x05quota\x03"
                                "1.0\x00\x02";
    REFUSED(get_hello, hello, 0, 0);
    REFUSED(get_hello, hello, 0, 4);
    REFUSED(get_hello, hello, 10, ' ');
    REFUSED(get_hello, hello, 12, '"');
    REFUSED(get_hello, hello, sizeof hello - 2, 0); /* no slot */
    assert_int_equal(get_hello("\x01" P7 "\x00", 10), LJ_E_PROTOCOL);
    static const char event[] = "\x00\x00\x00\x2f" ID_BYTES NONE "\x00\x01\x01\xff\x03"
                                "a.b\x05PS001\x00\x01x\x00\x00\x00\x02{}";
    REFUSED(get_submit_event, event, 30, 3); /* origin worker */
    REFUSED(get_submit_event, event, 30, 0);
    REFUSED(get_submit_event, event, 31, 4);   /* class */
    REFUSED(get_submit_event, event, 3, 0x2e); /* length shorter than the fields */
    REFUSED(get_submit_event, event, 48, 1);   /* payload shorter than the record */
    static const char ack[] = "\x00\x00\x00\x00" P7 "\x00";
    REFUSED(get_ack, ack, 1, 2);
    static const char outcome[] = "\x00\x00\x02\x00\x00\x00\x00";
    REFUSED(get_outcome, outcome, 0, 3);
    REFUSED(get_outcome, outcome, 0, 1);  /* retry with a verdict */
    REFUSED(get_outcome, outcome, 1, -1); /* done with an error */
    static const char member[] = P7 "\x00\x00"
                                    "PS001";
    REFUSED(get_stream_member, member, 10, 'p');
    REFUSED(get_stream_member, member, 14, 'O');
    static const char head[] = P7 "\x00\x00\x07\xd0\x00\x01\x01\x00\x02";
    REFUSED(get_batch_head, head, sizeof head - 2, 0);
    static const char error[] = "\xff\xf9\x00";
    REFUSED(get_error, error, 0, 0);
}

static void a_bad_record_is_stepped_over(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    struct lj_submit_event e = {.origin = LJ_ORIGIN_WORKER,
                                .class = 0,
                                .type = S("a.b"),
                                .unit = S("PS001"),
                                .payload = S("{}"),
                                .key = S(""),
                                .source = S("")};
    lj_submit_event_put(&b, &e);
    e.origin = LJ_ORIGIN_CLIENT;
    lj_submit_event_put(&b, &e);
    struct lj_reader r = lj_reader(b.data, b.len);
    struct lj_submit_event out;
    struct lj_err err = {0};
    assert_int_equal(lj_submit_event_get(&r, &out, &err), LJ_E_PROTOCOL);
    assert_non_null(strstr(err.text, "origin"));
    assert_int_equal(r.bad, 0);
    assert_int_equal(lj_submit_event_get(&r, &out, NULL), 0);
    assert_int_equal(r.left, 0);
    lj_buf_free(&b);
}

static void sizes(void **state)
{
    (void)state;
    static char big[LJ_EVENT_BYTES_MAX + 1], longest[255];
    memset(big, 'x', sizeof big);
    memset(longest, 'y', sizeof longest);
    struct lj_slice l = {longest, sizeof longest};
    struct lj_submit_event e = {.origin = LJ_ORIGIN_CLIENT,
                                .type = l,
                                .unit = l,
                                .key = l,
                                .source = l,
                                .payload = {big, LJ_EVENT_BYTES_MAX}};
    struct lj_buf b = {0};
    lj_submit_event_put(&b, &e);
    assert_int_equal(b.failed, 0);
    assert_int_equal(b.len, 4 + LJ_RECORD_BYTES_MAX);
    assert_int_equal(get_cut(get_submit_event, b.data, b.len), 0);
    lj_buf_clear(&b);
    e.payload.n++;
    lj_submit_event_put(&b, &e);
    assert_int_equal(b.failed, 1);

    /* A length of 4 GiB with nothing behind it, and one just over the limit with everything behind
     * it. */
    assert_int_equal(get_cut(get_submit_event, "\xff\xff\xff\xff", 4), LJ_E_PROTOCOL);
    lj_buf_clear(&b);
    lj_buf_u32(&b, LJ_RECORD_BYTES_MAX + 1);
    memset(lj_buf_grow(&b, LJ_RECORD_BYTES_MAX + 1), 0, LJ_RECORD_BYTES_MAX + 1);
    assert_int_equal(get_cut(get_submit_event, b.data, b.len), LJ_E_PROTOCOL);

    /* Over-long details are cut between characters. 129 times two bytes: 127 characters fit into
     * 255 bytes. */
    char detail[258];
    for (size_t i = 0; i < sizeof detail; i += 2)
        memcpy(detail + i, "\xc3\xa9", 2);
    lj_buf_clear(&b);
    lj_ack_put(&b, &(struct lj_ack){.detail = {detail, sizeof detail}});
    assert_int_equal(b.failed, 0);
    assert_int_equal(b.data[12], 254);
    lj_buf_free(&b);

    struct lj_buf u = {0};
    lj_stream_member_put(&u, &(struct lj_stream_member){.unit = "PS1"});
    assert_int_equal(u.failed, 1);
    lj_buf_free(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake),
        cmocka_unit_test(intake),
        cmocka_unit_test(work),
        cmocka_unit_test(stream),
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(ranges),
        cmocka_unit_test(a_bad_record_is_stepped_over),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
