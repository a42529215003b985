#define _GNU_SOURCE
#include "confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int clinux_no_new_privileges(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

static int limit(int resource, uint64_t value) {
    const struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &limit) == 0 ? 0 : errno;
}

int clinux_limit_memory(uint64_t bytes) {
    return limit(RLIMIT_DATA, bytes);
}

int clinux_limit_files(uint64_t count) {
    return limit(RLIMIT_NOFILE, count);
}

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef THIS_ARCHITECTURE
#define REFUSED(number) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (number))
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, member)))
/* The next instruction, if the value is this one; otherwise the one behind it. */
#define IF_EQUAL(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1)

int clinux_forbid(int what) {
    struct sock_filter filter[48];
    unsigned short size = 0;
#define ADD(...) \
    do { \
        const struct sock_filter instruction = __VA_ARGS__; \
        filter[size++] = instruction; \
    } while (0)
#define REFUSE(call, number) \
    do { \
        ADD(IF_EQUAL(call)); \
        ADD(REFUSED(number)); \
    } while (0)
    ADD(LOAD(arch));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0));
    ADD(REFUSED(EPERM));
    ADD(LOAD(nr));
#if defined(__x86_64__)
    /* The other ABI of the same architecture, with other numbers. */
    ADD(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
    ADD(REFUSED(EPERM));
    if ((what & CLINUX_FORBID_PROCESSES) != 0) {
        REFUSE(SYS_fork, EPERM);
        REFUSE(SYS_vfork, EPERM);
    }
#endif
    if ((what & CLINUX_FORBID_PROCESSES) != 0) {
        /* Its arguments can't be seen here; the C library goes back to clone. */
        REFUSE(SYS_clone3, ENOSYS);
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
        ADD(LOAD(args[0]));
        ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
        ADD(REFUSED(EPERM));
        ADD(LOAD(nr));
    }
    if ((what & CLINUX_FORBID_EXEC) != 0) {
        REFUSE(SYS_execve, EPERM);
        REFUSE(SYS_execveat, EPERM);
    }
    if ((what & CLINUX_FORBID_NETWORK) != 0) {
        /* A ring makes sockets without the call. */
        REFUSE(SYS_io_uring_setup, EPERM);
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4));
        ADD(LOAD(args[0]));
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0));
        ADD(REFUSED(EPERM));
        ADD(LOAD(nr));
    }
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const struct sock_fprog program = {.len = size, .filter = filter};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ? 0 : errno;
}
#else
int clinux_forbid(int what) {
    (void)what;
    return ENOSYS;
}
#endif

int clinux_allow_writes(const char *const paths[], int count, int *path) {
    *path = -1;
    const struct landlock_ruleset_attr attributes = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR
            | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR
            | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO
            | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
    };
    const int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (rules < 0) return errno;
    int error = 0;
    for (int i = 0; i < count && error == 0; i++) {
        struct landlock_path_beneath_attr rule = {
            .allowed_access = attributes.handled_access_fs,
            .parent_fd = open(paths[i], O_PATH | O_CLOEXEC),
        };
        struct stat status;
        if (rule.parent_fd < 0 || fstat(rule.parent_fd, &status) != 0) {
            error = errno;
        } else {
            /* A file has no entries. */
            if (!S_ISDIR(status.st_mode)) rule.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE;
            if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) error = errno;
        }
        if (error != 0) *path = i;
        if (rule.parent_fd >= 0) close(rule.parent_fd);
    }
    if (error == 0 && syscall(SYS_landlock_restrict_self, rules, 0) != 0) error = errno;
    close(rules);
    return error;
}
