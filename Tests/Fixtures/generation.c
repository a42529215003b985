/* generation - one source, many versions: shows which generation answers, and whether it sees
 * its own symbols. -DVERSION=\"2\" sets the version and the answer, -DVERSION_NUMBER=2 the value
 * of the exported symbol. */
#include "backplane_plugin.h"

#ifndef VERSION
#define VERSION "1"
#endif
#ifndef VERSION_NUMBER
#define VERSION_NUMBER 1
#endif

/* Exported on purpose, under the same name in each generation, and never constant-folded: the
 * dynamic linker picks the one that `answer_shared` reads. */
__attribute__((visibility("default"))) int backplane_fixture_shared = VERSION_NUMBER;

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", VERSION);
}

static void answer_shared(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[16];
    snprintf(text, sizeof(text), "%d", backplane_fixture_shared);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = answer},
    {.name = "shared", .invoke = answer_shared},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "generation",
    .version = VERSION,
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
