/* shares - has a method for itself and one that shares: `__call__` is not REENTRANT and must find
 * nothing else on its instance; `together` is, and answers when as many of it as its body says run
 * at once, or else fails after ten seconds. `overlaps` answers how often something ran that should
 * not have: beside `__call__`, or beside the health check. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { patience = 10 * 1000 };

struct backplane_instance {
    atomic_int running;
    atomic_int alone; /* those among them that must be alone */
    atomic_int most;  /* that ran at once, since it was idle the last time */
};

static atomic_int overlaps_seen;

static void enter(backplane_instance_t *self, int is_alone) {
    const int alone = atomic_fetch_add(&self->alone, is_alone);
    const int others = atomic_fetch_add(&self->running, 1);
    int most = others == 0 ? 0 : atomic_load(&self->most);
    if (others == 0) {
        atomic_store(&self->most, 1);
    }
    while (most < others + 1 && !atomic_compare_exchange_weak(&self->most, &most, others + 1)) {
    }
    if (alone > 0 || (is_alone && others > 0)) {
        atomic_fetch_add(&overlaps_seen, 1);
    }
}

static void leave(backplane_instance_t *self, int is_alone) {
    atomic_fetch_sub(&self->running, 1);
    atomic_fetch_sub(&self->alone, is_alone);
}

static void wait_a_millisecond(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
}

static int number_in(backplane_bytes_t bytes) {
    int number = 0;
    for (uint64_t i = 0; i < bytes.size; i++) {
        number = 10 * number + (bytes.data[i] - '0');
    }
    return number;
}

static void answer_number(backplane_call_t call, int number) {
    char text[16];
    snprintf(text, sizeof(text), "%d", number);
    backplane_finish_text(call, "text/plain", text);
}

static void alone(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    enter(self, 1);
    wait_a_millisecond();
    leave(self, 1);
    backplane_finish_text(calls[0], "text/plain", "alone");
}

static void together(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)count;
    enter(self, 0);
    const int wanted = number_in(calls[0].request->body);
    int most = atomic_load(&self->most);
    for (int i = 0; i < patience && most < wanted; i++) {
        wait_a_millisecond();
        most = atomic_load(&self->most);
    }
    leave(self, 0);
    if (most < wanted) {
        backplane_fail(calls[0], BACKPLANE_STATUS_ABORTED, "nobody came");
    } else {
        answer_number(calls[0], most);
    }
}

static void overlaps(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    answer_number(calls[0], atomic_load(&overlaps_seen));
}

static backplane_status_t check(backplane_instance_t *self, backplane_error_t *error) {
    (void)error;
    enter(self, 1);
    wait_a_millisecond();
    leave(self, 1);
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    (void)args;
    *instance = calloc(1, sizeof(**instance));
    if (*instance == NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    }
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

static const backplane_health_extension_t health = {.struct_size = sizeof(health), .check = check};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_HEALTH) == 0 ? &health : NULL;
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = alone},
    {.name = "together", .flags = BACKPLANE_METHOD_REENTRANT, .invoke = together},
    {.name = "overlaps", .flags = BACKPLANE_METHOD_REENTRANT, .invoke = overlaps},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "shares",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
    .destroy = destroy,
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
