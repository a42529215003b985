/*
 * rewrite - middleware in a plugin: takes a prefix off the paths of requests, and says so in the responses.
 *
 *     middleware:
 *       - rewrite: {prefix: /v1}
 *
 * A request for /v1/echo goes on as one for /echo, with the header x-original-path; its response has x-rewritten-by. To
 * build it and put it where a host finds it:
 *
 *     cc -std=c11 -fPIC -shared -I<where backplane_plugin.h is> rewrite.c -o plugins.d/librewrite.so
 */
#include "backplane_plugin.h"

#include <stdlib.h>

#ifndef REWRITE_VERSION
#define REWRITE_VERSION "1.0.0"
#endif

/* One place in one chain. Nothing changes in it, so several requests may look at once. */
struct backplane_stage {
    size_t prefix_size;
    char prefix[];
};

/* ---- Making stages ------------------------------------------------------------------------- */

/* The text of `options`' one member, {"prefix":"/v1"}. (A plugin with more of them has a JSON parser.) */
static backplane_string_t prefix_in(backplane_string_t options) {
    static const char before[] = "{\"prefix\":\"", after[] = "\"}";
    const size_t around = sizeof(before) - 1 + sizeof(after) - 1;
    const backplane_string_t none = {NULL, 0};
    if (options.size <= around || memcmp(options.data, before, sizeof(before) - 1) != 0) return none;
    const backplane_string_t prefix = {options.data + sizeof(before) - 1, options.size - around};
    if (prefix.data[0] != '/' || memcmp(prefix.data + prefix.size, after, sizeof(after) - 1) != 0) return none;
    return prefix;
}

static backplane_status_t create(
    const backplane_host_t *host, const backplane_stage_args_t *args, backplane_stage_t **stage,
    backplane_error_t *error) {
    (void)host;
    const backplane_string_t prefix = prefix_in(args->options);
    if (prefix.size == 0) {
        return backplane_error_format(
            error, BACKPLANE_STATUS_INVALID_ARGUMENT, "the options are a prefix that begins with /: {prefix: /v1}");
    }
    backplane_stage_t *made = malloc(sizeof(*made) + prefix.size);
    if (made == NULL) return backplane_error_format(error, BACKPLANE_STATUS_RESOURCE_EXHAUSTED, "no memory");
    made->prefix_size = prefix.size;
    memcpy(made->prefix, prefix.data, prefix.size);
    *stage = made;
    return BACKPLANE_STATUS_OK;
}

static void destroy(backplane_stage_t *stage) {
    free(stage);
}

/* ---- Requests and responses ----------------------------------------------------------------- */

static void on_request(
    backplane_stage_t *stage, backplane_next_t next, const backplane_metadata_t *request,
    const backplane_bytes_t *body) {
    (void)body;
    const backplane_string_t path = request->path;
    const size_t size = stage->prefix_size;
    /* /v1 and what is below it, not /v1beta. */
    if (path.size > size && memcmp(path.data, stage->prefix, size) == 0 && path.data[size] == '/') {
        const backplane_string_t rest = {path.data + size, path.size - size};
        next.host->set_path(next, rest);
        next.host->set_header(next, backplane_string("x-original-path"), path);
        /* The context of a request can be anything; here it says that there was something to do. */
        next.host->proceed(next, stage);
        return;
    }
    next.host->proceed(next, NULL);
}

static void on_response(
    backplane_stage_t *stage, backplane_next_t next, void *context, const backplane_response_head_t *head) {
    (void)stage;
    (void)head;
    if (context == NULL) return;
    next.host->set_header(
        next, backplane_string("x-rewritten-by"), backplane_string("rewrite " REWRITE_VERSION));
}

/* ---- What the plugin offers ---------------------------------------------------------------- */

static const backplane_middleware_extension_t middleware = {
    .struct_size = sizeof(backplane_middleware_extension_t),
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
    .on_response = on_response,
};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_MIDDLEWARE) == 0 ? &middleware : NULL;
}

/* No methods: the plugin is middleware, and serves nothing by itself. */
static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "rewrite",
    .version = REWRITE_VERSION,
    .description = "Takes a prefix off the paths of requests.",
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
