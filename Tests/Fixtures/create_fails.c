/* create_fails - no replica can be made of it, and it says why; with -DWHILE="path" only while that
 * file exists. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <unistd.h>

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "made");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)args;
    (void)instance;
#ifdef WHILE
    if (access(WHILE, F_OK) != 0) return BACKPLANE_STATUS_OK;
#endif
    return backplane_error_format(
        error, BACKPLANE_STATUS_FAILED_PRECONDITION, "no model at %s", "/models/none");
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "create_fails",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
