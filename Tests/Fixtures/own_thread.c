/* own_thread - behaves: finishes each call from a new thread of its own, with a request borrowed
 * beyond `invoke`. */
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

static void *echo(void *argument) {
    const backplane_call_t call = *(backplane_call_t *)argument;
    free(argument);
    backplane_finish(call, call.request->content_type, call.request->body);
    count_threads(-1);
    return NULL;
}

/* Runs `echo` on a thread of its own, which frees its copy of `call`. Returns whether there is
 * one. */
static bool start_thread(backplane_call_t call) {
    backplane_call_t *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return false;
    }
    *copy = call;
    pthread_t thread;
    count_threads(+1);
    if (pthread_create(&thread, NULL, echo, copy) != 0) {
        count_threads(-1);
        free(copy);
        return false;
    }
    pthread_detach(thread);
    return true;
}

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        if (!start_thread(calls[i])) {
            backplane_fail(calls[i], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no thread");
        }
    }
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_ASYNC, .invoke = answer},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "own_thread",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .unload = unload,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
