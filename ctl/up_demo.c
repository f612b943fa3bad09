/* `ljctl up --demo N`: the demonstration on the system that has just started.
 *
 * It runs as a process of its own (`ljctl demo`), because the supervisor must go on turning its
 * loop: a demonstration that waited in it would let the children's logs run full and restart
 * nothing. It is no child of the system: it has the terminal, gets no log, is not started again,
 * and a Ctrl-C ends it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ctl/demo.h"
#include "ctl/up.h"

int lj_up_demo_check(const struct lj_up *up, struct lj_err *err)
{
    int64_t n = up->ctl->o.demo;
    if (n != 0 && (n < DEMO_REPORTS_MIN || n > DEMO_REPORTS_MAX))
        return lj_fail(err, LJ_E_CONFIG, "--demo takes %d to %d reports", DEMO_REPORTS_MIN,
                       DEMO_REPORTS_MAX);
    if (up->ctl->o.once && n == 0)
        return lj_fail(err, LJ_E_CONFIG, "--once goes with --demo");
    return 0;
}

static void become_demo(struct lj_up *up, pid_t parent)
{
    char reports[24];
    char seed[24];
    char *argv[] = {"ljctl",  "demo", reports,    "--dir",           up->at.dir,
                    "--seed", seed,   "--output", up->ctl->o.output, NULL};
    sigset_t none;
    struct sigaction sa = {.sa_handler = SIG_DFL};
    (void)snprintf(reports, sizeof reports, "%lld", (long long)up->ctl->o.demo);
    (void)snprintf(seed, sizeof seed, "%lld", (long long)up->ctl->o.seed);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(125);
    for (int s = 1; s < 32; s++)
        (void)sigaction(s, &sa, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve("/proc/self/exe", argv, up->env);
    _exit(127);
}

static int demo_ended(struct lj_up *up)
{
    return up->demo == 0;
}

int lj_up_demo(struct lj_up *up)
{
    pid_t parent = getpid();
    (void)fflush(up->ctl->out);
    up->demo_code = 1;
    up->demo = fork();
    if (up->demo == 0)
        become_demo(up, parent);
    if (up->demo < 0) {
        lj_say("cannot start the demonstration: %s", strerror(errno));
        up->demo = 0;
        return LJ_EXIT_FAILED;
    }
    int ended = 0;
    while (ended == 0)
        ended = lj_up_wait(up, demo_ended, 1000, 0);
    if (ended < 0 && up->demo) { /* the operator wants to stop */
        (void)kill(up->demo, SIGTERM);
        (void)lj_up_wait(up, demo_ended, 5000, 1);
    }
    return up->demo_code;
}
