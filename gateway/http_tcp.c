/* What the kernel knows of a connection.
 *
 * A file of its own, because struct tcp_info with tcpi_bytes_received is only in the kernel's
 * header, which cannot be included beside the C library's netinet/tcp.h, and libmicrohttpd's header
 * brings that one in. source: linux/tcp.h, Linux 4.1 and later */
#include <linux/in.h>
#include <linux/tcp.h>
#include <stdint.h>
#include <sys/socket.h>

uint64_t lj_http_bytes_received(int fd);

uint64_t lj_http_bytes_received(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return 0;
    }
    return info.tcpi_bytes_received;
}
