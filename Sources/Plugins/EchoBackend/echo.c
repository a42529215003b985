/*
 * echo - the example plugin: it answers what it was sent.
 *
 * From top to bottom: what the plugin offers (the method table, the descriptor, the entry
 * function), then the methods, then how `headers` writes its JSON. The contract is in
 * backplane_plugin.h. To build it away from this package:
 *
 *     cc -std=c11 -fPIC -shared -I<where backplane_plugin.h is> echo.c -o libecho.so
 */
#include "backplane_plugin.h"

#ifndef ECHO_VERSION
#define ECHO_VERSION "1.0.0"
#endif

/* ---- What the plugin offers ---------------------------------------------------------------- */

static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count);
static void upper(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count);
static void lines(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count);
static void headers(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count);

static const backplane_method_t methods[] = {
    {.name = "__call__",
     .description = "Answers the body as it came.",
     .flags = BACKPLANE_METHOD_BATCHABLE,
     .invoke = echo},
    {.name = "inline",
     .description = "The same, without a change of threads: it is too short to be worth one.",
     .flags = BACKPLANE_METHOD_INLINE,
     .invoke = echo},
    {.name = "upper",
     .description = "Answers the body with the ASCII letters in upper case.",
     .invoke = upper},
    {.name = "lines",
     .description = "Answers the body line by line: a stream.",
     .invoke = lines},
    {.name = "headers",
     .description = "Answers what else is known of the call, as JSON.",
     .invoke = headers},
};

/* There is no `create`: echo keeps nothing between calls, so each instance is NULL. That is also
 * why it may call itself re-entrant. */
static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = "echo",
    .version = ECHO_VERSION,
    .description = "Answers what it was sent.",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}

/* ---- The methods --------------------------------------------------------------------------- */

/* Serves two methods: under BATCHABLE `count` is the size of the batch, otherwise it is 1. */
static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        /* The request is borrowed until its call is finished, so it can be the answer as it is. */
        const backplane_request_t *request = calls[i].request;
        backplane_finish(calls[i], request->content_type, request->body);
    }
}

/* By hand: toupper() depends on the locale of the process, which is the host's and not ours. */
static uint8_t upper_ascii(uint8_t byte) {
    return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
}

