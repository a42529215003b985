/* slow_inline - promises INLINE and then sleeps for 20 ms; answers the name of the thread it was
 * run on. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <pthread.h>
#include <time.h>

static void overstay(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const struct timespec twenty_ms = {.tv_nsec = 20 * 1000 * 1000};
    nanosleep(&twenty_ms, NULL);
    char name[16] = ""; /* Linux: 15 bytes and a NUL */
    pthread_getname_np(pthread_self(), name, sizeof(name));
    backplane_finish_text(calls[0], "text/plain", name);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_INLINE, .invoke = overstay},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "slow_inline",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
