/* calls - calls the endpoint -DOTHER="pong" through handles; -DNAME="ping" is its own name. Two of
 * it call each other. `__call__` counts the number in the body down, each step in the other one,
 * and answers the names on the way: "ping pong ping"; `later` does it without waiting; `forever`
 * has no end; `wrap` passes the body on; `forward` the whole call, to the method that the body
 * names; `describe` calls that method with metadata of its own; `native` passes the body as a
 * native object to `data`, and `released` counts those that came back; `inline` waits in an INLINE
 * method, `misuses` breaks the contract, `missing` calls an endpoint that isn't there. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <stdatomic.h>
#include <stdlib.h>

#ifndef NAME
#define NAME "calls"
#endif
#ifndef OTHER
#define OTHER "calls"
#endif

static const backplane_host_t *plugin_host;
static const backplane_handle_extension_t *handles;
static backplane_handle_t other;
static _Atomic int released;

static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    plugin_host = host;
    handles = host->get_extension(host, BACKPLANE_EXTENSION_HANDLE);
    if (handles == NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_UNIMPLEMENTED, "no handles");
    }
    /* The other one may be loaded after this one. */
    return handles->open(host, backplane_string(OTHER), BACKPLANE_HANDLE_MISSING_OK, &other);
}

static void unload(void) {
    handles->close(other);
}

static long number(backplane_bytes_t body) {
    char text[32] = "";
    memcpy(text, body.data, body.size < sizeof(text) - 1 ? (size_t)body.size : sizeof(text) - 1);
    return strtol(text, NULL, 10);
}

static backplane_string_t body_text(backplane_call_t call) {
    const backplane_bytes_t body = call.request->body;
    return (backplane_string_t){(const char *)body.data, body.size};
}

/* Finishes the call whose copy is the context with this name and the response. */
static void prepend_name(void *context, const backplane_handle_response_t *response) {
    const backplane_call_t call = *(const backplane_call_t *)context;
    if (response->status != BACKPLANE_STATUS_OK) {
        backplane_finish_with(call, response);
        return;
    }
    const size_t name = strlen(NAME " ");
    uint8_t *text = call.host->allocate_body(call, name + response->body.size);
    memcpy(text, NAME " ", name);
    memcpy(text + name, response->body.data, (size_t)response->body.size);
    backplane_finish(
        call, response->content_type, (backplane_bytes_t){text, name + response->body.size});
}

/* Does as `prepend_name`, and frees the copy. */
static void prepend_name_later(void *context, const backplane_handle_response_t *response) {
    prepend_name(context, response);
    free(context);
}

static void pass_on(void *context, const backplane_handle_response_t *response) {
    backplane_finish_with(*(const backplane_call_t *)context, response);
}

static void ignore(void *context, const backplane_handle_response_t *response) {
    (void)context;
    (void)response;
}

/* The request that counts one down; its body is in `text`. */
static backplane_handle_request_t count_down(const backplane_call_t *call, char text[32]) {
    const int size = snprintf(text, 32, "%ld", number(call->request->body) - 1);
    return backplane_handle_request(
        call, backplane_string("text/plain"), (backplane_bytes_t){(uint8_t *)text, (uint64_t)size});
}

static void fail_if_refused(backplane_call_t call, backplane_status_t status) {
    if (status != BACKPLANE_STATUS_OK) {
        backplane_fail(call, status, "the call was refused");
    }
}

static void wait_for_other(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    if (number(call.request->body) <= 0) {
        backplane_finish_text(call, "text/plain", NAME);
        return;
    }
    char text[32];
    const backplane_handle_request_t request = count_down(&call, text);
    fail_if_refused(call, handles->call(other, &request, prepend_name, &call));
}

static void start_other(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    if (number(calls[0].request->body) <= 0) {
        backplane_finish_text(calls[0], "text/plain", NAME);
        return;
    }
    backplane_call_t *call = malloc(sizeof(*call));
    *call = calls[0];
    char text[32];
    backplane_handle_request_t request = count_down(call, text);
    request.method_name = backplane_string("later");
    const backplane_status_t status = handles->start(other, &request, prepend_name_later, call);
    if (status != BACKPLANE_STATUS_OK) {
        backplane_fail(*call, status, "the call was refused");
        free(call);
    }
}

static void forever(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    backplane_handle_request_t request =
        backplane_handle_request(&call, call.request->content_type, call.request->body);
    request.method_name = backplane_string("forever");
    fail_if_refused(call, handles->call(other, &request, pass_on, &call));
}

static void forward(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    backplane_handle_request_t request =
        backplane_handle_request(&call, backplane_string(""), (backplane_bytes_t){NULL, 0});
    request.flags = BACKPLANE_HANDLE_FORWARD;
    request.method_name = body_text(call);
    fail_if_refused(call, handles->call(other, &request, pass_on, &call));
}

