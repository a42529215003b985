#define _GNU_SOURCE
#include "descriptors.h"

#include <fcntl.h>
#include <unistd.h>

int clinux_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}

int clinux_open_entry(const char *path) {
    return open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}
