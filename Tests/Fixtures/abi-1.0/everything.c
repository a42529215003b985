/* everything - uses each function and each struct of ABI 1.0 once, and is kept as a binary: a host that serves it keeps
 * its word to plugins of 1.0. -DNEWER: built against a header in which each struct that may grow has the member
 * `since_1_1`, fills it in, and answers from `newer` which structs of the host have it. */
#include "backplane_plugin.h"

#include <stdlib.h>

#ifdef NEWER
#define GROWN , .since_1_1 = {0xDEADDEADDEADDEAD, 0xDEADDEADDEADDEAD}
#define NOTE(pointer, type) seen |= BACKPLANE_HAS(pointer, type, since_1_1)
#else
#define GROWN
#define NOTE(pointer, type) seen |= (pointer)->struct_size < sizeof(type)
#endif

#define METHOD(name) static void name(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count)
#define UNUSED ((void)self, (void)count)

struct backplane_instance {
    const backplane_host_t *host;
    int64_t count;
    int is_warm, checks;
    char config[64];
};

/* Whether a struct of the host was smaller than 1.0, or (NEWER) has members that 1.0 has not. */
static int seen;
static int released;
static const backplane_handle_extension_t *handles;
static const backplane_library_extension_t *library;
static backplane_handle_t echo;

static backplane_string_t text_of(backplane_bytes_t bytes) {
    return (backplane_string_t){(const char *)bytes.data, bytes.size};
}

static int is(backplane_string_t text, const char *other) {
    return text.size == strlen(other) && memcmp(text.data, other, strlen(other)) == 0;
}

/* ---- The library, and its instances ---------------------------------------------------------------------------- */

static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    NOTE(host, backplane_host_t);
    NOTE(error, backplane_error_t);
    handles = host->get_extension(host, BACKPLANE_EXTENSION_HANDLE);
    library = host->get_extension(host, BACKPLANE_EXTENSION_LIBRARY);
    if (handles == NULL || library == NULL || host->get_extension(host, "backplane.none/1") != NULL)
        return backplane_error_format(error, BACKPLANE_STATUS_INTERNAL, "other extensions than those of 1.0");
    NOTE(handles, backplane_handle_extension_t);
    NOTE(library, backplane_library_extension_t);
    return handles->open(host, backplane_string("echo"), BACKPLANE_HANDLE_MISSING_OK, &echo);
}

static void unload(void) {
    handles->close(echo);
}

static void configure(backplane_instance_t *self, backplane_string_t config) {
    snprintf(self->config, sizeof(self->config), "%.*s", (int)config.size, config.data);
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args, backplane_instance_t **instance,
    backplane_error_t *error) {
    NOTE(args, backplane_create_args_t);
    if (is(args->user_config, "\"refuse\""))
        return backplane_error_format(error, BACKPLANE_STATUS_INVALID_ARGUMENT, "refused as asked");
    *instance = calloc(1, sizeof(**instance));
    (*instance)->host = host;
    configure(*instance, args->user_config);
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

static backplane_status_t reconfigure(
    backplane_instance_t *self, backplane_string_t user_config, backplane_error_t *error) {
    (void)error;
    configure(self, user_config);
    return BACKPLANE_STATUS_OK;
}

/* ---- Methods --------------------------------------------------------------------------------------------------- */

METHOD(answer_echo) {
    UNUSED;
    const backplane_bytes_t body = calls[0].request->body;
    NOTE(calls[0].request, backplane_request_t);
    uint8_t *copy = calls[0].host->allocate_body(calls[0], body.size);
    if (body.size > 0) memcpy(copy, body.data, (size_t)body.size);
    backplane_finish(calls[0], calls[0].request->content_type, (backplane_bytes_t){copy, body.size});
}

static int64_t add(backplane_instance_t *self, int64_t number) {
    return self->count += number;
}

METHOD(created) {
    UNUSED;
    const backplane_header_t header = {backplane_string("location"), backplane_string("/here")};
    const backplane_response_t response = {
        .struct_size = sizeof(response),
        .http_status = 201,
        .headers = &header,
        .header_count = 1,
        .content_type = backplane_string("text/plain"),
        .body = {(const uint8_t *)"created", 7} GROWN};
    calls[0].host->finish(calls[0], &response);
}

METHOD(fails) {
    UNUSED;
    backplane_fail(calls[0], BACKPLANE_STATUS_NOT_FOUND, "not here");
}

METHOD(fails_with) {
    UNUSED;
    const backplane_header_t header = {backplane_string("x-why"), backplane_string("because")};
    const backplane_failure_t failure = {
        .struct_size = sizeof(failure),
        .status = BACKPLANE_STATUS_FAILED_PRECONDITION,
        .http_status = 422,
        .message = backplane_string("not so"),
        .headers = &header,
        .header_count = 1,
        .details = {(const uint8_t *)"[1]", 3} GROWN};
    calls[0].host->fail_with(calls[0], &failure);
}

METHOD(streams) {
    UNUSED;
    const backplane_response_t part = {
        .struct_size = sizeof(part),
        .content_type = backplane_string("text/plain"),
        .body = {(const uint8_t *)"part ", 5} GROWN};
    calls[0].host->write(calls[0], &part);
    calls[0].host->write(calls[0], &part);
    backplane_finish_text(calls[0], "text/plain", calls[0].host->is_cancelled(calls[0]) ? "cancelled" : "end");
}

METHOD(batch) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) backplane_finish_text(calls[i], "text/plain", "in a batch");
}