static void wrap(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    const backplane_handle_request_t request =
        backplane_handle_request(&call, call.request->content_type, call.request->body);
    fail_if_refused(call, handles->call(other, &request, pass_on, &call));
}

static void describe(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    const backplane_header_t headers[] = {{backplane_string("x-from"), backplane_string(NAME)}};
    backplane_handle_request_t request =
        backplane_handle_request(&call, backplane_string("text/x-own"), call.request->body);
    request.method_name = body_text(call);
    request.http_method = backplane_string("PUT");
    request.query = backplane_string("a=b&a=c");
    request.shard_key = backplane_string("shard");
    request.headers = headers;
    request.header_count = 1;
    fail_if_refused(call, handles->call(other, &request, pass_on, &call));
}

static void wait_inline(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    const backplane_handle_request_t request =
        backplane_handle_request(&call, call.request->content_type, call.request->body);
    char text[16];
    snprintf(text, sizeof(text), "%d", (int)handles->call(other, &request, ignore, NULL));
    backplane_finish_text(call, "text/plain", text);
}

static void misuses(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    const backplane_bytes_t empty = {NULL, 0};
    const backplane_string_t none = backplane_string("");
    backplane_handle_t closed = {NULL, 0};
    (void)handles->open(call.host, backplane_string(OTHER), BACKPLANE_HANDLE_MISSING_OK, &closed);
    handles->close(closed);
    handles->close(closed);
    backplane_call_t unknown = call;
    unknown.id ^= 1u << 20;
    const backplane_handle_request_t good = backplane_handle_request(&call, none, empty);
    backplane_handle_request_t small = good;
    small.struct_size = 16;
    backplane_handle_request_t parentless = good;
    parentless.parent = NULL;
    parentless.flags = BACKPLANE_HANDLE_FORWARD;
    const backplane_handle_request_t orphan = backplane_handle_request(&unknown, none, empty);
    backplane_handle_request_t null_body = good;
    null_body.body.size = 1;
    char text[64];
    snprintf(
        text, sizeof(text), "%d %d %d %d %d",
        (int)handles->call(closed, &good, ignore, NULL),
        (int)handles->call(other, &small, ignore, NULL),
        (int)handles->call(other, &parentless, ignore, NULL),
        (int)handles->start(other, &orphan, ignore, NULL),
        (int)handles->start(other, &null_body, ignore, NULL));
    backplane_finish_text(call, "text/plain", text);
}

static void release_text(const void *object) {
    free((void *)(uintptr_t)object);
    released++;
}

static void native(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    backplane_handle_request_t request =
        backplane_handle_request(&call, backplane_string(""), (backplane_bytes_t){NULL, 0});
    request.method_name = backplane_string("data");
    request.native.type = backplane_string("text");
    request.native.object =
        strndup((const char *)call.request->body.data, (size_t)call.request->body.size);
    request.release_native = release_text;
    fail_if_refused(call, handles->call(other, &request, pass_on, &call));
}

static void answer_released(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[16];
    snprintf(text, sizeof(text), "%d", (int)released);
    backplane_finish_text(calls[0], "text/plain", text);
}

static void missing(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_call_t call = calls[0];
    const backplane_string_t nowhere = backplane_string("nowhere");
    backplane_handle_t handle = {NULL, 7};
    const int strict = handles->open(call.host, nowhere, 0, &handle);
    if (handle.id != 7 || strict != BACKPLANE_STATUS_NOT_FOUND) {
        backplane_fail(call, BACKPLANE_STATUS_INTERNAL, "a handle to nowhere");
        return;
    }
    (void)handles->open(call.host, nowhere, BACKPLANE_HANDLE_MISSING_OK, &handle);
    backplane_handle_request_t request =
        backplane_handle_request(&call, call.request->content_type, call.request->body);
    request.timeout_ns = 50 * 1000 * 1000;
    fail_if_refused(call, handles->call(handle, &request, pass_on, &call));
    handles->close(handle);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = wait_for_other},
    {.name = "later", .flags = BACKPLANE_METHOD_ASYNC, .invoke = start_other},
    {.name = "forever", .invoke = forever},
    {.name = "forward", .invoke = forward},
    {.name = "wrap", .invoke = wrap},
    {.name = "describe", .invoke = describe},
    {.name = "inline", .flags = BACKPLANE_METHOD_INLINE, .invoke = wait_inline},
    {.name = "misuses", .invoke = misuses},
    {.name = "native", .invoke = native},
    {.name = "released", .invoke = answer_released},
    {.name = "missing", .invoke = missing},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = NAME,
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .load = load,
    .unload = unload,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
