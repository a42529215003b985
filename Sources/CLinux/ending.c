#define _GNU_SOURCE
#include "ending.h"

#include "code_map.h"
#include "log_queue.h"
#include "text.h"
#include "thread_activity.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

/* How long the lines that wait may take. */
enum { flush_milliseconds = 300 };

static const struct fatal {
    int number;
    const char *name, *meaning;
    /* Whether an instruction can be what raises it. */
    bool is_fault;
} fatal_signals[] = {
    {SIGSEGV, "SIGSEGV", "memory that is not there was used", true},
    {SIGBUS, "SIGBUS", "memory was used that has no storage: a mapped file was cut short, or the disk fails", true},
    {SIGFPE, "SIGFPE", "an integer was divided by zero, or overflowed in a division", true},
    {SIGILL, "SIGILL", "no valid instruction: a trap, such as Swift's for a failed precondition", true},
    {SIGTRAP, "SIGTRAP", "a trap, such as Swift's for a failed precondition", true},
    {SIGABRT, "SIGABRT", "abort() was called", false},
    {SIGSYS, "SIGSYS", "a system call was refused by a filter", false},
    {SIGXCPU, "SIGXCPU", "the processor time that a limit allows is used up", false},
    {SIGALRM, "SIGALRM", "an alarm went off that nobody handles", false},
    {SIGVTALRM, "SIGVTALRM", "a timer went off that nobody handles", false},
    {SIGPROF, "SIGPROF", "a profiling timer went off that nobody handles", false},
    {SIGUSR1, "SIGUSR1", "a signal that nobody handles", false},
    {SIGUSR2, "SIGUSR2", "a signal that nobody handles", false},
    {SIGPOLL, "SIGPOLL", "a signal that nobody handles", false},
    {SIGPWR, "SIGPWR", "the power fails", false},
    {SIGSTKFLT, "SIGSTKFLT", "a signal that nobody handles", false},
    {SIGQUIT, "SIGQUIT", "somebody asked for a core dump", false},
};
enum { fatal_count = sizeof(fatal_signals) / sizeof(fatal_signals[0]) };

static struct sigaction previous[fatal_count];
static bool calls_previous[fatal_count];
/* A child that a plugin forks has the handlers, too, and its end is its own. */
static pid_t process;
/* The thread that writes the last line. */
static _Atomic(pid_t) ending_thread;

static pid_t thread_id(void) {
    return (pid_t)syscall(SYS_gettid);
}

/* Only one thread ends the process; the others wait for that. */
static void claim_end(void) {
    pid_t nobody = 0;
    if (atomic_compare_exchange_strong(&ending_thread, &nobody, thread_id())) return;
    /* The same thread again: it ends the process from within the end. */
    if (nobody == thread_id()) return;
    for (;;) pause();
}

/* ---- Who it was, for the next process ---- */

static _Atomic(int) record = -1;

void clinux_record_end(int descriptor) {
    atomic_store(&record, descriptor);
}

void clinux_record_no_end(int descriptor) {
    atomic_compare_exchange_strong(&record, &descriptor, -1);
}

static void write_record(void) {
    const char *activity = thread_activity();
    const int descriptor = atomic_load(&record);
    if (!activity || descriptor < 0) return;
    struct text text = {.size = 0};
    text_add(&text, activity);
    text_add(&text, "\n");
    (void)!write(descriptor, text.bytes, text.size);
}

/* ---- The last line ---- */

static const char *process_name = "the host";

void clinux_name_process(const char *name) {
    process_name = name;
}

static void begin_line(struct text *line) {
    text_begin(line, "critical");
    const char *activity = thread_activity();
    if (activity) {
        text_add(line, " ");
        text_add(line, activity);
    }
}

static void add_code(struct text *line, struct code code) {
    if (*code.library == 0) return;
    text_add_pair(line, "library", code.library);
    text_add(line, " offset=");
    text_add_hex(line, code.offset);
}

static void add_thread(struct text *line) {
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    text_add_pair(line, "thread", name);
}

static void end_line(struct text *line, const char *message) {
    text_end(line, message);
    write_record();
    clinux_log_flush(flush_milliseconds);
    clinux_log_last(line->bytes, line->size);
}

/* The code at an address, or, if that is the program's own or the C library's, what of a plugin has called it. */
static struct code blamed_code(uintptr_t address, uintptr_t stack_pointer) {
    code_map_read();
    const struct code code = code_map_find(address);
    if (*code.library && !code.is_programs) return code;
    const struct code caller = code_map_find_on_stack(stack_pointer);
    return *caller.library ? caller : code;
}

/* ---- Signals ---- */

