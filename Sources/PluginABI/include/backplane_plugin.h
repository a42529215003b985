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
 *   [main]            a lifecycle thread of the host. No two [main] functions of one library run at once, but not
 *                     always on the same thread.
 *   [replica-thread]  a thread of that replica. Calls into one instance never overlap, unless the plugin has
 *                     BACKPLANE_TRAIT_REENTRANT: then `invoke` may overlap with `invoke`, and with nothing else.
 *                     (A method marked BACKPLANE_METHOD_INLINE may run on an I/O thread; the promise is the same.)
 *   [any-thread]      any thread, those the plugin started among them, also several at once.
 *
 * OWNERSHIP. Inputs are borrowed: the side that passed a pointer keeps it, and the text at the pointer says until
 * when. Outputs are copied into host memory before the host's function returns. Neither side frees what the
 * other allocated. Text is UTF-8; a backplane_string_t is not NUL-terminated, a `const char *` is. (Bytes of a
 * request header that are not UTF-8 arrive as U+FFFD.)
 *
 * What a call lends is borrowed until the plugin finishes the call; for a method without BACKPLANE_METHOD_ASYNC, at
 * the longest until `invoke` returns. A deadline that passes, or a caller that goes away, ends no borrow.
 *
 * ERRORS. No C++ exception, longjmp or other unwinding may cross this boundary, in either direction.
 *
 * GROWTH. Structs are append-only, start with (or are accompanied by) their size, and new members stand in groups
 * "since 1.1". Read a member that is newer than the ABI you require only after BACKPLANE_HAS() says it is there.
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
#define BACKPLANE_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define BACKPLANE_EXTERN_C extern
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

/* Pointers that may be NULL are marked; all others may not. (NONNULL is written only where clang wants it.) */
#if defined(__clang__)
#define BACKPLANE_NULLABLE _Nullable
#define BACKPLANE_NONNULL _Nonnull
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-extension"
#pragma clang assume_nonnull begin
#else
#define BACKPLANE_NULLABLE
#define BACKPLANE_NONNULL
#endif

/* Whether the struct at `pointer`, whose first member or `struct_size` tells its size, has `member`. */
#define BACKPLANE_HAS(pointer, type, member) \
    ((pointer)->struct_size >= offsetof(type, member) + sizeof((pointer)->member))

#if defined(__cplusplus)
extern "C" {
#endif

/* ---- Values -------------------------------------------------------------------------------------------------- */

/* Bytes that somebody else owns. `data` may be NULL when `size` is 0. */
typedef struct backplane_bytes {
    const uint8_t *BACKPLANE_NULLABLE data;
    uint64_t size;
} backplane_bytes_t;

/* UTF-8 text that somebody else owns, not NUL-terminated. `data` may be NULL when `size` is 0. */
typedef struct backplane_string {
    const char *BACKPLANE_NULLABLE data;
    uint64_t size;
} backplane_string_t;

/* A header field of a request or a response. Names of request headers are in lower case. Response headers that
 * HTTP leaves to the host (content-length, transfer-encoding, connection, ...) are dropped. */
typedef struct backplane_header {
    backplane_string_t name;
    backplane_string_t value;
} backplane_header_t;

/* How a call or a lifecycle function ended: gRPC's canonical codes, by number. The host answers HTTP callers with
 * the status in the comment. Any other number counts as UNKNOWN. */
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
 * write at most `capacity` bytes, the terminating NUL among them (backplane_error_format() does). */
typedef struct backplane_error {
    uint32_t struct_size;
    uint32_t capacity;
    char *message;
} backplane_error_t;

/* Where a function puts bytes for the host to keep. Host memory, valid while the function it was passed to runs. */
typedef struct backplane_sink {
    uint32_t struct_size;
    uint32_t reserved;
    void *BACKPLANE_NULLABLE context;
    /* Appends `bytes`, copied before it returns. Required. Returns OK, or RESOURCE_EXHAUSTED over the host's limit
     * (64 MiB for a state hand-over); nothing was appended then. `bytes` stays the caller's either way.
     * [any-thread] */
    backplane_status_t (*write)(struct backplane_sink *sink, backplane_bytes_t bytes);
} backplane_sink_t;

/* ---- A call -------------------------------------------------------------------------------------------------- */

typedef struct backplane_host backplane_host_t;

/* What the call asks. Host memory, borrowed until the call is finished. */
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
 * borrowed until the call is finished. A handle call has the values its options gave, and empty strings else. */
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
} backplane_metadata_t;

