/* What comes from the broker: WELCOME, WHO, ACK, ERROR; everything else is counted and left.
 *
 * An ACK is read twice: first as a whole, and only when it is well formed and answers as many
 * events as its SUBMIT had are the callbacks called. So a bad message answers nothing, its events
 * go out again after a while, and the broker's word on them is asked anew. An ACK to a sequence
 * number that nothing waits for is a double, or came after the deadline: counted, never applied.
 */
#include <assert.h>

#include "client/client_impl.h"

static struct pack *find(struct lj_client *c, uint64_t seq)
{
    struct pack *p = c->first;
    while (p && p != c->unsent && p->seq < seq)
        p = p->next;
    return p && p != c->unsent && p->seq == seq ? p : NULL;
}

static void on_welcome(struct lj_client *c, struct lj_slice body, int64_t now)
{
    struct lj_welcome w;
    if (lj_welcome_get(body.p, body.n, &w, NULL) != 0) {
        c->stats.malformed++;
        return;
    }
    int changed = c->stats.broker_nonce != 0 && c->stats.broker_nonce != w.nonce;
    int again = changed || c->resend_on_welcome;
    c->stats.welcomes++;
    c->stats.broker_changes += changed != 0;
    c->stats.broker_nonce = w.nonce;
    if (w.events_max > 0 && w.events_max < c->pack_max)
        c->pack_max = w.events_max;
    if (!c->welcomed) /* from the quick beat of a stranger to the slow one of a friend */
        c->hello_at = now + client_jitter(c, c->hello_us);
    c->welcomed = 1;
    c->resend_on_welcome = 0;
    c->who_answered = 0;
    c->heard_at = now;
    if (again)
        client_resend_all(c, now);
    lj_client_flush(c);
}

static void on_who(struct lj_client *c, int64_t now)
{
    c->stats.who++;
    c->welcomed = 0;
    c->resend_on_welcome = 1;
    if (c->who_answered) /* one HELLO for the whole row of WHOs that a row of SUBMITs brings */
        return;
    c->who_answered = 1;
    client_hello(c, now);
}

/* All answers of an ACK are readable, and they are as many as the pack's events. */
static int ack_fits(struct lj_slice body, const struct pack *p)
{
    struct lj_reader r = lj_reader(body.p, body.n);
    uint32_t count = lj_read_u16(&r);
    struct lj_ack ack;
    uint32_t i = 0;
    while (i < count && lj_ack_get(&r, &ack, NULL) == 0)
        i++;
    return !r.bad && i == count && count == p->count && r.left == 0;
}

static void answer_pack(struct lj_client *c, struct pack *p, struct lj_reader *r,
                        const struct lj_ack *same)
{
    pack_unlink(c, p);
    for (uint32_t i = 0; i < p->count; i++) {
        struct lj_ack ack = {0};
        if (same)
            ack = *same;
        else if (lj_ack_get(r, &ack, NULL) != 0)
            assert(!"read a moment ago");
        if (i >= p->expired)
            client_answer(c, p, i, &ack);
    }
    pack_recycle(c, p);
}

static void on_ack(struct lj_client *c, uint64_t seq, struct lj_slice body)
{
    struct pack *p = find(c, seq);
    if (!p) {
        c->stats.unknown_seq++;
        return;
    }
    if (!ack_fits(body, p)) {
        c->stats.malformed++;
        return;
    }
    struct lj_reader r = lj_reader(body.p, body.n);
    lj_read_u16(&r);
    answer_pack(c, p, &r, NULL);
}

/* An ERROR with the number of a SUBMIT refuses all of it. */
static void on_error(struct lj_client *c, uint64_t seq, struct lj_slice body, int64_t now)
{
    int16_t code;
    struct lj_slice text;
    if (lj_error_get(body.p, body.n, &code, &text, NULL) != 0) {
        c->stats.malformed++;
        return;
    }
    if (code == LJ_E_UNKNOWN_PEER) {
        on_who(c, now);
        return;
    }
    c->stats.errors++;
    c->stats.last_error = code;
    struct pack *p = find(c, seq);
    if (p)
        answer_pack(c, p, NULL, &(struct lj_ack){.code = code, .detail = text});
}

void lj_client_receive(struct lj_client *c, void *msgs, int nframes)
{
    assert(!c->in_callback);
    zmq_msg_t *m = msgs;
    struct lj_envelope e;
    if (nframes != 2 || lj_envelope_get(zmq_msg_data(&m[0]), zmq_msg_size(&m[0]), &e, NULL) != 0) {
        c->stats.malformed++;
        return;
    }
    struct lj_slice body = {zmq_msg_data(&m[1]), zmq_msg_size(&m[1])};
    int64_t now = client_now(c);
    if (c->welcomed)
        c->heard_at = now;
    switch (e.type) {
    case LJ_MSG_WELCOME:
        on_welcome(c, body, now);
        break;
    case LJ_MSG_WHO:
        on_who(c, now);
        break;
    case LJ_MSG_ACK:
        on_ack(c, e.seq, body);
        break;
    case LJ_MSG_ERROR:
        on_error(c, e.seq, body, now);
        break;
    default:
        c->stats.malformed++;
    }
}
