/* streams - streamed responses: from a thread of its own, on the replica's thread, broken off
 * half-way, and where they are not allowed. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static uint32_t running;

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

static backplane_status_t write_part(backplane_call_t call, long long index) {
    char text[32];
    const int size = snprintf(text, sizeof(text), "part %lld\n", index);
    const backplane_response_t part = {
        .struct_size = sizeof(part),
        .content_type = backplane_string("text/plain"),
        .body = {(const uint8_t *)text, (uint64_t)size},
    };
    return call.host->write(call, &part);
}

/* Writes as many parts as the body says in decimal, from 0 on, then "end". */
static void stream(backplane_call_t call) {
    char text[32];
    copy_text(text, sizeof(text), call.request->body);
    const long long parts = strtoll(text, NULL, 10);
    for (long long i = 0; i < parts; i++) {
        const backplane_status_t status = write_part(call, i);
        if (status != BACKPLANE_STATUS_OK) {
            backplane_fail(call, status, "the stream was stopped");
            return;
        }
    }
    backplane_finish_text(call, "text/plain", "end\n");
}

static void *stream_on_thread(void *argument) {
    const backplane_call_t call = *(backplane_call_t *)argument;
    free(argument);
    stream(call);
    count_threads(-1);
    return NULL;
}

/* Runs `stream_on_thread` on a thread of its own, which frees its copy of `call`. Returns
 * whether there is one. */
static bool start_thread(backplane_call_t call) {
    backplane_call_t *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return false;
    }
    *copy = call;
    pthread_t thread;
    count_threads(+1);
    if (pthread_create(&thread, NULL, stream_on_thread, copy) != 0) {
        count_threads(-1);
        free(copy);
        return false;
    }
    pthread_detach(thread);
    return true;
}

static void stream_async(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    if (!start_thread(calls[0])) {
        backplane_fail(calls[0], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no thread");
    }
}

static void stream_sync(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    stream(calls[0]);
}

static void break_off(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    (void)write_part(calls[0], 0);
    backplane_fail(calls[0], BACKPLANE_STATUS_INTERNAL, "broke");
}

/* An INLINE method may not stream: answers the status that `write` returned. */
static void write_inline(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[16];
    snprintf(text, sizeof(text), "%d", (int)write_part(calls[0], 0));
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_ASYNC, .invoke = stream_async},
    {.name = "sync", .invoke = stream_sync},
    {.name = "breaks", .invoke = break_off},
    {.name = "inline", .flags = BACKPLANE_METHOD_INLINE, .invoke = write_inline},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "streams",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .unload = unload,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
