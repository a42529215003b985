/* What a thread runs, for the last line of a process that it ends. */
#ifndef CLINUX_ACTIVITY_H
#define CLINUX_ACTIVITY_H

/* Sets what the calling thread runs, and returns what it ran before, to be set again. The text is for the log, such as
 * "plugin=echo backend=echo"; it must never be freed. NULL: nothing of a plugin's.
 *
 * A thread's first call gives it an alternate signal stack, unless it has one, and its end frees that: a handler
 * could not run where the thread's own stack has overflown. */
const char *clinux_activity_set(const char *text);

/* Names the calling thread, for `ps -T` and debuggers. The kernel keeps 15 bytes. */
void clinux_thread_name(const char *name);

#endif
