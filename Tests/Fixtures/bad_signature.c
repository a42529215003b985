/* bad_signature - its typed method is declared as -DSIGNATURE, -DFUNCTION, -DINVOKE and -DFLAGS say. */
#include "backplane_plugin.h"

#ifndef SIGNATURE
#define SIGNATURE "(number: i46) -> i64"
#endif
#ifndef FUNCTION
#define FUNCTION ((backplane_function_t)twice)
#endif
#ifndef INVOKE
#define INVOKE NULL
#endif
#ifndef FLAGS
#define FLAGS 0
#endif

int64_t twice(int64_t number) {
    return 2 * number;
}

void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++)
        backplane_finish_text(calls[i], "text/plain", "untyped");
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = FLAGS, .invoke = INVOKE, .signature = SIGNATURE, .function = FUNCTION},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "bad_signature",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
