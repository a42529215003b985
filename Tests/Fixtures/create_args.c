/* create_args - behaves: answers what its `create` was told, as "backend replica user_config". */
#include "backplane_plugin.h"

#include <stdlib.h>

struct backplane_instance {
    char text[256];
};

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    backplane_instance_t *self = malloc(sizeof(*self));
    if (self == NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    }
    snprintf(
        self->text, sizeof(self->text), "%.*s %u %.*s", (int)args->backend.size,
        args->backend.data, (unsigned)args->replica, (int)args->user_config.size,
        args->user_config.data);
    *instance = self;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    backplane_finish_text(calls[0], "text/plain", self->text);
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "create_args",
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