/* A call to one method, finished exactly once. A value: copy it and keep the copy for as long as you like. Using it
 * after it was finished is misuse that the host notices, counts, logs and survives; `request` is gone by then. */
typedef struct backplane_call {
    const backplane_host_t *host; /* valid as long as the library is loaded */
    const backplane_request_t *request;
    uint64_t id; /* never used twice */
} backplane_call_t;

/* A successful answer, or a part of one. Plugin memory, borrowed while the host's function runs; it may refer to the
 * call's own request. */
typedef struct backplane_response {
    uint32_t struct_size; /* sizeof(backplane_response_t) */
    uint32_t header_count;
    const backplane_header_t *BACKPLANE_NULLABLE headers; /* response headers beside those the host writes */
    backplane_string_t content_type;                      /* empty: application/octet-stream */
    backplane_bytes_t body;                               /* what allocate_body returned is not copied */
} backplane_response_t;

typedef int32_t backplane_log_level_t;
enum {
    BACKPLANE_LOG_DEBUG = 1,
    BACKPLANE_LOG_INFO = 2,
    BACKPLANE_LOG_WARNING = 3,
    BACKPLANE_LOG_ERROR = 4
};

/* ---- What the host offers ------------------------------------------------------------------------------------ */

/* The host's services, one table per loaded library. Valid as long as the library is loaded. */
struct backplane_host {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;
    const char *name;    /* "backplane" */
    const char *version; /* of the host: "0.1.0" */

    /* Finishes a call with success. `response` and all it points to stay the plugin's and may go as soon as this
     * returns. After this the call's request, metadata and allocated body must not be touched. Finishing a
     * finished call changes nothing but the misuse count.
     * [any-thread] */
    void (*finish)(backplane_call_t call, const backplane_response_t *response);

    /* Finishes a call with a status other than OK and a message for the caller (may be empty). `message` stays the
     * plugin's. OK here counts as UNKNOWN. After `write`, the caller sees the response break off.
     * [any-thread] */
    void (*fail)(backplane_call_t call, backplane_status_t status, backplane_string_t message);

    /* Sends a part of the response now and leaves the call open: a streamed response. The first part's content type
     * and headers are the response's; of later parts, and of the `finish` that must follow, only the body counts.
     * `part` stays the plugin's. Blocks while the caller is slow to read, until there is room, or the call is over.
     * Returns OK; CANCELLED when the caller has gone, the deadline has passed or the call is finished: stop, and
     * finish the call; FAILED_PRECONDITION in an INLINE method, which may not block.
     * [any-thread] */
    backplane_status_t (*write)(backplane_call_t call, const backplane_response_t *part);

    /* Host memory for a response body of up to `size` bytes, zeroed; pass its very address as the body of `finish` and
     * nothing is copied. (`write` copies.) One per call; a second one replaces the first. The host frees it when the
     * call is finished, whether it was used or not. Never NULL for size 0. Returns NULL when the call is finished, or
     * `size` is over the host's limit (1 GiB).
     * [any-thread] */
    uint8_t *BACKPLANE_NULLABLE (*BACKPLANE_NONNULL allocate_body)(backplane_call_t call, uint64_t size);

    /* What else is known of the call: HTTP method, path, headers, ... The result is borrowed until the call is
     * finished. Returns NULL when it is finished already.
     * [any-thread] */
    const backplane_metadata_t *BACKPLANE_NULLABLE (*BACKPLANE_NONNULL get_metadata)(backplane_call_t call);

    /* Not 0 when nobody waits for the answer any more: the caller went away, the deadline passed, or the call is
     * finished. Worth asking between the steps of long work. The call must be finished all the same.
     * [any-thread] */
    int32_t (*is_cancelled)(backplane_call_t call);

    /* Writes a line to the host's log under the plugin's name. `message` stays the plugin's.
     * [any-thread] */
    void (*log)(const backplane_host_t *host, backplane_log_level_t level, backplane_string_t message);

    /* A service of the host that not every host has, by name; what it points to is valid as long as the library is
     * loaded. Returns NULL when this host has none of that name. See "Extensions of the host" below.
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
     * is answered INTERNAL at once. */
    BACKPLANE_METHOD_ASYNC = 0x4
};

/* An entry of the method table. Plugin memory, valid as long as the library is loaded. A method has either `invoke`
 * or both `signature` and `function`. */
