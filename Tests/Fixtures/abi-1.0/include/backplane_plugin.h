/*
 * backplane_plugin.h - the contract between the Backplane host and a plugin. ABI 1.0.
 *
 * A plugin is a shared library that exports one function, backplane_plugin_entry(), and links nothing of the
 * host. This header and a C compiler are all it takes; a whole plugin:
 *
 *     #include "backplane_plugin.h"
 *
 *     static void shout(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
 *         (void)self;
 *         for (uint32_t i = 0; i < count; i++)
 *             backplane_finish_text(calls[i], "text/plain", "HELLO");
 *     }
 *
 *     static const backplane_method_t methods[] = {{.name = "__call__", .invoke = shout}};
 *
 *     static const backplane_plugin_t plugin = {
 *         BACKPLANE_PLUGIN_HEADER, .name = "shout", .version = "1.0.0",
 *         .methods = methods, .method_count = 1, .method_size = sizeof(backplane_method_t)};
 *
 *     BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) { return &plugin; }
 *
 * THREADS. Every function pointer carries one of three tags:
 *   [lifecycle]       a lifecycle thread of the host. No two [lifecycle] functions of one library run at once, but not
 *                     always on the same thread.
 *   [replica-thread]  a thread of that replica. Calls into one instance never overlap, with two exceptions: methods
 *                     with BACKPLANE_METHOD_REENTRANT overlap with each other; and with BACKPLANE_TRAIT_REENTRANT
 *                     `invoke` may overlap with `invoke` and with the health extension's `check`.
 *                     (A method marked BACKPLANE_METHOD_INLINE may run on an I/O thread; the promise is the same.)
 *   [any-thread]      any thread, those the plugin started among them, also several at once.
 *
 * OWNERSHIP. Inputs are borrowed: the side that passed a pointer keeps it, and the text at the pointer says until
 * when. Outputs are copied into host memory before the host's function returns. Neither side frees what the
 * other allocated. Text is UTF-8; a backplane_string_t is not NUL-terminated, a `const char *` is. (Bytes of a
 * request header that are not UTF-8 arrive as U+FFFD.)
 *
 * What a call lends is borrowed until the plugin finishes the call; for a method without BACKPLANE_METHOD_ASYNC, at
 * the longest until `invoke` returns. A deadline that passes, or a caller that disconnects, ends no borrow.
 *
 * ERRORS. No C++ exception, longjmp or other unwinding may cross this boundary, in either direction.
 *
 * GROWTH. A struct that "may grow" is append-only, and starts with (or is accompanied by) its size; new members stand
 * at its end in groups "since 1.1", and 0 or NULL in them means what 1.0 meant. So zero what you don't set, as
 * designated initialisers and memset() do; flags that are not defined here are 0, too. Read a member that is newer than
 * the ABI you require only after BACKPLANE_HAS() says that it is there. A struct that "never grows" has this layout for
 * ever.
 *
 * A plugin built for 1.0 is served by every host with ABI 1.x, and a plugin built for 1.x by every host with ABI 1.0.
 */
#ifndef BACKPLANE_PLUGIN_H
#define BACKPLANE_PLUGIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- Version and compiler ------------------------------------------------------------------------------------ */

/* Another major is another contract: the host refuses the plugin. A plugin with a higher minor than the host's is
 * served; it finds out what the host has with BACKPLANE_HAS() and get_extension(). */
#define BACKPLANE_ABI_MAJOR 1
#define BACKPLANE_ABI_MINOR 0

/* The bytes "BPLN": tells a descriptor from whatever else a function of that name may return. */
#define BACKPLANE_MAGIC 0x4E4C5042u

/* The name of the entry symbol, for whoever looks it up. */
#define BACKPLANE_ENTRY_SYMBOL "backplane_plugin_entry"

#if defined(__cplusplus)
#define BACKPLANE_EXTERN_C extern "C"
#define BACKPLANE_EXTERN_C_BEGIN extern "C" {
#define BACKPLANE_EXTERN_C_END }
#define BACKPLANE_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define BACKPLANE_EXTERN_C extern
#define BACKPLANE_EXTERN_C_BEGIN
#define BACKPLANE_EXTERN_C_END
#define BACKPLANE_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

#if defined(__GNUC__)
#define BACKPLANE_EXPORT BACKPLANE_EXTERN_C __attribute__((visibility("default")))
#define BACKPLANE_PRINTF(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))
#else
#define BACKPLANE_EXPORT BACKPLANE_EXTERN_C
#define BACKPLANE_PRINTF(format_index, first_argument)
#endif

