/* cold_pages - behaves: its answer, "42", is the last of 4 MiB of constants, read from the file
 * when it is first asked for. A host that maps the operator's file finds out here what became of
 * it. */
#include "backplane_plugin.h"

static const volatile uint8_t constants[4 << 20] = {[(4 << 20) - 1] = 42};

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[16];
    snprintf(text, sizeof(text), "%d", (int)constants[sizeof(constants) - 1]);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "cold_pages",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
