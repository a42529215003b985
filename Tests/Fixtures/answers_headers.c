/* answers_headers - answers with the header fields that the lines of its body name; `stream` in the
 * first part of a streamed response, of which later parts must not change the head. */
#include "backplane_plugin.h"

#define MOST_HEADERS 64

/* Points `headers` at the "name: value" lines of `body`. Returns how many there are. */
static uint32_t read_headers(backplane_header_t *headers, backplane_bytes_t body) {
    const char *line = (const char *)body.data;
    const char *end = line + body.size;
    uint32_t count = 0;
    while (line < end && count < MOST_HEADERS) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end == NULL ? end : line_end;
        const char *colon = memchr(line, ':', (size_t)(line_end - line));
        if (colon != NULL && line_end - colon >= 2) {
            headers[count].name = (backplane_string_t){line, (uint64_t)(colon - line)};
            headers[count].value =
                (backplane_string_t){colon + 2, (uint64_t)(line_end - colon - 2)};
            count++;
        }
        line = line_end + 1;
    }
    return count;
}

static backplane_response_t response(
    const backplane_header_t *headers, uint32_t count, const char *content_type, const char *body) {
    return (backplane_response_t){
        .struct_size = sizeof(backplane_response_t),
        .header_count = count,
        .headers = headers,
        .content_type = backplane_string(content_type),
        .body = {(const uint8_t *)body, strlen(body)},
    };
}

static void answer(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_header_t headers[MOST_HEADERS];
    const uint32_t header_count = read_headers(headers, calls[0].request->body);
    const backplane_response_t whole = response(headers, header_count, "text/x-first", "answered");
    calls[0].host->finish(calls[0], &whole);
}

static void stream(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    backplane_header_t headers[MOST_HEADERS];
    const uint32_t header_count = read_headers(headers, calls[0].request->body);
    const backplane_header_t later = {backplane_string("x-later"), backplane_string("1")};
    const backplane_response_t first = response(headers, header_count, "text/x-first", "one ");
    const backplane_response_t second = response(&later, 1, "text/x-second", "two ");
    const backplane_response_t last = response(&later, 1, "text/x-last", "three");
    (void)calls[0].host->write(calls[0], &first);
    (void)calls[0].host->write(calls[0], &second);
    calls[0].host->finish(calls[0], &last);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = answer},
    {.name = "stream", .invoke = stream},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "answers_headers",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
