/* waits - waits until the file that its body names exists, or the call is cancelled; answers
 * "open". With it a test decides when a call ends. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

static void wait_for_file(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    const backplane_bytes_t body = call.request->body;
    char path[PATH_MAX] = "";
    if (body.size > 0 && body.size < sizeof(path)) {
        memcpy(path, body.data, (size_t)body.size);
    }
    while (access(path, F_OK) != 0 && !call.host->is_cancelled(call)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
    backplane_finish_text(call, "text/plain", "open");
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = wait_for_file}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
#ifdef UNLOADABLE
    .traits = BACKPLANE_TRAIT_UNLOADABLE,
#endif
    .name = "waits",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
