/* streamload: many readers of GET /v1/stream, in one thread and one epoll, each following one unit;
 * some of them read nothing at all. It counts, for each reader, the events it was given and adds
 * their positions up: count and sum together show every gap and every repeat when they are compared
 * with the log.
 *
 *     streamload PORT TOKEN READERS STALLED UNIT,UNIT,...
 *
 * It prints "ready" when every reader that reads has got its first id. For each line on stdin it
 * prints one line a reader, `UNIT COUNT SUM LAST DISORDER OPEN`, then `end CPU_SECONDS`. It ends
 * with stdin. The stalled ones come last and are shown as `-`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 256, UNITS_MAX = 100, LINE = 256, CHUNK = 65536, SMALL = 4096 };
enum state { IN_HEAD, IN_SIZE, IN_DATA, AFTER_DATA };

struct reader {
    int fd;
    const char *unit;
    enum state state;
    size_t chunk;    /* bytes left of the chunk */
    char line[LINE]; /* the line that is being read; a longer one is cut: only its start counts */
    size_t len;
    long count, disorder;
    int64_t sum, last;
    int ready, stalled;
};

static void die(const char *what)
{
    fprintf(stderr, "streamload: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* A whole line of the body. */
static void on_line(struct reader *r)
{
    static const char event[] = "data: {\"position\":";
    r->line[r->len < LINE ? r->len : LINE - 1] = '\0';
    if (strncmp(r->line, "id:", 3) == 0)
        r->ready = 1;
    if (strncmp(r->line, event, sizeof event - 1) == 0) {
        int64_t position = strtoll(r->line + sizeof event - 1, NULL, 10);
        r->disorder += position <= r->last;
        r->last = position;
        r->sum += position;
        r->count++;
    }
}

static void on_text(struct reader *r, char c)
{
    if (c == '\n') {
        on_line(r);
        r->len = 0;
    } else if (r->len < LINE - 1) {
        r->line[r->len++] = c;
    }
}

/* A line of HTTP itself: the head, or the size of a chunk. */
static void on_frame_line(struct reader *r)
{
    r->line[r->len] = '\0';
    int empty = r->len == 0 || r->line[0] == '\r';
    if (r->state == IN_HEAD) {
        if (strncmp(r->line, "HTTP/", 5) == 0 && strncmp(r->line, "HTTP/1.1 200", 12) != 0) {
            fprintf(stderr, "streamload: %s\n", r->line);
            exit(1);
        }
        r->state = empty ? IN_SIZE : IN_HEAD;
    } else {
        r->chunk = strtoul(r->line, NULL, 16);
        r->state = IN_DATA;
    }
    r->len = 0;
}

/* HTTP's own lines and the text inside the chunks share r->line: a chunk may end within a line of
 * the text, so that line is kept aside meanwhile. */
struct aside {
    char line[LINE];
    size_t len;
};

static void swap_lines(struct reader *r, struct aside *kept)
{
    struct aside now;
    memcpy(now.line, r->line, r->len);
    now.len = r->len;
    memcpy(r->line, kept->line, kept->len);
    r->len = kept->len;
    *kept = now;
}

static void on_bytes(struct reader *r, struct aside *kept, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (r->state == IN_DATA) {
            on_text(r, p[i]);
            if (--r->chunk == 0) {
                swap_lines(r, kept);
                r->state = AFTER_DATA;
            }
        } else if (r->state == AFTER_DATA) {
            if (p[i] == '\n') {
                r->len = 0;
                r->state = IN_SIZE;
            }
        } else if (p[i] == '\n') {
            enum state was = r->state;
            on_frame_line(r);
            if (was == IN_SIZE)
                swap_lines(r, kept);
        } else if (r->len < LINE - 1) {
            r->line[r->len++] = p[i];
        }
    }
}

static void open_reader(struct reader *r, int port, const char *token, int epoll, size_t index)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = index};
    char text[512];
    int small = SMALL;
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r->fd < 0)
        die("socket");
    if (r->stalled)
        setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(r->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    int n = snprintf(text, sizeof text,
                     "GET /v1/stream?unit=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                     "Authorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n",
                     r->unit, port, token);
    if (send(r->fd, text, (size_t)n, 0) != n)
        die("send");
    if (!r->stalled && epoll_ctl(epoll, EPOLL_CTL_ADD, r->fd, &e) != 0)
        die("epoll_ctl");
}

static void report(const struct reader *all, size_t n)
{
    struct rusage u;
    for (size_t i = 0; i < n; i++) {
        const struct reader *r = &all[i];
        if (r->stalled)
            printf("-\n");
        else
            printf("%s %ld %lld %lld %ld %d\n", r->unit, r->count, (long long)r->sum,
                   (long long)r->last, r->disorder, r->fd >= 0);
    }
    getrusage(RUSAGE_SELF, &u);
    printf("end %.3f\n", (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                             (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
    fflush(stdout);
}

static size_t count_ready(const struct reader *all, size_t n)
{
    size_t ready = 0;
    for (size_t i = 0; i < n; i++)
        ready += (size_t)(all[i].ready || all[i].stalled);
    return ready;
}

static void take(struct reader *r, struct aside *kept)
{
    static char bytes[CHUNK];
    ssize_t got = recv(r->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0) {
        on_bytes(r, kept, bytes, (size_t)got);
    } else if (got == 0 || errno != EAGAIN) {
        close(r->fd);
        r->fd = -1; /* shown as not open: the measure fails then */
    }
}

static void serve(int epoll, struct reader *all, struct aside *kept, size_t n)
{
    struct epoll_event ready[MANY];
    int told = 0;
    for (;;) {
        int events = epoll_wait(epoll, ready, MANY, -1);
        for (int i = 0; i < events; i++) {
            char text[256];
            uint64_t at = ready[i].data.u64;
            if (at < n) {
                take(&all[at], &kept[at]);
            } else {
                ssize_t got = read(STDIN_FILENO, text, sizeof text);
                if (got <= 0)
                    return;
                report(all, n);
            }
        }
        if (!told && count_ready(all, n) == n) {
            told = 1;
            puts("ready");
            fflush(stdout);
        }
    }
}

int main(int argc, char **argv)
{
    const char *units[UNITS_MAX];
    size_t n_units = 0;
    if (argc != 6) {
        fprintf(stderr, "usage: streamload PORT TOKEN READERS STALLED UNITS\n");
        return 2;
    }
    long n = atol(argv[3]), stalled = atol(argv[4]);
    for (char *u = strtok(argv[5], ","); u && n_units < UNITS_MAX; u = strtok(NULL, ","))
        units[n_units++] = u;
    if (n < 1 || n > 100000 || stalled < 0 || stalled >= n || n_units == 0) {
        fprintf(stderr, "streamload: a number is out of its bounds\n");
        return 2;
    }
    struct reader *all = calloc((size_t)n, sizeof *all);
    struct aside *kept = calloc((size_t)n, sizeof *kept);
    struct epoll_event in = {.events = EPOLLIN, .data.u64 = (uint64_t)n};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!all || !kept || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &in) != 0)
        die("start");
    for (long i = 0; i < n; i++) {
        all[i].unit = units[(size_t)i % n_units];
        all[i].stalled = i >= n - stalled;
        open_reader(&all[i], atoi(argv[1]), argv[2], epoll, (size_t)i);
    }
    serve(epoll, all, kept, (size_t)n);
    free(all);
    free(kept);
    close(epoll);
    return 0; /* the system closes the readers' sockets */
}
