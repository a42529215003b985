/* stage_checker - middleware that behaves, and watches the host; also a plugin. `__call__` answers what its stages have
 * seen: how many requests went on and how many ended, how often two functions had one request at once or one came
 * after the end, and the name of the thread on which the last one ended. Its `create` waits for the file that its
 * options name, a text, and logs "waits". */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A request that went on. Kept for ever, so that one that is used after its end can be seen. */
struct kept {
    atomic_int inside;
    atomic_int is_over;
    struct kept *next;
};

static _Atomic(struct kept *) all;
static atomic_long begun, ended, faults;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last_thread[16];

static void enter(struct kept *kept) {
    if (atomic_fetch_add(&kept->inside, 1) > 0 || atomic_load(&kept->is_over))
        atomic_fetch_add(&faults, 1);
}

static void leave(struct kept *kept) {
    atomic_fetch_sub(&kept->inside, 1);
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_stage_args_t *args, backplane_stage_t **stage,
    backplane_error_t *error) {
    (void)error;
    *stage = NULL;
    char path[256];
    /* "path" with its quotes */
    if (args->options.size < 3 || args->options.size > sizeof(path) || args->options.data[0] != '"')
        return BACKPLANE_STATUS_OK;
    memcpy(path, args->options.data + 1, args->options.size - 2);
    path[args->options.size - 2] = 0;
    backplane_log(host, BACKPLANE_LOG_INFO, "waits");
    while (access(path, F_OK) != 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return BACKPLANE_STATUS_OK;
}

static void on_request(
    backplane_stage_t *stage, backplane_next_t next, const backplane_metadata_t *request,
    const backplane_bytes_t *body) {
    (void)stage;
    (void)request;
    (void)body;
    atomic_fetch_add(&begun, 1);
    struct kept *kept = calloc(1, sizeof(*kept));
    kept->next = atomic_load(&all);
    while (!atomic_compare_exchange_weak(&all, &kept->next, kept)) {
    }
    next.host->proceed(next, kept);
}

static void on_response(
    backplane_stage_t *stage, backplane_next_t next, void *context, const backplane_response_head_t *head) {
    (void)stage;
    (void)next;
    (void)head;
    enter(context);
    leave(context);
}

static void on_response_body(
    backplane_stage_t *stage, backplane_next_t next, void *context, backplane_bytes_t piece, int32_t is_last) {
    (void)stage;
    (void)next;
    (void)piece;
    (void)is_last;
    enter(context);
    /* To give an overlap its chance. */
    for (volatile int i = 0; i < 1000; i++) {
    }
    leave(context);
}

static void on_end(backplane_stage_t *stage, void *context, backplane_status_t status) {
    (void)stage;
    (void)status;
    struct kept *kept = context;
    enter(kept);
    atomic_store(&kept->is_over, 1);
    leave(kept);
    pthread_mutex_lock(&lock);
    pthread_getname_np(pthread_self(), last_thread, sizeof(last_thread));
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&ended, 1);
}

static void report(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[128];
    pthread_mutex_lock(&lock);
    snprintf(
        text, sizeof(text), "%ld %ld %ld %s", atomic_load(&begun), atomic_load(&ended), atomic_load(&faults),
        last_thread);
    pthread_mutex_unlock(&lock);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_middleware_extension_t middleware = {
    .struct_size = sizeof(backplane_middleware_extension_t),
    .create = create,
    .on_request = on_request,
    .on_response = on_response,
    .on_response_body = on_response_body,
    .on_end = on_end,
};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_MIDDLEWARE) == 0 ? &middleware : NULL;
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = report}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "stage_checker",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
