/* batch_keys - behaves: calls whose bodies begin with the same byte may share a batch. Answers the
 * batch it was in: the bodies in order, joined by '|'. `preferred` is the same and likes batches
 * of 4. A body that begins with '-' has no key. */
#include "backplane_plugin.h"

static void answer_batch(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    uint8_t text[4096];
    uint64_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        const backplane_bytes_t body = calls[i].request->body;
        if (size + body.size + 1 > sizeof(text)) {
            break;
        }
        if (i > 0) {
            text[size++] = '|';
        }
        memcpy(text + size, body.data, body.size);
        size += body.size;
    }
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish(
            calls[i], backplane_string("text/plain"), (backplane_bytes_t){text, size});
    }
}

static uint64_t batch_key(const backplane_request_t *request) {
    if (request->body.size == 0 || request->body.data[0] == '-') {
        return 0;
    }
    return request->body.data[0];
}

static const backplane_batch_key_extension_t batch_key_extension = {
    sizeof(batch_key_extension), 0, batch_key};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_BATCH_KEY) == 0 ? &batch_key_extension : NULL;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = answer_batch},
    {.name = "preferred",
     .flags = BACKPLANE_METHOD_BATCHABLE,
     .preferred_batch_size = 4,
     .invoke = answer_batch},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "batch_keys",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
