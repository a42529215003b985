/* larger_methods - made for a newer ABI, whose method table has entries 16 bytes longer than
 * today's: the host must step by `method_size`. Answers "first", `second` answers "second".
 * -DMETHOD_SIZE=52 says another size than the entries have. */
#include "backplane_plugin.h"

struct larger_method {
    backplane_method_t method;
    uint64_t since_1_99[2];
};

#ifndef METHOD_SIZE
#define METHOD_SIZE sizeof(struct larger_method)
#endif

static void first(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", "first");
}

static void second(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", "second");
}

static const struct larger_method methods[] = {
    {.method = {.name = "__call__", .invoke = first}, .since_1_99 = {1, 2}},
    {.method = {.name = "second", .invoke = second}, .since_1_99 = {3, 4}},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "larger_methods",
    .version = "1.0.0",
    .methods = &methods[0].method,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = METHOD_SIZE,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
