/* logs - behaves: writes its body to the host's log, as a warning; bytes that are no text among
 * them. `about` writes it about the call, with fields; `enabled` answers which levels the log
 * takes, from debug to error; `broken` passes records that can't be used. */
#include "backplane_plugin.h"

static backplane_log_record_t record_of(backplane_call_t call) {
    const backplane_bytes_t body = call.request->body;
    return (backplane_log_record_t){
        .struct_size = sizeof(backplane_log_record_t),
        .level = BACKPLANE_LOG_WARNING,
        .message = {(const char *)body.data, body.size},
    };
}

static void log_body(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_log_record_t record = record_of(calls[0]);
    calls[0].host->log(calls[0].host, &record);
    backplane_finish_text(calls[0], "text/plain", "");
}

static void log_about(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_call_t call = calls[0];
    const backplane_field_t fields[] = {
        {backplane_string("model"), backplane_string("large")},
        {backplane_string("two words=1"), backplane_string("a b")},
        {backplane_string("plugin"), backplane_string("forged")},
        {backplane_string("request_id"), backplane_string("forged")},
    };
    backplane_log_record_t record = record_of(call);
    record.call = &call;
    record.fields = fields;
    record.field_count = sizeof(fields) / sizeof(fields[0]);
    call.host->log(call.host, &record);
    backplane_finish_text(call, "text/plain", "");
    /* The id is gone with the call, the line is not. */
    record.message = backplane_string("after");
    record.field_count = 1;
    call.host->log(call.host, &record);
}

static void answer_enabled(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_host_t *host = calls[0].host;
    char text[32];
    snprintf(
        text, sizeof(text), "%d %d %d %d", (int)host->log_enabled(host, BACKPLANE_LOG_DEBUG),
        (int)host->log_enabled(host, BACKPLANE_LOG_INFO), (int)host->log_enabled(host, BACKPLANE_LOG_WARNING),
        (int)host->log_enabled(host, BACKPLANE_LOG_ERROR));
    backplane_finish_text(calls[0], "text/plain", text);
}

static void log_broken(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_host_t *host = calls[0].host;
    backplane_log_record_t small = record_of(calls[0]), fieldless = small, textless = small;
    small.struct_size = 8;
    fieldless.field_count = 1;
    textless.message = (backplane_string_t){NULL, 1};
    host->log(host, &small);
    host->log(host, &fieldless);
    host->log(host, &textless);
    backplane_finish_text(calls[0], "text/plain", "");
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = log_body},
    {.name = "about", .invoke = log_about},
    {.name = "enabled", .invoke = answer_enabled},
    {.name = "broken", .invoke = log_broken},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "logs",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
