/* blocks - occupies its replica's thread: for ever, for a given time, or until the call is
 * cancelled. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The body as a text for the C library, cut off where `text` is full. */
static void copy_text(char *text, size_t capacity, backplane_bytes_t bytes) {
    const size_t size = bytes.size < capacity ? (size_t)bytes.size : capacity - 1;
    if (size > 0) {
        memcpy(text, bytes.data, size);
    }
    text[size] = '\0';
}

static void sleep_ms(long long duration_ms) {
    const struct timespec duration = {
        .tv_sec = duration_ms / 1000, .tv_nsec = duration_ms % 1000 * 1000 * 1000};
    nanosleep(&duration, NULL);
}

static void block(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)calls;
    (void)count;
    for (;;) {
        pause();
    }
}

static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish(calls[0], calls[0].request->content_type, calls[0].request->body);
}

/* The body is the time in milliseconds, in decimal. */
static void sleep_then_answer(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[32];
    copy_text(text, sizeof(text), calls[0].request->body);
    sleep_ms(strtoll(text, NULL, 10));
    backplane_finish_text(calls[0], "text/plain", "slept");
}

/* The body is the path of a file to create: the test sees by it that the plugin saw the
 * cancellation. */
static void wait_until_cancelled(
    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    char path[PATH_MAX];
    copy_text(path, sizeof(path), call.request->body);
    while (!call.host->is_cancelled(call)) {
        sleep_ms(1);
    }
    const int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (file >= 0) {
        close(file);
    }
    backplane_fail(call, BACKPLANE_STATUS_CANCELLED, "cancelled");
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = block},
    {.name = "echo", .invoke = echo},
    {.name = "sleep", .invoke = sleep_then_answer},
    {.name = "until_cancelled", .invoke = wait_until_cancelled},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "blocks",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
