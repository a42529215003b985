/* two_writers - each call is streamed from two threads at once, as the header allows: as many parts as the body says
 * in all, each a line of its own, and the one that ends last finishes. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static uint32_t running;

struct stream {
    backplane_call_t call;
    _Atomic long parts;
    _Atomic int writers;
};

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

static void *write_parts(void *argument) {
    static const char line[] = "one line of two writers\n";
    struct stream *stream = argument;
    const backplane_call_t call = stream->call;
    const backplane_response_t part = {
        .struct_size = sizeof(part),
        .content_type = backplane_string("text/plain"),
        .body = {(const uint8_t *)line, sizeof(line) - 1},
    };
    while (atomic_fetch_sub(&stream->parts, 1) > 0) {
        if (call.host->write(call, &part) != BACKPLANE_STATUS_OK) {
            break;
        }
    }
    if (atomic_fetch_sub(&stream->writers, 1) == 1) {
        free(stream);
        backplane_finish_text(call, "text/plain", "end\n");
    }
    count_threads(-1);
    return NULL;
}

static void call(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    struct stream *stream = calloc(1, sizeof(*stream));
    char text[16] = "";
    const backplane_bytes_t body = calls[0].request->body;
    memcpy(text, body.data != NULL ? (const char *)body.data : "", body.size < 15 ? (size_t)body.size : 15);
    stream->call = calls[0];
    atomic_init(&stream->parts, strtol(text, NULL, 10));
    atomic_init(&stream->writers, 2);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        count_threads(1);
        if (pthread_create(&thread, NULL, write_parts, stream) != 0) {
            abort();
        }
        pthread_detach(thread);
    }
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_ASYNC, .invoke = call}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = "two_writers",
    .version = "1.0.0",
    .methods = methods,
    .method_count = 1,
    .method_size = sizeof(backplane_method_t),
    .unload = unload,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) { return &plugin; }
