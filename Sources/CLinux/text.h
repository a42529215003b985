/* A line of the log, put together by means that a signal handler may use: no allocation, no locale, no stdio. */
#ifndef CLINUX_TEXT_H
#define CLINUX_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Cut where it is full. Under PIPE_BUF, so that a pipe takes it whole. */
struct text {
    char bytes[2048];
    size_t size;
};

/* Begins a line as the log has them: the time and the level. Metadata is to follow, each with a blank before it. */
void text_begin(struct text *text, const char *level);

/* Adds the source, the message and the end of the line. */
void text_end(struct text *text, const char *message);

void text_add(struct text *text, const char *added);
void text_add_time(struct text *text);
void text_add_number(struct text *text, uint64_t number);
void text_add_hex(struct text *text, uint64_t number);

/* Adds " key=value", the value in quotes where that is needed. */
void text_add_pair(struct text *text, const char *key, const char *value);

#endif
