/* chooses - chooses the HTTP status that its body says, with "chosen"; `empty` without a body;
 * `stream` in the first of two parts; `fails` with more than a status: a header, a status and
 * details in JSON; `page` with a page of its own. `bad_details`, `bad_header` and `small` pass
 * failures that can't be used. */
#include "backplane_plugin.h"

#include <stdlib.h>

#define METHOD(name) \
    static void name(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count)
#define UNUSED ((void)self, (void)count)

static const uint8_t chosen[] = "chosen";

static int32_t number(backplane_bytes_t body) {
    char text[16] = "";
    if (body.size > 0 && body.size < sizeof(text)) {
        memcpy(text, body.data, (size_t)body.size);
    }
    return (int32_t)strtol(text, NULL, 10);
}

METHOD(choose) {
    UNUSED;
    const backplane_header_t header = {backplane_string("x-chosen"), backplane_string("1")};
    const backplane_response_t response = {
        .struct_size = sizeof(response),
        .http_status = number(calls[0].request->body),
        .headers = &header,
        .header_count = 1,
        .content_type = backplane_string("text/x-chosen"),
        .body = {chosen, 6},
    };
    calls[0].host->finish(calls[0], &response);
}

METHOD(empty) {
    UNUSED;
    const backplane_response_t response = {
        .struct_size = sizeof(response), .http_status = number(calls[0].request->body)};
    calls[0].host->finish(calls[0], &response);
}

METHOD(stream) {
    UNUSED;
    const int32_t http_status = number(calls[0].request->body);
    const backplane_response_t first = {
        .struct_size = sizeof(first),
        .http_status = http_status,
        .content_type = backplane_string("text/plain"),
        .body = {(const uint8_t *)"first ", http_status == 204 ? 0 : 6},
    };
    const backplane_status_t status = calls[0].host->write(calls[0], &first);
    if (status != BACKPLANE_STATUS_OK) {
        backplane_fail(calls[0], status, "the part was refused");
        return;
    }
    /* Not looked at: the response has its status. */
    const backplane_response_t last = {
        .struct_size = sizeof(last), .http_status = 500, .body = {(const uint8_t *)"last", 4}};
    calls[0].host->finish(calls[0], &last);
}

METHOD(fails) {
    UNUSED;
    const backplane_header_t header = {backplane_string("retry-after"), backplane_string("7")};
    static const uint8_t details[] = " {\"field\": \"größe\", \"most\": [1e3]} ";
    const backplane_failure_t failure = {
        .struct_size = sizeof(failure),
        .status = BACKPLANE_STATUS_FAILED_PRECONDITION,
        .http_status = number(calls[0].request->body),
        .message = backplane_string("as asked"),
        .headers = &header,
        .header_count = 1,
        .details = {details, sizeof(details) - 1},
    };
    calls[0].host->fail_with(calls[0], &failure);
}

METHOD(page) {
    UNUSED;
    const backplane_failure_t failure = {
        .struct_size = sizeof(failure),
        .status = BACKPLANE_STATUS_NOT_FOUND,
        .message = backplane_string("no page"),
        .content_type = backplane_string("text/html"),
        .details = {(const uint8_t *)"<p>none</p>", 11},
    };
    calls[0].host->fail_with(calls[0], &failure);
}

METHOD(bad_details) {
    UNUSED;
    const backplane_failure_t failure = {
        .struct_size = sizeof(failure),
        .status = BACKPLANE_STATUS_NOT_FOUND,
        .details = {(const uint8_t *)"{\"a\":1}}", 8},
    };
    calls[0].host->fail_with(calls[0], &failure);
}

METHOD(bad_header) {
    UNUSED;
    const backplane_header_t header = {backplane_string("x-a"), backplane_string("1\r\nx-b: 2")};
    const backplane_failure_t failure = {
        .struct_size = sizeof(failure),
        .status = BACKPLANE_STATUS_NOT_FOUND,
        .headers = &header,
        .header_count = 1,
    };
    calls[0].host->fail_with(calls[0], &failure);
}

METHOD(small) {
    UNUSED;
    const backplane_failure_t failure = {.struct_size = 16, .status = BACKPLANE_STATUS_NOT_FOUND};
    calls[0].host->fail_with(calls[0], &failure);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = choose},
    {.name = "empty", .invoke = empty},
    {.name = "stream", .invoke = stream},
    {.name = "fails", .invoke = fails},
    {.name = "page", .invoke = page},
    {.name = "bad_details", .invoke = bad_details},
    {.name = "bad_header", .invoke = bad_header},
    {.name = "small", .invoke = small},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "chooses",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
