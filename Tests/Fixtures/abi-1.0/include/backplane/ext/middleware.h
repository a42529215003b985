/* backplane.middleware/1 - a plugin's extension: stages that the chains of a configuration name by the name of the
 * plugin's file, as they name the built-in ones. A stage sees requests on their way in and responses on their way out.
 * A plugin with this extension need not have methods.
 *
 * A stage's functions run where requests pass, often on an I/O thread, and for several requests at once: they take
 * well under a millisecond and never block. The host measures that, and complains in its log. What takes longer is
 * done on a thread of the plugin, and the request waits for it: BACKPLANE_MIDDLEWARE_ASYNC. */
#ifndef BACKPLANE_EXT_MIDDLEWARE_H
#define BACKPLANE_EXT_MIDDLEWARE_H

#include "../../backplane_plugin.h"

BACKPLANE_HEADER_BEGIN

#define BACKPLANE_EXTENSION_MIDDLEWARE "backplane.middleware/1"

/* One place in one chain. The plugin defines the struct as it likes and alone looks inside. */
typedef struct backplane_stage backplane_stage_t;

typedef struct backplane_next_host backplane_next_host_t;

/* The way on for a request at a stage, and for its response on the way back. A value: copy it and keep the copy for as
 * long as you like. Using it out of its turn is misuse that the host notices, counts, logs and survives. Passed by
 * value: never grows. */
typedef struct backplane_next {
    const backplane_next_host_t *host; /* valid as long as the library is loaded */
    uint64_t id;                       /* never used twice in a library */
} backplane_next_t;

/* What a stage does with a request and its response. One table per loaded library, valid as long as that is; a function
 * that this header declares for the host's version is never NULL. May grow.
 *
 * Changes are for the request from the beginning of `on_request` until it is decided, and for the response while
 * `on_response` or `on_response_body` runs. They return OK; or INVALID_ARGUMENT for what can't stand in an HTTP
 * message, and for the header fields that are the host's (connection, content-length, date, transfer-encoding, ...); or
 * FAILED_PRECONDITION out of turn. Nothing has changed in both cases. What is passed stays the plugin's, and is copied
 * before they return.
 *
 * Decisions: each request is decided exactly once, with `proceed`, `respond`, `fail` or `fail_with`, before
 * `on_request` returns or, for an ASYNC stage, later. A decision takes effect when `on_request` has returned. They
 * return OK; or FAILED_PRECONDITION when the request is decided already, which is misuse; or CANCELLED when the host
 * has given the request up because the stage took too long. What is passed stays the plugin's in each case. */
struct backplane_next_host {
    uint32_t struct_size;
    uint32_t reserved;

    /* Change: puts one header field in place of all of that name, in whatever case. Of a response, "content-type" is
     * the type of the body; that of an error can't be changed (FAILED_PRECONDITION).
     * [any-thread] */
    backplane_status_t (*set_header)(backplane_next_t next, backplane_string_t name, backplane_string_t value);

    /* Change: adds a header field to those of the same name. One that a message has once, such as "content-type", is
     * set.
     * [any-thread] */
    backplane_status_t (*add_header)(backplane_next_t next, backplane_string_t name, backplane_string_t value);

    /* Change: removes all header fields of a name, in whatever case; none need be there.
     * [any-thread] */
    backplane_status_t (*remove_header)(backplane_next_t next, backplane_string_t name);

    /* Change of a request: another path, percent-encoded; begins with "/". In the host's chain it decides the route.
     * [any-thread] */
    backplane_status_t (*set_path)(backplane_next_t next, backplane_string_t path);

    /* Change of a request: another query, percent-encoded, without "?"; empty: none.
     * [any-thread] */
    backplane_status_t (*set_query)(backplane_next_t next, backplane_string_t query);

    /* Change: another body for the request, if the stage reads bodies (BACKPLANE_MIDDLEWARE_READS_BODY); in
     * `on_response_body`, another piece in place of the one that it was given. At most 1 GiB.
     * [any-thread] */
    backplane_status_t (*set_body)(backplane_next_t next, backplane_bytes_t body);

    /* Decision: lets the request go on. `context` is handed to `on_response`, `on_response_body` and `on_end` as it is;
     * it stays the plugin's, which may free it in `on_end` if this returned OK, and at once if it did not.
     * [any-thread] */
    backplane_status_t (*proceed)(backplane_next_t next, void *BACKPLANE_NULLABLE context);

    /* Decision: responds to the request; what is behind the stage never sees it, and `on_end` is not called. For a
     * response that can't be used, the caller gets INTERNAL, and this returns INVALID_ARGUMENT.
     * [any-thread] */
    backplane_status_t (*respond)(backplane_next_t next, const backplane_response_t *response);

    /* Decision: refuses the request with a status other than OK and a message for the caller (may be empty), as
     * `fail` of a call does; `on_end` is not called.
     * [any-thread] */
    backplane_status_t (*fail)(backplane_next_t next, backplane_status_t status, backplane_string_t message);

    /* Decision: refuses the request as `fail` does, and says more: headers, an HTTP status, details. For a failure that
     * can't be used, the caller gets INTERNAL, and this returns INVALID_ARGUMENT.
     * [any-thread] */
    backplane_status_t (*fail_with)(backplane_next_t next, const backplane_failure_t *failure);
};

