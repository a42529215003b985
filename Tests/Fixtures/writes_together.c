/* writes_together - streams from two threads at once, without an end of its own: as many parts from each as the body
 * says, "a 0", "a 1", ... and "b 0", "b 1", ..., one a line; whoever is done last finishes with "end". */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct work {
    backplane_call_t call;
    long parts;
    atomic_int writers;
    atomic_int names;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int threads;

static void count_threads(int change) {
    pthread_mutex_lock(&lock);
    threads += change;
    pthread_cond_broadcast(&ended);
    pthread_mutex_unlock(&lock);
}

static void unload(void) {
    pthread_mutex_lock(&lock);
    while (threads > 0)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
}

static void *run(void *context) {
    struct work *work = context;
    const char name = "ab"[atomic_fetch_add(&work->names, 1)];
    for (long i = 0; i < work->parts; i++) {
        char text[32];
        const int size = snprintf(text, sizeof(text), "%c %ld\n", name, i);
        const backplane_response_t part = {
            .struct_size = sizeof(part),
            .content_type = backplane_string("text/plain"),
            .body = {(const uint8_t *)text, (uint64_t)size},
        };
        if (work->call.host->write(work->call, &part) != BACKPLANE_STATUS_OK)
            break;
    }
    if (atomic_fetch_sub(&work->writers, 1) == 1) {
        backplane_finish_text(work->call, "text/plain", "end\n");
        free(work);
    }
    count_threads(-1);
    return NULL;
}

static void start(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[32] = "";
    const backplane_bytes_t body = calls[0].request->body;
    memcpy(text, body.data == NULL ? (const uint8_t *)"" : body.data, body.size < 31 ? body.size : 31);
    struct work *work = calloc(1, sizeof(*work));
    work->call = calls[0];
    work->parts = atol(text);
    atomic_init(&work->writers, 2);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        count_threads(+1);
        pthread_create(&thread, NULL, run, work);
        pthread_detach(thread);
    }
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_ASYNC, .invoke = start},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "writes_together",
    .version = "1.0.0",
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .unload = unload,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
