/* request - behaves: answers what the request says beside its body, as "struct_size method
 * deadline_ns content_type". */
#include "backplane_plugin.h"

#include <inttypes.h>

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_request_t *request = calls[0].request;
    char text[256];
    snprintf(
        text, sizeof(text), "%u %u %" PRIu64 " %.*s", (unsigned)request->struct_size,
        (unsigned)request->method, request->deadline_ns, (int)request->content_type.size,
        request->content_type.data == NULL ? "" : request->content_type.data);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = answer},
    {.name = "second", .invoke = answer},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "request",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
