/* Does the gateway take events yet? One GET /readyz over the address it listens on.
 *
 * Its port is bound before it has read tokens and units, so "listens" is not "ready": `ljctl up`
 * says that the system runs only when a first request would be served. Blocking, on loopback, at
 * most a second; a missing answer is simply "not yet".
 */
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/up.h"

enum { PROBE_MS = 1000 };

static int connect_to(const char *host, long port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *ai = NULL;
    char service[12];
    /* An address that means "all of mine" is no address to connect to. */
    const char *to = strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1"
                     : strcmp(host, "::") == 0    ? "::1"
                                                  : host;
    (void)snprintf(service, sizeof service, "%ld", port);
    if (getaddrinfo(to, service, &hints, &ai) != 0)
        return -1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(ai);
    return fd;
}

int lj_up_gateway_ready(const char *host, long port)
{
    static const char ask[] =
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char head[32] = "";
    size_t have = 0;
    int fd = connect_to(host, port);
    if (fd < 0)
        return 0;
    int sent = send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) == (ssize_t)sizeof ask - 1;
    while (sent && have < sizeof "HTTP/1.1 200" - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n =
            poll(&p, 1, PROBE_MS) == 1 ? recv(fd, head + have, sizeof head - 1 - have, 0) : 0;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    close(fd);
    return strncmp(head, "HTTP/1.1 200", sizeof "HTTP/1.1 200" - 1) == 0;
}
