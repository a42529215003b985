/* ends - ends the process that it is in, in the way that the body names: exit, segv, overflow, ... */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <dlfcn.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef STATUS
#define STATUS 0
#endif

static volatile int zero;

static int overflow(int depth) {
    volatile char frame[4096];
    if (zero != 0) return 0;
    frame[0] = (char)depth;
    return overflow(depth + 1) + frame[0];
}

/* A file that is shorter than its mapping: SIGBUS, in the C library. */
static void use_a_file_that_was_cut(void) {
    char path[] = "/tmp/backplane-ends-XXXXXX";
    const int file = mkstemp(path);
    unlink(path);
    if (ftruncate(file, 4096) != 0) return;
    char *bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (ftruncate(file, 0) != 0) return;
    memset(bytes, 1, 4096);
}

static void begin_child(int way) {
    const pid_t child = fork();
    if (child == 0) {
        if (way == 0) exit(3);
        if (way == 1) abort();
        *(volatile int *)(uintptr_t)16 = 1;
    }
    waitpid(child, NULL, 0);
}

/* As the shells of old: the child borrows the host's memory until it runs a program, or can't. */
static void begin_program(void) {
    const pid_t child = vfork();
    if (child == 0) {
        execl("/nonexistent", "nonexistent", (char *)NULL);
        _exit(3);
    }
    waitpid(child, NULL, 0);
}

/* Children end as they like, and are none of the host's business. */
static void begin_children(void) {
    for (int way = 0; way < 3; way++) begin_child(way);
    begin_program();
}

static void end(const char *way) {
    if (strcmp(way, "exit") == 0) exit(STATUS);
    if (strcmp(way, "quick_exit") == 0) quick_exit(STATUS);
    if (strcmp(way, "_exit") == 0) _exit(STATUS);
    if (strcmp(way, "_Exit") == 0) _Exit(STATUS);
    if (strcmp(way, "err") == 0) err(STATUS, "it has to end");
    if (strcmp(way, "found_exit") == 0) {
        void *libc = dlopen("libc.so.6", RTLD_LAZY);
        void (*found)(int);
        *(void **)&found = dlsym(libc, "exit");
        found(STATUS);
    }
    if (strcmp(way, "segv") == 0) *(volatile int *)(uintptr_t)16 = 1;
    if (strcmp(way, "bus") == 0) use_a_file_that_was_cut();
    if (strcmp(way, "fpe") == 0) zero = getpid() / zero;
    if (strcmp(way, "ill") == 0) __builtin_trap();
    if (strcmp(way, "abort") == 0) abort();
    if (strcmp(way, "trap") == 0) raise(SIGTRAP);
    if (strcmp(way, "alarm") == 0) {
        kill(getpid(), SIGALRM);
        pause();
    }
    if (strcmp(way, "overflow") == 0) zero = overflow(0);
    if (strcmp(way, "free") == 0) {
        /* The C library finds it out, and aborts. */
        char *volatile inside = (char *)malloc(64) + 8;
        free(inside);
    }
    if (strcmp(way, "children") == 0) begin_children();
}

static void *end_on_thread(void *way) {
    end(way);
    return NULL;
}

static void read_body(const backplane_call_t call, char way[32]) {
    const backplane_bytes_t body = call.request->body;
    memset(way, 0, 32);
    if (body.size > 0 && body.size < 32) memcpy(way, body.data, (size_t)body.size);
}

static void run(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char way[32];
    read_body(calls[0], way);
    end(way);
    backplane_finish_text(calls[0], "text/plain", "still here");
}

static void run_on_thread(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char way[32];
    read_body(calls[0], way);
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_on_thread, way) == 0) pthread_join(thread, NULL);
    backplane_finish_text(calls[0], "text/plain", "still here");
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = run},
    {.name = "inline", .flags = BACKPLANE_METHOD_INLINE, .invoke = run},
    {.name = "thread", .invoke = run_on_thread},
};

#ifdef WHEN_LOADED
__attribute__((constructor)) static void when_loaded(void) {
    end(WHEN_LOADED);
}
#endif

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "ends",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