/* What `create` of a stage is told. Host memory, borrowed while `create` runs. May grow. */
typedef struct backplane_stage_args {
    uint32_t struct_size;
    uint32_t reserved;
    backplane_string_t backend; /* the tag of the backend that the stage is around; empty: it is around all of them */
    backplane_string_t options; /* JSON: what the configuration gives the stage; "null" when nothing */
} backplane_stage_args_t;

/* What comes before the body of a response. Host memory, borrowed while `on_response` runs. May grow. */
typedef struct backplane_response_head {
    uint32_t struct_size;
    int32_t http_status;
    backplane_string_t content_type; /* of the body; empty: application/octet-stream */
    const backplane_header_t *BACKPLANE_NULLABLE headers; /* beside those that the host writes */
    uint64_t header_count;
    int32_t is_error; /* not 0: the body is that of an error, which no stage sees */
    uint32_t reserved;
} backplane_response_head_t;

/* Flags of the extension. */
enum {
    /* `on_request` is called when all of the body is there, and lent it. Without it, as soon as the head is there: the
     * body is neither waited for nor copied. */
    BACKPLANE_MIDDLEWARE_READS_BODY = 0x1,
    /* Requests may be decided after `on_request` has returned. Without it, a request left undecided when `on_request`
     * returns gets INTERNAL at once. */
    BACKPLANE_MIDDLEWARE_ASYNC = 0x2
};

/* Plugin memory, valid as long as the library is loaded. May grow. */
typedef struct backplane_middleware_extension {
    uint32_t struct_size; /* sizeof(backplane_middleware_extension_t) */
    uint32_t flags;       /* BACKPLANE_MIDDLEWARE_... */

    /* Makes a stage: when a configuration names it, and for each place when the library is loaded. Optional: without it
     * every stage is NULL. Returns OK with the stage in `*stage`, which the plugin owns until `destroy`; or a status
     * and a message in `error`: then the plugin has freed what it made, `destroy` is not called, and the configuration,
     * or the load, is refused. `args` and `error` are borrowed while it runs.
     * [lifecycle] */
    backplane_status_t (*BACKPLANE_NULLABLE create)(
        const backplane_host_t *host, const backplane_stage_args_t *args,
        backplane_stage_t *BACKPLANE_NULLABLE *BACKPLANE_NULLABLE stage, backplane_error_t *error);

    /* Frees a stage. All requests that came to it are over, and none will come. Optional.
     * [lifecycle] */
    void (*BACKPLANE_NULLABLE destroy)(backplane_stage_t *BACKPLANE_NULLABLE stage);

    /* Sees a request, and decides it. Required. `request` and `body` are borrowed while it runs, whatever is
     * decided; copy what is needed later. `body` is NULL unless the stage reads bodies.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_request)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, backplane_next_t next, const backplane_metadata_t *request,
        const backplane_bytes_t *BACKPLANE_NULLABLE body);

    /* Sees the head of the response to a request that went on, be it a plugin's, another stage's or an error; at most
     * once. For one request, this function and the two below never overlap. Optional. `head` is borrowed while it runs.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_response)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, backplane_next_t next, void *BACKPLANE_NULLABLE context,
        const backplane_response_head_t *head);

    /* Sees a piece of the response's body, in order; only one of a response that is not streamed, none of an error. The
     * last piece has `is_last` not 0 and may be empty; a stream that breaks off has none. Optional. `piece` is borrowed
     * while it runs.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_response_body)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, backplane_next_t next, void *BACKPLANE_NULLABLE context,
        backplane_bytes_t piece, int32_t is_last);

    /* The response to a request that went on is over: exactly once, the last use of `context`. `status` is OK, or why
     * there was no response or it broke off: CANCELLED when the caller disconnected. Optional.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_end)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, void *BACKPLANE_NULLABLE context, backplane_status_t status);
} backplane_middleware_extension_t;

BACKPLANE_ASSERT_SIZE(backplane_next_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_next_t, id, 8);
BACKPLANE_ASSERT_SIZE(backplane_next_host_t, 88);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, set_header, 8);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, add_header, 16);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, remove_header, 24);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, set_path, 32);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, set_query, 40);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, set_body, 48);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, proceed, 56);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, respond, 64);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, fail, 72);
BACKPLANE_ASSERT_OFFSET(backplane_next_host_t, fail_with, 80);
BACKPLANE_ASSERT_SIZE(backplane_stage_args_t, 40);
BACKPLANE_ASSERT_OFFSET(backplane_stage_args_t, backend, 8);
BACKPLANE_ASSERT_OFFSET(backplane_stage_args_t, options, 24);
BACKPLANE_ASSERT_SIZE(backplane_response_head_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, http_status, 4);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, content_type, 8);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, headers, 24);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, header_count, 32);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, is_error, 40);
BACKPLANE_ASSERT_SIZE(backplane_middleware_extension_t, 56);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, flags, 4);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, create, 8);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, destroy, 16);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, on_request, 24);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, on_response, 32);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, on_response_body, 40);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, on_end, 48);

BACKPLANE_HEADER_END

#endif /* BACKPLANE_EXT_MIDDLEWARE_H */
