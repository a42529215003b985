/* unaware - a library that knows nothing of Backplane: what a manifest can say of it, and what it can't. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- What a type says all of --------------------------------------------------------------------------------- */

EXPORT double blend(double from, double to, _Bool whole) { return whole ? to : (from + to) / 2; }

EXPORT const char *title(void) { return "unaware"; }

/* ---- What a type says nothing of: which numbers are good ones ------------------------------------------------- */

typedef struct {
    int quotient;
    int remainder;
} division;

typedef enum { RED = 3, GREEN, BLUE = -1 } color;

typedef struct point {
    double x, y;
    color tint;
} point;

EXPORT division divide(int dividend, int divisor) {
    return divisor == 0 ? (division){0, 0} : (division){dividend / divisor, dividend % divisor};
}

EXPORT point mirror(point at) {
    at.x = -at.x;
    return at;
}

EXPORT double distance(const point *from, const point *to) {
    return (from->x - to->x) * (from->x - to->x) + (from->y - to->y) * (from->y - to->y);
}

EXPORT const char *color_name(color tint) {
    return tint == RED ? "red" : tint == GREEN ? "green" : "blue";
}

EXPORT unsigned long long widest(signed char a, unsigned char b, unsigned short c, float d, size_t e) {
    return (unsigned long long)a + b + c + (unsigned long long)d + e;
}

/* Fails with errno, as system calls do. */
EXPORT int even(int number) {
    if (number % 2 == 0) return number;
    errno = EDOM;
    return -1;
}

#ifndef VERSION
#define VERSION 1
#endif

EXPORT int version(void) { return VERSION; }

/* How many callers are in here at once, after as many as wanted have come, or the time is over. */
EXPORT int meet(int wanted, int at_most_ms) {
    static int inside;
    int seen = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    for (int ms = 0; seen < wanted && ms < at_most_ms; ms++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        seen = __atomic_load_n(&inside, __ATOMIC_SEQ_CST);
    }
    /* Nobody leaves before the others have seen it. */
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    return seen;
}

/* ---- What a type says half of -------------------------------------------------------------------------------- */

EXPORT double sum(const double *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

EXPORT void halves(double value, double *low, double *high) {
    *low = value / 2;
    *high = value - *low;
}

EXPORT void move(point *at, double by) { at->x += by; }

EXPORT char *shout(const char *text) {
    size_t size = strlen(text) + 2;
    char *loud = malloc(size);
    snprintf(loud, size, "%s!", text);
    return loud;
}

/* ---- A handle ------------------------------------------------------------------------------------------------ */

struct account {
    char owner[64];
    int64_t balance;
};

/* How many there are, for whoever wants to see one freed. */
static int accounts;

EXPORT int account_count(void) { return accounts; }

EXPORT int account_open(const char *owner, int64_t balance, struct account **account) {
    if (balance < 0) return 2;
    *account = calloc(1, sizeof **account);
    snprintf((*account)->owner, sizeof (*account)->owner, "%s", owner);
    (*account)->balance = balance;
    __atomic_add_fetch(&accounts, 1, __ATOMIC_SEQ_CST);
    return 0;
}

EXPORT int64_t account_deposit(struct account *account, int64_t amount) { return account->balance += amount; }

EXPORT const char *account_owner(struct account *account) { return account->owner; }

EXPORT void account_close(struct account *account) {
    __atomic_sub_fetch(&accounts, 1, __ATOMIC_SEQ_CST);
    free(account);
}

EXPORT struct account *account_split(struct account *account, int64_t balance) {
    struct account *other = NULL;
    if (account_open(account->owner, balance, &other) == 0) account->balance -= balance;
    return other;
}

/* ---- What no signature says ---------------------------------------------------------------------------------- */

EXPORT _Noreturn void leave(int status) { exit(status); }

EXPORT __attribute__((noreturn)) void give_up(double after) { exit((int)after); }

EXPORT double exit_code(double after) { exit((int)after); }

union either {
    int number;
    float fraction;
};

struct flags {
    unsigned loud : 1;
};

struct __attribute__((packed)) packed {
    char tag;
    int value;
};

struct vector {
    float v[4];
};

EXPORT void each(void (*function)(int), int count) {
    for (int i = 0; i < count; i++) function(i);
}

EXPORT int add_all(int count, ...) {
    va_list numbers;
    va_start(numbers, count);
    int sum = 0;
    for (int i = 0; i < count; i++) sum += va_arg(numbers, int);
    va_end(numbers);
    return sum;
}

EXPORT int either_number(union either value) { return value.number; }

EXPORT int is_loud(struct flags flags) { return flags.loud; }

EXPORT int packed_value(struct packed packed) { return packed.value; }

EXPORT float first(struct vector vector) { return vector.v[0]; }

EXPORT long double longest(long double value) { return value; }

EXPORT void fill(unsigned char *target, size_t size) { memset(target, 7, size); }
