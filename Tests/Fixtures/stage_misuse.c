/* stage_misuse - middleware that breaks the contract as the request's x-misuse says; the headers x-results of the
 * request and x-on-response of the response have the statuses that it got for it. -DNO_ON_REQUEST: lacks the function
 * that is required. */
#define _POSIX_C_SOURCE 200809L
#include "backplane_plugin.h"

#include <stdio.h>
#include <time.h>

static backplane_next_t over;

/* Everything that can be done to a request. */
static void use(backplane_next_t next, char *results, size_t capacity) {
    const backplane_response_t response = {.struct_size = sizeof(response)};
    const backplane_string_t name = backplane_string("x-late"), value = backplane_string("1");
    snprintf(
        results, capacity, "%d %d %d %d %d %d %d %d %d", next.host->set_header(next, name, value),
        next.host->add_header(next, name, value), next.host->remove_header(next, name),
        next.host->set_path(next, backplane_string("/late")), next.host->set_query(next, value),
        next.host->set_body(next, (backplane_bytes_t){NULL, 0}), next.host->proceed(next, NULL),
        next.host->respond(next, &response), next.host->fail(next, 5, name));
}

static int is(const backplane_metadata_t *request, const char *misuse) {
    for (uint64_t i = 0; i < request->header_count; i++) {
        const backplane_header_t *field = &request->headers[i];
        if (field->name.size == 8 && memcmp(field->name.data, "x-misuse", 8) == 0)
            return field->value.size == strlen(misuse) && memcmp(field->value.data, misuse, field->value.size) == 0;
    }
    return 0;
}

#ifndef NO_ON_REQUEST
static void on_request(
    backplane_stage_t *stage, backplane_next_t next, const backplane_metadata_t *request,
    const backplane_bytes_t *body) {
    (void)stage;
    (void)body;
    const backplane_next_host_t *host = next.host;
    const backplane_response_t response = {
        .struct_size = sizeof(response), .body = {(const uint8_t *)"first", 5}};
    const backplane_string_t x = backplane_string("x-bad"), one = backplane_string("1");
    char results[64] = "";
    if (is(request, "undecided")) {
        return;
    } else if (is(request, "twice")) {
        host->respond(next, &response);
        use(next, results, sizeof(results));
        return;
    } else if (is(request, "bad_status")) {
        backplane_response_t broken = response;
        broken.http_status = 42;
        host->respond(next, &broken);
        return;
    } else if (is(request, "bad_response")) {
        backplane_response_t broken = response;
        broken.struct_size = 4;
        host->respond(next, &broken);
        return;
    } else if (is(request, "bad_changes")) {
        snprintf(
            results, sizeof(results), "%d %d %d %d %d %d %d", host->set_header(next, backplane_string("x bad"), one),
            host->set_header(next, x, backplane_string("1\r\nx-split: 1")),
            host->set_header(next, backplane_string("Content-Length"), one),
            host->add_header(next, (backplane_string_t){NULL, 5}, one),
            host->set_path(next, backplane_string("/a b")), host->set_query(next, backplane_string("a#b")),
            host->set_body(next, (backplane_bytes_t){(const uint8_t *)"x", 1}));
        host->set_header(next, backplane_string("x-results"), backplane_string(results));
    } else if (is(request, "slow")) {
        nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
    } else if (is(request, "made_up")) {
        use((backplane_next_t){host, 4711000000}, results, sizeof(results));
        host->set_header(next, backplane_string("x-results"), backplane_string(results));
    } else if (is(request, "over")) {
        use(over, results, sizeof(results));
        host->set_header(next, backplane_string("x-results"), backplane_string(results));
    }
    over = next;
    host->proceed(next, NULL);
}
#endif

static void on_response(
    backplane_stage_t *stage, backplane_next_t next, void *context, const backplane_response_head_t *head) {
    (void)stage;
    (void)context;
    (void)head;
    char results[32];
    snprintf(
        results, sizeof(results), "%d %d", next.host->proceed(next, NULL),
        next.host->set_path(next, backplane_string("/late")));
    next.host->set_header(next, backplane_string("x-on-response"), backplane_string(results));
}

static const backplane_middleware_extension_t middleware = {
    .struct_size = sizeof(backplane_middleware_extension_t),
#ifndef NO_ON_REQUEST
    .on_request = on_request,
#endif
    .on_response = on_response,
};

static const void *get_extension(const char *identifier) {
    return strcmp(identifier, BACKPLANE_EXTENSION_MIDDLEWARE) == 0 ? &middleware : NULL;
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "stage_misuse",
    .version = "1.0.0",
    .get_extension = get_extension,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    (void)use;
    (void)is;
    (void)over;
    return &plugin;
}
