/* metadata - behaves: answers what else is known of the call, a line for each member and each
 * header. `who` answers "remote_address scheme subject"; `twice` asks twice and answers "same" or
 * "other"; `none` does not ask. */
#include "backplane_plugin.h"

struct text {
    char bytes[4096];
    size_t size;
};

static void append(struct text *text, const char *name, backplane_string_t value) {
    const int size = snprintf(
        text->bytes + text->size, sizeof(text->bytes) - text->size, "%s=%.*s\n", name,
        (int)value.size, value.data == NULL ? "" : value.data);
    text->size += (size_t)size;
}

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_metadata_t *metadata = calls[0].host->get_metadata(calls[0]);
    struct text text = {.size = 0};
    append(
        &text, "origin",
        backplane_string(metadata->origin == BACKPLANE_ORIGIN_HTTP ? "http" : "handle"));
    append(&text, "http_method", metadata->http_method);
    append(&text, "path", metadata->path);
    append(&text, "query", metadata->query);
    append(&text, "request_id", metadata->request_id);
    append(&text, "shard_key", metadata->shard_key);
    for (uint64_t i = 0; i < metadata->header_count; i++) {
        char name[256];
        snprintf(
            name, sizeof(name), "%.*s", (int)metadata->headers[i].name.size,
            metadata->headers[i].name.data);
        append(&text, name, metadata->headers[i].value);
    }
    backplane_finish(
        calls[0], backplane_string("text/plain"),
        (backplane_bytes_t){(const uint8_t *)text.bytes, text.size});
}

static void answer_who(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_metadata_t *metadata = calls[0].host->get_metadata(calls[0]);
    const backplane_string_t *members[] = {&metadata->remote_address, &metadata->scheme, &metadata->subject};
    char text[512] = "";
    for (int i = 0; i < 3; i++) {
        const size_t size = strlen(text);
        snprintf(
            text + size, sizeof(text) - size, "%s%.*s", i == 0 ? "" : " ", (int)members[i]->size,
            members[i]->data);
    }
    backplane_finish_text(calls[0], "text/plain", text);
}

static void ask_twice(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_metadata_t *first = calls[0].host->get_metadata(calls[0]);
    const backplane_metadata_t *second = calls[0].host->get_metadata(calls[0]);
    backplane_finish_text(calls[0], "text/plain", first == second ? "same" : "other");
}

static void ask_not(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", "none");
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = answer},
    {.name = "who", .invoke = answer_who},
    {.name = "twice", .invoke = ask_twice},
    {.name = "none", .invoke = ask_not},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "metadata",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
