/* counter - preloaded into a host: counts what all of its threads do. At the end of each count it appends a line to the
 * file that COUNTS_FILE names: method, calls, allocations, locks, references. */
#define _GNU_SOURCE
#include "counts.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ALLOCATIONS, LOCKS, REFERENCES, KINDS };

static _Atomic uint64_t totals[KINDS];
static uint64_t totals_at_begin[KINDS];

static void count(int kind) {
    atomic_fetch_add_explicit(&totals[kind], 1, memory_order_relaxed);
}

void counts_begin(void) {
    for (int kind = 0; kind < KINDS; kind++) totals_at_begin[kind] = atomic_load(&totals[kind]);
}

void counts_end(const char *method, uint64_t calls) {
    unsigned long long counted[KINDS];
    for (int kind = 0; kind < KINDS; kind++) counted[kind] = atomic_load(&totals[kind]) - totals_at_begin[kind];
    char line[256];
    const int size = snprintf(
        line, sizeof(line), "%s %llu %llu %llu %llu\n", method, (unsigned long long)calls, counted[ALLOCATIONS],
        counted[LOCKS], counted[REFERENCES]);
    const int file = open(getenv("COUNTS_FILE"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || write(file, line, (size_t)size) != size) perror("counter");
    if (file >= 0) close(file);
}

/* ---- Allocations --------------------------------------------------------------------------- */

/* The C library's own names for its functions, so that there is nothing to look up: dlsym may allocate. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    count(ALLOCATIONS);
    return __libc_malloc(size);
}

void *calloc(size_t count_of_items, size_t size) {
    count(ALLOCATIONS);
    return __libc_calloc(count_of_items, size);
}

void *realloc(void *memory, size_t size) {
    count(ALLOCATIONS);
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
    count(ALLOCATIONS);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *const allocated = memalign(alignment, size);
    if (allocated == NULL) return 12; /* ENOMEM */
    *memory = allocated;
    return 0;
}

/* ---- Locks and reference counts ------------------------------------------------------------ */

/* Looked up by the first call: that may come before any constructor of this library. */
#define COUNTED(kind, name, result, parameters, arguments)                                                             \
    result name parameters {                                                                                           \
        static _Atomic(void *) next;                                                                                   \
        count(kind);                                                                                                   \
        void *found = atomic_load_explicit(&next, memory_order_relaxed);                                               \
        if (found == NULL) next = found = dlsym(RTLD_NEXT, #name);                                                     \
        return ((result(*) parameters)found)arguments;                                                                 \
    }

/* What pthread_cond_wait does to its mutex is inside of the C library, and is not counted. */
COUNTED(LOCKS, pthread_mutex_lock, int, (pthread_mutex_t *mutex), (mutex))
COUNTED(LOCKS, pthread_mutex_trylock, int, (pthread_mutex_t *mutex), (mutex))

/* What the program and other libraries ask of the Swift runtime; what it does by itself is inside of it. (Its hook for
 * tools, _swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly, would see that too. The hook of
 * Swift 6.3 clears the bit of a pointer that says that there is nothing to count, and crashes at the first literal.)
 * On x86-64 these are ordinary functions; on arm64 they keep registers that a C function does not. */
#ifdef __x86_64__
COUNTED(REFERENCES, swift_retain, void *, (void *object), (object))
COUNTED(REFERENCES, swift_release, void, (void *object), (object))
COUNTED(REFERENCES, swift_retain_n, void *, (void *object, uint32_t times), (object, times))
COUNTED(REFERENCES, swift_release_n, void, (void *object, uint32_t times), (object, times))
COUNTED(REFERENCES, swift_bridgeObjectRetain, void *, (void *object), (object))
COUNTED(REFERENCES, swift_bridgeObjectRelease, void, (void *object), (object))
COUNTED(REFERENCES, swift_bridgeObjectRetain_n, void *, (void *object, int times), (object, times))
COUNTED(REFERENCES, swift_bridgeObjectRelease_n, void, (void *object, int times), (object, times))
#endif
