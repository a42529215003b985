/* big_state - behaves: saves -DTHREADS=1 times -DWRITES=1 pieces of -DPIECE=1 bytes, all 'x', each
 * thread's from a thread of its own; answers the size of the state that it was given. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#ifndef THREADS
#define THREADS 1
#endif
#ifndef WRITES
#define WRITES 1
#endif
#ifndef PIECE
#define PIECE 1
#endif

static uint64_t restored_size;
static uint8_t piece[PIECE];

struct writer {
    pthread_t thread;
    backplane_sink_t *sink;
    backplane_status_t status;
};

static void *write_pieces(void *argument) {
    struct writer *writer = argument;
    for (uint32_t i = 0; i < WRITES && writer->status == BACKPLANE_STATUS_OK; i++) {
        writer->status = writer->sink->write(writer->sink, (backplane_bytes_t){piece, PIECE});
    }
    return NULL;
}

static backplane_status_t save(
    backplane_instance_t *self, backplane_sink_t *sink, backplane_error_t *error) {
    (void)self;
    memset(piece, 'x', sizeof(piece));
    struct writer writers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        writers[i].sink = sink;
        writers[i].status = BACKPLANE_STATUS_OK;
        if (pthread_create(&writers[i].thread, NULL, write_pieces, &writers[i]) != 0) {
            abort();
        }
    }
    backplane_status_t status = BACKPLANE_STATUS_OK;
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(writers[i].thread, NULL);
        if (writers[i].status != BACKPLANE_STATUS_OK) {
            status = writers[i].status;
        }
    }
    return status == BACKPLANE_STATUS_OK
        ? BACKPLANE_STATUS_OK
        : backplane_error_format(error, status, "the host did not take the state");
}

static backplane_status_t restore(
    backplane_instance_t *self, backplane_bytes_t state, backplane_error_t *error) {
    (void)self;
    for (uint64_t i = 0; i < state.size; i++) {
        if (state.data[i] != 'x') {
            return backplane_error_format(
                error, BACKPLANE_STATUS_DATA_LOSS, "byte %" PRIu64 " is another", i);
        }
    }
    restored_size = state.size;
    return BACKPLANE_STATUS_OK;
}

static const backplane_state_extension_t state_extension = {
    .struct_size = sizeof(state_extension), .save = save, .restore = restore};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_STATE) == 0 ? &state_extension : NULL;
}

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, restored_size);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "big_state",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
