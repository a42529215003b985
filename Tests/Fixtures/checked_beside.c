/* checked_beside - behaves, is re-entrant and tells its health. `__call__` waits until the file that
 * its body names exists; `beside` answers how many health checks began while one waited;
 * `hang_check` has the next check block until the process ends, and `hanging` answers how many do.
 * It watches the host: `overlaps` answers how often `reconfigure`, `save`, `restore` or `destroy`
 * ran beside anything else, and is handed over as the plugin's state. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct backplane_instance {
    atomic_int busy;  /* the functions that run on it now */
    atomic_int alone; /* those among them that must be alone */
    atomic_int waiting;
    atomic_int beside;
    atomic_int hangs_next;
    atomic_int hanging;
};

static atomic_uint overlaps_seen;

static void enter(backplane_instance_t *self, int is_alone) {
    const int others = atomic_fetch_add(&self->busy, 1);
    const int alone = atomic_fetch_add(&self->alone, is_alone);
    if (alone > 0 || (is_alone && others > 0)) {
        atomic_fetch_add(&overlaps_seen, 1);
    }
}

static void leave(backplane_instance_t *self, int is_alone) {
    atomic_fetch_sub(&self->alone, is_alone);
    atomic_fetch_sub(&self->busy, 1);
}

/* Gives an overlap its chance. */
static void linger(void) {
    nanosleep(&(struct timespec){.tv_nsec = 2 * 1000 * 1000}, NULL);
}

static void answer_number(backplane_call_t call, unsigned number) {
    char text[16];
    snprintf(text, sizeof(text), "%u", number);
    backplane_finish_text(call, "text/plain", text);
}

static void wait_for_file(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    enter(self, 0);
    const backplane_call_t call = calls[0];
    const backplane_bytes_t body = call.request->body;
    char path[PATH_MAX] = "";
    if (body.size > 0 && body.size < sizeof(path)) {
        memcpy(path, body.data, (size_t)body.size);
    }
    atomic_fetch_add(&self->waiting, 1);
    while (access(path, F_OK) != 0 && !call.host->is_cancelled(call)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
    atomic_fetch_sub(&self->waiting, 1);
    leave(self, 0);
    backplane_finish_text(call, "text/plain", "open");
}

static void beside(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    answer_number(calls[0], (unsigned)atomic_load(&self->beside));
}

static void hang_check(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    atomic_store(&self->hangs_next, 1);
    backplane_finish_text(calls[0], "text/plain", "it will");
}

static void hanging(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    answer_number(calls[0], (unsigned)atomic_load(&self->hanging));
}

static void overlaps(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    answer_number(calls[0], atomic_load(&overlaps_seen));
}

static backplane_status_t check(backplane_instance_t *self, backplane_error_t *error) {
    (void)error;
    enter(self, 0);
    if (atomic_load(&self->waiting) > 0) {
        atomic_fetch_add(&self->beside, 1);
    }
    if (atomic_exchange(&self->hangs_next, 0)) {
        atomic_fetch_add(&self->hanging, 1);
        for (;;) {
            pause();
        }
    }
    linger();
    leave(self, 0);
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)args;
    backplane_instance_t *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    }
    *instance = self;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    enter(self, 1);
    linger();
    free(self);
}

static backplane_status_t reconfigure(
    backplane_instance_t *self, backplane_string_t user_config, backplane_error_t *error) {
    (void)user_config;
    (void)error;
    enter(self, 1);
    linger();
    leave(self, 1);
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t save(
    backplane_instance_t *self, backplane_sink_t *sink, backplane_error_t *error) {
    (void)error;
    enter(self, 1);
    linger();
    const unsigned seen = atomic_load(&overlaps_seen);
    const backplane_status_t status =
        sink->write(sink, (backplane_bytes_t){(const uint8_t *)&seen, sizeof(seen)});
    leave(self, 1);
    return status;
}

static backplane_status_t restore(
    backplane_instance_t *self, backplane_bytes_t state, backplane_error_t *error) {
    (void)error;
    enter(self, 1);
    linger();
    unsigned seen = 0;
    if (state.size == sizeof(seen)) {
        memcpy(&seen, state.data, sizeof(seen));
    }
    atomic_fetch_add(&overlaps_seen, seen);
    leave(self, 1);
    return BACKPLANE_STATUS_OK;
}

static const backplane_health_extension_t health = {.struct_size = sizeof(health), .check = check};
static const backplane_state_extension_t state = {
    .struct_size = sizeof(state), .save = save, .restore = restore};

static const void *get_extension(const char *identifier) {
    if (strcmp(identifier, BACKPLANE_EXTENSION_HEALTH) == 0) {
        return &health;
    }
    return strcmp(identifier, BACKPLANE_EXTENSION_STATE) == 0 ? &state : NULL;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = wait_for_file},
    {.name = "beside", .invoke = beside},
    {.name = "hang_check", .invoke = hang_check},
    {.name = "hanging", .invoke = hanging},
    {.name = "overlaps", .invoke = overlaps},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .traits = BACKPLANE_TRAIT_REENTRANT,
    .name = "checked_beside",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
    .destroy = destroy,
    .reconfigure = reconfigure,
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
