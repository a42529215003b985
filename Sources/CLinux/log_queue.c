#define _GNU_SOURCE
#include "log_queue.h"

#include "text.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How much is written at once. */
enum { piece_size = 64 << 10 };

static int output = -1;

/* Guards what follows it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_lines = PTHREAD_COND_INITIALIZER;
static char ring[CLINUX_LOG_CAPACITY];
static size_t first, size;
static uint64_t dropped;

/* Bytes that were taken, and those that the writer is done with. A handler reads both without the lock. */
static _Atomic(uint64_t) taken, done;
/* The last line is written: nothing may come behind it. */
static atomic_bool is_closed;
static _Thread_local __attribute__((tls_model("initial-exec"))) bool is_writer;

/* Returns whether the descriptor took all of it. Blocks as long as it takes nothing. */
static bool write_all(const char *bytes, size_t count) {
    while (count > 0 && !atomic_load(&is_closed)) {
        const ssize_t written = write(output, bytes, count);
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = output, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return count == 0;
}

static uint64_t count_lines(const char *bytes, size_t count) {
    uint64_t lines = 0;
    for (size_t i = 0; i < count; i++) lines += bytes[i] == '\n';
    return lines;
}

/* Says how many lines are missing, and returns how many still have to be said. */
static uint64_t report(uint64_t missing) {
    if (missing == 0) return 0;
    struct text line;
    text_begin(&line, "warning");
    text_add(&line, " lines=");
    text_add_number(&line, missing);
    text_end(&line, "lines of the log were dropped: standard error was not read, or could not be written");
    return write_all(line.bytes, line.size) ? 0 : missing;
}

static void *write_lines(void *unused) {
    static char piece[piece_size];
    uint64_t missing = 0;
    is_writer = true;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (size == 0) pthread_cond_wait(&has_lines, &lock);
        size_t count = size < piece_size ? size : piece_size;
        if (count > CLINUX_LOG_CAPACITY - first) count = CLINUX_LOG_CAPACITY - first;
        memcpy(piece, ring + first, count);
        first = (first + count) % CLINUX_LOG_CAPACITY;
        size -= count;
        /* Only where a line ends may another one be put. */
        const bool ends_line = piece[count - 1] == '\n';
        pthread_mutex_unlock(&lock);

        const bool is_written = write_all(piece, count);
        pthread_mutex_lock(&lock);
        missing += dropped;
        dropped = 0;
        pthread_mutex_unlock(&lock);
        if (!is_written) missing += count_lines(piece, count);
        if (is_written && ends_line) missing = report(missing);
        atomic_fetch_add(&done, count);
    }
    return unused;
}

int clinux_log_start(int descriptor) {
    output = descriptor;
    /* Signals are for other threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int error = pthread_create(&thread, NULL, write_lines, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) return error;
    pthread_setname_np(thread, "log");
    pthread_detach(thread);
    return 0;
}

bool clinux_log_append(const char *line, size_t count) {
    pthread_mutex_lock(&lock);
    const bool fits = count <= CLINUX_LOG_CAPACITY - size;
    if (fits) {
        const size_t end = (first + size) % CLINUX_LOG_CAPACITY;
        const size_t before_wrap = CLINUX_LOG_CAPACITY - end < count ? CLINUX_LOG_CAPACITY - end : count;
        memcpy(ring + end, line, before_wrap);
        memcpy(ring, line + before_wrap, count - before_wrap);
        if (size == 0) pthread_cond_signal(&has_lines);
        size += count;
        atomic_fetch_add(&taken, count);
    } else {
        dropped += 1;
    }
    pthread_mutex_unlock(&lock);
    return fits;
}

void clinux_log_time(char time[CLINUX_LOG_TIME_SIZE]) {
    struct text text = {.size = 0};
    text_add_time(&text);
    memcpy(time, text.bytes, text.size);
    time[text.size] = 0;
}

bool clinux_log_flush(int milliseconds) {
    const uint64_t goal = atomic_load(&taken);
    while (atomic_load(&done) < goal) {
        /* The writer can't wait for itself. */
        if (is_writer || milliseconds-- <= 0) return false;
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
    return true;
}

void clinux_log_last(const char *line, size_t count) {
    atomic_store(&is_closed, true);
    /* A pipe that nobody reads would block the end of the process. */
    if (poll(&(struct pollfd){.fd = output, .events = POLLOUT}, 1, 100) != 1) return;
    while (count > 0) {
        const ssize_t written = write(output, line, count);
        if (written <= 0 && errno != EINTR) return;
        if (written > 0) {
            line += written;
            count -= (size_t)written;
        }
    }
}
