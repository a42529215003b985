/* Functions that stand in front of the C library's of the same names. */
#ifndef CINTERPOSITION_NEXT_FUNCTION_H
#define CINTERPOSITION_NEXT_FUNCTION_H

#if defined(__has_feature)
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define INTERPOSES
#endif
#elif !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define INTERPOSES
#endif

#define EXPORTED __attribute__((visibility("default"), used))

#include <dlfcn.h>

/* Defines next_NAME(), which returns the function that this one stands in front of. It is looked up before main: later
 * it may be asked for in a forked child, where the dynamic linker's lock is held by a thread that is not there. */
#define NEXT_FUNCTION(name, result, parameters)                                                                        \
    static result(*found_##name) parameters;                                                                           \
    __attribute__((constructor(101))) static void find_##name(void) {                                                  \
        *(void **)&found_##name = dlsym(RTLD_NEXT, #name);                                                             \
    }                                                                                                                  \
    static result(*next_##name(void)) parameters {                                                                     \
        if (!found_##name) find_##name();                                                                              \
        return found_##name;                                                                                           \
    }

#endif
