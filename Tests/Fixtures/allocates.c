/* allocates - behaves: answers as many bytes as the body says in decimal, byte i = i % 251, from
 * memory that the host allocated, used in every way that it may be used. */
#include "backplane_plugin.h"

#include <stdlib.h>

/* The body as a number, cut off after 31 digits. */
static uint64_t number(backplane_bytes_t bytes) {
    char text[32];
    const size_t size = bytes.size < sizeof(text) ? (size_t)bytes.size : sizeof(text) - 1;
    if (size > 0) {
        memcpy(text, bytes.data, size);
    }
    text[size] = '\0';
    return strtoull(text, NULL, 10);
}

static void fill(uint8_t *bytes, uint64_t size) {
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
}

static void finish(backplane_call_t call, const uint8_t *bytes, uint64_t size) {
    backplane_finish(
        call, backplane_string("application/octet-stream"), (backplane_bytes_t){bytes, size});
}

#define METHOD(name) \
    static void name(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count)
#define UNUSED ((void)self, (void)count)

METHOD(all) {
    UNUSED;
    const uint64_t size = number(calls[0].request->body);
    uint8_t *bytes = calls[0].host->allocate_body(calls[0], size);
    if (bytes == NULL) {
        backplane_fail(calls[0], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "NULL");
        return;
    }
    fill(bytes, size);
    finish(calls[0], bytes, size);
}

/* Answers the bytes as the host made them. */
METHOD(untouched) {
    UNUSED;
    const uint64_t size = number(calls[0].request->body);
    finish(calls[0], calls[0].host->allocate_body(calls[0], size), size);
}

METHOD(half) {
    UNUSED;
    const uint64_t size = number(calls[0].request->body);
    uint8_t *bytes = calls[0].host->allocate_body(calls[0], size);
    fill(bytes, size);
    finish(calls[0], bytes, size / 2);
}

/* All but the first byte: not "the very address", so the host copies. */
METHOD(from_inside) {
    UNUSED;
    const uint64_t size = number(calls[0].request->body);
    uint8_t *bytes = calls[0].host->allocate_body(calls[0], size);
    fill(bytes, size);
    finish(calls[0], bytes + 1, size - 1);
}

METHOD(replaced) {
    UNUSED;
    const uint64_t size = number(calls[0].request->body);
    memset(calls[0].host->allocate_body(calls[0], size), 0xFF, size);
    uint8_t *bytes = calls[0].host->allocate_body(calls[0], size);
    fill(bytes, size);
    finish(calls[0], bytes, size);
}

METHOD(unused) {
    UNUSED;
    const uint64_t size = number(calls[0].request->body);
    fill(calls[0].host->allocate_body(calls[0], size), size);
    backplane_finish_text(calls[0], "text/plain", "unused");
}

METHOD(written) {
    UNUSED;
    const uint64_t size = number(calls[0].request->body);
    uint8_t *bytes = calls[0].host->allocate_body(calls[0], size);
    fill(bytes, size);
    const backplane_response_t part = {.struct_size = sizeof(part), .body = {bytes, size}};
    calls[0].host->write(calls[0], &part);
    memset(bytes, 0xFF, size);
    finish(calls[0], NULL, 0);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = all},
    {.name = "untouched", .invoke = untouched},
    {.name = "half", .invoke = half},
    {.name = "from_inside", .invoke = from_inside},
    {.name = "replaced", .invoke = replaced},
    {.name = "unused", .invoke = unused},
    {.name = "written", .invoke = written},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "allocates",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
