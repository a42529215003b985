/* health_fails - each health check fails with UNAVAILABLE. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "sick");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static backplane_status_t check(backplane_instance_t *self, backplane_error_t *error) {
    (void)self;
    return backplane_error_format(error, BACKPLANE_STATUS_UNAVAILABLE, "sick");
}

static const backplane_health_extension_t health = {.struct_size = sizeof(health), .check = check};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_HEALTH) == 0 ? &health : NULL;
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "health_fails",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
