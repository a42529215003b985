#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_spawn(
    int program, char *const arguments[], char *const environment[], const int descriptors[], int count, pid_t *pid,
    int *watch) {
    if (count > CLINUX_CHILD_DESCRIPTORS_MAX) return EINVAL;
    /* Out of the way of the numbers that they are to have. */
    int high[CLINUX_CHILD_DESCRIPTORS_MAX + 1];
    int duplicated = 0, error = 0;
    for (; duplicated <= count; duplicated++) {
        const int source = duplicated < count ? descriptors[duplicated] : program;
        high[duplicated] = fcntl(source, F_DUPFD_CLOEXEC, 64);
        if (high[duplicated] < 0) {
            error = errno;
            break;
        }
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (error == 0) {
        for (int i = 0; i <= count; i++) posix_spawn_file_actions_adddup2(&actions, high[i], i);
        posix_spawn_file_actions_addclosefrom_np(&actions, count + 1);
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        /* Not of the terminal's group: a Ctrl-C is for the host, which drains. */
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", count);
        error = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    for (int i = 0; i < duplicated; i++) close(high[i]);
    if (error != 0) return error;
    /* Nobody else reaps it, so the number is the child's. */
    *watch = (int)syscall(SYS_pidfd_open, *pid, 0);
    if (*watch >= 0) return 0;
    error = errno;
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, 0);
    return error;
}

int clinux_signal(int watch, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, watch, signal, NULL, 0);
}

int clinux_reap(int watch, struct clinux_end *end) {
    siginfo_t information;
    memset(&information, 0, sizeof(information));
    /* P_PIDFD, which older headers lack. */
    if (waitid((idtype_t)3, (id_t)watch, &information, WEXITED | WNOHANG) != 0) return -1;
    if (information.si_pid == 0) return 0;
    const int exited = information.si_code == CLD_EXITED;
    end->signal = exited ? 0 : information.si_status;
    end->status = exited ? information.si_status : 0;
    return 1;
}

int clinux_end_with_parent(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return -1;
    return getppid() == parent ? 0 : -1;
}

int clinux_socket_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

int clinux_send_word(int socket, uint64_t word, int descriptor) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec part = {.iov_base = &word, .iov_len = sizeof(word)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(word) ? 0 : -1;
}

int clinux_receive_word(int socket, uint64_t *word, int *descriptor) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = word, .iov_len = sizeof(*word)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t size;
    do {
        size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    *descriptor = -1;
    if (size <= 0) return (int)size;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            memcpy(descriptor, CMSG_DATA(header), sizeof(int));
        }
    }
    if (size == sizeof(*word)) return 1;
    errno = EPROTO;
    return -1;
}
