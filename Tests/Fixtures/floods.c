/* floods - streams parts of 64 KiB from a thread of its own, each filled with its number; the body
 * says how many, "12x256" how many of how many KiB, and may name a file to wait for before the last
 * one. `progress` answers how far the last stream has come, and what `write` said. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define KIB 1024
#define USUAL_PART_SIZE (64 * KIB)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static uint32_t running;
static _Atomic long parts_written;
static _Atomic int last_status;

/* Adds `change` to the number of threads that may still use the host. */
static void count_threads(int32_t change) {
    pthread_mutex_lock(&lock);
    running += (uint32_t)change;
    pthread_cond_broadcast(&ended);
    pthread_mutex_unlock(&lock);
}

/* Waits for the threads. What they do after that is to return, and the library stays mapped. */
static void unload(void) {
    pthread_mutex_lock(&lock);
    while (running > 0) {
        pthread_cond_wait(&ended, &lock);
    }
    pthread_mutex_unlock(&lock);
}

/* The body as a text for the C library, cut off where `text` is full. */
static void copy_text(char *text, size_t capacity, backplane_bytes_t bytes) {
    const size_t size = bytes.size < capacity ? (size_t)bytes.size : capacity - 1;
    if (size > 0) {
        memcpy(text, bytes.data, size);
    }
    text[size] = '\0';
}

/* Returns when the file exists or nobody waits for the stream any more. */
static void wait_for_file(backplane_call_t call, const char *path) {
    while (access(path, F_OK) != 0 && !call.host->is_cancelled(call)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
}

static void stream(backplane_call_t call) {
    char text[PATH_MAX];
    copy_text(text, sizeof(text), call.request->body);
    char *rest = NULL;
    const long parts = strtol(text, &rest, 10);
    const size_t size = *rest == 'x' ? (size_t)strtol(rest + 1, &rest, 10) * KIB : USUAL_PART_SIZE;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        backplane_fail(call, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    int status = BACKPLANE_STATUS_OK;
    for (long i = 0; status == BACKPLANE_STATUS_OK && i < parts; i++) {
        if (i == parts - 1 && *rest == ' ') {
            wait_for_file(call, rest + 1);
        }
        memset(bytes, (int)(i & 0xFF), size);
        const backplane_response_t part = {
            .struct_size = sizeof(part), .body = {bytes, size}};
        status = call.host->write(call, &part);
        last_status = status;
        parts_written += status == BACKPLANE_STATUS_OK;
    }
    free(bytes);
    if (status == BACKPLANE_STATUS_OK) {
        backplane_finish_text(call, "", "");
    } else {
        backplane_fail(call, status, "the stream was stopped");
    }
}

static void *stream_on_thread(void *argument) {
    const backplane_call_t call = *(backplane_call_t *)argument;
    stream(call);
    free(argument);
    count_threads(-1);
    return NULL;
}

static void start_stream(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    parts_written = 0;
    last_status = BACKPLANE_STATUS_OK;
    backplane_call_t *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        backplane_fail(calls[0], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    *copy = calls[0];
    pthread_t thread;
    count_threads(+1);
    if (pthread_create(&thread, NULL, stream_on_thread, copy) != 0) {
        count_threads(-1);
        free(copy);
        backplane_fail(calls[0], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no thread");
        return;
    }
    pthread_detach(thread);
}

/* "12 0": 12 parts written, and the last `write` returned OK. */
static void progress(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[32];
    snprintf(text, sizeof(text), "%ld %d", (long)parts_written, (int)last_status);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_ASYNC, .invoke = start_stream},
    {.name = "progress", .invoke = progress},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = "floods",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .unload = unload,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