static void upper(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count; /* 1: the method is not batchable */
    const backplane_call_t call = calls[0];
    const backplane_bytes_t body = call.request->body;

    /* Written where the host wants to have it, the answer need not be copied. */
    uint8_t *answer = call.host->allocate_body(call, body.size);
    if (answer == NULL) {
        backplane_fail(call, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory for the answer");
        return;
    }
    for (uint64_t i = 0; i < body.size; i++) {
        answer[i] = upper_ascii(body.data[i]);
    }
    backplane_finish(call, call.request->content_type, (backplane_bytes_t){answer, body.size});
}

static void lines(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    backplane_response_t part = {
        .struct_size = sizeof(part), .content_type = call.request->content_type};
    const uint8_t *next = call.request->body.data;
    uint64_t left = call.request->body.size;
    while (left > 0) {
        const uint8_t *end = memchr(next, '\n', (size_t)left);
        const uint64_t size = end == NULL ? left : (uint64_t)(end - next) + 1;
        part.body = (backplane_bytes_t){next, size};
        next += size;
        left -= size;
        if (left == 0) {
            break; /* the last one is the answer's end */
        }
        /* Blocks while the caller is slow to read. */
        const backplane_status_t status = call.host->write(call, &part);
        if (status != BACKPLANE_STATUS_OK) {
            backplane_fail(call, status, "nobody reads the answer");
            return;
        }
    }
    call.host->finish(call, &part);
}

/* JSON on its way out: appended to `data`, or only counted in `size` while `data` is NULL. */
struct json {
    uint8_t *data;
    uint64_t size;
};

static void put_metadata(struct json *json, const backplane_metadata_t *metadata);

static void headers(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    const backplane_metadata_t *metadata = call.host->get_metadata(call);
    if (metadata == NULL) {
        return; /* finished already: nothing is left to answer */
    }

    /* Written twice: once to learn the size, once into host memory of that size. So the plugin
     * needs no buffer that grows, and has nothing to free. */
    struct json measured = {NULL, 0};
    put_metadata(&measured, metadata);
    struct json written = {call.host->allocate_body(call, measured.size), 0};
    if (written.data == NULL) {
        backplane_fail(call, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory for the answer");
        return;
    }
    put_metadata(&written, metadata);
    backplane_finish(
        call, backplane_string("application/json"),
        (backplane_bytes_t){written.data, written.size});
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_text(struct json *json, const char *text);
static void put_string(struct json *json, backplane_string_t string);
static void put_headers(struct json *json, const backplane_metadata_t *metadata);

static const char *origin_name(backplane_origin_t origin) {
    switch (origin) {
    case BACKPLANE_ORIGIN_HTTP: return "http";
    case BACKPLANE_ORIGIN_HANDLE: return "handle";
    default: return "other"; /* a later host may know more origins */
    }
}

static void put_metadata(struct json *json, const backplane_metadata_t *metadata) {
    put_text(json, "{\"method\":");
    put_string(json, metadata->http_method);
    put_text(json, ",\"path\":");
    put_string(json, metadata->path);
    put_text(json, ",\"query\":");
    put_string(json, metadata->query);
    put_text(json, ",\"request_id\":");
    put_string(json, metadata->request_id);
    put_text(json, ",\"origin\":");
    put_string(json, backplane_string(origin_name(metadata->origin)));
    put_text(json, ",\"headers\":");
    put_headers(json, metadata);
    put_text(json, "}");
}

/* An array of pairs, not an object: a name may come more than once, and the order is kept. */
static void put_headers(struct json *json, const backplane_metadata_t *metadata) {
    put_text(json, "[");
    for (uint64_t i = 0; i < metadata->header_count; i++) {
        put_text(json, i == 0 ? "[" : ",[");
        put_string(json, metadata->headers[i].name);
        put_text(json, ",");
        put_string(json, metadata->headers[i].value);
        put_text(json, "]");
    }
    put_text(json, "]");
}

static void put_bytes(struct json *json, const void *bytes, uint64_t size) {
    if (json->data != NULL) {
        memcpy(json->data + json->size, bytes, size);
    }
    json->size += size;
}

static void put_text(struct json *json, const char *text) {
    put_bytes(json, text, strlen(text));
}

/* One valid UTF-8 sequence of `size` bytes, escaped where RFC 8259, section 7, asks for it. */
static void put_character(struct json *json, const uint8_t *bytes, uint64_t size) {
    if (bytes[0] < 0x20) {
        char escape[sizeof("\\u0000")];
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)bytes[0]);
        put_text(json, escape);
        return;
    }
    if (bytes[0] == '"' || bytes[0] == '\\') {
        put_text(json, "\\");
    }
    put_bytes(json, bytes, size);
}

/* The size of the valid UTF-8 sequence that `bytes` begins with, or 0. The bounds of the second
 * byte keep out overlong forms, surrogates and what lies above U+10FFFF: the Unicode Standard,
 * table 3-7. */
static uint64_t utf8_sequence_size(const uint8_t *bytes, uint64_t available) {
    const uint8_t first = bytes[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    const uint64_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size > available) {
        return 0;
    }
    for (uint64_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    const uint8_t lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const uint8_t highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    return bytes[1] >= lowest && bytes[1] <= highest ? size : 0;
}

/* HTTP lets any byte from 0x80 up into a header value, JSON only UTF-8: a byte that is none
 * becomes U+FFFD. */
static void put_string(struct json *json, backplane_string_t string) {
    const uint8_t *bytes = (const uint8_t *)string.data;
    put_text(json, "\"");
    for (uint64_t i = 0; i < string.size;) {
        const uint64_t size = utf8_sequence_size(bytes + i, string.size - i);
        if (size > 0) {
            put_character(json, bytes + i, size);
            i += size;
        } else {
            put_text(json, "\xEF\xBF\xBD");
            i += 1;
        }
    }
    put_text(json, "\"");
}
