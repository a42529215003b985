/* ids - answers each call's own id. `open` writes the id as a part and leaves the call open;
 * `finish` finishes, with "by id", whatever call has the id in its body, open or long finished. */
#include "backplane_plugin.h"

#include <inttypes.h>
#include <stdlib.h>

static int format_id(char *text, size_t capacity, uint64_t id) {
    return snprintf(text, capacity, "%" PRIu64, id);
}

static void own(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        char text[32];
        format_id(text, sizeof(text), calls[i].id);
        backplane_finish_text(calls[i], "text/plain", text);
    }
}

static void leave_open(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        char text[32];
        const int size = format_id(text, sizeof(text), calls[i].id);
        const backplane_response_t part = {
            .struct_size = sizeof(part), .body = {(const uint8_t *)text, (uint64_t)size}};
        calls[i].host->write(calls[i], &part);
    }
}

static void finish_other(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    const backplane_bytes_t body = calls[0].request->body;
    char text[32];
    const size_t size = body.size < sizeof(text) ? (size_t)body.size : sizeof(text) - 1;
    memcpy(text, body.data, size);
    text[size] = '\0';
    backplane_call_t other = calls[0];
    other.id = strtoull(text, NULL, 10);
    backplane_finish_text(other, "text/plain", "by id");
    own(self, calls, 1);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = own},
    {.name = "open",
     .flags = BACKPLANE_METHOD_BATCHABLE | BACKPLANE_METHOD_ASYNC,
     .invoke = leave_open},
    {.name = "finish", .invoke = finish_other},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = "ids",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
