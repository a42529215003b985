/* A process that ends in another way than its program wants: the last line in its log says who ended it. */
#ifndef CLINUX_ENDING_H
#define CLINUX_ENDING_H

#include <stdbool.h>
#include <stdint.h>

/* Installs handlers for the signals that end a process and that the program has no use for. A handler writes the last
 * line of the log (log_queue.h) and lets the signal end the process as it would have, so that a supervisor sees the
 * signal and there is a core dump where the system makes them.
 *
 * Once, before the first plugin is loaded: code that is mapped by then counts as the program's own.
 *
 * A handler that was there before is called after the line. The Swift runtime's, which writes a backtrace and takes
 * minutes for it, only if `backtraces` is set. A signal that was ignored stays so, and so does the handler of one that
 * is no crash. */
void clinux_report_signals(bool backtraces);

/* Says what the last line calls the process: "the host", unless this is called before. The text must never be freed. */
void clinux_name_process(const char *name);

/* Has an end that is reported write whose code it was to this file, too: the thread's activity (activity.h). The
 * descriptor is the caller's; one at a time. */
void clinux_record_end(int descriptor);

/* Nothing is written to the descriptor any more, which the caller may close. Another one that was given since stays. */
void clinux_record_no_end(int descriptor);

/* Writes the last line for a process that somebody ends with `what`, such as "exit", and this status. One thread only
 * ever returns from this: then the caller is to end the process.
 *
 * code: a return address of the caller's, or 0. frame: the caller's frame. */
void clinux_report_exit(const char *what, int status, uintptr_t code, uintptr_t frame, int ends_with);

#endif
