/* no_methods - its method table has no entries; the table's address is right. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "no methods");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "no_methods",
    .version = "1.0.0",
    .methods = methods,
    .method_count = 0,
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
