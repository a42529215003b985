/* thread_checker - behaves, and watches the host: it is not re-entrant, and counts how often two
 * functions ran on one of its instances at once. The count is the library's, so that what
 * happens in `destroy` shows as well. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct backplane_instance {
    atomic_uint busy; /* the functions that run on it now */
};

static atomic_ullong overlaps_seen;

static void enter(backplane_instance_t *self) {
    if (atomic_fetch_add(&self->busy, 1) > 0) {
        atomic_fetch_add(&overlaps_seen, 1);
    }
}

static void leave(backplane_instance_t *self) {
    atomic_fetch_sub(&self->busy, 1);
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Stays inside for about 50 microseconds, to give an overlap its chance. */
static void linger(void) {
    const int64_t end_ns = now_ns() + 50 * 1000;
    while (now_ns() < end_ns) {
    }
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)args;
    backplane_instance_t *self = malloc(sizeof(*self));
    if (self == NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    }
    atomic_init(&self->busy, 0);
    *instance = self;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    enter(self);
    linger();
    leave(self);
    free(self);
}

static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    enter(self);
    linger();
    backplane_finish(calls[0], calls[0].request->content_type, calls[0].request->body);
    leave(self);
}

static void overlaps(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    enter(self);
    char text[32];
    snprintf(text, sizeof(text), "%llu", atomic_load(&overlaps_seen));
    backplane_finish_text(calls[0], "text/plain", text);
    leave(self);
}

static backplane_status_t check(backplane_instance_t *self, backplane_error_t *error) {
    (void)error;
    enter(self);
    linger();
    leave(self);
    return BACKPLANE_STATUS_OK;
}

static const backplane_health_extension_t health = {.struct_size = sizeof(health), .check = check};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_HEALTH) == 0 ? &health : NULL;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = echo},
    {.name = "inline", .flags = BACKPLANE_METHOD_INLINE, .invoke = echo},
    {.name = "overlaps", .invoke = overlaps},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "thread_checker",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
    .destroy = destroy,
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
