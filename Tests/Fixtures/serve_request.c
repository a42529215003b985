/* serve_request - answers what the FAQ's request object has: a method for each row of its table.
 * `header` answers the header whose name is in the body, `method`, `query_params`, `json` and
 * `form` (the body, if the content type is theirs), `body`, `data` (the text at a native object of
 * the type "text"), `origin`, `path`, `request_id`, `shard_key`. */
#include "backplane_plugin.h"

static const backplane_host_t *plugin_host;

static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    (void)error;
    plugin_host = host;
    return BACKPLANE_STATUS_OK;
}

static int equal(backplane_string_t a, backplane_bytes_t b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, (size_t)a.size) == 0);
}

static void finish_string(backplane_call_t call, backplane_string_t text) {
    const backplane_bytes_t body = {(const uint8_t *)text.data, text.size};
    backplane_finish(call, backplane_string("text/plain"), body);
}

static void header(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    const backplane_metadata_t *metadata = call.host->get_metadata(call);
    for (uint64_t i = 0; i < metadata->header_count; i++) {
        if (equal(metadata->headers[i].name, call.request->body)) {
            finish_string(call, metadata->headers[i].value);
            return;
        }
    }
    backplane_fail(call, BACKPLANE_STATUS_NOT_FOUND, "no such header");
}

static void method(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    finish_string(calls[0], calls[0].host->get_metadata(calls[0])->http_method);
}

static void query_params(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    finish_string(calls[0], calls[0].host->get_metadata(calls[0])->query);
}

static void path(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    finish_string(calls[0], calls[0].host->get_metadata(calls[0])->path);
}

static void request_id(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    finish_string(calls[0], calls[0].host->get_metadata(calls[0])->request_id);
}

static void shard_key(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    finish_string(calls[0], calls[0].host->get_metadata(calls[0])->shard_key);
}

static void origin(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_origin_t from = calls[0].host->get_metadata(calls[0])->origin;
    backplane_finish_text(
        calls[0], "text/plain", from == BACKPLANE_ORIGIN_HTTP ? "http" : "handle");
}

/* Answers the body, if it came with this content type. */
static void answer_body(backplane_call_t call, const char *content_type) {
    const backplane_string_t sent = call.request->content_type;
    const size_t size = strlen(content_type);
    if (sent.size < size || memcmp(sent.data, content_type, size) != 0) {
        backplane_fail(call, BACKPLANE_STATUS_INVALID_ARGUMENT, "another content type");
        return;
    }
    backplane_finish(call, sent, call.request->body);
}

static void json(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    answer_body(calls[0], "application/json");
}

static void form(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    answer_body(calls[0], "application/x-www-form-urlencoded");
}

static void body(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    answer_body(calls[0], "");
}

static void data(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    const backplane_handle_extension_t *handles =
        plugin_host->get_extension(plugin_host, BACKPLANE_EXTENSION_HANDLE);
    backplane_native_t native;
    if (handles == NULL || handles->get_native(call, &native) != BACKPLANE_STATUS_OK) {
        backplane_fail(call, BACKPLANE_STATUS_NOT_FOUND, "no native object");
        return;
    }
    if (native.type.size != 4 || memcmp(native.type.data, "text", 4) != 0) {
        backplane_fail(call, BACKPLANE_STATUS_INVALID_ARGUMENT, "a native object of another type");
        return;
    }
    backplane_finish_text(call, "text/plain", native.object);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = body},
    {.name = "header", .invoke = header},
    {.name = "method", .invoke = method},
    {.name = "query_params", .invoke = query_params},
    {.name = "json", .invoke = json},
    {.name = "form", .invoke = form},
    {.name = "body", .invoke = body},
    {.name = "data", .invoke = data},
    {.name = "origin", .invoke = origin},
    {.name = "path", .invoke = path},
    {.name = "request_id", .invoke = request_id},
    {.name = "shard_key", .invoke = shard_key},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "serve_request",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .load = load,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
