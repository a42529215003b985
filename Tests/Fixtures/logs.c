/* logs - behaves: writes its body to the host's log, as a warning; bytes that are no text among
 * them. */
#include "backplane_plugin.h"

static void log_body(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_host_t *host = calls[0].host;
    const backplane_bytes_t body = calls[0].request->body;
    const backplane_string_t message = {(const char *)body.data, body.size};
    host->log(host, BACKPLANE_LOG_WARNING, message);
    backplane_finish_text(calls[0], "text/plain", "");
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = log_body}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "logs",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
