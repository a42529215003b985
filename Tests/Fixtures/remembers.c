/* remembers - for calls whose answer nobody sees. `__call__` and `upper` remember what is known of
 * the call, which `last` answers, a line for each member and header; `data` keeps its call until
 * `let_go`, which finishes it and answers the text at its native object. */
#include "backplane_plugin.h"

#include <pthread.h>
#include <stdbool.h>

static const backplane_host_t *plugin_host;

/* Guards what follows. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[4096];
static size_t last_size;
static backplane_call_t kept;
static bool keeps;

static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    (void)error;
    plugin_host = host;
    return BACKPLANE_STATUS_OK;
}

static void append(const char *name, size_t name_size, const void *value, uint64_t size) {
    const int written = snprintf(
        last + last_size, sizeof(last) - last_size, "%.*s=%.*s\n", (int)name_size, name,
        (int)size, value == NULL ? "" : (const char *)value);
    last_size += (size_t)written;
}

static void append_text(const char *name, backplane_string_t value) {
    append(name, strlen(name), value.data, value.size);
}

static void remember(const backplane_call_t call, const char *method) {
    const backplane_metadata_t *metadata = call.host->get_metadata(call);
    const bool is_http = metadata->origin == BACKPLANE_ORIGIN_HTTP;
    pthread_mutex_lock(&lock);
    last_size = 0;
    append_text("method", backplane_string(method));
    append("body", 4, call.request->body.data, call.request->body.size);
    append_text("content_type", call.request->content_type);
    append_text("origin", backplane_string(is_http ? "http" : "handle"));
    append_text("http_method", metadata->http_method);
    append_text("path", metadata->path);
    append_text("query", metadata->query);
    append_text("request_id", metadata->request_id);
    append_text("shard_key", metadata->shard_key);
    for (uint64_t i = 0; i < metadata->header_count; i++) {
        const backplane_header_t header = metadata->headers[i];
        append(header.name.data, (size_t)header.name.size, header.value.data, header.value.size);
    }
    pthread_mutex_unlock(&lock);
    backplane_finish_text(call, "text/plain", "nobody sees this");
}

static void remember_call(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    remember(calls[0], "__call__");
}

static void remember_upper(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    remember(calls[0], "upper");
}

static void answer_last(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[sizeof(last)];
    pthread_mutex_lock(&lock);
    const size_t size = last_size;
    memcpy(text, last, size);
    pthread_mutex_unlock(&lock);
    backplane_finish(
        calls[0], backplane_string("text/plain"), (backplane_bytes_t){(uint8_t *)text, size});
}

static void keep(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    pthread_mutex_lock(&lock);
    kept = calls[0];
    keeps = true;
    pthread_mutex_unlock(&lock);
}

static void let_go(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    pthread_mutex_lock(&lock);
    const backplane_call_t call = kept;
    const bool has_call = keeps;
    keeps = false;
    pthread_mutex_unlock(&lock);
    const backplane_handle_extension_t *handles =
        plugin_host->get_extension(plugin_host, BACKPLANE_EXTENSION_HANDLE);
    backplane_native_t native;
    if (!has_call || handles->get_native(call, &native) != BACKPLANE_STATUS_OK) {
        backplane_fail(calls[0], BACKPLANE_STATUS_NOT_FOUND, "no native object is kept");
        return;
    }
    backplane_finish_text(calls[0], "text/plain", native.object);
    backplane_finish_text(call, "text/plain", "nobody sees this");
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = remember_call},
    {.name = "upper", .invoke = remember_upper},
    {.name = "last", .invoke = answer_last},
    {.name = "data", .flags = BACKPLANE_METHOD_ASYNC, .invoke = keep},
    {.name = "let_go", .invoke = let_go},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = "remembers",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .load = load,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
