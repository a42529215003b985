/* counting - behaves: hands its count over to the next generation, unless it is told to fail at
 * that. -DVERSION=\"2\" sets the version; -DFAIL_SAVE and -DFAIL_RESTORE make that function fail
 * with INTERNAL. */
#include "backplane_plugin.h"

#include <inttypes.h>
#include <stdlib.h>

#ifndef VERSION
#define VERSION "1"
#endif

struct backplane_instance {
    int64_t count;
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
    self->count += 1;
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64, self->count);
    backplane_finish_text(calls[0], "text/plain", text);
}

/* The state is the count in decimal. */
static backplane_status_t save(
    backplane_instance_t *self, backplane_sink_t *sink, backplane_error_t *error) {
#ifdef FAIL_SAVE
    (void)self;
    (void)sink;
    return backplane_error_format(error, BACKPLANE_STATUS_INTERNAL, "cannot save");
#else
    char text[32];
    const int size = snprintf(text, sizeof(text), "%" PRId64, self->count);
    const backplane_status_t status =
        sink->write(sink, (backplane_bytes_t){(const uint8_t *)text, (uint64_t)size});
    return status == BACKPLANE_STATUS_OK
        ? BACKPLANE_STATUS_OK
        : backplane_error_format(error, status, "the host did not take the count");
#endif
}

static backplane_status_t restore(
    backplane_instance_t *self, backplane_bytes_t state, backplane_error_t *error) {
#ifdef FAIL_RESTORE
    (void)self;
    (void)state;
    return backplane_error_format(error, BACKPLANE_STATUS_INTERNAL, "cannot restore");
#else
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
    self->count = count;
    return BACKPLANE_STATUS_OK;
#endif
}

static const backplane_state_extension_t state_extension = {
    .struct_size = sizeof(state_extension), .save = save, .restore = restore};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_STATE) == 0 ? &state_extension : NULL;
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = increment}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "counting",
    .version = VERSION,
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