METHOD(describe) {
    UNUSED;
    const backplane_metadata_t *call = calls[0].host->get_metadata(calls[0]);
    NOTE(call, backplane_metadata_t);
    char text[256];
    snprintf(
        text, sizeof(text), "%d %.*s %.*s %.*s %.*s %.*s %.*s %d", (int)call->origin, (int)call->http_method.size,
        call->http_method.data, (int)call->path.size, call->path.data, (int)call->query.size, call->query.data,
        (int)call->request_id.size, call->request_id.data, (int)call->remote_address.size, call->remote_address.data,
        (int)call->scheme.size, call->scheme.data,
        (int)(call->shard_key.size + call->subject.size) + (call->header_count > 0 && call->headers[0].name.size > 0));
    backplane_finish_text(calls[0], "text/plain", text);
}

METHOD(logs) {
    UNUSED;
    const backplane_field_t field = {backplane_string("colour"), backplane_string("blue")};
    const backplane_log_record_t record = {
        .struct_size = sizeof(record),
        .level = BACKPLANE_LOG_WARNING,
        .call = &calls[0],
        .message = backplane_string("everything logs"),
        .fields = &field,
        .field_count = 1 GROWN};
    calls[0].host->log(calls[0].host, &record);
    backplane_finish_text(
        calls[0], "text/plain", calls[0].host->log_enabled(calls[0].host, BACKPLANE_LOG_ERROR) ? "enabled" : "not");
}

METHOD(place) {
    UNUSED;
    const char *data = NULL;
    const backplane_status_t status = library->get_data_directory(calls[0].host, &data, NULL);
    char text[4096];
    snprintf(
        text, sizeof(text), "%d %s %s %s %s", (int)status, library->path, library->directory, library->manifest_path,
        data);
    backplane_finish_text(calls[0], "text/plain", text);
}

METHOD(state) {
    (void)count;
    char text[128];
    snprintf(
        text, sizeof(text), "%lld %d %d %s", (long long)self->count, self->is_warm, self->checks > 0, self->config);
    backplane_finish_text(calls[0], "text/plain", text);
}

METHOD(newer) {
    UNUSED;
    backplane_finish_text(calls[0], "text/plain", seen ? "another size" : "as in 1.0");
}

/* ---- Handles --------------------------------------------------------------------------------------------------- */

static void release(const void *object) {
    (void)object;
    released++;
}

static backplane_handle_request_t request_for(const backplane_call_t *parent) {
    return (backplane_handle_request_t){
        .struct_size = sizeof(backplane_handle_request_t),
        .parent = parent,
        .body = parent->request->body,
        .content_type = parent->request->content_type,
        .native = {backplane_string("everything/1"), &released},
        .release_native = release GROWN};
}

static void pass_on(void *context, const backplane_handle_response_t *response) {
    NOTE(response, backplane_handle_response_t);
    backplane_finish_with(*(const backplane_call_t *)context, response);
}

static void pass_on_later(void *context, const backplane_handle_response_t *response) {
    pass_on(context, response);
    free(context);
}

METHOD(call_echo) {
    UNUSED;
    backplane_call_t call = calls[0];
    const backplane_handle_request_t request = request_for(&call);
    const backplane_status_t status = handles->call(echo, &request, pass_on, &call);
    if (status != BACKPLANE_STATUS_OK) backplane_fail(call, status, "the call was refused");
}

