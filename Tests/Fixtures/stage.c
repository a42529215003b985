/* stage - middleware that does what the request's x-step says, and tells what it saw in headers; built with
 * -DVERSION=\"1\", -DREADS_BODY, -DMETHODS. Decides on its own thread for the steps later, until and never. */
#define _POSIX_C_SOURCE 200809L
#include "backplane_plugin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "1"
#endif
#ifdef READS_BODY
#define FLAGS (BACKPLANE_MIDDLEWARE_ASYNC | BACKPLANE_MIDDLEWARE_READS_BODY)
#else
#define FLAGS BACKPLANE_MIDDLEWARE_ASYNC
#endif

struct backplane_stage {
    const backplane_host_t *host;
    char options[256];
};

/* What a request that went on keeps. */
struct kept {
    backplane_stage_t *stage;
    backplane_next_t next;
    char step[16], file[256];
    int pieces;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static int threads;

static void say(backplane_stage_t *stage, const char *what, int number) {
    char line[300];
    snprintf(line, sizeof(line), "stage " VERSION " %s %d %s", what, number, stage->options);
    backplane_log(stage->host, BACKPLANE_LOG_INFO, line);
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_stage_args_t *args, backplane_stage_t **stage,
    backplane_error_t *error) {
    backplane_stage_t *made = calloc(1, sizeof(*made));
    made->host = host;
    snprintf(
        made->options, sizeof(made->options), "%.*s@%.*s", (int)args->options.size, args->options.data,
        (int)args->backend.size, args->backend.size ? args->backend.data : "");
    if (strstr(made->options, "bad" VERSION) != NULL) {
        free(made);
        return backplane_error_format(error, BACKPLANE_STATUS_INVALID_ARGUMENT, "bad options");
    }
    say(made, "made", 0);
    *stage = made;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_stage_t *stage) {
    say(stage, "destroyed", 0);
    free(stage);
}

static void copy(char *to, size_t capacity, const backplane_metadata_t *request, const char *name) {
    to[0] = 0;
    for (uint64_t i = 0; i < request->header_count; i++) {
        const backplane_header_t *field = &request->headers[i];
        if (field->name.size == strlen(name) && memcmp(field->name.data, name, field->name.size) == 0)
            snprintf(to, capacity, "%.*s", (int)field->value.size, field->value.data);
    }
}

static void *run(void *context) {
    struct kept *kept = context;
    backplane_stage_t *stage = kept->stage;
    if (kept->file[0] != 0) {
        char line[300];
        snprintf(line, sizeof(line), "waits for %s", kept->file);
        backplane_log(stage->host, BACKPLANE_LOG_INFO, line);
    }
    while (kept->file[0] != 0 && access(kept->file, F_OK) != 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    kept->next.host->set_header(kept->next, backplane_string("x-later"), backplane_string("yes"));
    const backplane_status_t status = kept->next.host->proceed(kept->next, kept);
    if (status != BACKPLANE_STATUS_OK) {
        say(stage, "was told", status);
        free(kept);
    }
    pthread_mutex_lock(&lock);
    threads--;
    pthread_cond_broadcast(&idle);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void on_request(
    backplane_stage_t *stage, backplane_next_t next, const backplane_metadata_t *request,
    const backplane_bytes_t *body) {
    struct kept *kept = calloc(1, sizeof(*kept));
    kept->stage = stage;
    kept->next = next;
    copy(kept->step, sizeof(kept->step), request, "x-step");
    copy(kept->file, sizeof(kept->file), request, "x-file");
    char seen[600];
    snprintf(
        seen, sizeof(seen), "%.*s %.*s %.*s %s %s", (int)request->http_method.size, request->http_method.data,
        (int)request->path.size, request->path.data, (int)request->query.size, request->query.data,
        body == NULL ? "no body" : "body", stage->options);
    next.host->set_header(next, backplane_string("x-seen"), backplane_string(seen));
    next.host->remove_header(next, backplane_string("X-Remove"));
    next.host->add_header(next, backplane_string("x-add"), backplane_string("2"));
    if (body != NULL && body->size > 0) {
        uint8_t *upper = malloc(body->size);
        for (uint64_t i = 0; i < body->size; i++)
            upper[i] = body->data[i] >= 'a' && body->data[i] <= 'z' ? body->data[i] - 32 : body->data[i];
        next.host->set_body(next, (backplane_bytes_t){upper, body->size});
        free(upper);
    }
    if (strcmp(kept->step, "answer") == 0) {
        const backplane_header_t header = {backplane_string("x-own"), backplane_string("1")};
        const backplane_response_t response = {
            .struct_size = sizeof(response),
            .http_status = 418,
            .headers = &header,
            .header_count = 1,
            .content_type = backplane_string("text/plain"),
            .body = {(const uint8_t *)"short", 5}};
        next.host->respond(next, &response);
    } else if (strcmp(kept->step, "fail") == 0) {
        next.host->fail(next, BACKPLANE_STATUS_UNAUTHENTICATED, backplane_string("who are you?"));
    } else if (strcmp(kept->step, "target") == 0) {
        next.host->set_path(next, backplane_string("/metadata"));
        next.host->set_query(next, backplane_string("b=2"));
        next.host->proceed(next, kept);
        return;
    } else if (strcmp(kept->step, "later") == 0 || strcmp(kept->step, "until") == 0) {
        pthread_mutex_lock(&lock);
        threads++;
        pthread_mutex_unlock(&lock);
        pthread_t thread;
        pthread_create(&thread, NULL, run, kept);
        pthread_detach(thread);
        return;
    } else if (strcmp(kept->step, "never") != 0) {
        next.host->proceed(next, kept);
        return;
    }
    free(kept);
}

static void on_response(
    backplane_stage_t *stage, backplane_next_t next, void *context, const backplane_response_head_t *head) {
    (void)stage;
    (void)context;
    char seen[128];
    snprintf(
        seen, sizeof(seen), VERSION " %d %s %.*s", head->http_status, head->is_error ? "error" : "success",
        (int)head->content_type.size, head->content_type.data);
    next.host->set_header(next, backplane_string("x-answer"), backplane_string(seen));
    next.host->set_header(next, backplane_string("content-type"), backplane_string("text/x-staged"));
}

#ifdef READS_BODY
static void on_response_body(
    backplane_stage_t *stage, backplane_next_t next, void *context, backplane_bytes_t piece, int32_t is_last) {
    (void)stage;
    struct kept *kept = context;
    char text[4096];
    const int size = snprintf(
        text, sizeof(text), "%d%s[%.*s]", kept->pieces++, is_last ? "!" : "", (int)piece.size,
        piece.size ? (const char *)piece.data : "");
    next.host->set_body(next, (backplane_bytes_t){(const uint8_t *)text, (uint64_t)size});
}
#endif

static void on_end(backplane_stage_t *stage, void *context, backplane_status_t status) {
    say(stage, "ended", status);
    free(context);
}

static const backplane_middleware_extension_t middleware = {
    .struct_size = sizeof(backplane_middleware_extension_t),
    .flags = FLAGS,
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
    .on_response = on_response,
#ifdef READS_BODY
    .on_response_body = on_response_body,
#endif
    .on_end = on_end,
};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_MIDDLEWARE) == 0 ? &middleware : NULL;
}

static void unload(void) {
    pthread_mutex_lock(&lock);
    while (threads > 0) pthread_cond_wait(&idle, &lock);
    pthread_mutex_unlock(&lock);
}

#ifdef METHODS
static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_finish_text(calls[0], "text/plain", "both");
}

static const backplane_method_t methods[] = {{.name = "__call__", .invoke = answer}};
#endif

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "stage",
    .version = VERSION,
#ifdef METHODS
    .methods = methods,
    .method_count = 1,
    .method_size = sizeof(backplane_method_t),
#endif
    .unload = unload,
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
