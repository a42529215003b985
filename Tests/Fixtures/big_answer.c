/* big_answer - behaves: answers 10 MiB, from memory of its own and from memory of the host. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <stdlib.h>

#define ANSWER_SIZE (UINT64_C(10) << 20)

static void fill(uint8_t *bytes) {
    for (uint64_t i = 0; i < ANSWER_SIZE; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 16));
    }
}

static void finish(backplane_call_t call, const uint8_t *bytes) {
    backplane_finish(
        call, backplane_string("application/octet-stream"),
        (backplane_bytes_t){bytes, ANSWER_SIZE});
}

static void from_plugin_memory(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    uint8_t *bytes = malloc(ANSWER_SIZE);
    if (bytes == NULL) {
        backplane_fail(calls[0], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    fill(bytes);
    finish(calls[0], bytes);
    explicit_bzero(bytes, ANSWER_SIZE); /* a host that keeps the pointer answers zeros */
    free(bytes);
}

static void from_host_memory(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    uint8_t *bytes = calls[0].host->allocate_body(calls[0], ANSWER_SIZE);
    if (bytes == NULL) {
        backplane_fail(calls[0], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    fill(bytes);
    finish(calls[0], bytes);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = from_plugin_memory},
    {.name = "allocated", .invoke = from_host_memory},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "big_answer",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
