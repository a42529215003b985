/* under_callgrind - preloaded into a host that runs under callgrind: each count becomes a file of callgrind's, whose
 * description ends with the method and the number of calls. */
#define _GNU_SOURCE
#include "counts.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

/* Callgrind looks on only in between: the start of a host and the first calls go several times as fast without it. */
void counts_begin(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void counts_end(const char *method, uint64_t calls) {
    char title[128];
    snprintf(title, sizeof(title), "%s %llu", method, (unsigned long long)calls);
    CALLGRIND_DUMP_STATS_AT(title);
    CALLGRIND_STOP_INSTRUMENTATION;
}

/* Valgrind (3.19 at least) takes its own signal out of the mask, in the caller's memory. A Swift program's main thread
 * ends in libdispatch's sigsuspend, whose mask is a constant in read-only memory: there valgrind itself would crash. */
int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, _NSIG / 8);
}
