/* load_fails - the library refuses to be prepared, and says why. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "unreachable");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    (void)host;
    return backplane_error_format(
        error, BACKPLANE_STATUS_UNAVAILABLE, "licence server unreachable");
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "load_fails",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .load = load,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
