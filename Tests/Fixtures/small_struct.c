/* small_struct - says its descriptor ends after 16 bytes, before all that is required; all else
 * is right. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "small struct");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    .magic = BACKPLANE_MAGIC,
    .struct_size = 16,
    .abi_major = BACKPLANE_ABI_MAJOR,
    .abi_minor = BACKPLANE_ABI_MINOR,
    .name = "small_struct",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
