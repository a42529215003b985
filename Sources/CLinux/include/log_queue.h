/* The lines of a log on their way to a descriptor. Whoever has a line never waits for the reader of the log: when the
 * lines that wait are too many, the next are dropped and counted, and a line says how many. */
#ifndef CLINUX_LOG_QUEUE_H
#define CLINUX_LOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that may wait. */
#define CLINUX_LOG_CAPACITY (1 << 20)
#define CLINUX_LOG_TIME_SIZE 32

/* Starts the thread that writes to the descriptor. Once. Returns 0, or the error number. */
int clinux_log_start(int descriptor);

/* Takes a line, with its end. Any thread; not in a signal handler. Returns whether it was taken. */
bool clinux_log_append(const char *line, size_t size);

/* Waits until all lines that were taken before are written, or the time is up. Returns whether they are. May be
 * called in a signal handler. */
bool clinux_log_flush(int milliseconds);

/* Writes the time as lines of the log begin with it, such as "2026-01-31T09:30:00.125Z", with its NUL. */
void clinux_log_time(char text[CLINUX_LOG_TIME_SIZE]);

/* Writes a line at once, behind those that are written by now, and nothing after it. Gives up when the descriptor
 * takes nothing. May be called in a signal handler. */
void clinux_log_last(const char *line, size_t size);

#endif
