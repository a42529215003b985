/* uses_after_finish - finishes each call with "first" and goes on using it. `report` answers what
 * the host returned then, as "write allocate_body get_metadata is_cancelled": a status, NULL or
 * not, NULL or not, 0 or 1. */
#include "backplane_plugin.h"

static char seen[64];

static void use(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    const backplane_host_t *host = call.host;
    backplane_finish_text(call, "text/plain", "first");

    const backplane_response_t part = {.struct_size = sizeof(part)};
    const backplane_status_t written = host->write(call, &part);
    const char *allocated = host->allocate_body(call, 16) == NULL ? "NULL" : "memory";
    const char *metadata = host->get_metadata(call) == NULL ? "NULL" : "metadata";
    const int cancelled = host->is_cancelled(call) != 0;
    snprintf(seen, sizeof(seen), "%d %s %s %d", (int)written, allocated, metadata, cancelled);
    backplane_fail(call, BACKPLANE_STATUS_INTERNAL, "second");
}

static void report(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", seen);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = use},
    {.name = "report", .invoke = report},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "uses_after_finish",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
