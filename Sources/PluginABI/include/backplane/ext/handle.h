/* backplane.handle/1 - the host's extension: a plugin calls other endpoints of its host, without HTTP. A handle call
 * takes the path of an HTTP one: same queue, same batches, same limits, and the callee sees BACKPLANE_ORIGIN_HANDLE.
 *
 *     const backplane_handle_extension_t *handles = host->get_extension(host, BACKPLANE_EXTENSION_HANDLE); */
#ifndef BACKPLANE_EXT_HANDLE_H
#define BACKPLANE_EXT_HANDLE_H

#include "../../backplane_plugin.h"

BACKPLANE_HEADER_BEGIN

#define BACKPLANE_EXTENSION_HANDLE "backplane.handle/1"

/* The way to one endpoint. A value, copied freely; after `close` the copies are misuse that the host survives. Passed
 * by value: never grows. */
typedef struct backplane_handle {
    const backplane_host_t *host;
    uint64_t id; /* never used twice, never 0 */
} backplane_handle_t;

/* Flags of `open`. */
enum {
    /* The endpoint may be missing now: calls wait until it is there, at the longest until their deadline. Plugins are
     * loaded in any order, so this is what a handle that is opened in `load` or `create` wants. */
    BACKPLANE_HANDLE_MISSING_OK = 0x1
};

/* An object in the memory of the process, passed as it is. Both sides agree on what `type` means; the host does not
 * look inside. Part of other structs: never grows. */
typedef struct backplane_native {
    backplane_string_t type; /* such as "com.example.image/1"; empty: no object */
    const void *BACKPLANE_NULLABLE object;
} backplane_native_t;

/* Flags of a handle's call. */
enum {
    /* Passes the parent's call on as it came: body, content type, HTTP method, path, query, headers, shard key,
     * native object and origin are the parent's; those in the struct are not read. Needs a `parent`. */
    BACKPLANE_HANDLE_FORWARD = 0x1
};

/* What to call, and with what. Plugin memory, borrowed while `call` or `start` runs, except the native object. May
 * grow. */