METHOD(start_echo) {
    UNUSED;
    backplane_call_t *call = malloc(sizeof(*call));
    *call = calls[0];
    backplane_handle_request_t request = request_for(call);
    request.flags = BACKPLANE_HANDLE_FORWARD;
    request.method_name = backplane_string("upper");
    const backplane_status_t status = handles->start(echo, &request, pass_on_later, call);
    if (status != BACKPLANE_STATUS_OK) backplane_fail(*call, status, "the call was refused");
}

METHOD(native) {
    UNUSED;
    backplane_native_t native = {{NULL, 0}, NULL};
    char text[32];
    snprintf(text, sizeof(text), "%d %d", (int)handles->get_native(calls[0], &native), released);
    backplane_finish_text(calls[0], "text/plain", text);
}

/* ---- Extensions of the plugin ---------------------------------------------------------------------------------- */

static backplane_status_t save(backplane_instance_t *self, backplane_sink_t *sink, backplane_error_t *error) {
    (void)error;
    NOTE(sink, backplane_sink_t);
    return sink->write(sink, (backplane_bytes_t){(const uint8_t *)&self->count, sizeof(self->count)});
}

static backplane_status_t restore(backplane_instance_t *self, backplane_bytes_t state, backplane_error_t *error) {
    if (state.size != sizeof(self->count))
        return backplane_error_format(error, BACKPLANE_STATUS_INVALID_ARGUMENT, "another state");
    memcpy(&self->count, state.data, sizeof(self->count));
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t warm_up(backplane_instance_t *self, backplane_error_t *error) {
    (void)error;
    self->is_warm = 1;
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t check(backplane_instance_t *self, backplane_error_t *error) {
    (void)error;
    self->checks++;
    return BACKPLANE_STATUS_OK;
}

static uint64_t batch_key(const backplane_request_t *request) {
    return request->body.size;
}

/* ---- Middleware ------------------------------------------------------------------------------------------------ */

struct backplane_stage {
    const backplane_host_t *host;
};

static backplane_status_t create_stage(
    const backplane_host_t *host, const backplane_stage_args_t *args, backplane_stage_t **stage,
    backplane_error_t *error) {
    NOTE(args, backplane_stage_args_t);
    if (!is(args->options, "{\"a\":1}") || args->backend.size != 0)
        return backplane_error_format(error, BACKPLANE_STATUS_INVALID_ARGUMENT, "other options");
    *stage = calloc(1, sizeof(**stage));
    (*stage)->host = host;
    return BACKPLANE_STATUS_OK;
}

static void destroy_stage(backplane_stage_t *stage) {
    free(stage);
}

static void on_request(
    backplane_stage_t *stage, backplane_next_t next, const backplane_metadata_t *request,
    const backplane_bytes_t *body) {
    NOTE(next.host, backplane_next_host_t);
    backplane_string_t step = {NULL, 0};
    for (uint64_t i = 0; i < request->header_count; i++)
        if (is(request->headers[i].name, "x-step")) step = request->headers[i].value;
    if (is(step, "respond")) {
        const backplane_response_t response = {
            .struct_size = sizeof(response), .http_status = 418, .body = {(const uint8_t *)"short", 5} GROWN};
        next.host->respond(next, &response);
    } else if (is(step, "fail")) {
        next.host->fail(next, BACKPLANE_STATUS_UNAUTHENTICATED, backplane_string("who are you?"));
    } else if (is(step, "fail_with")) {
        const backplane_failure_t failure = {
            .struct_size = sizeof(failure),
            .status = BACKPLANE_STATUS_PERMISSION_DENIED,
            .http_status = 451,
            .content_type = backplane_string("text/plain"),
            .details = {(const uint8_t *)"never", 5} GROWN};
        next.host->fail_with(next, &failure);
    } else if (is(step, "change")) {
        next.host->set_header(next, backplane_string("x-set"), backplane_string("1"));
        next.host->add_header(next, backplane_string("x-set"), backplane_string("2"));
        next.host->remove_header(next, backplane_string("x-remove"));
        next.host->set_path(next, backplane_string("/metadata"));
        next.host->set_query(next, backplane_string("b=2"));
        next.host->proceed(next, stage);
    } else if (is(step, "halve")) {
        next.host->set_body(next, (backplane_bytes_t){body->data, body->size / 2});
        next.host->proceed(next, stage);
    } else {
        next.host->proceed(next, stage);
    }
}

static void on_response(
    backplane_stage_t *stage, backplane_next_t next, void *context, const backplane_response_head_t *head) {
    NOTE(head, backplane_response_head_t);
    char seen_head[64];
    snprintf(
        seen_head, sizeof(seen_head), "%d %d %d", (int)head->http_status, (int)head->is_error, context == stage);
    next.host->set_header(next, backplane_string("x-staged"), backplane_string(seen_head));
}

static void on_response_body(
    backplane_stage_t *stage, backplane_next_t next, void *context, backplane_bytes_t piece, int32_t is_last) {
    (void)stage;
    (void)context;
    if (piece.size > 0 && is_last && is(text_of(piece), "swap"))
        next.host->set_body(next, (backplane_bytes_t){(const uint8_t *)"swapped", 7});
}

static void on_end(backplane_stage_t *stage, void *context, backplane_status_t status) {
    (void)context;
    if (status == BACKPLANE_STATUS_NOT_FOUND) backplane_log(stage->host, BACKPLANE_LOG_INFO, "everything ended");
}

/* ---- The descriptor -------------------------------------------------------------------------------------------- */

static const backplane_state_extension_t state_extension = {
    .struct_size = sizeof(state_extension), .save = save, .restore = restore GROWN};
static const backplane_warmup_extension_t warmup_extension = {
    .struct_size = sizeof(warmup_extension), .warm_up = warm_up GROWN};
static const backplane_health_extension_t health_extension = {
    .struct_size = sizeof(health_extension), .check = check GROWN};
static const backplane_batch_key_extension_t batch_key_extension = {
    .struct_size = sizeof(batch_key_extension), .batch_key = batch_key GROWN};
static const backplane_middleware_extension_t middleware_extension = {
    .struct_size = sizeof(middleware_extension),
    .flags = BACKPLANE_MIDDLEWARE_READS_BODY,
    .create = create_stage,
    .destroy = destroy_stage,
    .on_request = on_request,
    .on_response = on_response,
    .on_response_body = on_response_body,
    .on_end = on_end GROWN};

static const void *get_extension(const char *identifier) {
    if (strcmp(identifier, BACKPLANE_EXTENSION_STATE) == 0) return &state_extension;
    if (strcmp(identifier, BACKPLANE_EXTENSION_WARMUP) == 0) return &warmup_extension;
    if (strcmp(identifier, BACKPLANE_EXTENSION_HEALTH) == 0) return &health_extension;
    if (strcmp(identifier, BACKPLANE_EXTENSION_BATCH_KEY) == 0) return &batch_key_extension;
    if (strcmp(identifier, BACKPLANE_EXTENSION_MIDDLEWARE) == 0) return &middleware_extension;
    return NULL;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .description = "Answers its body.", .invoke = answer_echo GROWN},
    {.name = "add", .signature = "(self, number: i64) -> i64", .function = (backplane_function_t)add GROWN},
    {.name = "created", .invoke = created GROWN},
    {.name = "fails", .invoke = fails GROWN},
    {.name = "fails_with", .invoke = fails_with GROWN},
    {.name = "streams", .invoke = streams GROWN},
    {.name = "batch", .flags = BACKPLANE_METHOD_BATCHABLE, .preferred_batch_size = 2, .invoke = batch GROWN},
    {.name = "describe", .flags = BACKPLANE_METHOD_INLINE | BACKPLANE_METHOD_REENTRANT | BACKPLANE_METHOD_IDEMPOTENT,
     .invoke = describe GROWN},
    {.name = "logs", .invoke = logs GROWN},
    {.name = "place", .invoke = place GROWN},
    {.name = "state", .invoke = state GROWN},
    {.name = "newer", .invoke = newer GROWN},
    {.name = "call", .invoke = call_echo GROWN},
    {.name = "start", .flags = BACKPLANE_METHOD_ASYNC, .invoke = start_echo GROWN},
    {.name = "native", .invoke = native GROWN},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "everything",
    .version = "1.0.0",
    .description = "Uses all of ABI 1.0.",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .load = load,
    .unload = unload,
    .create = create,
    .destroy = destroy,
    .reconfigure = reconfigure,
    .get_extension = get_extension GROWN};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