typedef struct backplane_method {
    const char *BACKPLANE_NULLABLE name; /* required; "__call__" is the one called by default */
    const char *BACKPLANE_NULLABLE description; /* optional; one line for people */
    uint32_t flags;                             /* BACKPLANE_METHOD_... */
    uint32_t preferred_batch_size;              /* 0: no preference; a hint */

    /* Runs `count` calls of this method. Every call must be finished exactly once, with the host's `finish` or
     * `fail`, in any order, from any thread. `calls` is borrowed until this returns (copy the elements to keep them),
     * each call's request until that call is finished.
     * [replica-thread] */
    void (*BACKPLANE_NULLABLE invoke)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, const backplane_call_t *calls, uint32_t count);

    /* A typed method: an ordinary C function, and how it is called, "(self, inc: i64) -> bool"; docs/typed-methods.md
     * has the grammar. The host turns JSON, a query or a form into arguments, the result into the answer, and finishes
     * the call; of a BATCHABLE method it calls the function once for each call. Arguments are borrowed until the
     * function returns; what it returns is copied then. A signature that is not the function's crashes the process.
     * Not with BACKPLANE_METHOD_ASYNC.
     * [replica-thread] */
    const char *BACKPLANE_NULLABLE signature;
    BACKPLANE_NULLABLE backplane_function_t function;
} backplane_method_t;

/* What `create` is told. Host memory, borrowed while `create` runs. */
typedef struct backplane_create_args {
    uint32_t struct_size;
    uint32_t replica;               /* 0, 1, ...: which one of the backend's */
    backplane_string_t backend;     /* the backend's tag */
    backplane_string_t user_config; /* JSON: what the configuration gives this backend; "null" when nothing */
} backplane_create_args_t;

/* Plugin traits. */
enum {
    /* One instance takes several `invoke`s at once. Without it the host sends the next when the last has returned and,
     * for an ASYNC method, its calls are finished. */
    BACKPLANE_TRAIT_REENTRANT = 0x1,
    /* The library may be unmapped after `unload`: no threads, thread-local destructors, atexit handlers or pointers
     * of it stay behind. Not for Swift, Go, or C++ with thread_local. Without it the library stays mapped. */
    BACKPLANE_TRAIT_UNLOADABLE = 0x2
};

/* The descriptor. Plugin memory, valid as long as the library is loaded. The host checks the first four members and
 * all that is required before it calls anything but the entry function. */
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

    /* Prepares the library, once, before the first `create`. Optional. `host` stays valid as long as the library is
     * loaded. Returns OK, or a status and a message in `error`: then the library is not used, and `unload` not
     * called.
     * [main] */
    backplane_status_t (*BACKPLANE_NULLABLE load)(const backplane_host_t *host, backplane_error_t *error);

    /* Undoes `load`, after the last `destroy`. Optional. The library's own threads must be gone when it returns.
     * [main] */
    void (*BACKPLANE_NULLABLE unload)(void);

    /* Makes the state of one replica. Optional: without it every instance is NULL. `args` and `error` are borrowed
     * while it runs. Returns OK with the instance in `*instance`, which the plugin owns until `destroy`; or a status
     * and a message in `error`: then the plugin has freed what it made, and `destroy` is not called.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE create)(
        const backplane_host_t *host, const backplane_create_args_t *args,
        backplane_instance_t *BACKPLANE_NULLABLE *BACKPLANE_NULLABLE instance, backplane_error_t *error);

    /* Frees the state of one replica. Optional. No call of it is unfinished, and none will come.
     * [replica-thread] */
    void (*BACKPLANE_NULLABLE destroy)(backplane_instance_t *BACKPLANE_NULLABLE instance);

    /* Takes a new user_config (JSON, borrowed while it runs) without a restart. Optional: without it the host makes
     * new replicas instead. Returns OK, or a status and a message in `error`, and keeps the old configuration.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE reconfigure)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_string_t user_config, backplane_error_t *error);

    /* An optional feature by name, one of BACKPLANE_EXTENSION_... Optional. What it points to is plugin memory, valid
     * as long as the library is loaded. Returns NULL for names it doesn't know.
     * [main] */
    const void *BACKPLANE_NULLABLE (*BACKPLANE_NULLABLE get_extension)(const char *identifier);
} backplane_plugin_t;

/* The first four members of a descriptor, in order: {BACKPLANE_PLUGIN_HEADER, .name = ...} */
#define BACKPLANE_PLUGIN_HEADER \
    BACKPLANE_MAGIC, (uint32_t)sizeof(backplane_plugin_t), BACKPLANE_ABI_MAJOR, BACKPLANE_ABI_MINOR

