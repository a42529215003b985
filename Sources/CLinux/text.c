#define _GNU_SOURCE
#include "text.h"

#include <stdbool.h>
#include <time.h>

/* Room for the line's end is kept. */
static void add_byte(struct text *text, char byte) {
    if (text->size < sizeof(text->bytes) - 1) text->bytes[text->size++] = byte;
}

void text_add(struct text *text, const char *added) {
    while (*added) add_byte(text, *added++);
}

static void add_digits(struct text *text, uint64_t number, unsigned base, int least) {
    char digits[24];
    int count = 0;
    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0 || count < least);
    while (count > 0) add_byte(text, digits[--count]);
}

void text_add_number(struct text *text, uint64_t number) {
    add_digits(text, number, 10, 1);
}

void text_add_hex(struct text *text, uint64_t number) {
    text_add(text, "0x");
    add_digits(text, number, 16, 1);
}

static bool is_plain(char byte) {
    return byte > ' ' && byte != '"' && byte != '=' && byte != '\\' && byte != 0x7f;
}

void text_add_pair(struct text *text, const char *key, const char *value) {
    bool needs_quotes = *value == 0;
    for (const char *byte = value; *byte; byte++) needs_quotes |= !is_plain(*byte);
    add_byte(text, ' ');
    text_add(text, key);
    add_byte(text, '=');
    if (needs_quotes) add_byte(text, '"');
    for (const char *byte = value; *byte; byte++) {
        if (*byte == '"' || *byte == '\\') add_byte(text, '\\');
        /* Whatever could end the line or move a terminal's cursor. */
        add_byte(text, (unsigned char)*byte < ' ' || *byte == 0x7f ? '?' : *byte);
    }
    if (needs_quotes) add_byte(text, '"');
}

/* UTC, as gmtime_r would have it, which may take a lock.
 * Source: Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, civil_from_days. */
void text_add_time(struct text *text) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t seconds = (uint64_t)now.tv_sec, day = seconds / 86400, rest = seconds % 86400;
    const uint64_t shifted = day + 719468, era = shifted / 146097, day_of_era = shifted % 146097;
    const uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint64_t month_from_march = (5 * day_of_year + 2) / 153;
    const uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    add_digits(text, era * 400 + year_of_era + (month <= 2), 10, 4);
    add_byte(text, '-');
    add_digits(text, month, 10, 2);
    add_byte(text, '-');
    add_digits(text, day_of_year - (153 * month_from_march + 2) / 5 + 1, 10, 2);
    add_byte(text, 'T');
    add_digits(text, rest / 3600, 10, 2);
    add_byte(text, ':');
    add_digits(text, rest / 60 % 60, 10, 2);
    add_byte(text, ':');
    add_digits(text, rest % 60, 10, 2);
    add_byte(text, '.');
    add_digits(text, (uint64_t)now.tv_nsec / 1000000, 10, 3);
    add_byte(text, 'Z');
}

void text_begin(struct text *text, const char *level) {
    text->size = 0;
    text_add_time(text);
    add_byte(text, ' ');
    text_add(text, level);
    text_add(text, " backplane:");
}

void text_end(struct text *text, const char *message) {
    text_add(text, " [backplane] ");
    text_add(text, message);
    text->bytes[text->size++] = '\n';
}
