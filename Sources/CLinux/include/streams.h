/* Streams of the C library. */
#ifndef CLINUX_STREAMS_H
#define CLINUX_STREAMS_H

/* Writes out what was printed, as fflush(NULL) does, but gives up where nobody reads it: the process is about to
 * end. */
void clinux_flush_streams(int milliseconds);

/* Has what the process prints to its standard output written line by line, also where that is no terminal. */
void clinux_write_by_lines(void);

#endif
