/* idleworker: a worker that does nothing, so that what is measured is the way to it and back. It
 * says HELLO, answers every batch with "done, verdict 0" and no parameters, and keeps as many
 * batches as it has slots; in one thread, from the bytes of proto/PROTOCOL.md alone. A WELCOME that
 * does not come is asked for again; everything else that is not a batch is read and forgotten.
 *
 *     idleworker ENDPOINT KIND SLOTS
 *
 * It ends with its parent. Exit status 1 when the broker refuses it or the socket fails.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <zmq.h>

enum { ENVELOPE = 16, HELLO = 1, WELCOME = 2, WHO = 3, ERROR = 5, BATCH = 32, RESULT = 33 };
enum { BATCH_HEAD = 17, RESULT_HEAD = 14, OUTCOME = 7, EVENTS_MAX = 500 };

static uint8_t *put(uint8_t *to, uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *to++ = (uint8_t)(v >> (8 * i));
    return to;
}

static uint8_t *put_text(uint8_t *to, const char *text)
{
    size_t n = strlen(text);
    *to++ = (uint8_t)n;
    memcpy(to, text, n);
    return to + n;
}

static int say(void *sock, uint8_t type, uint64_t seq, const uint8_t *body, size_t n)
{
    uint8_t env[ENVELOPE] = {'L', 'J', 1, type};
    (void)put(env + 8, seq, 8);
    return zmq_send(sock, env, sizeof env, ZMQ_SNDMORE) < 0 || zmq_send(sock, body, n, 0) < 0;
}

static int hello(void *sock, const char *kind, unsigned slots)
{
    uint8_t body[200];
    if (strlen(kind) > 64)
        return 1;
    uint8_t *at = put(body, 2, 1);
    at = put(at, 0x1d1e, 8);
    at = put_text(put_text(put_text(at, "idle"), kind), "1");
    at = put(at, slots, 2);
    return say(sock, HELLO, 1, body, (size_t)(at - body));
}

static int done(void *sock, const uint8_t *batch, size_t n)
{
    static uint8_t body[RESULT_HEAD + EVENTS_MAX * OUTCOME + 2];
    unsigned count = n < BATCH_HEAD ? 0 : (unsigned)(batch[15] << 8 | batch[16]);
    if (count < 1 || count > EVENTS_MAX)
        return 1;
    memcpy(body, batch, 8);
    (void)put(put(body + 8, 1, 4), count, 2);
    memset(body + RESULT_HEAD, 0, count * OUTCOME + 2);
    uint64_t id = 0;
    for (int i = 0; i < 8; i++)
        id = id << 8 | batch[i];
    return say(sock, RESULT, id, body, RESULT_HEAD + count * OUTCOME + 2);
}

/* One message: 0, or what cannot be gone on with. */
static int handle(void *sock, const char *kind, unsigned slots, int *ret_welcome)
{
    zmq_msg_t env, body;
    zmq_msg_init(&env);
    zmq_msg_init(&body);
    int bad = zmq_msg_recv(&env, sock, 0) != ENVELOPE || zmq_msg_recv(&body, sock, 0) < 0;
    uint8_t type = bad ? 0 : ((const uint8_t *)zmq_msg_data(&env))[3];
    if (type == BATCH)
        bad = done(sock, zmq_msg_data(&body), zmq_msg_size(&body));
    else if (type == WHO)
        bad = hello(sock, kind, slots);
    else if (type == ERROR)
        bad = 1;
    *ret_welcome |= type == WELCOME;
    zmq_msg_close(&env);
    zmq_msg_close(&body);
    return bad;
}

int main(int argc, char **argv)
{
    unsigned slots = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    int linger = 0, welcome = 0;
    if (!slots) {
        (void)fprintf(stderr, "usage: idleworker ENDPOINT KIND SLOTS\n");
        return 2;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    void *sock = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
    if (!sock || zmq_setsockopt(sock, ZMQ_LINGER, &linger, sizeof linger) ||
        zmq_connect(sock, argv[1]) || hello(sock, argv[2], slots))
        return 1;
    for (;;) {
        zmq_pollitem_t item = {.socket = sock, .events = ZMQ_POLLIN};
        int n = zmq_poll(&item, 1, 1000);
        if (n < 0 || (n > 0 && handle(sock, argv[2], slots, &welcome)))
            return 1;
        if (n == 0 && !welcome && hello(sock, argv[2], slots))
            return 1;
    }
}
