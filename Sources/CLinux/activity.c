#define _GNU_SOURCE
#include "activity.h"

#include "thread_activity.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Beside what the kernel puts there: enough for a handler of somebody else's, too. */
static const size_t handler_size = 64 << 10;

/* initial-exec: a handler may read it, since reading it allocates nothing. */
static _Thread_local __attribute__((tls_model("initial-exec"))) const char *activity;
static _Thread_local __attribute__((tls_model("initial-exec"))) bool is_prepared;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t stack_key;
static bool has_key;

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Without the guard page. */
static size_t stack_size(void) {
    /* Registers of newer processors are larger than SIGSTKSZ says. 0 on an older kernel. */
    const size_t size = getauxval(AT_MINSIGSTKSZ) + handler_size;
    return (size + page_size() - 1) & ~(page_size() - 1);
}

/* At the end of a thread. */
static void free_stack(void *stack) {
    stack_t current;
    if (sigaltstack(NULL, &current) == 0 && current.ss_sp == stack) {
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    }
    munmap((char *)stack - page_size(), stack_size() + page_size());
}

static void make_key(void) {
    has_key = pthread_key_create(&stack_key, free_stack) == 0;
}

static void make_stack(void) {
    stack_t current;
    /* A sanitizer's or the runtime's own is good, too. */
    if (sigaltstack(NULL, &current) != 0 || !(current.ss_flags & SS_DISABLE)) return;
    pthread_once(&once, make_key);
    if (!has_key) return;
    char *pages = mmap(NULL, stack_size() + page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (pages == MAP_FAILED) return;
    /* The lowest page is a guard. */
    char *stack = pages + page_size();
    if (mprotect(stack, stack_size(), PROT_READ | PROT_WRITE) != 0
        || sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = stack_size()}, NULL) != 0) {
        munmap(pages, stack_size() + page_size());
        return;
    }
    pthread_setspecific(stack_key, stack);
}

const char *clinux_activity_set(const char *text) {
    if (!is_prepared) {
        is_prepared = true;
        make_stack();
    }
    const char *before = activity;
    activity = text;
    return before;
}

void clinux_thread_name(const char *name) {
    prctl(PR_SET_NAME, name);
}

const char *thread_activity(void) {
    return activity;
}
