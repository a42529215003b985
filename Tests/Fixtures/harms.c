/* harms - what a plugin may do to the process that it has for itself: the method says what. `same` may be called again:
 * it ends the process unless the file that the body names is there, and makes that file first. */
#define _GNU_SOURCE
#include "backplane_plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void echo(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        backplane_finish(calls[i], calls[i].request->content_type, calls[i].request->body);
    }
}

static void process(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    char text[32];
    snprintf(text, sizeof(text), "%d", getpid());
    backplane_finish_text(calls[0], "text/plain", text);
}

/* Writes over what it shares with the host, for as long as it may. */
static void garbage(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)calls;
    (void)count;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long begin, end;
        if (strstr(line, "memfd:backplane-worker") == NULL || sscanf(line, "%lx-%lx", &begin, &end) != 2) continue;
        for (unsigned long word = begin; word + 4 <= end; word += 4) *(volatile int *)word = rand();
        kill(getpid(), SIGKILL);
    }
}

static void close_all(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    for (int descriptor = 0; descriptor < 1024; descriptor++) close(descriptor);
    echo(self, calls, count);
}

static void stop(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    /* To this thread, which goes no further. */
    raise(SIGSTOP);
    echo(self, calls, count);
}

static void loop(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)calls;
    for (volatile uint32_t i = 0; i <= count; i = 0) {}
}

static void print(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    printf("printed %s\n", "by the plugin");
    fprintf(stderr, "complained\n");
    echo(self, calls, count);
}

static void once(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    const backplane_bytes_t body = calls[0].request->body;
    char path[512] = "";
    if (body.size < sizeof(path)) memcpy(path, body.data, (size_t)body.size);
    if (access(path, F_OK) != 0) {
        close(open(path, O_CREAT | O_WRONLY, 0600));
        abort();
    }
    echo(self, calls, count);
}

/* As once(), but that it then waits until nobody wants the response, and says so in a file beside. */
static void once_and_wait(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_bytes_t body = calls[0].request->body;
    char path[512] = "";
    if (body.size < sizeof(path) - 8) memcpy(path, body.data, (size_t)body.size);
    if (access(path, F_OK) != 0) {
        close(open(path, O_CREAT | O_WRONLY, 0600));
        abort();
    }
    while (!calls[0].host->is_cancelled(calls[0])) usleep(1000);
    strcat(path, ".seen");
    close(open(path, O_CREAT | O_WRONLY, 0600));
    backplane_fail(calls[0], BACKPLANE_STATUS_CANCELLED, "seen");
}

static void *do_nothing(void *context) {
    return context;
}

static void finish_errno(const backplane_call_t call, int failed) {
    backplane_finish_text(call, "text/plain", failed ? strerrorname_np(errno) : "done");
}

/* What a limit, or a sandbox, may keep it from: the answer is the name of the error, or "done". */
static void tries(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
    (void)self;
    (void)count;
    const backplane_bytes_t body = calls[0].request->body;
    char what[512] = "";
    if (body.size < sizeof(what)) memcpy(what, body.data, (size_t)body.size);
    errno = 0;
    if (strcmp(what, "fork") == 0) {
        const pid_t child = fork();
        if (child == 0) _exit(0);
        finish_errno(calls[0], child < 0);
        if (child > 0) waitpid(child, NULL, 0);
    } else if (strcmp(what, "thread") == 0) {
        pthread_t thread;
        errno = pthread_create(&thread, NULL, do_nothing, NULL);
        finish_errno(calls[0], errno != 0);
    } else if (strcmp(what, "exec") == 0) {
        const pid_t child = fork();
        if (child == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(errno);
        }
        int status = 0;
        waitpid(child, &status, 0);
        errno = WEXITSTATUS(status);
        finish_errno(calls[0], errno != 0);
    } else if (strcmp(what, "socket") == 0) {
        finish_errno(calls[0], socket(AF_INET, SOCK_STREAM, 0) < 0);
    } else if (strcmp(what, "local socket") == 0) {
        finish_errno(calls[0], socket(AF_UNIX, SOCK_STREAM, 0) < 0);
    } else if (strcmp(what, "memory") == 0) {
        char *volatile memory = malloc(256 << 20);
        finish_errno(calls[0], memory == NULL);
        free(memory);
    } else if (strcmp(what, "files") == 0) {
        int file = 0;
        for (int i = 0; i < 200 && file >= 0; i++) file = open("/dev/null", O_RDONLY);
        finish_errno(calls[0], file < 0);
    } else if (strcmp(what, "pipe") == 0) {
        int ends[2];
        if (pipe(ends) == 0) close(ends[0]);
        finish_errno(calls[0], write(ends[1], "x", 1) < 0);
        close(ends[1]);
    } else if (strcmp(what, "env") == 0) {
        backplane_finish_text(calls[0], "text/plain", getenv("SICK") == NULL ? "" : getenv("SICK"));
    } else if (strcmp(what, "cwd") == 0) {
        char path[512];
        backplane_finish_text(calls[0], "text/plain", getcwd(path, sizeof(path)));
    } else {
        const int file = open(what, O_CREAT | O_WRONLY, 0600);
        finish_errno(calls[0], file < 0);
        if (file >= 0) close(file);
    }
}

static const backplane_method_t methods[] = {
    {.name = "tries", .invoke = tries},
    {.name = "__call__", .flags = BACKPLANE_METHOD_BATCHABLE, .invoke = echo},
    {.name = "process", .flags = BACKPLANE_METHOD_INLINE, .invoke = process},
    {.name = "garbage", .invoke = garbage},
    {.name = "close_all", .invoke = close_all},
    {.name = "stop", .invoke = stop},
    {.name = "loop", .invoke = loop},
    {.name = "print", .invoke = print},
    {.name = "same", .flags = BACKPLANE_METHOD_IDEMPOTENT, .invoke = once},
    {.name = "other", .invoke = once},
    {.name = "same_waits", .flags = BACKPLANE_METHOD_IDEMPOTENT, .invoke = once_and_wait},
};

static backplane_status_t create(
    const backplane_host_t *host, const backplane_create_args_t *args, backplane_instance_t **instance,
    backplane_error_t *error) {
    (void)host;
    (void)instance;
    (void)error;
    if (memmem(args->user_config.data, (size_t)args->user_config.size, "crash", 5) != NULL) abort();
    return BACKPLANE_STATUS_OK;
}

static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
    (void)host;
    (void)error;
#ifdef CRASH_IN_LOAD
    abort();
#endif
    return BACKPLANE_STATUS_OK;
}

static const backplane_plugin_t plugin = {
    BACKPLANE_PLUGIN_HEADER,
    .name = "harms",
    .version = "1",
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .method_size = sizeof(methods[0]),
    .methods = methods,
    .load = load,
    .create = create,
};

BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
    return &plugin;
}
