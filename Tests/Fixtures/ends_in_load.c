/* ends_in_load - the library ends the process as soon as it is mapped, or in its load. */
#include "backplane_plugin.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef UNLESS
#define UNLESS "/nonexistent"
#endif

/* SIGKILL leaves the host no time for a last word. */
#ifndef ENDS_BY
#define ENDS_BY SIGKILL
#endif

static void end(void) {
    if (access(UNLESS, F_OK) != 0) {
        raise(ENDS_BY);
    }
}

#ifdef IN_LOAD
static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    (void)host;
    (void)error;
    end();
    return BACKPLANE_STATUS_OK;
}
#define LOAD load
#else
__attribute__((constructor)) static void begin(void) {
    end();
}
#define LOAD NULL
#endif

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", "alive");
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "ends_in_load",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .load = LOAD,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
