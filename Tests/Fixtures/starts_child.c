/* starts_child - starts a program, and answers what its descriptors beside the standard streams are: "socket:[1234]",
 * a line for each. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <stdio.h>
#include <stdlib.h>

/* A program that has no descriptors of its own while it looks: it says nothing of those that aren't there. popen's
 * pipe is its standard output. */
static void list(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char answer[16384] = "", command[16384] = "exec readlink";
    size_t size = strlen(command);
    for (int number = 3; number < 512; number++) {
        size += (size_t)snprintf(command + size, sizeof(command) - size, " /proc/self/fd/%d", number);
    }
    FILE *child = popen(command, "r");
    if (child) {
        size = fread(answer, 1, sizeof(answer) - 1, child);
        answer[size] = 0;
        pclose(child);
    }
    backplane_finish_text(calls[0], "text/plain", answer);
}

/* Goes on after the host's end, unless somebody ends it: answers its process id. */
static void stays(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char answer[64] = "";
    FILE *child = popen("sleep 60 >/dev/null 2>&1 </dev/null & echo $!", "r");
    if (child) {
        if (!fgets(answer, sizeof(answer), child)) answer[0] = 0;
        pclose(child);
    }
    backplane_finish_text(calls[0], "text/plain", answer);
}

static const backplane_method_t methods[] = {
    {.name = "__call__", .invoke = list},
    {.name = "stays", .invoke = stays},
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "starts_child",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
