/* warmup_fails - the warm-up fails with UNAVAILABLE. */
#include "backplane_plugin.h"

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "cold");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static backplane_status_t warm_up(backplane_instance_t *self, backplane_error_t *error) {
    (void)self;
    return backplane_error_format(error, BACKPLANE_STATUS_UNAVAILABLE, "cold");
}

static const backplane_warmup_extension_t warmup = {
    .struct_size = sizeof(warmup), .warm_up = warm_up};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_WARMUP) == 0 ? &warmup : NULL;
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "warmup_fails",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
