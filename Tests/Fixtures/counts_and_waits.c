/* counts_and_waits - behaves: counts, hands the count over, and has a method that takes as long as a test
 * wants. Re-entrant, so that one call can wait while others count. -DSTATELESS leaves the state
 * extension out; -DVERSION=\"2\" sets the version. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "1"
#endif

struct backplane_instance {
    _Atomic int64_t count;
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

static void increment(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64, atomic_fetch_add(&self->count, 1) + 1);
    backplane_finish_text(calls[0], "text/plain", text);
}

static void answer_version(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", VERSION);
}

/* The body is the path of a file to wait for. */
static void wait_for_file(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_bytes_t body = calls[0].request->body;
    char path[PATH_MAX] = "";
    if (body.size > 0 && body.size < sizeof(path)) {
        memcpy(path, body.data, body.size);
    }
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = 2 * 1000 * 1000};
    while (access(path, F_OK) != 0) {
        nanosleep(&pause, NULL);
    }
    backplane_finish_text(calls[0], "text/plain", "there");
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = increment},
    {.name = "version", .invoke = answer_version},
    {.name = "wait", .invoke = wait_for_file},
};

#ifndef STATELESS
/* The state is the count in decimal. */
static backplane_status_t save(
    backplane_instance_t *self, backplane_sink_t *sink, backplane_error_t *error) {
    char text[32];
    const int size = snprintf(text, sizeof(text), "%" PRId64, atomic_load(&self->count));
    const backplane_status_t status =
        sink->write(sink, (backplane_bytes_t){(const uint8_t *)text, (uint64_t)size});
    return status == BACKPLANE_STATUS_OK
        ? BACKPLANE_STATUS_OK
        : backplane_error_format(error, status, "the host did not take the count");
}

static backplane_status_t restore(
    backplane_instance_t *self, backplane_bytes_t state, backplane_error_t *error) {
    char text[32] = "";
    if (state.size > 0 && state.size < sizeof(text)) {
        memcpy(text, state.data, state.size);
    }
    char *end = text;
    const int64_t count = strtoll(text, &end, 10);
    if (end == text || *end != '\0') {
        return backplane_error_format(
            error, BACKPLANE_STATUS_INVALID_ARGUMENT, "the state is not a count");
    }
    atomic_store(&self->count, count);
    return BACKPLANE_STATUS_OK;
}

static const backplane_state_extension_t state_extension = {
    .struct_size = sizeof(state_extension), .save = save, .restore = restore};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_STATE) == 0 ? &state_extension : NULL;
}
#endif

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = "counts_and_waits",
    .version = VERSION,
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
    .destroy = destroy,
#ifndef STATELESS
    .get_extension = get_extension,
#endif
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
