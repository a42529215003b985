/* probe - the methods that are counted, each as short as it can be. A method's first WARM_UP calls are not counted, the
 * COUNTED calls after them are. A count begins and ends inside the plugin, at the same point of a call, so that it has
 * whole calls in it. */
#include "backplane_plugin.h"
#include "counts.h"

#include <stdbool.h>

/* Needs no lock: a method's calls come one after the other, whatever thread they are on. */
struct tally {
    const char *method;
    uint64_t calls, calls_before;
    bool is_counting, is_done;
};

/* Before `count` calls are made. */
static void tally_calls(struct tally *tally, uint32_t count) {
    if (tally->is_counting && tally->calls - tally->calls_before >= COUNTED) {
        counts_end(tally->method, tally->calls - tally->calls_before);
        tally->is_counting = false;
        tally->is_done = true;
    } else if (!tally->is_counting && !tally->is_done && tally->calls >= WARM_UP) {
        tally->calls_before = tally->calls;
        tally->is_counting = true;
        counts_begin();
    }
    tally->calls += count;
}

static void echo(const backplane_call_t *calls, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        backplane_finish(calls[i], calls[i].request->content_type, calls[i].request->body);
}

#define ECHO(function, method)                                                                                         \
    static void function(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {                  \
        static struct tally tally = {method, 0, 0, false, false};                                                      \
        (void)self;                                                                                                    \
        tally_calls(&tally, count);                                                                                    \
        echo(calls, count);                                                                                            \
    }

#define SUM(function, method)                                                                                          \
    static int64_t function(int64_t a, int64_t b) {                                                                    \
        static struct tally tally = {method, 0, 0, false, false};                                                      \
        tally_calls(&tally, 1);                                                                                        \
        return a + b;                                                                                                  \
    }

ECHO(echo_worker, "__call__")
ECHO(echo_inline, "inline")
ECHO(echo_batched, "batched")
SUM(sum_worker, "typed")
SUM(sum_inline, "typed_inline")

#define TYPED(sum) .signature = "(a: i64, b: i64) -> i64", .function = (backplane_function_t)sum

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = echo_worker},
    {.name = "inline", .flags = BACKPLANE_METHOD_INLINE, .invoke = echo_inline},
    {.name = "batched", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = echo_batched},
    {.name = "typed", TYPED(sum_worker)},
    {.name = "typed_inline", .flags = BACKPLANE_METHOD_INLINE, TYPED(sum_inline)},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = NAME,
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
