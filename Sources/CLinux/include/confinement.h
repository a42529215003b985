/* What a process gives up for good, before code runs in it that others have written. */
#ifndef CLINUX_CONFINEMENT_H
#define CLINUX_CONFINEMENT_H

#include <stdint.h>

/* No program that this process executes has more rights than it has. Of the calling thread, and those that it starts.
 * Returns 0, or an errno. */
int clinux_no_new_privileges(void);

/* Bytes of memory that the process may have for data: what is allocated counts, and not what is only reserved. Returns
 * 0, or an errno. */
int clinux_limit_memory(uint64_t bytes);

/* Descriptors that it may have. Returns 0, or an errno. */
int clinux_limit_files(uint64_t count);

/* What can be forbidden. */
#define CLINUX_FORBID_PROCESSES 1
#define CLINUX_FORBID_EXEC 2
#define CLINUX_FORBID_NETWORK 4

/* Has the system calls fail with EPERM that start processes, execute programs, or make sockets of other families than
 * AF_UNIX. Requires clinux_no_new_privileges. Returns 0, or an errno: ENOSYS where this is not to be had. */
int clinux_forbid(int what);

/* Has nothing written, made or removed in the file system but at and below these paths. Of the calling thread, and
 * those that it starts. Returns 0, or an errno; path: which one it was about, -1: none. */
int clinux_allow_writes(const char *const paths[], int count, int *path);

#endif
