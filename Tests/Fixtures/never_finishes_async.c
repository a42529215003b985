/* never_finishes_async - its method is ASYNC, and nobody ever finishes its calls. */
#include "backplane_plugin.h"

static void forget(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)calls;
    (void)count;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_ASYNC, .invoke = forget},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "never_finishes_async",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