/* Pointers that may be NULL are marked; all others may not. (NONNULL is written only where clang wants it.) The headers
 * of the contract stand between BEGIN and END. */
#if defined(__clang__)
#define BACKPLANE_NULLABLE _Nullable
#define BACKPLANE_NONNULL _Nonnull
#define BACKPLANE_HEADER_BEGIN \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnullability-extension\"") \
    _Pragma("clang assume_nonnull begin") BACKPLANE_EXTERN_C_BEGIN
#define BACKPLANE_HEADER_END \
    BACKPLANE_EXTERN_C_END _Pragma("clang assume_nonnull end") _Pragma("clang diagnostic pop")
#else
#define BACKPLANE_NULLABLE
#define BACKPLANE_NONNULL
#define BACKPLANE_HEADER_BEGIN BACKPLANE_EXTERN_C_BEGIN
#define BACKPLANE_HEADER_END BACKPLANE_EXTERN_C_END
#endif

/* Whether the struct at `pointer`, whose `struct_size` tells its size, has `member`. */
#define BACKPLANE_HAS(pointer, type, member) \
    ((pointer)->struct_size >= offsetof(type, member) + sizeof((pointer)->member))

/* The layout of each struct is a part of ABI 1.0, held by the compiler (LP64). */
#define BACKPLANE_ASSERT_SIZE(type, size) \
    BACKPLANE_STATIC_ASSERT(sizeof(type) == (size), #type " has another size than ABI 1.0")
#define BACKPLANE_ASSERT_OFFSET(type, member, offset) \
    BACKPLANE_STATIC_ASSERT( \
        offsetof(type, member) == (offset), #type "." #member " is elsewhere than in ABI 1.0")

BACKPLANE_HEADER_BEGIN

/* ---- Values -------------------------------------------------------------------------------------------------- */

/* Bytes that somebody else owns. `data` may be NULL when `size` is 0. Passed by value: never grows. */
typedef struct backplane_bytes {
    const uint8_t *BACKPLANE_NULLABLE data;
    uint64_t size;
} backplane_bytes_t;

/* UTF-8 text that somebody else owns, not NUL-terminated. `data` may be NULL when `size` is 0. Passed by value: never
 * grows. */
typedef struct backplane_string {
    const char *BACKPLANE_NULLABLE data;
    uint64_t size;
} backplane_string_t;

/* A header field of a request or a response. Names of request headers are in lower case. Response headers that
 * HTTP leaves to the host (content-length, transfer-encoding, connection, ...) are dropped. Element of arrays: never
 * grows. */
typedef struct backplane_header {
    backplane_string_t name;
    backplane_string_t value;
} backplane_header_t;

/* How a call or a lifecycle function ended: gRPC's canonical codes, by number. HTTP callers get the status in
 * the comment. Any other number counts as UNKNOWN. */
typedef int32_t backplane_status_t;
enum {
    BACKPLANE_STATUS_OK = 0,                  /* 200 */
    BACKPLANE_STATUS_CANCELLED = 1,           /* 499 */
    BACKPLANE_STATUS_UNKNOWN = 2,             /* 500 */
    BACKPLANE_STATUS_INVALID_ARGUMENT = 3,    /* 400 */
    BACKPLANE_STATUS_DEADLINE_EXCEEDED = 4,   /* 504 */
    BACKPLANE_STATUS_NOT_FOUND = 5,           /* 404 */
    BACKPLANE_STATUS_ALREADY_EXISTS = 6,      /* 409 */
    BACKPLANE_STATUS_PERMISSION_DENIED = 7,   /* 403 */
    BACKPLANE_STATUS_RESOURCE_EXHAUSTED = 8,  /* 429 */
    BACKPLANE_STATUS_FAILED_PRECONDITION = 9, /* 400 */
    BACKPLANE_STATUS_ABORTED = 10,            /* 409 */
    BACKPLANE_STATUS_OUT_OF_RANGE = 11,       /* 400 */
    BACKPLANE_STATUS_UNIMPLEMENTED = 12,      /* 501 */
    BACKPLANE_STATUS_INTERNAL = 13,           /* 500 */
    BACKPLANE_STATUS_UNAVAILABLE = 14,        /* 503 */
    BACKPLANE_STATUS_DATA_LOSS = 15,          /* 500 */
    BACKPLANE_STATUS_UNAUTHENTICATED = 16     /* 401 */
};

/* Where a lifecycle function says why it failed. Host memory, valid while the function it was passed to runs;
 * write at most `capacity` bytes, the terminating NUL among them (backplane_error_format() does). May grow. */
typedef struct backplane_error {
    uint32_t struct_size;
    uint32_t capacity;
    char *message;
} backplane_error_t;

/* Where a function puts bytes for the host to keep. Host memory, valid while the function it was passed to runs. May
 * grow. */
typedef struct backplane_sink {
    uint32_t struct_size;
    uint32_t reserved;
    void *BACKPLANE_NULLABLE context;

    /* Appends `bytes`, copied before it returns. Returns OK; or RESOURCE_EXHAUSTED over the host's limit (64 MiB for a
     * state hand-over), or INVALID_ARGUMENT for bytes that are NULL: nothing was appended then. `bytes` stays the
     * plugin's in each case.
     * [any-thread] */
    backplane_status_t (*write)(struct backplane_sink *sink, backplane_bytes_t bytes);
} backplane_sink_t;

/* ---- A call -------------------------------------------------------------------------------------------------- */

typedef struct backplane_host backplane_host_t;

/* What the call asks. Host memory, borrowed until the call is finished. May grow. */
typedef struct backplane_request {
    uint32_t struct_size;
    uint32_t method;                 /* index into the plugin's method table */
    backplane_bytes_t body;          /* the argument */
    backplane_string_t content_type; /* of the body, as sent; empty when none was sent */
    uint64_t deadline_ns;            /* on CLOCK_MONOTONIC, in nanoseconds; 0: none */
} backplane_request_t;

typedef int32_t backplane_origin_t;
enum {
    BACKPLANE_ORIGIN_HTTP = 1,  /* a request to the HTTP listener */
    BACKPLANE_ORIGIN_HANDLE = 2 /* a handle: another plugin, the program that runs the host, the command line */
};

/* What else is known of a call. Made when first asked for, so that calls that don't look pay nothing. Host memory,
 * borrowed until the call is finished. A handle call has the values its options gave, and empty strings else. May
 * grow. */
typedef struct backplane_metadata {
    uint32_t struct_size;
    backplane_origin_t origin;
    backplane_string_t http_method; /* "POST" */
    backplane_string_t path;        /* "/echo", still percent-encoded */
    backplane_string_t query;       /* "a=1&b=2" without "?", still percent-encoded; empty when there is none */
    backplane_string_t request_id;  /* X-Request-ID, taken from the caller or made by the host; never empty */
    backplane_string_t shard_key;   /* X-SERVE-SHARD-KEY; empty when there is none */
    const backplane_header_t *BACKPLANE_NULLABLE headers; /* in the order sent */
    uint64_t header_count;
    backplane_string_t remote_address; /* of the client, without a port: "192.0.2.1", "2001:db8::1"; may be empty */
    backplane_string_t scheme;         /* "http" */
    backplane_string_t subject; /* who the caller is, as the `auth` stage found: a JWT's subject, the owner of a token
                                 * or a key; empty when nobody asked. Never what a client claims. */
} backplane_metadata_t;

/* A call to one method, finished exactly once. A value: copy it and keep the copy for as long as you like. Using it
 * after it was finished is misuse that the host notices, counts, logs and survives; `request` is gone by then.
 * Passed by value: never grows. */
typedef struct backplane_call {
    const backplane_host_t *host; /* valid as long as the library is loaded */
    const backplane_request_t *request;
    uint64_t id; /* never used twice */
} backplane_call_t;

/* A response, or a part of one. Plugin memory, borrowed while the host's function runs; it may refer to the call's own
 * request. May grow. */
typedef struct backplane_response {
    uint32_t struct_size; /* sizeof(backplane_response_t) */
    uint32_t header_count;
    const backplane_header_t *BACKPLANE_NULLABLE headers; /* response headers beside those the host writes */
    backplane_string_t content_type;                      /* empty: application/octet-stream */
    backplane_bytes_t body;                               /* what allocate_body returned is not copied */
    int32_t http_status; /* 200 to 599; 0: 200. With 204, 205 and 304 there is no body */
    uint32_t reserved;
} backplane_response_t;

/* Why a call has no response. Plugin memory, borrowed while the host's function runs; it may refer to the call's own
 * request. May grow. */
typedef struct backplane_failure {
    uint32_t struct_size;       /* sizeof(backplane_failure_t) */
    backplane_status_t status;  /* OK counts as UNKNOWN */
    int32_t http_status;        /* 400 to 599; 0: that of `status` */
    uint32_t reserved;
    backplane_string_t message; /* for the caller; may be empty */
    const backplane_header_t *BACKPLANE_NULLABLE headers; /* response headers beside those the host writes */
    uint64_t header_count;
    /* More for the caller; empty: nothing. Without a content type it is JSON, at most 1 MiB, and becomes the member
     * "details" of the problem (RFC 9457) that the host writes; with one it is the whole body in place of that. */
    backplane_string_t content_type;
    backplane_bytes_t details;
} backplane_failure_t;

/* ---- The log ------------------------------------------------------------------------------------------------- */

typedef int32_t backplane_log_level_t;
enum {
    BACKPLANE_LOG_DEBUG = 1,
    BACKPLANE_LOG_INFO = 2,
    BACKPLANE_LOG_WARNING = 3,
    BACKPLANE_LOG_ERROR = 4
};

/* Something that a log line says beside its message. Element of arrays: never grows. */
typedef struct backplane_field {
    backplane_string_t key; /* letters, digits, "_", "-" and "."; others become "_" */
    backplane_string_t value;
} backplane_field_t;

/* A line for the host's log. Plugin memory, borrowed while `log` runs. May grow. */
typedef struct backplane_log_record {
    uint32_t struct_size;                            /* sizeof(backplane_log_record_t) */
    backplane_log_level_t level;
    const backplane_call_t *BACKPLANE_NULLABLE call; /* an unfinished one, whose request id the line has; or NULL */
    backplane_string_t message;
    const backplane_field_t *BACKPLANE_NULLABLE fields;
    uint64_t field_count;                            /* of more than 32 the first 32 are written */
} backplane_log_record_t;

/* ---- What the host offers ------------------------------------------------------------------------------------ */

/* The host's services, one table per loaded library. Valid as long as the library is loaded; a function that this
 * header declares for the host's version is never NULL. May grow. */
struct backplane_host {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;
    const char *name;    /* "backplane" */
    const char *version; /* of the host: "0.1.0" */

    /* Finishes a call with a response. After this the call's request, metadata and allocated body must not be touched.
     * A response that can't be used: the caller gets INTERNAL. Finishing a finished call changes nothing but the misuse
     * count. `response` and all it points to stay the plugin's, and may go as soon as this returns.
     * [any-thread] */
    void (*finish)(backplane_call_t call, const backplane_response_t *response);

    /* Finishes a call with a status other than OK and a message for the caller (may be empty). OK here counts as
     * UNKNOWN. After `write`, the caller sees the response break off. `message` stays the plugin's.
     * [any-thread] */
    void (*fail)(backplane_call_t call, backplane_status_t status, backplane_string_t message);

    /* Finishes a call as `fail` does, and says more: headers, an HTTP status, details. A failure that can't be used:
     * the caller gets INTERNAL. `failure` and all it points to stay the plugin's, and may go as soon as this returns.
     * [any-thread] */
    void (*fail_with)(backplane_call_t call, const backplane_failure_t *failure);

    /* Sends a part of the response now and leaves the call open: a streamed response. The first part's HTTP status,
     * content type and headers are the response's; of later parts, and of the `finish` that must follow, only the body
     * counts. Blocks while the caller is slow to read, until there is room, or the call is over. Returns OK; CANCELLED
     * when the caller has disconnected, the deadline has passed or the call is finished: stop, and finish the call;
     * FAILED_PRECONDITION in an INLINE method, which may not block; INVALID_ARGUMENT for a part that can't be used:
     * nothing was sent then. `part` and all it points to stay the plugin's in each case.
     * [any-thread] */
    backplane_status_t (*write)(backplane_call_t call, const backplane_response_t *part);

    /* Host memory for a response body of up to `size` bytes, zeroed; pass its very address as the body of `finish` and
     * nothing is copied. (`write` copies.) One per call; a second one replaces the first. Returns the memory, also for
     * size 0; or NULL when the call is finished, or `size` is over the host's limit (1 GiB). The memory is the host's,
     * which frees it when the call is finished, whether it was used or not.
     * [any-thread] */
    uint8_t *BACKPLANE_NULLABLE (*BACKPLANE_NONNULL allocate_body)(backplane_call_t call, uint64_t size);

    /* What else is known of the call: HTTP method, path, headers, ... Returns it, borrowed until the call is finished;
     * or NULL when it is finished already.
     * [any-thread] */
    const backplane_metadata_t *BACKPLANE_NULLABLE (*BACKPLANE_NONNULL get_metadata)(backplane_call_t call);

    /* Whether the response is of no use any more. Worth asking between the steps of long work; the call must be
     * finished all the same. Returns not 0 when the caller has disconnected, the deadline has passed, or the call is
     * finished.
     * [any-thread] */
    int32_t (*is_cancelled)(backplane_call_t call);

    /* Writes a line to the host's log, under the plugin's name. `record` and all it points to stay the plugin's.
     * [any-thread] */
    void (*log)(const backplane_host_t *host, const backplane_log_record_t *record);

    /* Whether the log takes lines of a level: for those that are dear to make. Returns not 0 if it does.
     * [any-thread] */
    int32_t (*log_enabled)(const backplane_host_t *host, backplane_log_level_t level);

    /* A service of the host that not every host has, by name: see "Extensions" below. Returns its struct, valid as long
     * as the library is loaded; or NULL when this host has none of that name. `identifier` stays the plugin's.
     * [any-thread] */
    const void *BACKPLANE_NULLABLE (*BACKPLANE_NONNULL get_extension)(
        const backplane_host_t *host, const char *identifier);
};

/* ---- What a plugin offers ------------------------------------------------------------------------------------ */

/* One replica's state. The plugin defines the struct as it likes and alone looks inside; the host only hands the
 * pointer back. */
typedef struct backplane_instance backplane_instance_t;

/* Any function, for the `function` of a typed method. */
typedef void (*backplane_function_t)(void);

/* Method flags. */
enum {
    /* `invoke` takes several calls at once. Without it `count` is always 1. */
    BACKPLANE_METHOD_BATCHABLE = 0x1,
    /* Runs in bounded time, well under a millisecond, and never blocks: the host may run it on an I/O thread. The
     * host takes this back, and says so in its log, for a method that overstays. */
    BACKPLANE_METHOD_INLINE = 0x2,
    /* Calls may be finished after `invoke` has returned. Without it, a call left unfinished when `invoke` returns
     * gets INTERNAL at once. */
    BACKPLANE_METHOD_ASYNC = 0x4,
    /* A call that is made again has the effect of one: the stage `retry` may repeat it, whatever the HTTP method.
     * Without it, `retry` goes by the HTTP method alone. */
    BACKPLANE_METHOD_IDEMPOTENT = 0x8,
    /* Its `invoke` may overlap, on one instance, with that of every method that has this flag, its own among them.
     * A method without it has the instance for itself: it begins when those that run are done, and those that come
     * after it wait for it. BACKPLANE_TRAIT_REENTRANT gives the flag to all methods. */
    BACKPLANE_METHOD_REENTRANT = 0x10
};

/* An entry of the method table. Plugin memory, valid as long as the library is loaded. A method has either `invoke`
 * or both `signature` and `function`. May grow: its size is `method_size` of the descriptor. */
typedef struct backplane_method {
    const char *BACKPLANE_NULLABLE name; /* required; "__call__" is the one called by default */
    const char *BACKPLANE_NULLABLE description; /* optional; one line for people */
    uint32_t flags;                             /* BACKPLANE_METHOD_... */
    uint32_t preferred_batch_size;              /* 0: no preference; a hint */

    /* Runs `count` calls of this method. Each must be finished exactly once, with the host's `finish` or `fail`, in any
     * order, from any thread. Required, unless the method is typed. `calls` is borrowed until this returns (copy the
     * elements to keep them), each call's request until that call is finished.
     * [replica-thread] */
    void (*BACKPLANE_NULLABLE invoke)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, const backplane_call_t *calls, uint32_t count);

    /* A typed method: an ordinary C function, and how it is called, "(self, inc: i64) -> bool"; docs/typed-methods.md
     * has the grammar. The host turns JSON, a query or a form into arguments, the result into the response, and
     * finishes the call; of a BATCHABLE method it calls the function once for each call. A signature that is not the
     * function's crashes the process. Not with BACKPLANE_METHOD_ASYNC. Required, unless there is `invoke`. Arguments
     * are borrowed until the function returns; what it returns is copied then.
     * [replica-thread] */
    const char *BACKPLANE_NULLABLE signature;
    BACKPLANE_NULLABLE backplane_function_t function;
} backplane_method_t;

/* What `create` is told. Host memory, borrowed while `create` runs. May grow. */
typedef struct backplane_create_args {
    uint32_t struct_size;
    uint32_t replica;               /* 0, 1, ...: which one of the backend's */
    backplane_string_t backend;     /* the backend's tag */
    backplane_string_t user_config; /* JSON: what the configuration gives this backend; "null" when nothing */
} backplane_create_args_t;

/* Plugin traits. */
enum {
    /* One instance takes several `invoke`s at once, of all methods, and a health check beside them. Without it, and
     * for a method without BACKPLANE_METHOD_REENTRANT, the host sends the next when the last has returned and, for an
     * ASYNC method, its calls are finished. */
    BACKPLANE_TRAIT_REENTRANT = 0x1,
    /* The library may be unmapped after `unload`: no threads, thread-local destructors, atexit handlers or pointers
     * of it stay behind. Not for Swift, Go, or C++ with thread_local. Without it the library stays mapped. */
    BACKPLANE_TRAIT_UNLOADABLE = 0x2
};

/* The descriptor. Plugin memory, valid as long as the library is loaded, and constant: the host reads it once. It
 * checks the first four members and all that is required before it calls anything but the entry function. May grow. */
typedef struct backplane_plugin {
    uint32_t magic;       /* BACKPLANE_MAGIC */
    uint32_t struct_size; /* sizeof(backplane_plugin_t) */
    uint16_t abi_major;   /* BACKPLANE_ABI_MAJOR */
    uint16_t abi_minor;   /* BACKPLANE_ABI_MINOR */
    uint32_t traits;      /* BACKPLANE_TRAIT_... */

    const char *BACKPLANE_NULLABLE name;        /* required */
    const char *BACKPLANE_NULLABLE version;     /* required; "1.2.3" */
    const char *BACKPLANE_NULLABLE description; /* optional; one line for people */

    const backplane_method_t *BACKPLANE_NULLABLE methods; /* required; at least one, unless it is middleware */
    uint32_t method_count;
    uint32_t method_size; /* sizeof(backplane_method_t) */

    /* Prepares the library, once, before the first `create`. Optional. Returns OK; or a status and a message in
     * `error`: then the library is not used, and `unload` not called. `host` stays valid as long as the library is
     * loaded; `error` is borrowed while it runs.
     * [lifecycle] */
    backplane_status_t (*BACKPLANE_NULLABLE load)(const backplane_host_t *host, backplane_error_t *error);

    /* Undoes `load`, after the last `destroy`. The library's own threads must be gone when it returns. Optional.
     * [lifecycle] */
    void (*BACKPLANE_NULLABLE unload)(void);

    /* Makes the state of one replica. Optional: without it every instance is NULL. Returns OK with the instance in
     * `*instance`, which the plugin owns until `destroy`; or a status and a message in `error`: then the plugin has
     * freed what it made, and `destroy` is not called. `args` and `error` are borrowed while it runs.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE create)(
        const backplane_host_t *host, const backplane_create_args_t *args,
        backplane_instance_t *BACKPLANE_NULLABLE *BACKPLANE_NULLABLE instance, backplane_error_t *error);

    /* Frees the state of one replica. No call of it is unfinished, and none will come. Optional.
     * [replica-thread] */
    void (*BACKPLANE_NULLABLE destroy)(backplane_instance_t *BACKPLANE_NULLABLE instance);

    /* Takes a new user_config (JSON) without a restart. Optional: without it the host makes new replicas instead.
     * Returns OK; or a status and a message in `error`, and keeps the old configuration. `user_config` and `error` are
     * borrowed while it runs.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE reconfigure)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_string_t user_config, backplane_error_t *error);

    /* An optional feature by name: see "Extensions" below. Asked once for each name, before `load`. Optional. Returns
     * its struct, plugin memory that is valid as long as the library is loaded; or NULL for names it doesn't know.
     * `identifier` is borrowed while it runs.
     * [lifecycle] */
    const void *BACKPLANE_NULLABLE (*BACKPLANE_NULLABLE get_extension)(const char *identifier);
} backplane_plugin_t;

/* The first four members of a descriptor, in order: {BACKPLANE_PLUGIN_HEADER, .name = ...} */
#define BACKPLANE_PLUGIN_HEADER \
    BACKPLANE_MAGIC, (uint32_t)sizeof(backplane_plugin_t), BACKPLANE_ABI_MAJOR, BACKPLANE_ABI_MINOR

/* The one symbol a plugin exports. Called once per loaded copy, before anything else. Required. Returns its descriptor,
 * plugin memory that is valid as long as the library is loaded; or NULL when it can't be served on this machine.
 * [lifecycle] */
BACKPLANE_EXPORT const backplane_plugin_t *BACKPLANE_NULLABLE backplane_plugin_entry(void);

/* ---- Extensions -------------------------------------------------------------------------------------------------
 *
 * Optional features, each with a header of its own; this one includes them all. Of a plugin, found with the plugin's
 * `get_extension`: state, warmup, health, batch_key, middleware. Of the host, found with the host's: handle, library.
 *
 * Reserved for extensions to come, to be used by nobody else: "backplane.body/1" (request bodies in parts),
 * "backplane.cancel/1" (a callback when a call is cancelled), "backplane.executor/1" (timers, and work on the
 * replica's thread), "backplane.metrics/1", "backplane.runtime/1" (files of a kind, served by a plugin),
 * "backplane.tensors/1". An extension of somebody else's has a name in their domain: "com.example.cache/1". */

/* ---- Helpers: nothing below is part of the binary contract --------------------------------------------------- */

/* A NUL-terminated text as a backplane_string_t that borrows it. */
static inline backplane_string_t backplane_string(const char *text) {
    backplane_string_t string = {text, (uint64_t)strlen(text)};
    return string;
}

/* Finishes a call with a body. */
static inline void backplane_finish(
    backplane_call_t call, backplane_string_t content_type, backplane_bytes_t body) {
    backplane_response_t response;
    memset(&response, 0, sizeof(response));
    response.struct_size = (uint32_t)sizeof(response);
    response.content_type = content_type;
    response.body = body;
    call.host->finish(call, &response);
}

/* Finishes a call with a NUL-terminated text. */
static inline void backplane_finish_text(backplane_call_t call, const char *content_type, const char *text) {
    backplane_bytes_t body = {(const uint8_t *)text, (uint64_t)strlen(text)};
    backplane_finish(call, backplane_string(content_type), body);
}

/* Finishes a call with a status other than OK and a NUL-terminated message. */
static inline void backplane_fail(backplane_call_t call, backplane_status_t status, const char *message) {
    call.host->fail(call, status, backplane_string(message));
}

/* Writes a NUL-terminated message to the log. */
static inline void backplane_log(const backplane_host_t *host, backplane_log_level_t level, const char *message) {
    backplane_log_record_t record;
    memset(&record, 0, sizeof(record));
    record.struct_size = (uint32_t)sizeof(record);
    record.level = level;
    record.message = backplane_string(message);
    host->log(host, &record);
}

/* Writes a NUL-terminated message about an unfinished call to the log; the line has its request id. */
static inline void backplane_log_call(backplane_call_t call, backplane_log_level_t level, const char *message) {
    backplane_log_record_t record;
    memset(&record, 0, sizeof(record));
    record.struct_size = (uint32_t)sizeof(record);
    record.level = level;
    record.call = &call;
    record.message = backplane_string(message);
    call.host->log(call.host, &record);
}

/* Says why a lifecycle function failed, and returns `status`: return backplane_error_format(error, ...); */
BACKPLANE_PRINTF(3, 4)
static inline backplane_status_t backplane_error_format(
    backplane_error_t *error, backplane_status_t status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, error->capacity, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- Layout -------------------------------------------------------------------------------------------------- */

BACKPLANE_ASSERT_SIZE(backplane_bytes_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_bytes_t, size, 8);
BACKPLANE_ASSERT_SIZE(backplane_string_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_string_t, size, 8);
BACKPLANE_ASSERT_SIZE(backplane_header_t, 32);
BACKPLANE_ASSERT_OFFSET(backplane_header_t, value, 16);
BACKPLANE_ASSERT_SIZE(backplane_field_t, 32);
BACKPLANE_ASSERT_OFFSET(backplane_field_t, value, 16);
BACKPLANE_ASSERT_SIZE(backplane_error_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_error_t, capacity, 4);
BACKPLANE_ASSERT_OFFSET(backplane_error_t, message, 8);
BACKPLANE_ASSERT_SIZE(backplane_sink_t, 24);
BACKPLANE_ASSERT_OFFSET(backplane_sink_t, reserved, 4);
BACKPLANE_ASSERT_OFFSET(backplane_sink_t, context, 8);
BACKPLANE_ASSERT_OFFSET(backplane_sink_t, write, 16);
BACKPLANE_ASSERT_SIZE(backplane_request_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_request_t, method, 4);
BACKPLANE_ASSERT_OFFSET(backplane_request_t, body, 8);
BACKPLANE_ASSERT_OFFSET(backplane_request_t, content_type, 24);
BACKPLANE_ASSERT_OFFSET(backplane_request_t, deadline_ns, 40);
BACKPLANE_ASSERT_SIZE(backplane_metadata_t, 152);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, origin, 4);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, http_method, 8);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, path, 24);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, query, 40);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, request_id, 56);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, shard_key, 72);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, headers, 88);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, header_count, 96);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, remote_address, 104);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, scheme, 120);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, subject, 136);
BACKPLANE_ASSERT_SIZE(backplane_call_t, 24);
BACKPLANE_ASSERT_OFFSET(backplane_call_t, request, 8);
BACKPLANE_ASSERT_OFFSET(backplane_call_t, id, 16);
BACKPLANE_ASSERT_SIZE(backplane_response_t, 56);
BACKPLANE_ASSERT_OFFSET(backplane_response_t, header_count, 4);
BACKPLANE_ASSERT_OFFSET(backplane_response_t, headers, 8);
BACKPLANE_ASSERT_OFFSET(backplane_response_t, content_type, 16);
BACKPLANE_ASSERT_OFFSET(backplane_response_t, body, 32);
BACKPLANE_ASSERT_OFFSET(backplane_response_t, http_status, 48);
BACKPLANE_ASSERT_SIZE(backplane_failure_t, 80);
BACKPLANE_ASSERT_OFFSET(backplane_failure_t, status, 4);
BACKPLANE_ASSERT_OFFSET(backplane_failure_t, http_status, 8);
BACKPLANE_ASSERT_OFFSET(backplane_failure_t, message, 16);
BACKPLANE_ASSERT_OFFSET(backplane_failure_t, headers, 32);
BACKPLANE_ASSERT_OFFSET(backplane_failure_t, header_count, 40);
BACKPLANE_ASSERT_OFFSET(backplane_failure_t, content_type, 48);
BACKPLANE_ASSERT_OFFSET(backplane_failure_t, details, 64);
BACKPLANE_ASSERT_SIZE(backplane_log_record_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_log_record_t, level, 4);
BACKPLANE_ASSERT_OFFSET(backplane_log_record_t, call, 8);
BACKPLANE_ASSERT_OFFSET(backplane_log_record_t, message, 16);
BACKPLANE_ASSERT_OFFSET(backplane_log_record_t, fields, 32);
BACKPLANE_ASSERT_OFFSET(backplane_log_record_t, field_count, 40);
BACKPLANE_ASSERT_SIZE(backplane_host_t, 104);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, abi_major, 4);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, abi_minor, 6);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, name, 8);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, version, 16);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, finish, 24);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, fail, 32);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, fail_with, 40);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, write, 48);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, allocate_body, 56);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, get_metadata, 64);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, is_cancelled, 72);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, log, 80);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, log_enabled, 88);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, get_extension, 96);
BACKPLANE_ASSERT_SIZE(backplane_method_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, description, 8);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, flags, 16);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, preferred_batch_size, 20);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, invoke, 24);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, signature, 32);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, function, 40);
BACKPLANE_ASSERT_SIZE(backplane_create_args_t, 40);
BACKPLANE_ASSERT_OFFSET(backplane_create_args_t, replica, 4);
BACKPLANE_ASSERT_OFFSET(backplane_create_args_t, backend, 8);
BACKPLANE_ASSERT_OFFSET(backplane_create_args_t, user_config, 24);
BACKPLANE_ASSERT_SIZE(backplane_plugin_t, 104);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, struct_size, 4);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, abi_major, 8);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, abi_minor, 10);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, traits, 12);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, name, 16);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, version, 24);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, description, 32);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, methods, 40);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, method_count, 48);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, method_size, 52);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, load, 56);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, unload, 64);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, create, 72);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, destroy, 80);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, reconfigure, 88);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, get_extension, 96);

BACKPLANE_HEADER_END

#include "backplane/ext/batch_key.h"
#include "backplane/ext/handle.h"
#include "backplane/ext/health.h"
#include "backplane/ext/library.h"
#include "backplane/ext/middleware.h"
#include "backplane/ext/state.h"
#include "backplane/ext/warmup.h"

#endif /* BACKPLANE_PLUGIN_H */
