/* bad_extension - its state extension lacks `restore`; -DSTRUCT_SIZE=8 makes it too small as
 * well. */
#include "backplane_plugin.h"

#ifndef STRUCT_SIZE
#define STRUCT_SIZE sizeof(backplane_state_extension_t)
#endif

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", "bad extension");
}

static backplane_status_t save(
    backplane_instance_t *self, backplane_sink_t *sink, backplane_error_t *error) {
    (void)self;
    (void)sink;
    (void)error;
    return BACKPLANE_STATUS_OK;
}

static const backplane_state_extension_t state_extension = {
    .struct_size = STRUCT_SIZE, .save = save};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_STATE) == 0 ? &state_extension : NULL;
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "bad_extension",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
