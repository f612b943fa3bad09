/* Stopping a system, in the order that loses no work: the gateway stops taking requests, the broker
 * finishes what is leased, the workers end, PostgreSQL shuts down fast.
 *
 * Each is asked, waited for, and killed when it does not end in time. The operator's second signal
 * makes every wait short, the third shuts PostgreSQL down immediately (it recovers at the next
 * start). Nothing acknowledged can be lost by any of it: an ack means a flushed COMMIT.
 */
#include <signal.h>

#include "ctl/admin.h"
#include "ctl/up.h"

enum {
    GATEWAY_STOP_MS = 12 * 1000,
    BROKER_STOP_MS = 20 * 1000, /* leased batches up to 10 s, and the last COMMIT */
    WORKER_STOP_MS = 5 * 1000,
    POSTGRES_STOP_MS = 120 * 1000,
};

static int gateway_ended(struct lj_up *up)
{
    return !up->gateway || !up->gateway->pid;
}

static int broker_ended(struct lj_up *up)
{
    return !up->broker || !up->broker->pid;
}

static int postgres_ended(struct lj_up *up)
{
    return !up->postgres || !up->postgres->pid;
}

static int workers_ended(struct lj_up *up)
{
    for (size_t i = 0; i < up->nchildren; i++) {
        const struct lj_child *c = up->children[i];
        if (c != up->postgres && c != up->broker && c != up->gateway && c->pid)
            return 0;
    }
    return 1;
}

/* Wait for the end of what has been asked to end; 1 when it ended in time. A second signal of the
 * operator cuts the wait to a moment. */
static int await_end(struct lj_up *up, int (*ended)(struct lj_up *up), int ms)
{
    for (int waited = 0; waited < ms; waited += 100) {
        if (lj_up_wait(up, ended, 100, 1) == 1)
            return 1;
        if (up->stop_asked > 1)
            return 0;
    }
    return 0;
}

/* One child: in order, then by force. Returns 1 when it needed force. */
static int stop_one(struct lj_up *up, struct lj_child *c, int (*ended)(struct lj_up *up), int ms)
{
    if (!c)
        return 0;
    lj_up_stop(c, c->stop_signal);
    if (await_end(up, ended, ms))
        return 0;
    if (up->stop_asked < 2)
        lj_say("%s did not end within %d s: killed (nothing acknowledged is lost)", c->name,
               ms / 1000);
    lj_up_stop(c, SIGKILL);
    (void)lj_up_wait(up, ended, 5000, 1);
    return 1;
}

static int stop_workers(struct lj_up *up)
{
    static const struct {
        int signal, ms;
    } rounds[] = {{SIGTERM, WORKER_STOP_MS}, {SIGKILL, 5000}};
    for (size_t r = 0; r < 2; r++) {
        for (size_t i = 0; i < up->nchildren; i++) {
            struct lj_child *c = up->children[i];
            if (c != up->postgres && c != up->broker && c != up->gateway)
                lj_up_stop(c, rounds[r].signal);
        }
        if (r == 0 ? await_end(up, workers_ended, rounds[r].ms)
                   : lj_up_wait(up, workers_ended, rounds[r].ms, 1))
            return (int)r;
    }
    return 1;
}

/* Fast shutdown; a third signal makes it immediate (recovery at the next start). */
static int stop_postgres(struct lj_up *up)
{
    if (!up->postgres)
        return 0;
    lj_up_stop(up->postgres, SIGINT);
    for (int waited = 0; waited < POSTGRES_STOP_MS; waited += 100) {
        if (lj_up_wait(up, postgres_ended, 100, 1) == 1)
            return up->postgres->exit_code != 0;
        if (up->stop_asked > 2)
            break;
    }
    lj_up_stop(up->postgres, SIGQUIT);
    if (lj_up_wait(up, postgres_ended, 10000, 1) != 1)
        lj_up_stop(up->postgres, SIGKILL);
    (void)lj_up_wait(up, postgres_ended, 5000, 1);
    return 1;
}

int lj_up_stop_all(struct lj_up *up)
{
    int forced = stop_one(up, up->gateway, gateway_ended, GATEWAY_STOP_MS);
    forced += stop_one(up, up->broker, broker_ended, BROKER_STOP_MS);
    forced += stop_workers(up);
    forced += stop_postgres(up);
    lj_admin_close(&up->admin);
    lj_up_loop_close(up);
    return up->stop_asked > 1 ? 0 : forced;
}
