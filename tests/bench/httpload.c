/* httpload: a load generator for POST /v1/events, in one thread and one epoll, on keep-alive
 * connections to 127.0.0.1. Each connection has one request under way at a time; all bodies are
 * built before the start, and only the ids in them (UUID version 7, new ones for every request)
 * are written anew. So what it takes from the cores is little, and it says how much: its processor
 * time is in its report.
 *
 *     httpload PORT TOKEN CONNECTIONS REQUESTS LINES PAD UNIT,UNIT,...
 *
 * LINES 1: one JSON object a request, wanted: 202. More: that many lines of NDJSON, wanted: 200 and
 * a status 202 in each line. The report is one JSON object on stdout. It ends with status 1, and
 * without a report, when a connection breaks: a run that lost a connection measured nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { UNIT = 5, ID = 36, MANY = 256, ANSWER = 131072, UNITS_MAX = 100, SILENCE_MS = 30000 };

struct conn {
    int fd;
    char *out; /* head and body; the ids in it change */
    size_t out_len, out_at;
    size_t *ids; /* places of the ids in out */
    char *in;
    size_t in_len;
    int64_t begun_us;
};
struct load {
    const char *token;
    char *units[UNITS_MAX];
    int n_units, port, connections, lines, epoll;
    long pad, requests, begun, done, accepted, other;
    uint32_t *spent_us; /* of each request */
    uint64_t random;
};

