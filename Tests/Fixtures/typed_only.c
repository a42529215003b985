/* typed_only - its one method is an ordinary C function with a signature. */
#include "backplane_plugin.h"

static int64_t twice(int64_t number) {
    return 2 * number;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .signature = "(number: i64) -> i64", .function = (backplane_function_t)twice},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "typed_only",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
