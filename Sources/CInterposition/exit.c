#define _GNU_SOURCE
#include "CInterposition.h"

#include "CLinux.h"
#include "next_function.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The process that is guarded; 0: none. A child has its parent's, and another id. */
static _Atomic(pid_t) guarded;

static _Noreturn void end(int status) {
    for (;;) syscall(SYS_exit_group, status);
}

/* Returns unless it is the end of the guarded process. */
static void judge(const char *what, int status, void *code, void *frame) {
    /* First: a child of vfork shares this memory. */
    if (atomic_load(&guarded) != getpid()) return;
    clinux_report_exit(what, status, (uintptr_t)code, (uintptr_t)frame, INTERPOSITION_EXIT_STATUS);
    end(INTERPOSITION_EXIT_STATUS);
}

/* The C library's err(), error() and others call its own exit, which nobody can take the place of. */
static void on_exit_of_others(int status, void *unused) {
    (void)unused;
    judge("exit", status, NULL, __builtin_frame_address(0));
}

void interposition_guard_exit(void) {
    static atomic_flag is_registered = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&is_registered)) on_exit(on_exit_of_others, NULL);
    atomic_store(&guarded, getpid());
}

void interposition_allow_exit(void) {
    atomic_store(&guarded, 0);
}

#ifdef INTERPOSES

void interposition_end(int status) {
    end(status);
}

#define JUDGE(what, status) judge(what, status, __builtin_return_address(0), __builtin_frame_address(0))

NEXT_FUNCTION(exit, void, (int))
NEXT_FUNCTION(quick_exit, void, (int))

EXPORTED _Noreturn void exit(int status) {
    JUDGE("exit", status);
    next_exit()(status);
    end(status);
}

EXPORTED _Noreturn void quick_exit(int status) {
    JUDGE("quick_exit", status);
    next_quick_exit()(status);
    end(status);
}

EXPORTED _Noreturn void _exit(int status) {
    JUDGE("_exit", status);
    end(status);
}

EXPORTED _Noreturn void _Exit(int status) {
    JUDGE("_Exit", status);
    end(status);
}

#else

/* The sanitizer has its say at the end. */
void interposition_end(int status) {
    interposition_allow_exit();
    _exit(status);
}

#endif