static uintptr_t program_counter(const ucontext_t *context) {
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static uintptr_t stack_pointer(const ucontext_t *context) {
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

/* Whether the fault was beyond the end of the thread's stack: at the stack pointer, where there is no memory. As of the
 * last code_map_read. */
static bool is_stack_overflow(const siginfo_t *info, const ucontext_t *context) {
    const uintptr_t fault = (uintptr_t)info->si_addr, stack = stack_pointer(context);
    const uintptr_t near = 64 << 10;
    if (info->si_code <= 0 || code_map_is_readable(fault)) return false;
    return fault < stack + near && fault + near > stack;
}

static void write_line(const struct fatal *fatal, const siginfo_t *info, const ucontext_t *context) {
    struct text line;
    begin_line(&line);
    text_add_pair(&line, "signal", fatal->name);
    const struct code code = blamed_code(program_counter(context), stack_pointer(context));
    const bool is_fault = info->si_code > 0 && fatal->is_fault;
    if (is_fault) {
        text_add(&line, " address=");
        text_add_hex(&line, (uintptr_t)info->si_addr);
    } else if (info->si_code <= 0 && info->si_pid != process) {
        text_add(&line, " sender=");
        text_add_number(&line, (uint64_t)info->si_pid);
    }
    add_code(&line, code);
    add_thread(&line);
    struct text message = {.size = 0};
    text_add(&message, process_name);
    text_add(&message, " ends: ");
    if (fatal->number == SIGSEGV && is_stack_overflow(info, context)) {
        text_add(&message, "a stack overflow");
    } else if (is_fault || fatal->number == SIGABRT) {
        text_add(&message, fatal->meaning);
    } else {
        text_add(&message, "it got the signal; ");
        text_add(&message, fatal->meaning);
    }
    message.bytes[message.size] = 0;
    end_line(&line, message.bytes);
}

/* On the alternate stack, if the thread has one. All signals are blocked: another fault in here ends the process at
 * once, by the kernel. */
static void on_fatal_signal(int number, siginfo_t *info, void *context) {
    size_t index = 0;
    while (index < fatal_count && fatal_signals[index].number != number) index++;
    const bool is_own = getpid() == process && index < fatal_count;
    if (is_own) {
        claim_end();
        write_line(&fatal_signals[index], info, context);
        const struct sigaction *before = &previous[index];
        if (calls_previous[index] && before->sa_flags & SA_SIGINFO) {
            before->sa_sigaction(number, info, context);
        } else if (calls_previous[index]) {
            before->sa_handler(number);
        }
    }
    /* Comes when this returns, at the instruction that was interrupted: that is where a core dump has the thread. */
    signal(number, SIG_DFL);
    syscall(SYS_tgkill, getpid(), thread_id(), number);
}

/* Whether a handler is the Swift runtime's, which is a library or, linked statically, a part of the program. */
static bool is_swifts(const void *handler) {
#if defined(SANITIZED)
    /* The sanitizer's is a part of the program, too. */
    (void)handler;
    return false;
#else
    Dl_info swifts, own;
    if (!dladdr(handler, &swifts) || !dladdr((const void *)&process, &own)) return false;
    return swifts.dli_fbase == own.dli_fbase || strstr(swifts.dli_fname, "libswiftCore") != NULL;
#endif
}

void clinux_report_signals(bool backtraces) {
    process = getpid();
    code_map_prepare();
    for (size_t i = 0; i < fatal_count; i++) {
        const struct fatal *fatal = &fatal_signals[i];
        struct sigaction *before = &previous[i];
        if (sigaction(fatal->number, NULL, before) != 0) continue;
        const bool takes_info = before->sa_flags & SA_SIGINFO;
        if (!takes_info && before->sa_handler == SIG_IGN) continue;
        if (takes_info || before->sa_handler != SIG_DFL) {
            const void *handler = takes_info ? (const void *)before->sa_sigaction : (const void *)before->sa_handler;
            const bool is_others = !is_swifts(handler);
            /* A profiler's timer, for example, is no end. */
            if (is_others && !fatal->is_fault && fatal->number != SIGABRT) continue;
            calls_previous[i] = is_others || backtraces;
        }
        struct sigaction action = {.sa_sigaction = on_fatal_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
        sigfillset(&action.sa_mask);
        sigaction(fatal->number, &action, NULL);
    }
}

/* ---- Exits ---- */

void clinux_report_exit(const char *what, int status, uintptr_t code, uintptr_t frame, int ends_with) {
    claim_end();
    struct text line;
    begin_line(&line);
    text_add_pair(&line, "function", what);
    text_add(&line, " status=");
    if (status < 0) text_add(&line, "-");
    text_add_number(&line, status < 0 ? -(uint64_t)status : (uint64_t)status);
    add_code(&line, blamed_code(code, frame));
    add_thread(&line);
    struct text message = {.size = 0};
    text_add(&message, "the host ends: a plugin or a library of its called ");
    text_add(&message, what);
    text_add(&message, "(); the exit status is ");
    text_add_number(&message, (uint64_t)ends_with);
    message.bytes[message.size] = 0;
    end_line(&line, message.bytes);
}
