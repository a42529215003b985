/* sick - falls ill when told to: `sicken` makes the health check of its replica fail from then on
 * ("feverish"), `hang_check` makes it block. `__call__` answers the serial number of the instance,
 * which counts up with each `create`. `hang` blocks until the process ends. */
#define _GNU_SOURCE
#include "backplane_plugin.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { WELL, ILL, STUCK };

struct backplane_instance {
    int serial;
    int condition;
};

static atomic_int last_serial;

static void serial(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    char text[16];
    snprintf(text, sizeof(text), "%d", self->serial);
    backplane_finish_text(calls[0], "text/plain", text);
}

static void sicken(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    self->condition = ILL;
    backplane_finish_text(calls[0], "text/plain", "ill");
}

static void hang_check(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    self->condition = STUCK;
    backplane_finish_text(calls[0], "text/plain", "stuck");
}

static void hang(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)calls;
    (void)count;
    for (;;) {
        pause();
    }
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)args;
    (void)error;
    backplane_instance_t *self = calloc(1, sizeof(*self));
    self->serial = atomic_fetch_add(&last_serial, 1) + 1;
    *instance = self;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

static backplane_status_t check(backplane_instance_t *self, backplane_error_t *error) {
    while (self->condition == STUCK) {
        pause();
    }
    if (self->condition == ILL) {
        return backplane_error_format(error, BACKPLANE_STATUS_UNAVAILABLE, "feverish");
    }
    return BACKPLANE_STATUS_OK;
}

static const backplane_health_extension_t health = {sizeof(health), 0, check};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_HEALTH) == 0 ? &health : NULL;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = serial},
    {.name = "sicken", .invoke = sicken},
    {.name = "hang_check", .invoke = hang_check},
    {.name = "hang", .invoke = hang},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "sick",
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
