/* The live status line of `ljctl up`, on stderr: once a second in place on a terminal, once in ten
 * seconds as a plain line elsewhere.
 *
 * It asks the broker without ever waiting (lj_admin_poll_status): a supervisor that hangs because
 * the broker does would restart nothing. */
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "ctl/admin.h"
#include "ctl/up.h"

static long long number(const json_t *o, const char *name)
{
    return (long long)json_number_value(json_object_get(o, name));
}

static void print_line(const struct lj_up *up, const json_t *s, int tty)
{
    long long open_events = 0;
    long long parked = 0;
    long long age = 0;
    size_t i;
    json_t *k;
    unsigned restarts = 0;
    json_array_foreach(json_object_get(s, "kinds"), i, k)
    {
        open_events += number(k, "open");
        parked += number(k, "parked");
        age = number(k, "age_ms") > age ? number(k, "age_ms") : age;
    }
    for (size_t c = 0; c < up->nchildren; c++)
        restarts += up->children[c]->restarts;
    const json_t *intake = json_object_get(s, "intake");
    char at[16] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (localtime_r(&now, &tm))
        (void)strftime(at, sizeof at, "%H:%M:%S", &tm);
    (void)fprintf(stderr,
                  "%s%s  frontier %lld  in %lld/s  queued %lld  open %lld (oldest %lld ms)  parked "
                  "%lld  restarts %u%s",
                  tty ? "\r\033[K" : "", at, number(s, "frontier"), number(intake, "per_second"),
                  number(intake, "queued"), open_events, age, parked, restarts, tty ? "" : "\n");
    (void)fflush(stderr);
}

void lj_up_line(struct lj_up *up)
{
    json_t *s = NULL;
    int tty = isatty(STDERR_FILENO);
    int64_t now = lj_mono_us();
    if (now < up->line_due_us)
        return;
    if (!up->admin && lj_admin_open(up->at.run, &up->admin, NULL) != 0)
        return;
    if (!lj_admin_poll_status(up->admin, &s)) {
        up->line_due_us = now + INT64_C(100000); /* asked; look again soon */
        return;
    }
    print_line(up, s, tty);
    json_decref(s);
    up->line_due_us = now + (tty ? 1 : 10) * INT64_C(1000000);
}
