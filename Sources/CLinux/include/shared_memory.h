/* Memory that two processes share, and how one wakes the other. */
#ifndef CLINUX_SHARED_MEMORY_H
#define CLINUX_SHARED_MEMORY_H

#include <stdatomic.h>
#include <stdint.h>

/* An anonymous file of `size` bytes that nobody can make smaller, closed on exec. Returns a descriptor, or -1 with
 * errno. A mapping of a file that somebody can make smaller is a SIGBUS for whoever touches it. */
int clinux_shared_memory(const char *name, uint64_t size);

/* Whether a descriptor is memory of at least `size` bytes that nobody can make smaller. */
int clinux_is_sealed_memory(int descriptor, uint64_t size);

/* eventfd(2), non-blocking and closed on exec. Returns a descriptor, or -1 with errno. */
int clinux_event(void);

/* Waits while the word is `value`, a futex that processes share. Returns at once when it is not, and early
 * sometimes. */
void clinux_wait(const void *word, uint32_t value);

/* Wakes whoever waits for the word. */
void clinux_wake(const void *word);

/* The words of memory that another process writes, too. Aligned to their size. */
static inline uint32_t clinux_load_32(const void *word) {
    return atomic_load_explicit((const _Atomic uint32_t *)word, memory_order_seq_cst);
}
static inline void clinux_store_32(void *word, uint32_t value) {
    atomic_store_explicit((_Atomic uint32_t *)word, value, memory_order_seq_cst);
}
static inline uint32_t clinux_exchange_32(void *word, uint32_t value) {
    return atomic_exchange_explicit((_Atomic uint32_t *)word, value, memory_order_seq_cst);
}
static inline uint64_t clinux_load_64(const void *word) {
    return atomic_load_explicit((const _Atomic uint64_t *)word, memory_order_seq_cst);
}
static inline void clinux_store_64(void *word, uint64_t value) {
    atomic_store_explicit((_Atomic uint64_t *)word, value, memory_order_seq_cst);
}

#endif
