/* slow - behaves: takes -DSLEEP_MS milliseconds (10) for each invocation, however large the
 * batch, then echoes. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <time.h>

#ifndef SLEEP_MS
#define SLEEP_MS 10
#endif

static void sleep_then_echo(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    const struct timespec duration = {
        .tv_sec = SLEEP_MS / 1000, .tv_nsec = SLEEP_MS % 1000 * 1000000L};
    nanosleep(&duration, NULL);
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish(calls[i], calls[i].request->content_type, calls[i].request->body);
    }
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = sleep_then_echo},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "slow",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
