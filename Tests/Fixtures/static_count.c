/* static_count - behaves: counts in a static variable, which is one per loaded copy of the
 * library. */
#include "backplane_plugin.h"

#include <stdatomic.h>

/* Its replicas share it. */
static atomic_int calls_seen;

static void increment(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[16];
    snprintf(text, sizeof(text), "%d", atomic_fetch_add(&calls_seen, 1) + 1);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = increment}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "static_count",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
