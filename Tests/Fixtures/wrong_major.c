/* wrong_major - says it is made for ABI 2.0; all else is right. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "wrong major");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    .magic = BACKPLANE_MAGIC,
    .struct_size = sizeof(backplane_plugin_t),
    .abi_major = 2,
    .abi_minor = 0,
    .name = "wrong_major",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
