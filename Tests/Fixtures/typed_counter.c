/* typed_counter - Ray Serve's counter in ordinary C functions: answers {"current": 1}, and `other_method` adds. */
#include "backplane_plugin.h"

#include <stdbool.h>
#include <stdlib.h>

struct backplane_instance {
    int64_t count;
};

typedef struct {
    int64_t current;
} counter_t;

static counter_t current(const backplane_instance_t *self) {
    counter_t counter = {self->count};
    return counter;
}

static bool other_method(backplane_instance_t *self, int64_t inc) {
    self->count += inc;
    return true;
}

static backplane_status_t divide(backplane_instance_t *self, int64_t divisor, backplane_error_t *error) {
    if (divisor == 0)
        return backplane_error_format(
            error, BACKPLANE_STATUS_INVALID_ARGUMENT, "%lld can't be divided by 0", (long long)self->count);
    self->count /= divisor;
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args, backplane_instance_t **instance,
    backplane_error_t *error) {
    (void)host;
    (void)args;
    *instance = calloc(1, sizeof(**instance));
    if (*instance == NULL) return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    (*instance)->count = 1;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .signature = "(self) -> {current: i64}", .function = (backplane_function_t)current},
    {.name = "other_method", .signature = "(self, inc: i64) -> bool", .function = (backplane_function_t)other_method},
    {.name = "divide", .signature = "(self, divisor: i64, error) -> status", .function = (backplane_function_t)divide},
    {.name = "inline",
     .flags = BACKPLANE_METHOD_INLINE | BACKPLANE_METHOD_BATCHABLE,
     .signature = "(self) -> {current: i64}",
     .function = (backplane_function_t)current},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "typed_counter",
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
