/* What the program `backplane` exports in place of the C library, so that the libraries it loads call it. For that
 * program alone: other programs that embed the host decide for themselves.
 *
 * exit, _exit, _Exit and quick_exit: see below. socket, accept, accept4 and epoll_create: descriptors that the
 * program's own code makes are closed on exec, whoever starts a child meanwhile; SwiftNIO does not ask for that.
 * Before main: standard streams that are closed become /dev/null, so that nothing else takes their places.
 *
 * Not under a sanitizer, which has its own of some of them. */
#ifndef CINTERPOSITION_H
#define CINTERPOSITION_H

/* The exit status of a process that a plugin ended: EX_SOFTWARE of <sysexits.h>. */
#define INTERPOSITION_EXIT_STATUS 70

/* From now on whoever ends this process by a function of the C library ends it with INTERPOSITION_EXIT_STATUS at
 * once, and the log's last line says who it was. Children that are forked end as they like. */
void interposition_guard_exit(void);

/* The program may end in its own way again, by exit and the like. */
void interposition_allow_exit(void);

/* Ends the process, without exit handlers and whatever is guarded. */
_Noreturn void interposition_end(int status);

#endif
