/* clock - linked into what is preloaded: for a thread that has not waited since it last looked at the clock, no time
 * has passed. Under callgrind calls take fifty times as long, and a busy machine takes the processor away in the midst
 * of one; the host would find that INLINE methods overstay, and move them to replica threads. */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static _Thread_local struct timespec last;
    static _Thread_local long waits = -1;
    if (clock != CLOCK_MONOTONIC) return (int)syscall(SYS_clock_gettime, clock, time);
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    if (usage.ru_nvcsw != waits) syscall(SYS_clock_gettime, clock, &last);
    waits = usage.ru_nvcsw;
    *time = last;
    return 0;
}
