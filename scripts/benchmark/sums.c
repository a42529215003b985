/* sums - the same method twice: `typed` is an ordinary C function with a signature, `by_hand` reads and writes JSON
 * itself. `__call__` is an echo, which the harness waits for. */
#include "backplane_plugin.h"

#include <stdlib.h>

static int64_t sum(int64_t a, int64_t b) {
    return a + b;
}

static void sum_by_hand(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_bytes_t body = calls[0].request->body;
    char text[64];
    if (body.size == 0 || body.size >= sizeof(text) || body.data[0] != '[') {
        backplane_fail(calls[0], BACKPLANE_STATUS_INVALID_ARGUMENT, "send [a, b]");
        return;
    }
    memcpy(text, body.data, body.size);
    text[body.size] = '\0';
    char *end = text;
    const long long a = strtoll(text + 1, &end, 10);
    if (*end != ',') {
        backplane_fail(calls[0], BACKPLANE_STATUS_INVALID_ARGUMENT, "send [a, b]");
        return;
    }
    const long long b = strtoll(end + 1, &end, 10);
    char answer[32];
    snprintf(answer, sizeof(answer), "%lld", a + b);
    backplane_finish_text(calls[0], "application/json", answer);
}

static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish(calls[0], calls[0].request->content_type, calls[0].request->body);
}

#define TYPED .signature = "(a: i64, b: i64) -> i64", .function = (backplane_function_t)sum

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = echo},
    {.name = "typed", TYPED},
    {.name = "by_hand", .invoke = sum_by_hand},
    {.name = "typed_inline", .flags = BACKPLANE_METHOD_INLINE, TYPED},
    {.name = "by_hand_inline", .flags = BACKPLANE_METHOD_INLINE, .invoke = sum_by_hand},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "sums",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
