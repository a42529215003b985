#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>

/* A standard stream that is closed when the program starts would be whatever is opened next: the log would go into a
 * client's connection, or into the state file. Before main and all that opens anything. */
__attribute__((constructor(102))) static void open_standard_streams(void) {
    for (int stream = 0; stream <= 2; stream++) {
        if (fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
        /* The lowest that is free, which is this one: those below are open by now. Children get them, as ever. */
        if (open("/dev/null", O_RDWR) >= 0) continue;
        /* No /dev: anything that only takes the place. */
        (void)!open("/", O_PATH);
    }
}
