#define _GNU_SOURCE
#include "code_map.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { most_ranges = 8192, most_own = 512, names_size = 256 << 10, stack_depth = 64 << 10 };

struct range {
    uintptr_t start, end, offset;
    /* Where its name begins; 0: it has none. */
    uint32_t name;
    bool is_readable, is_code;
};

/* In the order of their addresses. */
static struct range ranges[most_ranges];
static size_t range_count;
static char names[names_size];
static size_t names_used;

static uintptr_t own_code[most_own];
static size_t own_count;

/* Opened in time: when a process dies, it may be of having no descriptors left. */
static int maps = -1;

void code_map_prepare(void) {
    if (maps < 0) maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    code_map_read();
    own_count = 0;
    for (size_t i = 0; i < range_count && own_count < most_own; i++) {
        if (ranges[i].is_code) own_code[own_count++] = ranges[i].start;
    }
}

/* ---- Reading /proc/self/maps ---- */

static const char *read_hex(const char *at, uintptr_t *number) {
    *number = 0;
    for (;; at++) {
        if (*at >= '0' && *at <= '9') {
            *number = *number * 16 + (uintptr_t)(*at - '0');
        } else if (*at >= 'a' && *at <= 'f') {
            *number = *number * 16 + (uintptr_t)(*at - 'a' + 10);
        } else {
            return at;
        }
    }
}

static uint32_t keep_name(const char *name) {
    const size_t size = strlen(name) + 1;
    if (size == 1 || names_used + size > names_size) return 0;
    memcpy(names + names_used, name, size);
    names_used += size;
    return (uint32_t)(names_used - size);
}

/* "start-end rwxp offset device inode   path", without the end of the line. */
static void read_line(const char *line) {
    if (range_count == most_ranges) return;
    struct range *range = &ranges[range_count];
    const char *at = read_hex(line, &range->start);
    if (*at++ != '-') return;
    at = read_hex(at, &range->end);
    if (at[0] != ' ' || at[1] == 0 || at[2] == 0 || at[3] == 0 || at[4] == 0) return;
    range->is_readable = at[1] == 'r';
    range->is_code = at[3] == 'x';
    at = read_hex(at + 6, &range->offset);
    /* Over device and inode. */
    for (int blanks = 0; *at && blanks < 2;) {
        at++;
        blanks += *at == ' ';
    }
    while (*at == ' ') at++;
    range->name = range->is_code ? keep_name(at) : 0;
    range_count++;
}

void code_map_read(void) {
    static char buffer[16 << 10];
    size_t kept = 0;
    range_count = 0;
    /* The first byte stands for no name. */
    names_used = 1;
    if (maps < 0 || lseek(maps, 0, SEEK_SET) != 0) return;
    for (;;) {
        const ssize_t count = read(maps, buffer + kept, sizeof(buffer) - 1 - kept);
        if (count <= 0) return;
        buffer[kept + (size_t)count] = 0;
        char *line = buffer, *end;
        while ((end = strchr(line, '\n')) != NULL) {
            *end = 0;
            read_line(line);
            line = end + 1;
        }
        kept = strlen(line);
        /* A path has at most 4,095 bytes: a line that fills the buffer is none. */
        if (kept == sizeof(buffer) - 1) return;
        memmove(buffer, line, kept);
    }
}

/* ---- Looking ---- */

static const struct range *find(uintptr_t address) {
    size_t low = 0, high = range_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (ranges[middle].end <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < range_count && ranges[low].start <= address ? &ranges[low] : NULL;
}

bool code_map_is_readable(uintptr_t address) {
    const struct range *range = find(address);
    return range != NULL && range->is_readable;
}

struct code code_map_find(uintptr_t address) {
    const struct range *range = find(address);
    if (range == NULL || !range->is_code || range->name == 0) return (struct code){.library = ""};
    struct code code = {.library = names + range->name, .offset = address - range->start + range->offset};
    for (size_t i = 0; i < own_count; i++) code.is_programs |= own_code[i] == range->start;
    return code;
}

/* Looks also at what lies between variables, which AddressSanitizer keeps from others. */
__attribute__((no_sanitize("address", "thread"))) struct code code_map_find_on_stack(uintptr_t stack_pointer) {
    const struct range *stack = find(stack_pointer);
    if (stack == NULL || !stack->is_readable) return (struct code){.library = ""};
    uintptr_t end = stack->end;
    if (end - stack_pointer > stack_depth) end = stack_pointer + stack_depth;
    const uintptr_t word = sizeof(uintptr_t);
    for (uintptr_t at = (stack_pointer + word - 1) / word * word; at + word <= end; at += word) {
        const struct code code = code_map_find(*(const uintptr_t *)at);
        if (*code.library && !code.is_programs && code.library[0] == '/') return code;
    }
    return (struct code){.library = ""};
}
