/* place - answers where its library is: "path directory manifest_path"; `data` the directory for
 * its data, and that it is the same one when asked twice; `keep` writes its body to a file there,
 * `kept` answers that. */
#include "backplane_plugin.h"

#define METHOD(name) \
    static void name(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count)
#define UNUSED ((void)self, (void)count)

static const backplane_library_extension_t *library_of(backplane_call_t call) {
    return call.host->get_extension(call.host, BACKPLANE_EXTENSION_LIBRARY);
}

METHOD(place) {
    UNUSED;
    const backplane_library_extension_t *library = library_of(calls[0]);
    char text[4096];
    snprintf(text, sizeof(text), "%s %s %s", library->path, library->directory, library->manifest_path);
    backplane_finish_text(calls[0], "text/plain", text);
}

/* NULL: the call has failed. */
static const char *data_directory(backplane_call_t call) {
    char message[256] = "";
    backplane_error_t error = {sizeof(error), sizeof(message), message};
    const char *path = NULL;
    const backplane_status_t status = library_of(call)->get_data_directory(call.host, &path, &error);
    if (status != BACKPLANE_STATUS_OK) backplane_fail(call, status, message);
    return path;
}

METHOD(data) {
    UNUSED;
    const char *first = data_directory(calls[0]);
    if (first == NULL) return;
    const char *second = NULL;
    (void)library_of(calls[0])->get_data_directory(calls[0].host, &second, NULL);
    backplane_finish_text(calls[0], "text/plain", first == second ? first : "another one");
}

METHOD(keep) {
    UNUSED;
    const char *directory = data_directory(calls[0]);
    if (directory == NULL) return;
    char path[4096];
    snprintf(path, sizeof(path), "%s/kept", directory);
    FILE *file = fopen(path, "w");
    fwrite(calls[0].request->body.data, 1, (size_t)calls[0].request->body.size, file);
    fclose(file);
    backplane_finish_text(calls[0], "text/plain", "kept");
}

METHOD(kept) {
    UNUSED;
    const char *directory = data_directory(calls[0]);
    if (directory == NULL) return;
    char path[4096], text[256] = "";
    snprintf(path, sizeof(path), "%s/kept", directory);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    backplane_finish_text(calls[0], "text/plain", text);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = place},
    {.name = "data", .invoke = data},
    {.name = "keep", .invoke = keep},
    {.name = "kept", .invoke = kept},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "place",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
