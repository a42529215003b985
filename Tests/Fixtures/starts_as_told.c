/* starts_as_told - its `create` does what the user_config says: a text that begins with "refuse" fails, "hang"
 * blocks for ever, "slow" takes 300 ms; "wait PATH" blocks until that file exists, "not PATH" fails while it does.
 * "crash" ends the process, "crash PATH" unless that file exists. With -DRECONFIGURES it takes such a text while it
 * lives, too. Answers "backend user_config". */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct backplane_instance {
    char backend[64];
    char config[512];
};

static void pause_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Copies a text, without the quotes that it has as JSON. */
static void copy(char *to, size_t size, backplane_string_t from) {
    int quoted = from.size >= 2 && from.data[0] == '"';
    snprintf(to, size, "%.*s", (int)(quoted ? from.size - 2 : from.size), from.data + quoted);
}

static backplane_status_t obey(const char *config, backplane_error_t *error) {
    if (strncmp(config, "refuse", 6) == 0) {
        return backplane_error_format(
            error, BACKPLANE_STATUS_FAILED_PRECONDITION, "it was told to refuse");
    }
    if (strncmp(config, "hang", 4) == 0) {
        for (;;) {
            pause();
        }
    }
    if (strncmp(config, "slow", 4) == 0) pause_ms(300);
    if (strncmp(config, "crash", 5) == 0 && (config[5] == 0 || access(config + 6, F_OK) != 0)) abort();
    if (strncmp(config, "wait ", 5) == 0) {
        while (access(config + 5, F_OK) != 0) {
            pause_ms(5);
        }
    }
    if (strncmp(config, "not ", 4) == 0 && access(config + 4, F_OK) == 0) {
        return backplane_error_format(error, BACKPLANE_STATUS_FAILED_PRECONDITION, "not yet");
    }
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args,
    backplane_instance_t **instance, backplane_error_t *error) {
    (void)host;
    backplane_instance_t *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    }
    copy(self->backend, sizeof(self->backend), args->backend);
    copy(self->config, sizeof(self->config), args->user_config);
    backplane_status_t status = obey(self->config, error);
    if (status != BACKPLANE_STATUS_OK) {
        free(self);
        return status;
    }
    *instance = self;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_instance_t *self) {
    free(self);
}

#ifdef RECONFIGURES
static backplane_status_t reconfigure(
    backplane_instance_t *self, backplane_string_t config, backplane_error_t *error) {
    char text[512];
    copy(text, sizeof(text), config);
    backplane_status_t status = obey(text, error);
    if (status == BACKPLANE_STATUS_OK) memcpy(self->config, text, sizeof(text));
    return status;
}
#endif

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    char text[600];
    snprintf(text, sizeof(text), "%s %s", self->backend, self->config);
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish_text(calls[i], "text/plain", text);
    }
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "starts_as_told",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
    .create = create,
    .destroy = destroy,
#ifdef RECONFIGURES
    .reconfigure = reconfigure,
#endif
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
