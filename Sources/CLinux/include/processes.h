/* Processes of this one's own: started by exec, watched by descriptors, and ended with this one. */
#ifndef CLINUX_PROCESSES_H
#define CLINUX_PROCESSES_H

#include <stdint.h>
#include <sys/types.h>

/* Descriptors that a child has, from 0 on; all others are closed. */
#define CLINUX_CHILD_DESCRIPTORS_MAX 8

/* Executes a program that is open, with the descriptors given as 0, 1, 2, ... and one more, the program's own, which
 * the child is to close. The child's signals are as a program expects them. Returns 0, or an errno.
 *
 * pid: the child's. It stays a zombie until clinux_reap. watch: a descriptor that is readable once the child has ended,
 * closed on exec. */
int clinux_spawn(
    int program, char *const arguments[], char *const environment[], const int descriptors[], int count, pid_t *pid,
    int *watch);

/* Sends a signal to the process that `watch` is about, whose number nobody else can have by now. Returns 0, or -1 with
 * errno. */
int clinux_signal(int watch, int signal);

/* How a child ended that has. */
struct clinux_end {
    /* 0: it ended by itself. */
    int32_t signal;
    int32_t status;
};

/* Takes a child's end. Returns 1; 0 when it has not ended; or -1 with errno. */
int clinux_reap(int watch, struct clinux_end *end);

/* Has the kernel kill the calling process when the thread that started it ends. Returns 0 when the parent is `parent`
 * still, which is to be asked after that; otherwise -1. */
int clinux_end_with_parent(pid_t parent);

/* A pair of connected sockets, messages kept apart, both closed on exec. Returns 0, or -1 with errno. */
int clinux_socket_pair(int ends[2]);

/* Sends a message of one word, and a descriptor unless that is -1. Never blocks. Returns 0, or -1 with errno. */
int clinux_send_word(int socket, uint64_t word, int descriptor);

/* Waits for a message. descriptor: that which came with it, closed on exec; -1: none. Returns 1; 0 when the other end
 * is closed; or -1 with errno. */
int clinux_receive_word(int socket, uint64_t *word, int *descriptor);

#endif