/* The one symbol a plugin exports. Returns its descriptor, or NULL when the library can't be served on this machine.
 * Called once per loaded copy, before anything else. [main] */
BACKPLANE_EXPORT const backplane_plugin_t *BACKPLANE_NULLABLE backplane_plugin_entry(void);

/* ---- Extensions of a plugin ---------------------------------------------------------------------------------- */

/* State hand-over: the count survives a reload. When the old generation can `save` and the new one can `restore`, the
 * host holds new calls, lets the old replica finish its calls, hands the bytes over, and lets the calls go on. */
#define BACKPLANE_EXTENSION_STATE "backplane.state/1"
typedef struct backplane_state_extension {
    uint32_t struct_size; /* sizeof(backplane_state_extension_t) */
    uint32_t reserved;

    /* Writes the instance's state to `sink`, in a form that the next version of the plugin reads. Required. No call
     * is running. Changes nothing: the instance may have to go on serving. Returns OK, or a status and a message in
     * `error`: then the reload fails and the old generation serves on.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE save)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_sink_t *sink, backplane_error_t *error);

    /* Takes over a state that `save` of another generation wrote. Required. `state` is borrowed while it runs. Called
     * after `create`, before the first call. Returns as `save` does.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE restore)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_bytes_t state, backplane_error_t *error);
} backplane_state_extension_t;

/* Warm-up: work to be done before the first call, and before the old generation stops. */
#define BACKPLANE_EXTENSION_WARMUP "backplane.warmup/1"
typedef struct backplane_warmup_extension {
    uint32_t struct_size; /* sizeof(backplane_warmup_extension_t) */
    uint32_t reserved;

    /* Fills caches, loads models, ... Required. Returns OK, or a status and a message in `error`: then this generation
     * does not go into service.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE warm_up)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_error_t *error);
} backplane_warmup_extension_t;

/* Health: whether the instance can serve. */
#define BACKPLANE_EXTENSION_HEALTH "backplane.health/1"
typedef struct backplane_health_extension {
    uint32_t struct_size; /* sizeof(backplane_health_extension_t) */
    uint32_t reserved;

    /* Asked after warm-up, and from time to time between calls. Required. Quick: calls wait for it. Returns OK, or a
     * status and a message in `error`.
     * [replica-thread] */
    backplane_status_t (*BACKPLANE_NULLABLE check)(
        backplane_instance_t *BACKPLANE_NULLABLE instance, backplane_error_t *error);
} backplane_health_extension_t;

/* Batch keys: which calls may share a batch, say those for one model, or those of one size. */
#define BACKPLANE_EXTENSION_BATCH_KEY "backplane.batch_key/1"
typedef struct backplane_batch_key_extension {
    uint32_t struct_size; /* sizeof(backplane_batch_key_extension_t) */
    uint32_t reserved;

    /* Returns the key of a call to a BATCHABLE method: calls with different keys don't share a batch; 0 is the key of
     * calls that have none. Required. Asked when the call arrives, on an I/O thread, if the backend makes batches:
     * takes well under a millisecond and never blocks. `request` is borrowed while it runs.
     * [any-thread] */
    uint64_t (*BACKPLANE_NULLABLE batch_key)(const backplane_request_t *request);
} backplane_batch_key_extension_t;

/* Middleware: stages that the chains of a configuration name by the name of the plugin's file, as they name the
 * built-in ones. A stage sees requests on their way in and answers on their way out. A plugin with this extension
 * need not have methods.
 *
 * A stage's functions run where requests pass, often on an I/O thread, and for several requests at once: they take
 * well under a millisecond and never block. The host measures that, and complains in its log. What takes longer is
 * done on a thread of the plugin, and the request waits for it: BACKPLANE_MIDDLEWARE_ASYNC.
 */
#define BACKPLANE_EXTENSION_MIDDLEWARE "backplane.middleware/1"

/* One place in one chain. The plugin defines the struct as it likes and alone looks inside. */
typedef struct backplane_stage backplane_stage_t;

typedef struct backplane_passage_host backplane_passage_host_t;

/* A request at a stage, and its answer on the way back. A value: copy it and keep the copy for as long as you like.
 * Using it out of its turn is misuse that the host notices, counts, logs and survives. */
typedef struct backplane_passage {
    const backplane_passage_host_t *host; /* valid as long as the library is loaded */
    uint64_t id;                          /* never used twice in a library */
} backplane_passage_t;

/* What a stage does with a passage. One table per loaded library, valid as long as that is.
 *
 * Changes are for the request from the beginning of `on_request` until it is decided, and for the answer while
 * `on_response` or `on_response_body` runs. What is passed is copied before they return. They return OK; or
 * INVALID_ARGUMENT for what can't stand in an HTTP message, and for the header fields that are the host's (connection,
 * content-length, date, transfer-encoding, ...); or FAILED_PRECONDITION out of turn. Nothing has changed in both cases.
 *
 * Decisions: each request is decided exactly once, with `proceed`, `answer` or `fail`, before `on_request` returns or,
 * for an ASYNC stage, later. A decision takes effect when `on_request` has returned. They return OK; or
 * FAILED_PRECONDITION when the request is decided already, which is misuse; or CANCELLED when the host has given the
 * request up because the stage took too long. */
struct backplane_passage_host {
    uint32_t struct_size;
    uint32_t reserved;

    /* Change: puts one header field in place of all of that name, in whatever case. Of an answer, "content-type" is the
     * type of the body; that of an error can't be changed (FAILED_PRECONDITION).
     * [any-thread] */
    backplane_status_t (*set_header)(backplane_passage_t passage, backplane_string_t name, backplane_string_t value);

    /* Change: adds a header field to those of the same name. "content-type" is set.
     * [any-thread] */
    backplane_status_t (*add_header)(backplane_passage_t passage, backplane_string_t name, backplane_string_t value);

    /* Change: removes all header fields of a name, in whatever case; none need be there.
     * [any-thread] */
    backplane_status_t (*remove_header)(backplane_passage_t passage, backplane_string_t name);

    /* Change of a request: another path, percent-encoded; begins with "/". In the host's chain it decides the route.
     * [any-thread] */
    backplane_status_t (*set_path)(backplane_passage_t passage, backplane_string_t path);

    /* Change of a request: another query, percent-encoded, without "?"; empty: none.
     * [any-thread] */
    backplane_status_t (*set_query)(backplane_passage_t passage, backplane_string_t query);

    /* Change: another body for the request, if the stage reads bodies (BACKPLANE_MIDDLEWARE_READS_BODY); in
     * `on_response_body`, another piece in place of the one that it was given. At most 1 GiB.
     * [any-thread] */
    backplane_status_t (*set_body)(backplane_passage_t passage, backplane_bytes_t body);

    /* Decision: lets the request go on. `context` is handed to `on_response`, `on_response_body` and `on_end` as it is;
     * it stays the plugin's, which may free it in `on_end` if this returned OK, and at once if it did not.
     * [any-thread] */
    backplane_status_t (*proceed)(backplane_passage_t passage, void *BACKPLANE_NULLABLE context);

    /* Decision: answers the request; what is behind the stage never sees it, and `on_end` is not called.
     * `http_status` is 200 to 599. `response` and all it points to stay the plugin's and may go as soon as this
     * returns. One that can't be used: the request is answered INTERNAL, and this returns INVALID_ARGUMENT.
     * [any-thread] */
    backplane_status_t (*answer)(
        backplane_passage_t passage, int32_t http_status, const backplane_response_t *response);

    /* Decision: refuses the request with a status other than OK and a message for the caller (may be empty), as
     * `fail` of a call does; `on_end` is not called. `message` stays the plugin's.
     * [any-thread] */
    backplane_status_t (*fail)(backplane_passage_t passage, backplane_status_t status, backplane_string_t message);
};

/* What `create` of a stage is told. Host memory, borrowed while `create` runs. */
typedef struct backplane_stage_args {
    uint32_t struct_size;
    uint32_t reserved;
    backplane_string_t backend; /* the tag of the backend that the stage is around; empty: it is around all of them */
    backplane_string_t options; /* JSON: what the configuration gives the stage; "null" when nothing */
} backplane_stage_args_t;

/* What comes before the body of an answer. Host memory, borrowed while `on_response` runs. */
typedef struct backplane_response_head {
    uint32_t struct_size;
    int32_t http_status;
    backplane_string_t content_type; /* of the body; empty: application/octet-stream */
    const backplane_header_t *BACKPLANE_NULLABLE headers; /* beside those that the host writes */
    uint64_t header_count;
    int32_t is_error; /* not 0: the host writes the body, a problem in JSON, and no stage sees it */
    uint32_t reserved;
} backplane_response_head_t;

/* Flags of the extension. */
enum {
    /* `on_request` is called when all of the body is there, and lent it. Without it, as soon as the head is there: the
     * body is neither waited for nor copied. */
    BACKPLANE_MIDDLEWARE_READS_BODY = 0x1,
    /* Requests may be decided after `on_request` has returned. Without it, a request left undecided when `on_request`
     * returns is answered INTERNAL at once. */
    BACKPLANE_MIDDLEWARE_ASYNC = 0x2
};

typedef struct backplane_middleware_extension {
    uint32_t struct_size; /* sizeof(backplane_middleware_extension_t) */
    uint32_t flags;       /* BACKPLANE_MIDDLEWARE_... */

    /* Makes a stage: when a configuration names it, and for each place when the library is loaded. Optional: without it
     * every stage is NULL. `args` and `error` are borrowed while it runs. Returns OK with the stage in `*stage`, which
     * the plugin owns until `destroy`; or a status and a message in `error`: then the plugin has freed what it made,
     * `destroy` is not called, and the configuration, or the load, is refused.
     * [main] */
    backplane_status_t (*BACKPLANE_NULLABLE create)(
        const backplane_host_t *host, const backplane_stage_args_t *args,
        backplane_stage_t *BACKPLANE_NULLABLE *BACKPLANE_NULLABLE stage, backplane_error_t *error);

    /* Frees a stage. Optional. All requests that came to it are over, and none will come.
     * [main] */
    void (*BACKPLANE_NULLABLE destroy)(backplane_stage_t *BACKPLANE_NULLABLE stage);

    /* Sees a request, and decides it. Required. `request` and `body` are borrowed while it runs, whatever is
     * decided; copy what is needed later. `body` is NULL unless the stage reads bodies.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_request)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, backplane_passage_t passage, const backplane_metadata_t *request,
        const backplane_bytes_t *BACKPLANE_NULLABLE body);

    /* Sees the head of the answer to a request that went on, be it a plugin's, another stage's or an error; at most
     * once. Optional. `head` is borrowed while it runs. For one request, this function and the two below never
     * overlap.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_response)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, backplane_passage_t passage, void *BACKPLANE_NULLABLE context,
        const backplane_response_head_t *head);

    /* Sees a piece of the answer's body, in order; only one for an answer that is not streamed. Not the bodies of
     * errors. Optional. The last piece has `is_last` not 0 and may be empty; a stream that breaks off has none.
     * `piece` is borrowed while it runs.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_response_body)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, backplane_passage_t passage, void *BACKPLANE_NULLABLE context,
        backplane_bytes_t piece, int32_t is_last);

    /* The answer to a request that went on is over: exactly once, the last use of `context`. Optional. `status` is
     * OK, or why there was no answer or it broke off: CANCELLED when the caller went away.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE on_end)(
        backplane_stage_t *BACKPLANE_NULLABLE stage, void *BACKPLANE_NULLABLE context, backplane_status_t status);
} backplane_middleware_extension_t;

/* ---- Extensions of the host ---------------------------------------------------------------------------------- */

/* Handles: a plugin calls other endpoints of its host, without HTTP. A handle call takes the path of an HTTP one: same
 * queue, same batches, same limits, and the callee sees BACKPLANE_ORIGIN_HANDLE.
 *
 *     const backplane_handle_extension_t *handles = host->get_extension(host, BACKPLANE_EXTENSION_HANDLE);
 */
#define BACKPLANE_EXTENSION_HANDLE "backplane.handle/1"

/* The way to one endpoint. A value, copied freely; after `close` the copies are misuse that the host survives. */
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
 * look inside. */
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

/* What to call, and with what. Plugin memory, borrowed while `call` or `start` runs, except the native object. */
typedef struct backplane_handle_request {
    uint32_t struct_size; /* sizeof(backplane_handle_request_t) */
    uint32_t flags;       /* BACKPLANE_HANDLE_FORWARD */
    /* The call that this one is made for: an unfinished one of this plugin, or NULL. The new call ends when the
     * parent's deadline passes or its caller goes away, and has its request id. So a circle of calls ends with the
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
    /* Called once when the native object is not used any more: after the callee has finished, which may be after the
     * answer, and also when the call was refused. Optional. Short, and never blocks.
     * [any-thread] */
    void (*BACKPLANE_NULLABLE release_native)(const void *BACKPLANE_NULLABLE object);
} backplane_handle_request_t;

/* The answer to a handle's call, whole: the parts of a streamed one are put together. Host memory, borrowed while
 * the callback runs. */
typedef struct backplane_answer {
    uint32_t struct_size;
    backplane_status_t status;       /* OK, or why there is no answer: NOT_FOUND, DEADLINE_EXCEEDED, ... */
    backplane_string_t message;      /* of a status other than OK */
    backplane_string_t content_type; /* of the body */
    backplane_bytes_t body;
    const backplane_header_t *BACKPLANE_NULLABLE headers;
    uint64_t header_count;
} backplane_answer_t;

/* Takes an answer, exactly once for each call that was begun, on the thread that `call` and `start` say. `context` is
 * what was passed with the call. */
typedef void (*backplane_on_answer_t)(void *BACKPLANE_NULLABLE context, const backplane_answer_t *answer);

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

    /* Calls and waits: `on_answer` is called on this thread before `call` returns. `request` stays the plugin's.
     * Returns OK when `on_answer` was called, whatever the answer; FAILED_PRECONDITION where nobody may wait: in an
     * INLINE method and on an I/O thread; INVALID_ARGUMENT for a closed handle, a finished parent or a broken struct.
     * In both cases `release_native` has been called.
     * [any-thread] */
    backplane_status_t (*call)(
        backplane_handle_t handle, const backplane_handle_request_t *request, backplane_on_answer_t on_answer,
        void *BACKPLANE_NULLABLE context);

    /* Calls and does not wait: `on_answer` is called later, on a thread that the host keeps for this library's answers,
     * one after the other. It may take its time, and keeps the next answers waiting meanwhile. `request` stays the
     * plugin's. Returns OK, or INVALID_ARGUMENT as `call` does: `on_answer` is not called then, and `release_native`
     * has been.
     * [any-thread] */
    backplane_status_t (*start)(
        backplane_handle_t handle, const backplane_handle_request_t *request, backplane_on_answer_t on_answer,
        void *BACKPLANE_NULLABLE context);

    /* The native object that came with a call, if one did: passed by the program that runs the host, or by a plugin.
     * The type is borrowed, and the object valid, until the call is finished. Returns OK with the object in `*native`,
     * or NOT_FOUND when there is none, or the call is finished; `*native` is unchanged then.
     * [any-thread] */
    backplane_status_t (*get_native)(backplane_call_t call, backplane_native_t *native);
} backplane_handle_extension_t;

/* ---- Helpers: nothing below is part of the binary contract --------------------------------------------------- */

/* A NUL-terminated text as a backplane_string_t that borrows it. */
static inline backplane_string_t backplane_string(const char *text) {
    backplane_string_t string = {text, (uint64_t)strlen(text)};
    return string;
}

/* Finishes a call with a body. */
static inline void backplane_finish(
    backplane_call_t call, backplane_string_t content_type, backplane_bytes_t body) {
    backplane_response_t response = {(uint32_t)sizeof(backplane_response_t), 0, NULL, content_type, body};
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

/* Finishes a call with the answer of another one, be it a success or not. */
static inline void backplane_finish_with(backplane_call_t call, const backplane_answer_t *answer) {
    if (answer->status != BACKPLANE_STATUS_OK) {
        call.host->fail(call, answer->status, answer->message);
        return;
    }
    backplane_response_t response = {
        (uint32_t)sizeof(backplane_response_t), (uint32_t)answer->header_count, answer->headers, answer->content_type,
        answer->body};
    call.host->finish(call, &response);
}

/* ---- Layout: what makes 1.0 binary compatible, held by the compiler (LP64) ----------------------------------- */

#define BACKPLANE_ASSERT_SIZE(type, size) \
    BACKPLANE_STATIC_ASSERT(sizeof(type) == (size), #type " has another size than ABI 1.0")
#define BACKPLANE_ASSERT_OFFSET(type, member, offset) \
    BACKPLANE_STATIC_ASSERT( \
        offsetof(type, member) == (offset), #type "." #member " is elsewhere than in ABI 1.0")

BACKPLANE_ASSERT_SIZE(backplane_bytes_t, 16);
BACKPLANE_ASSERT_SIZE(backplane_string_t, 16);
BACKPLANE_ASSERT_SIZE(backplane_header_t, 32);
BACKPLANE_ASSERT_SIZE(backplane_error_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_error_t, message, 8);
BACKPLANE_ASSERT_SIZE(backplane_sink_t, 24);
BACKPLANE_ASSERT_OFFSET(backplane_sink_t, write, 16);
BACKPLANE_ASSERT_SIZE(backplane_request_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_request_t, body, 8);
BACKPLANE_ASSERT_OFFSET(backplane_request_t, content_type, 24);
BACKPLANE_ASSERT_OFFSET(backplane_request_t, deadline_ns, 40);
BACKPLANE_ASSERT_SIZE(backplane_metadata_t, 104);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, http_method, 8);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, request_id, 56);
BACKPLANE_ASSERT_OFFSET(backplane_metadata_t, headers, 88);
BACKPLANE_ASSERT_SIZE(backplane_call_t, 24);
BACKPLANE_ASSERT_OFFSET(backplane_call_t, id, 16);
BACKPLANE_ASSERT_SIZE(backplane_response_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_response_t, content_type, 16);
BACKPLANE_ASSERT_OFFSET(backplane_response_t, body, 32);
BACKPLANE_ASSERT_SIZE(backplane_host_t, 88);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, finish, 24);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, write, 40);
BACKPLANE_ASSERT_OFFSET(backplane_host_t, get_extension, 80);
BACKPLANE_ASSERT_SIZE(backplane_method_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, flags, 16);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, invoke, 24);
BACKPLANE_ASSERT_OFFSET(backplane_method_t, function, 40);
BACKPLANE_ASSERT_SIZE(backplane_create_args_t, 40);
BACKPLANE_ASSERT_OFFSET(backplane_create_args_t, backend, 8);
BACKPLANE_ASSERT_SIZE(backplane_plugin_t, 104);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, abi_major, 8);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, name, 16);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, methods, 40);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, load, 56);
BACKPLANE_ASSERT_OFFSET(backplane_plugin_t, get_extension, 96);
BACKPLANE_ASSERT_SIZE(backplane_state_extension_t, 24);
BACKPLANE_ASSERT_SIZE(backplane_warmup_extension_t, 16);
BACKPLANE_ASSERT_SIZE(backplane_health_extension_t, 16);
BACKPLANE_ASSERT_SIZE(backplane_batch_key_extension_t, 16);
BACKPLANE_ASSERT_SIZE(backplane_passage_t, 16);
BACKPLANE_ASSERT_OFFSET(backplane_passage_t, id, 8);
BACKPLANE_ASSERT_SIZE(backplane_passage_host_t, 80);
BACKPLANE_ASSERT_OFFSET(backplane_passage_host_t, set_header, 8);
BACKPLANE_ASSERT_OFFSET(backplane_passage_host_t, set_path, 32);
BACKPLANE_ASSERT_OFFSET(backplane_passage_host_t, proceed, 56);
BACKPLANE_ASSERT_OFFSET(backplane_passage_host_t, fail, 72);
BACKPLANE_ASSERT_SIZE(backplane_stage_args_t, 40);
BACKPLANE_ASSERT_OFFSET(backplane_stage_args_t, backend, 8);
BACKPLANE_ASSERT_OFFSET(backplane_stage_args_t, options, 24);
BACKPLANE_ASSERT_SIZE(backplane_response_head_t, 48);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, content_type, 8);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, headers, 24);
BACKPLANE_ASSERT_OFFSET(backplane_response_head_t, is_error, 40);
BACKPLANE_ASSERT_SIZE(backplane_middleware_extension_t, 56);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, create, 8);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, on_request, 24);
BACKPLANE_ASSERT_OFFSET(backplane_middleware_extension_t, on_end, 48);
BACKPLANE_ASSERT_SIZE(backplane_handle_t, 16);
BACKPLANE_ASSERT_SIZE(backplane_native_t, 24);
BACKPLANE_ASSERT_SIZE(backplane_handle_request_t, 168);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, parent, 8);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, headers, 112);
BACKPLANE_ASSERT_OFFSET(backplane_handle_request_t, native, 136);
BACKPLANE_ASSERT_SIZE(backplane_answer_t, 72);
BACKPLANE_ASSERT_OFFSET(backplane_answer_t, headers, 56);
BACKPLANE_ASSERT_SIZE(backplane_handle_extension_t, 48);

#if defined(__cplusplus)
} /* extern "C" */
#endif

#if defined(__clang__)
#pragma clang assume_nonnull end
#pragma clang diagnostic pop
#endif

#endif /* BACKPLANE_PLUGIN_H */
