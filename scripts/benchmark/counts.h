/* What the plugin probe.c tells the library that is preloaded into its host: counter.c, which counts operations, or
 * under_callgrind.c, which counts instructions. One method is counted at a time. */
#ifndef BENCHMARK_COUNTS_H
#define BENCHMARK_COUNTS_H

#include <stdint.h>

void counts_begin(void);

/* `calls` of `method` have been made since counts_begin. */
void counts_end(const char *method, uint64_t calls);

#endif
