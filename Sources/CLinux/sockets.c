#define _GNU_SOURCE
#include "sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_unix_listens(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client < 0) return -1;
    int listens = 1;
    /* EAGAIN: the backlog is full. */
    if (connect(client, (const struct sockaddr *)&address, sizeof(address)) != 0 && errno != EAGAIN) {
        listens = errno == ECONNREFUSED || errno == ENOENT ? 0 : -1;
    }
    const int reason = errno;
    close(client);
    errno = reason;
    return listens;
}
