/* Fuzzing what the gateway makes of a body: split into lines, each judged as an event, its problem
 * written, and what is written is JSON.
 *
 * The first byte says whether the body is one event or a batch; the rest is the body. A judgement
 * must fill a problem with a code of the table exactly when it refuses, an accepted event's slices
 * must lie in the text, and the problem must be a JSON object to our own strict reader. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/event_in.h"
#include "gateway/intake.h"
#include "proto/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct lj_json_scratch *scratch, *check;
    struct lj_directory *directory;
    struct lj_uuid_gen uuids;
    struct lj_token token;
};

static struct world *world_new(void)
{
    static struct world w; /* one for the whole run */
    static const struct lj_unit units[] = {
        {0, LJ_UNIT_NONE, "CN000"}, {1, 0, "PS001"}, {2, 0, "PS002"}};
    static const struct lj_event_type types[] = {{"activity.submitted", 20, 1, LJ_ORIGIN_CLIENT, 0},
                                                 {"policy.set", 4, 1, LJ_ORIGIN_CENTRE, 0}};
    if (w.directory) {
        return &w;
    }
    w.scratch = lj_json_scratch_new();
    w.check = lj_json_scratch_new();
    w.directory = lj_directory_new();
    int rc = 0;
    for (size_t i = 0; i < 3; i++) {
        rc |= lj_directory_add_unit(w.directory, &units[i], NULL);
    }
    for (size_t i = 0; i < 2; i++) {
        rc |= lj_directory_add_type(w.directory, &types[i], NULL);
    }
    rc |= lj_directory_seal(w.directory, NULL);
    assert(rc == 0);
    w.token = (struct lj_token){.role = LJ_TOKEN_CLIENT, .unit = 1, .class = 1, .name = "fuzz"};
    return &w;
}

static void check_refusal(struct world *w, int rc, const struct lj_problem *p)
{
    struct lj_buf b = {0};
    struct lj_json_request req = {0};
    struct lj_json_result result;
    assert(rc == p->code && lj_err_info(rc)->code == rc && lj_problem_status(p) >= 400);
    lj_problem_put(&b, p);
    assert(lj_json_scan(&req, (const char *)b.data, b.len, w->check, NULL, &result, NULL) == 0);
    lj_buf_free(&b);
}

static void judge(struct world *w, const char *text, size_t len)
{
    struct lj_event_in in;
    struct lj_problem p = {0};
    struct lj_event_judge j = {w->scratch, w->directory, &w->token, &w->uuids, 1800000000000000};
    int rc = lj_event_in_read(&j, text, len, &in, &p);
    if (rc != 0) {
        check_refusal(w, rc, &p);
        return;
    }
    const struct lj_slice *payload = &in.event.payload;
    assert(payload->p >= text && payload->p + payload->n <= text + len && payload->n >= 2 &&
           payload->p[0] == '{');
    assert(in.unit == 1 && in.event.key.n <= LJ_KEY_MAX && in.event.schema_version > 0);
    int version = lj_uuid_version(in.event.id);
    assert(version >= 1 && version <= 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = world_new();
    struct lj_ndjson_line lines[LJ_BATCH_EVENTS_MAX];
    size_t all = 0;
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    if (data[0] & 1) {
        judge(w, text, size - 1);
        return 0;
    }
    size_t n = lj_ndjson_split(text, size - 1, lines, LJ_BATCH_EVENTS_MAX, &all);
    assert(n <= all);
    for (size_t i = 0; i < n; i++) {
        assert(lines[i].number <= all && lines[i].text >= text &&
               lines[i].text + lines[i].len <= text + size - 1);
        judge(w, lines[i].text, lines[i].len);
    }
    return 0;
}