typedef struct backplane_handle_request {
    uint32_t struct_size; /* sizeof(backplane_handle_request_t) */
    uint32_t flags;       /* BACKPLANE_HANDLE_FORWARD */
    /* The call that this one is made for: an unfinished one of this plugin, or NULL. The new call ends when the
     * parent's deadline passes or its caller disconnects, and has its request id. So a circle of calls ends with the
     * deadline of the first. */
    const backplane_call_t *BACKPLANE_NULLABLE parent;
    backplane_string_t method_name; /* empty: "__call__" */
    backplane_bytes_t body;
    backplane_string_t content_type;
    backplane_string_t http_method; /* empty: "POST" */
    backplane_string_t query;       /* percent-encoded, without "?" */
    backplane_string_t shard_key;   /* empty: none */
    const backplane_header_t *BACKPLANE_NULLABLE headers; /* names in lower case */
    uint64_t header_count;
    uint64_t timeout_ns; /* shortens the endpoint's own; 0: does not */
    /* Valid until `release_native` is called, or as long as the library is loaded where there is none. */
    backplane_native_t native;

    /* Takes the native object back when it is not used any more: once, after the callee has finished, which may be
     * after the response, and also when the call was refused. Short, and never blocks. Optional.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE release_native)(const void *BACKPLANE_NULLABLE object);
} backplane_handle_request_t;

/* The response to a handle's call, whole: the parts of a streamed one are put together. One with an HTTP status from
 * 400 on is no success, whoever chose the status. Host memory, borrowed while the callback runs. May grow. */
typedef struct backplane_handle_response {
    uint32_t struct_size;
    backplane_status_t status;       /* OK, or why there is no success: NOT_FOUND, DEADLINE_EXCEEDED, ... */
    int32_t http_status;             /* what an HTTP caller gets; 200 to 399 with OK, 400 to 599 otherwise */
    uint32_t reserved;
    backplane_string_t message;      /* of a status other than OK */
    backplane_string_t content_type; /* of the body */
    backplane_bytes_t body;          /* of a status other than OK: the failure's details */
    const backplane_header_t *BACKPLANE_NULLABLE headers;
    uint64_t header_count;
} backplane_handle_response_t;

/* Takes a response: exactly once for each call that was begun, on the thread that `call` and `start` say. `context` is
 * what was passed with the call, and stays the plugin's; `response` is borrowed while it runs.
 * [any-thread] */
typedef void (*backplane_on_response_t)(
    void *BACKPLANE_NULLABLE context, const backplane_handle_response_t *response);

/* One table for all libraries, valid for ever; a function that this header declares for the host's version is never
 * NULL. May grow. */
typedef struct backplane_handle_extension {
    uint32_t struct_size;
    uint32_t reserved;

    /* Opens a handle to an endpoint by name. `endpoint` stays the plugin's. Returns OK with the handle in `*handle`; or
     * NOT_FOUND when there is no such endpoint and `flags` lack BACKPLANE_HANDLE_MISSING_OK; `*handle` is unchanged
     * then.
     * [any-thread] */
    backplane_status_t (*open)(
        const backplane_host_t *host, backplane_string_t endpoint, uint32_t flags, backplane_handle_t *handle);

    /* Closes a handle. Calls that it began go on. Closing a closed handle changes nothing but the misuse count.
     * [any-thread] */
    void (*close)(backplane_handle_t handle);

    /* Calls and waits: `on_response` is called on this thread before `call` returns. Returns OK when `on_response` was
     * called, whatever the response; FAILED_PRECONDITION where nobody may wait: in an INLINE method and on an I/O
     * thread; INVALID_ARGUMENT for a closed handle, a finished parent or a broken struct. `request` stays the plugin's;
     * where OK is not returned, `release_native` has been called.
     * [any-thread] */
    backplane_status_t (*call)(
        backplane_handle_t handle, const backplane_handle_request_t *request, backplane_on_response_t on_response,
        void *BACKPLANE_NULLABLE context);

    /* Calls and does not wait: `on_response` is called later, on a thread that the host keeps for this library's
     * responses, one after the other. It may take its time, and keeps the next responses waiting meanwhile. Returns OK,
     * or INVALID_ARGUMENT as `call` does: `on_response` is not called then, and `release_native` has been. `request`
     * stays the plugin's.
     * [any-thread] */
    backplane_status_t (*start)(
        backplane_handle_t handle, const backplane_handle_request_t *request, backplane_on_response_t on_response,
        void *BACKPLANE_NULLABLE context);

    /* The native object that came with a call, if one did: passed by the program that runs the host, or by a plugin.
     * Returns OK with the object in `*native`, valid, and its type borrowed, until the call is finished; or NOT_FOUND
     * when there is none, or the call is finished: `*native` is unchanged then.
     * [any-thread] */
    backplane_status_t (*get_native)(backplane_call_t call, backplane_native_t *native);
} backplane_handle_extension_t;

/* ---- Helpers: nothing below is part of the binary contract ------------------------------------------------------- */

/* A handle call with a body, for `parent`: fill in what else it needs, and pass it to `call` or `start`. */
static inline backplane_handle_request_t backplane_handle_request(
    const backplane_call_t *BACKPLANE_NULLABLE parent, backplane_string_t content_type, backplane_bytes_t body) {
    backplane_handle_request_t request;
    memset(&request, 0, sizeof(request));
    request.struct_size = (uint32_t)sizeof(request);
    request.parent = parent;
    request.content_type = content_type;
    request.body = body;
    return request;
}

/* Finishes a call with the response of another one, be it a success or not. */
static inline void backplane_finish_with(backplane_call_t call, const backplane_handle_response_t *from) {
    backplane_response_t response;
    if (from->status != BACKPLANE_STATUS_OK) {
        backplane_failure_t failure;
        memset(&failure, 0, sizeof(failure));
        failure.struct_size = (uint32_t)sizeof(failure);
        failure.status = from->status;
        failure.http_status = from->http_status;
        failure.message = from->message;
        failure.headers = from->headers;
        failure.header_count = from->header_count;
        failure.content_type = from->content_type;
        failure.details = from->body;
        call.host->fail_with(call, &failure);
        return;
    }
    memset(&response, 0, sizeof(response));
    response.struct_size = (uint32_t)sizeof(response);
    response.http_status = from->http_status;
    response.headers = from->headers;
    response.header_count = (uint32_t)from->header_count;
    response.content_type = from->content_type;
    response.body = from->body;
    call.host->finish(call, &response);
}

/* ---- Layout ------------------------------------------------------------------------------------------------------ */

BACKPLANE_ASSERT_SIZE(backplane_handle_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_handle_t, id, 8);
BACKPLANE_ASSERT_SIZE(backplane_native_t, 24);
BACKPLANE_ASSERT_OFFSET(backplane_native_t, object, 16);
BACKPLANE_ASSERT_SIZE(backplane_handle_request_t, 168);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, flags, 4);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, parent, 8);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, method_name, 16);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, body, 32);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, content_type, 48);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, http_method, 64);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, query, 80);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, shard_key, 96);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, headers, 112);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, header_count, 120);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, timeout_ns, 128);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, native, 136);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, release_native, 160);
BACKPLANE_ASSERT_SIZE(backplane_handle_response_t, 80);
BACKPLANE_ASSERT_OFFSET(backplane_handle_response_t, status, 4);
BACKPLANE_ASSERT_OFFSET(backplane_handle_response_t, http_status, 8);
BACKPLANE_ASSERT_OFFSET(backplane_handle_response_t, message, 16);
BACKPLANE_ASSERT_OFFSET(backplane_handle_response_t, content_type, 32);
BACKPLANE_ASSERT_OFFSET(backplane_handle_response_t, body, 48);
BACKPLANE_ASSERT_OFFSET(backplane_handle_response_t, headers, 64);
BACKPLANE_ASSERT_OFFSET(backplane_handle_response_t, header_count, 72);
BACKPLANE_ASSERT_SIZE(backplane_handle_extension_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_handle_extension_t, open, 8);
BACKPLANE_ASSERT_OFFSET(backplane_handle_extension_t, close, 16);
BACKPLANE_ASSERT_OFFSET(backplane_handle_extension_t, call, 24);
BACKPLANE_ASSERT_OFFSET(backplane_handle_extension_t, start, 32);
BACKPLANE_ASSERT_OFFSET(backplane_handle_extension_t, get_native, 40);

BACKPLANE_HEADER_END

#endif /* BACKPLANE_EXT_HANDLE_H */
