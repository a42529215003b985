/* statuses - fails each call with the status number that its body names in decimal: known ones,
 * unknown ones, and OK, which is no failure. */
#include "backplane_plugin.h"

#include <stdlib.h>

/* The body as a text for the C library, cut off where `text` is full. */
static void copy_text(char *text, size_t capacity, backplane_bytes_t bytes) {
    const size_t size = bytes.size < capacity ? (size_t)bytes.size : capacity - 1;
    if (size > 0) {
        memcpy(text, bytes.data, size);
    }
    text[size] = '\0';
}

static void fail_as_asked(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[32];
    copy_text(text, sizeof(text), calls[0].request->body);
    backplane_fail(calls[0], (backplane_status_t)strtol(text, NULL, 10), "as asked");
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = fail_as_asked}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "statuses",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
