/* configured - behaves: answers its user_config. `reconfigure` refuses a configuration with the
 * word "bad" in it; with -DNO_RECONFIGURE there is no such function. `serial` tells whether the
 * instance is a new one. */
#include "backplane_plugin.h"
#include <stdatomic.h>
#include <stdlib.h>

struct backplane_instance {
    int serial;
    char config[256];
};

static atomic_int last_serial;

static void config(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    backplane_finish_text(calls[0], "application/json", self->config);
}

static void serial(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    char text[16];
    snprintf(text, sizeof(text), "%d", self->serial);
    backplane_finish_text(calls[0], "text/plain", text);
}

static void take(backplane_instance_t *self, backplane_string_t config) {
    snprintf(self->config, sizeof(self->config), "%.*s", (int)config.size, config.data);
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)error;
    backplane_instance_t *self = calloc(1, sizeof(*self));
    self->serial = atomic_fetch_add(&last_serial, 1) + 1;
    take(self, args->user_config);
    *instance = self;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

#ifndef NO_RECONFIGURE
static backplane_status_t reconfigure(
    backplane_instance_t *self, backplane_string_t config, backplane_error_t *error) {
    char text[256];
    snprintf(text, sizeof(text), "%.*s", (int)config.size, config.data);
    if (strstr(text, "bad") != NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_INVALID_ARGUMENT, "not like this");
    }
    take(self, config);
    return BACKPLANE_STATUS_OK;
}
#endif

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = config},
    {.name = "serial", .invoke = serial},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "configured",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
    .destroy = destroy,
#ifndef NO_RECONFIGURE
    .reconfigure = reconfigure,
#endif
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
