/* typed_values - typed methods that give back what they got: one for each type, and one for each way in and out. */
#include "backplane_plugin.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define ECHO(name, type) \
    static type echo_##name(type x) { return x; }
ECHO(bool, bool)
ECHO(i8, int8_t)
ECHO(i16, int16_t)
ECHO(i32, int32_t)
ECHO(i64, int64_t)
ECHO(u8, uint8_t)
ECHO(u16, uint16_t)
ECHO(u32, uint32_t)
ECHO(u64, uint64_t)
ECHO(f32, float)
ECHO(f64, double)
ECHO(size, size_t)
ECHO(string, const char *)
ECHO(maybe_f64, const double *)

typedef struct {
    int8_t small;
    double x;
    const char *name;
    struct {
        bool yes;
        float y;
    } inner;
} record_t;
ECHO(record, record_t)
ECHO(record_pointer, const record_t *)
#define RECORD "{small: i8, x: f64, name: string?, inner: {yes: bool, y: f32}}"

enum colour { RED, GREEN = 5, BLUE };
ECHO(colour, enum colour)
#define COLOUR "enum {red, green = 5, blue}"

static char *copy_of(const char *x) {
    char *copy = malloc(strlen(x) + 1);
    return copy == NULL ? NULL : strcpy(copy, x);
}

static const void *first(const void *x, size_t count) {
    (void)count;
    return x;
}

static const void *first_u16(const void *x, uint16_t count) {
    (void)count;
    return x;
}

static size_t count_of(const void *x, size_t count) {
    return x == NULL ? 1000 + count : count;
}

static void reverse(uint8_t *x, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        uint8_t byte = x[i];
        x[i] = x[count - 1 - i];
        x[count - 1 - i] = byte;
    }
}

static void transpose(const double *a, size_t rows, size_t columns, double *b) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) b[j * rows + i] = a[i * columns + j];
}

static const char *last_of(const char *const *x, size_t count) {
    return count == 0 ? NULL : x[count - 1];
}

static double sum_of(const record_t *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[i].x;
    return sum;
}

static int32_t divide(int64_t a, int64_t b, int64_t *quotient, int64_t *remainder) {
    if (b == 0) return 1;
    *quotient = a / b;
    *remainder = a % b;
    return 0;
}

static void name_of(char *name, uint32_t size, int32_t number) {
    (void)snprintf(name, size, "number %d", (int)number);
}

static int64_t fill(uint8_t *data, size_t capacity, int64_t claimed) {
    for (size_t i = 0; i < capacity && i < 16; i++) data[i] = (uint8_t)('a' + i);
    return claimed;
}

static int32_t squares(int32_t count, int32_t **values, size_t *found) {
    *values = malloc((size_t)count * sizeof(int32_t) + 1);
    if (*values == NULL) return -1;
    for (int32_t i = 0; i < count; i++) (*values)[i] = i * i;
    *found = (size_t)count;
    return 0;
}

static int32_t fails(int32_t code) {
    errno = ENOENT;
    return code;
}

static void add_to(double *x, double amount) {
    *x += amount;
}

static int32_t complain(const char *about, char **message) {
    if (*about == 0) return 0;
    *message = copy_of(about);
    return 7;
}

static const char *no_string(void) {
    return NULL;
}

static const char *not_utf8(void) {
    return "caf\xE9";
}

static double not_a_number(void) {
    return NAN;
}

static enum colour no_colour(void) {
    return (enum colour)3;
}

static void nothing(void) {}

#define TYPED(method, text, c_function) \
    {.name = method, .signature = text, .function = (backplane_function_t)c_function}

static const backplane_method_t methods[] = {
    TYPED("bool", "(x: bool) -> bool", echo_bool),
    TYPED("i8", "(x: i8) -> i8", echo_i8),
    TYPED("i16", "(x: i16) -> i16", echo_i16),
    TYPED("i32", "(x: i32) -> i32", echo_i32),
    TYPED("i64", "(x: i64) -> i64", echo_i64),
    TYPED("u8", "(x: u8) -> u8", echo_u8),
    TYPED("u16", "(x: u16) -> u16", echo_u16),
    TYPED("u32", "(x: u32) -> u32", echo_u32),
    TYPED("u64", "(x: u64) -> u64", echo_u64),
    TYPED("size", "(x: size) -> size", echo_size),
    TYPED("f32", "(x: f32) -> f32", echo_f32),
    TYPED("f64", "(x: f64) -> f64", echo_f64),
    TYPED("string", "(x: string) -> string", echo_string),
    TYPED("maybe_string", "(x: string?) -> string?", echo_string),
    TYPED("maybe_f64", "(x: f64?) -> f64?", echo_maybe_f64),
    TYPED("copy", "(x: string) -> string free(free)", copy_of),
    TYPED("bytes", "(x: bytes) -> bytes count(count(x))", first),
    TYPED("bytes_u16", "(x: bytes(u16)) -> bytes count(count(x))", first_u16),
    TYPED("bytes_object", "(x: bytes, y: out u8) -> bytes count(count(x))", first),
    TYPED("reverse", "(x: inout bytes)", reverse),
    TYPED("i64s", "(x: [i64]) -> [i64] count(count(x))", first),
    TYPED("f32s", "(x: [f32]) -> [f32] count(count(x))", first),
    TYPED("bools", "(x: [bool]) -> [bool] count(count(x))", first),
    TYPED("maybe_count", "(x: [f64]?) -> size", count_of),
    TYPED("strings", "(x: [string]) -> string?", last_of),
    TYPED("string_array", "(x: [string]) -> [string] count(count(x))", first),
    TYPED("records", "(x: [" RECORD "]) -> f64", sum_of),
    TYPED("transpose", "(a: [[f64]], b: out(columns(a), rows(a)) *[[f64]])", transpose),
    TYPED("record", "(x: " RECORD ") -> " RECORD, echo_record),
    TYPED("record_pointer", "(x: *" RECORD ") -> *" RECORD, echo_record_pointer),
    TYPED("maybe_record", "(x: " RECORD "?) -> " RECORD "?", echo_record_pointer),
    TYPED("colour", "(x: " COLOUR ") -> " COLOUR, echo_colour),
    TYPED("divide", "(a: i64, b: i64, quotient: out i64, remainder: out i64) -> i32 check(0, OUT_OF_RANGE)", divide),
    TYPED("name_of", "(name: out(size) *string, size: u32, number: i32)", name_of),
    TYPED("fill_eight", "(data: out(8) bytes count(result), claimed: i64) -> i64", fill),
    TYPED("squares", "(count: i32, values: out [i32] count(found) free(free), found: out size) -> i32 check(0)",
          squares),
    TYPED("fails", "(code: i32) -> i32 check(>= 0, errno, NOT_FOUND)", fails),
    TYPED("add_to", "(x: inout f64, amount: f64)", add_to),
    TYPED("complain", "(about: string, message: error string free(free)) -> i32 check(0)", complain),
    TYPED("no_string", "() -> string", no_string),
    TYPED("not_utf8", "() -> string", not_utf8),
    TYPED("not_a_number", "() -> f64", not_a_number),
    TYPED("no_colour", "() -> " COLOUR, no_colour),
    TYPED("nothing", "()", nothing),
};

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "typed_values",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(backplane_method_t),
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
