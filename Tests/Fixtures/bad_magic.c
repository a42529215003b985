/* bad_magic - its descriptor begins with other bytes than "BPLN"; all else is right. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "bad magic");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    .magic = 0x21444142u, /* "BAD!" */
    .struct_size = sizeof(backplane_plugin_t),
    .abi_major = BACKPLANE_ABI_MAJOR,
    .abi_minor = BACKPLANE_ABI_MINOR,
    .name = "bad_magic",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