static void die(const char *what)
{
    fprintf(stderr, "httpload: %s: %s\n", what, errno ? strerror(errno) : "-");
    exit(1);
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t next_random(struct load *l)
{
    l->random ^= l->random << 13; /* xorshift64: ids have to differ, not to be secret */
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random;
}

static void hex(char *to, int digits, uint64_t value)
{
    for (int i = digits - 1; i >= 0; i--, value >>= 4)
        to[i] = "0123456789abcdef"[value & 15];
}

static void write_id(struct load *l, char *to, uint64_t ms)
{
    uint64_t a = next_random(l), b = next_random(l);
    hex(to, 8, ms >> 16);
    hex(to + 9, 4, ms & 0xffff);
    hex(to + 14, 4, 0x7000 | (a & 0xfff));
    hex(to + 19, 4, 0x8000 | (a >> 12 & 0x3fff));
    hex(to + 24, 12, b);
}

/* The request of one connection; where its ids stand is noted. */
static void build(struct load *l, struct conn *c, int number)
{
    size_t line = 128 + (size_t)l->pad, room = 512 + line * (size_t)l->lines;
    char *body = malloc(room);
    char *pad = malloc((size_t)l->pad + 1);
    c->out = malloc(room + 512);
    c->ids = calloc((size_t)l->lines, sizeof *c->ids);
    c->in = malloc(ANSWER);
    if (!body || !pad || !c->out || !c->ids || !c->in)
        die("memory");
    memset(pad, 'x', (size_t)l->pad);
    pad[l->pad] = '\0';
    size_t n = 0;
    for (int i = 0; i < l->lines; i++) {
        c->ids[i] = n + 7;
        n += (size_t)snprintf(body + n, room - n,
                              "{\"id\":\"00000000-0000-0000-0000-000000000000\",\"type\":"
                              "\"feedback.received\",\"unit\":\"%s\",\"payload\":{\"n\":1,"
                              "\"pad\":\"%s\"}}\n",
                              l->units[(number + i) % l->n_units], pad);
    }
    int head = snprintf(c->out, 512,
                        "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                        "Authorization: Bearer %s\r\nContent-Type: application/%s\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        l->port, l->token, l->lines > 1 ? "x-ndjson" : "json", n);
    memcpy(c->out + head, body, n);
    c->out_len = (size_t)head + n;
    for (int i = 0; i < l->lines; i++)
        c->ids[i] += (size_t)head;
    free(body);
    free(pad);
}

static void watch(struct load *l, struct conn *c, uint32_t events, int how)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(l->epoll, how, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void connect_to(struct load *l, struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)l->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(l, c, EPOLLIN, EPOLL_CTL_ADD);
}

static void close_conn(struct conn *c)
{
    close(c->fd);
    free(c->out);
    free(c->ids);
    free(c->in);
}

/* Sends what is left of the request; waits for room where the socket is full. */
static void go_on(struct load *l, struct conn *c)
{
    ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        die("send");
    int was_whole = c->out_at == 0;
    c->out_at += n > 0 ? (size_t)n : 0;
    if (c->out_at < c->out_len)
        watch(l, c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    else if (!was_whole)
        watch(l, c, EPOLLIN, EPOLL_CTL_MOD);
}

static void begin(struct load *l, struct conn *c)
{
    if (l->begun == l->requests)
        return;
    l->begun++;
    c->begun_us = clock_us(CLOCK_MONOTONIC);
    uint64_t ms = (uint64_t)clock_us(CLOCK_REALTIME) / 1000;
    for (int i = 0; i < l->lines; i++)
        write_id(l, c->out + c->ids[i], ms);
    c->out_at = c->in_len = 0;
    go_on(l, c);
}

/* Events that an answer calls stored now. */
static long stored(const struct load *l, int status, const char *body)
{
    long n = 0;
    if (l->lines == 1)
        return status == 202;
    for (const char *p = body; status == 200 && (p = strstr(p, "\"status\":202")) != NULL; p++)
        n++;
    return n;
}

/* One answer, when it is there as a whole. */
static void look(struct load *l, struct conn *c)
{
    c->in[c->in_len] = '\0';
    char *end = strstr(c->in, "\r\n\r\n");
    char *length = end ? strcasestr(c->in, "\r\nContent-Length:") : NULL;
    if (!end)
        return;
    errno = 0;
    if (!length || length > end || strncmp(c->in, "HTTP/1.1 ", 9) != 0)
        die("an answer that is none");
    size_t whole = (size_t)(end + 4 - c->in) + strtoul(length + 17, NULL, 10);
    if (whole >= ANSWER)
        die("an answer that is too long");
    if (c->in_len < whole)
        return;
    long n = stored(l, atoi(c->in + 9), end + 4);
    l->accepted += n;
    l->other += l->lines - n;
    if (n < l->lines && l->other <= l->lines)
        fprintf(stderr, "httpload: %.400s\n", c->in); /* the first one is worth seeing */
    l->spent_us[l->done++] = (uint32_t)(clock_us(CLOCK_MONOTONIC) - c->begun_us);
    begin(l, c);
}

static void on_ready(struct load *l, struct conn *c, uint32_t events)
{
    if (events & EPOLLOUT)
        go_on(l, c);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    ssize_t n = recv(c->fd, c->in + c->in_len, ANSWER - 1 - c->in_len, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("a connection was closed");
    c->in_len += (size_t)n;
    look(l, c);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(struct load *l, int64_t spent_us)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    double cpu = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
                 (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
    qsort(l->spent_us, (size_t)l->done, sizeof *l->spent_us, by_size);
    printf("{\"requests\":%ld,\"accepted\":%ld,\"other\":%ld,\"seconds\":%.6f,\"p50_us\":%u,"
           "\"p99_us\":%u,\"cpu_seconds\":%.3f}\n",
           l->done, l->accepted, l->other, (double)spent_us / 1e6, l->spent_us[l->done / 2],
           l->spent_us[l->done * 99 / 100], cpu);
}

static void run(struct load *l, struct conn *conns)
{
    struct epoll_event ready[MANY];
    int64_t began = clock_us(CLOCK_MONOTONIC);
    for (int i = 0; i < l->connections; i++)
        begin(l, &conns[i]);
    while (l->done < l->requests) {
        int n = epoll_wait(l->epoll, ready, MANY, SILENCE_MS);
        if (n == 0) {
            errno = ETIMEDOUT;
            die("no answer");
        }
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++)
            on_ready(l, ready[i].data.ptr, ready[i].events);
    }
    report(l, clock_us(CLOCK_MONOTONIC) - began);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: httpload PORT TOKEN CONNECTIONS REQUESTS LINES PAD UNITS\n");
        return 2;
    }
    struct load l = {.port = atoi(argv[1]),
                     .token = argv[2],
                     .connections = atoi(argv[3]),
                     .requests = atol(argv[4]),
                     .lines = atoi(argv[5]),
                     .pad = atol(argv[6])};
    for (char *u = strtok(argv[7], ","); u && l.n_units < UNITS_MAX; u = strtok(NULL, ","))
        l.units[l.n_units++] = u;
    if (l.n_units == 0 || l.connections < 1 || l.requests < 1 || l.lines < 1 || l.lines > 500 ||
        l.pad < 0 || l.pad > 60000) {
        fprintf(stderr, "httpload: a number is out of its bounds\n");
        return 2;
    }
    struct conn *conns = calloc((size_t)l.connections, sizeof *conns);
    l.spent_us = calloc((size_t)l.requests, sizeof *l.spent_us);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!conns || !l.spent_us || l.epoll < 0 ||
        getrandom(&l.random, sizeof l.random, 0) != sizeof l.random)
        die("start");
    l.random |= 1; /* xorshift stands still at 0 */
    for (int i = 0; i < l.connections; i++) {
        build(&l, &conns[i], i);
        connect_to(&l, &conns[i]);
    }
    run(&l, conns);
    for (int i = 0; i < l.connections; i++)
        close_conn(&conns[i]);
    free(conns);
    free(l.spent_us);
    close(l.epoll);
    return 0;
}
