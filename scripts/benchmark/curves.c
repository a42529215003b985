/* curves - what the curves call: an echo, on a replica thread and INLINE; a method that blocks for 1 ms, one that does
 * so for each batch, one that computes for about 20 us. `seen` tells how they were called. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>

/* Of all replicas, and of all methods but the echo. */
static atomic_uint_fast64_t seen_calls;
static atomic_uint_fast64_t seen_invocations;
static atomic_uint_fast64_t seen_busy_ns;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish(calls[i], calls[i].request->content_type, calls[i].request->body);
    }
}

static void note_and_echo(uint64_t begin_ns, const backplane_call_t *calls, uint32_t count) {
    seen_calls += count;
    seen_invocations += 1;
    seen_busy_ns += now_ns() - begin_ns;
    echo(NULL, calls, count);
}

static void block(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    const uint64_t begin_ns = now_ns();
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    note_and_echo(begin_ns, calls, count);
}

static void compute(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    const uint64_t begin_ns = now_ns();
    /* Steps of a random number generator (xorshift64), each of which needs the one before. */
    volatile uint64_t result;
    uint64_t number = begin_ns | 1;
    for (int step = 0; step < 10000; step++) {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
    }
    result = number;
    (void)result;
    note_and_echo(begin_ns, calls, count);
}

/* "calls invocations nanoseconds": the last is the time that the invocations took together. */
static void seen(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[80];
    snprintf(
        text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64, (uint64_t)seen_calls, (uint64_t)seen_invocations,
        (uint64_t)seen_busy_ns);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = echo},
    {.name = "inline", .flags = BACKPLANE_METHOD_INLINE, .invoke = echo},
    {.name = "block", .invoke = block},
    {.name = "block_batch", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = block},
    {.name = "compute", .invoke = compute},
    {.name = "seen", .invoke = seen},
};

/* By default the kernel lets a thread sleep 50 us longer than it asked for. */
static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args, backplane_instance_t **instance,
    backplane_error_t *error) {
    (void)host;
    (void)args;
    (void)error;
    *instance = NULL;
    prctl(PR_SET_TIMERSLACK, 1ul);
    return BACKPLANE_STATUS_OK;
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "curves",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
