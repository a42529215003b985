/* Which library code belongs to, found by means that a signal handler may use; dladdr takes the linker's lock. */
#ifndef CLINUX_CODE_MAP_H
#define CLINUX_CODE_MAP_H

#include <stdbool.h>
#include <stdint.h>

/* Keeps what a handler needs, and remembers whose code is mapped by now: the program's own. Once. */
void code_map_prepare(void);

/* Looks at what is mapped now. One thread only. */
void code_map_read(void);

struct code {
    /* "": none. */
    const char *library;
    uint64_t offset;
    /* Mapped before any plugin was. */
    bool is_programs;
};

/* What stands at an address, as of the last code_map_read. */
struct code code_map_find(uintptr_t address);

/* The code of a plugin that the stack mentions nearest to its top: most likely what has called the C library's
 * function, or the host's, that the thread is in. */
struct code code_map_find_on_stack(uintptr_t stack_pointer);

/* Whether something may be read there, as of the last code_map_read. */
bool code_map_is_readable(uintptr_t address);

#endif
