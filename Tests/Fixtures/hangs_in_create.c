/* hangs_in_create - its `create` blocks for ever. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <unistd.h>

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "unreachable");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)args;
    (void)instance;
    (void)error;
    for (;;) {
        pause();
    }
    return BACKPLANE_STATUS_OK; /* never reached, but gcc asks for it */
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "hangs_in_create",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
