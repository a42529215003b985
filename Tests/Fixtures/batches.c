/* batches - behaves: tells which batches it was given, and fails a single call of a batch. */
#include "backplane_plugin.h"

#include <stdlib.h>

#define SIZES_CAPACITY 4096

/* Needs no lock: the plugin is not re-entrant. */
struct backplane_instance {
    uint32_t sizes[SIZES_CAPACITY];
    uint64_t size_count; /* counts on when `sizes` is full, so that `seen` can say so */
};

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)args;
    *instance = calloc(1, sizeof(**instance));
    return *instance != NULL
        ? BACKPLANE_STATUS_OK
        : backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

static void remember(backplane_instance_t *self, uint32_t size) {
    if (self->size_count < SIZES_CAPACITY) {
        self->sizes[self->size_count] = size;
    }
    self->size_count += 1;
}

static void echo_call(backplane_call_t call) {
    backplane_finish(call, call.request->content_type, call.request->body);
}

static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    remember(self, count);
    for (uint32_t i = 0; i < count; i++) {
        echo_call(calls[i]);
    }
}

static void third_fails(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    remember(self, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 2) {
            backplane_fail(calls[i], BACKPLANE_STATUS_INVALID_ARGUMENT, "third");
        } else {
            echo_call(calls[i]);
        }
    }
}

/* Answers the sizes of the batches since the last `seen`, of both methods, as a JSON array. */
static void seen(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    const uint64_t size_count = self->size_count;
    self->size_count = 0;
    if (size_count > SIZES_CAPACITY) {
        backplane_fail(
            calls[0], BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "more batches than it can remember");
        return;
    }
    char text[SIZES_CAPACITY * sizeof("4294967295,") + sizeof("[]")];
    int length = snprintf(text, sizeof(text), "[");
    for (uint64_t i = 0; i < size_count; i++) {
        length += snprintf(
            text + length, sizeof(text) - (size_t)length, i == 0 ? "%u" : ",%u",
            (unsigned)self->sizes[i]);
    }
    snprintf(text + length, sizeof(text) - (size_t)length, "]");
    backplane_finish_text(calls[0], "application/json", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = echo},
    {.name = "third_fails", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = third_fails},
    {.name = "seen", .invoke = seen},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "batches",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
    .destroy = destroy,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
