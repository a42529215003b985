/* newer_minor - made for ABI 1.99, whose descriptor is 64 bytes longer than today's. A host must
 * serve it and leave alone what it doesn't know: the new members hold no valid pointer. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "newer");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const struct newer_plugin {
    backplane_plugin_t plugin;
    uint64_t since_1_99[8];
} newer = {
    .plugin =
        {
            .magic = BACKPLANE_MAGIC,
            .struct_size = sizeof(struct newer_plugin),
            .abi_major = BACKPLANE_ABI_MAJOR,
            .abi_minor = 99,
            .name = "newer_minor",
            .version = "1.0.0",
            .methods = methods,
            .method_count = sizeof(methods) / sizeof(methods[0]),
            .method_size = sizeof(backplane_method_t),
        },
    .since_1_99 = {1, 2, 3, 4, 5, 6, 7, 8},
};

BACKPLANE_STATIC_ASSERT(
    sizeof(struct newer_plugin) == sizeof(backplane_plugin_t) + 64, "64 bytes longer than today's");

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &newer.plugin;
}
