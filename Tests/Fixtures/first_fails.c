/* first_fails - misbehaves: the replica that was made first answers UNAVAILABLE, the others their index; `again` in a
 * method that is idempotent. */
#include "backplane_plugin.h"

#include <stdlib.h>

struct backplane_instance {
    uint32_t replica;
};

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args, backplane_instance_t **instance,
    backplane_error_t *error) {
    (void)host;
    (void)error;
    *instance = malloc(sizeof(**instance));
    (*instance)->replica = args->replica;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *instance) {
    free(instance);
}

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    if (self->replica == 0) {
        backplane_fail(calls[0], BACKPLANE_STATUS_UNAVAILABLE, "the first one is ill");
        return;
    }
    char text[16];
    snprintf(text, sizeof(text), "%u", (unsigned)self->replica);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = answer},
    {.name = "inline", .invoke = answer, .flags = BACKPLANE_METHOD_INLINE},
    {.name = "again", .invoke = answer, .flags = BACKPLANE_METHOD_IDEMPOTENT},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "first_fails",
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
