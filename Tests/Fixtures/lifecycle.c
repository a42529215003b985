/* lifecycle - behaves: appends a line for each lifecycle function to the file that
 * BACKPLANE_LIFECYCLE_LOG names (-DLIFECYCLE_LOG=\"path\": to that one), so that a test can hold
 * their order, their number and their balance against the contract. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef LIFECYCLE_LOG
#define LIFECYCLE_LOG getenv("BACKPLANE_LIFECYCLE_LOG")
#endif

struct backplane_instance {
    uint32_t replica;
};

/* One write() for a line, on a file opened for appending: lines of several threads don't mix. */
static void note(const char *line) {
    const char *path = LIFECYCLE_LOG;
    if (path == NULL) {
        return;
    }
    const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || write(file, line, strlen(line)) < 0) {
        perror("lifecycle: BACKPLANE_LIFECYCLE_LOG");
    }
    if (file >= 0) {
        close(file);
    }
}

static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    (void)host;
    (void)error;
    note("load\n");
    return BACKPLANE_STATUS_OK;
}

static void unload(void) {
    note("unload\n");
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    backplane_instance_t *self = malloc(sizeof(*self));
    if (self == NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    }
    self->replica = args->replica;
    char line[32];
    snprintf(line, sizeof(line), "create %u\n", (unsigned)self->replica);
    note(line);
    *instance = self;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    note("destroy\n");
    free(self);
}

static backplane_status_t warm_up(backplane_instance_t *self, backplane_error_t *error) {
    (void)self;
    (void)error;
    note("warm_up\n");
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t check(backplane_instance_t *self, backplane_error_t *error) {
    (void)self;
    (void)error;
    note("check\n");
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t save(
    backplane_instance_t *self, backplane_sink_t *sink, backplane_error_t *error) {
    (void)self;
    note("save\n");
    const backplane_status_t status =
        sink->write(sink, (backplane_bytes_t){(const uint8_t *)"state", strlen("state")});
    return status == BACKPLANE_STATUS_OK
        ? BACKPLANE_STATUS_OK
        : backplane_error_format(error, status, "the host did not take the state");
}

static backplane_status_t restore(
    backplane_instance_t *self, backplane_bytes_t state, backplane_error_t *error) {
    (void)self;
    (void)state;
    (void)error;
    note("restore\n");
    return BACKPLANE_STATUS_OK;
}

static const backplane_warmup_extension_t warmup = {
    .struct_size = sizeof(warmup), .warm_up = warm_up};
static const backplane_health_extension_t health = {.struct_size = sizeof(health), .check = check};
static const backplane_state_extension_t state_extension = {
    .struct_size = sizeof(state_extension), .save = save, .restore = restore};

static const void *get_extension(const char *identifier) {
    if (strcmp(identifier, BACKPLANE_EXTENSION_WARMUP) == 0) {
        return &warmup;
    }
    if (strcmp(identifier, BACKPLANE_EXTENSION_HEALTH) == 0) {
        return &health;
    }
    return strcmp(identifier, BACKPLANE_EXTENSION_STATE) == 0 ? &state_extension : NULL;
}

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "ok");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "lifecycle",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .load = load,
    .unload = unload,
    .create = create,
    .destroy = destroy,
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
