/* answers_badly - answers with responses that the host must not pass on: header fields that would
 * split the response in two, pointers that are NULL, sizes that are wrong. `__call__` and
 * `not_utf8` keep to the contract. */
#include "backplane_plugin.h"

static const uint8_t body[] = "body";

static backplane_response_t response_with(const backplane_header_t *headers, uint32_t count) {
    return (backplane_response_t){
        .struct_size = sizeof(backplane_response_t),
        .header_count = count,
        .headers = headers,
        .content_type = backplane_string("text/plain"),
        .body = {body, sizeof(body) - 1},
    };
}

static void finish_with_header(
    backplane_call_t call, backplane_string_t name, backplane_string_t value) {
    const backplane_header_t header = {name, value};
    const backplane_response_t response = response_with(&header, 1);
    call.host->finish(call, &response);
}

#define METHOD(name) \
    static void name(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count)
#define UNUSED ((void)self, (void)count)

METHOD(well) {
    UNUSED;
    const backplane_header_t headers[] = {
        {backplane_string("x-fruit"), backplane_string("apple")},
        {backplane_string("X-Fruit"), backplane_string("pear\tand plum")},
        {backplane_string("x-empty"), {NULL, 0}},
    };
    const backplane_response_t response = response_with(headers, 3);
    calls[0].host->finish(calls[0], &response);
}

METHOD(not_utf8) {
    UNUSED;
    finish_with_header(calls[0], backplane_string("x-fruit"), backplane_string("\xFFpple"));
}

METHOD(crlf_in_value) {
    UNUSED;
    finish_with_header(
        calls[0], backplane_string("x-fruit"), backplane_string("a\r\nset-cookie: stolen=1"));
}

METHOD(lf_in_value) {
    UNUSED;
    finish_with_header(calls[0], backplane_string("x-fruit"), backplane_string("a\n\n<html>"));
}

METHOD(nul_in_value) {
    UNUSED;
    finish_with_header(calls[0], backplane_string("x-fruit"), (backplane_string_t){"a\0b", 3});
}

METHOD(crlf_in_name) {
    UNUSED;
    finish_with_header(calls[0], backplane_string("x\r\nset-cookie"), backplane_string("a"));
}

METHOD(space_in_name) {
    UNUSED;
    finish_with_header(calls[0], backplane_string("x fruit"), backplane_string("a"));
}

METHOD(colon_in_name) {
    UNUSED;
    finish_with_header(calls[0], backplane_string("set-cookie: a"), backplane_string("a"));
}

METHOD(empty_name) {
    UNUSED;
    finish_with_header(calls[0], backplane_string(""), backplane_string("a"));
}

METHOD(null_value) {
    UNUSED;
    finish_with_header(calls[0], backplane_string("x-fruit"), (backplane_string_t){NULL, 5});
}

METHOD(null_headers) {
    UNUSED;
    const backplane_response_t response = response_with(NULL, 2);
    calls[0].host->finish(calls[0], &response);
}

METHOD(crlf_in_content_type) {
    UNUSED;
    backplane_response_t response = response_with(NULL, 0);
    response.content_type = backplane_string("text/plain\r\nset-cookie: stolen=1");
    calls[0].host->finish(calls[0], &response);
}

METHOD(null_content_type) {
    UNUSED;
    backplane_response_t response = response_with(NULL, 0);
    response.content_type = (backplane_string_t){NULL, 5};
    calls[0].host->finish(calls[0], &response);
}

METHOD(null_body) {
    UNUSED;
    backplane_response_t response = response_with(NULL, 0);
    response.body.data = NULL;
    calls[0].host->finish(calls[0], &response);
}

METHOD(endless_body) {
    UNUSED;
    backplane_response_t response = response_with(NULL, 0);
    response.body.size = UINT64_MAX;
    calls[0].host->finish(calls[0], &response);
}

METHOD(more_than_allocated) {
    UNUSED;
    backplane_response_t response = response_with(NULL, 0);
    response.body = (backplane_bytes_t){calls[0].host->allocate_body(calls[0], 16), 32};
    calls[0].host->finish(calls[0], &response);
}

METHOD(small_struct) {
    UNUSED;
    backplane_response_t response = response_with(NULL, 0);
    response.struct_size = 8;
    calls[0].host->finish(calls[0], &response);
}

METHOD(null_response) {
    UNUSED;
    const backplane_response_t *response = NULL;
    calls[0].host->finish(calls[0], response);
}

METHOD(null_message) {
    UNUSED;
    calls[0].host->fail(
        calls[0], BACKPLANE_STATUS_NOT_FOUND, (backplane_string_t){NULL, sizeof(body)});
}

/* Answers the status that `write` returned for a part with a bad header. */
METHOD(writes_crlf) {
    UNUSED;
    const backplane_header_t header = {
        backplane_string("x-fruit"), backplane_string("a\r\nset-cookie: stolen=1")};
    const backplane_response_t part = response_with(&header, 1);
    char text[16];
    snprintf(text, sizeof(text), "%d", (int)calls[0].host->write(calls[0], &part));
    backplane_finish_text(calls[0], "text/plain", text);
}

/* Answers the status that `write` returned for no part at all. */
METHOD(writes_null) {
    UNUSED;
    const backplane_response_t *part = NULL;
    char text[16];
    snprintf(text, sizeof(text), "%d", (int)calls[0].host->write(calls[0], part));
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = well},
    {.name = "not_utf8", .invoke = not_utf8},
    {.name = "crlf_in_value", .invoke = crlf_in_value},
    {.name = "lf_in_value", .invoke = lf_in_value},
    {.name = "nul_in_value", .invoke = nul_in_value},
    {.name = "crlf_in_name", .invoke = crlf_in_name},
    {.name = "space_in_name", .invoke = space_in_name},
    {.name = "colon_in_name", .invoke = colon_in_name},
    {.name = "empty_name", .invoke = empty_name},
    {.name = "null_value", .invoke = null_value},
    {.name = "null_headers", .invoke = null_headers},
    {.name = "crlf_in_content_type", .invoke = crlf_in_content_type},
    {.name = "null_content_type", .invoke = null_content_type},
    {.name = "null_body", .invoke = null_body},
    {.name = "endless_body", .invoke = endless_body},
    {.name = "more_than_allocated", .invoke = more_than_allocated},
    {.name = "small_struct", .invoke = small_struct},
    {.name = "null_response", .invoke = null_response},
    {.name = "null_message", .invoke = null_message},
    {.name = "writes_crlf", .invoke = writes_crlf},
    {.name = "writes_null", .invoke = writes_null},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "answers_badly",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
