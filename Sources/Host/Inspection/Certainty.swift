/// Which functions may be drafted as they are, and why others may not.
///
/// What is certain is served as soon as the draft is, and any client may then call it with any arguments of its types.
/// No declaration says that this is harmless: `int` may be a number, or the index into a table that nobody checks
/// (zlib's `zError`), a divisor, a descriptor or a signal. So what is certain is a short list of shapes, and all else
/// waits for somebody who knows the library:
///
/// - **From numbers to a number**: all parameters are floating-point or truth values, or structs of them, by value, and
///   there is a result. Floating-point numbers are computed with; no C code uses them as they are as an index.
/// - **What a library says of itself**, by its name: `const char *library_version(void)`.
/// - **Functions of ISO C that are defined for all integers**, by their names.
///
/// A function that ends or replaces the process, the thread or what all of the process shares is nothing to be served,
/// whatever its type.
struct Certainty {
    let function: CFunction
    let declarations: CDeclarations
    /// The key of the struct that an instance is: the host makes and keeps it.
    let handle: String?

    /// Why nobody should serve the function; nil: there may be reasons to.
    var danger: String? {
        let known = Self.dangers[Self.plainName(function.name)]
        return known ?? (function.doesNotReturn ? "does not return" : nil)
    }

    /// Whether it needs an instance, and so somebody who says what makes and ends one.
    var takesHandle: Bool { function.parameters.contains { isHandle($0.type) } }

    private func isHandle(_ type: CType) -> Bool {
        guard case .pointer(.structure(let key), _) = type else { return false }
        return key == handle
    }

    /// What must hold beside what its signature takes for granted, for any client to be let call it. Empty: nothing.
    var conditions: [String] {
        guard !Self.totalFunctions.contains(function.name) else { return [] }
        var conditions: [String] = []
        if function.result == .void { conditions.append("anybody may have it done") }
        let name = function.name.lowercased()
        if takesPointer, Self.freeing.contains(where: name.contains) {
            conditions.append("it frees nothing that it is given")
        }
        if Self.ending.contains(where: name.contains) { conditions.append("it ends nothing") }
        if function.parameters.isEmpty, function.result != .void, !isConstant {
            conditions.append("it can be called at any time")
        }
        var risky: [String] = []
        for (index, parameter) in function.parameters.enumerated() {
            guard !isHandle(parameter.type), !isOnlyComputedWith(parameter.type) else { continue }
            risky.append(ParameterNames.text(parameter) ?? "argument \(index + 1)")
        }
        if !risky.isEmpty {
            conditions.append("it is safe with every \(risky.joined(separator: ", "))")
        }
        return conditions
    }

    /// Whether what it returns can't depend on anything, as far as its type and name say.
    private var isConstant: Bool {
        switch function.result {
        case .pointer(.character, isConstant: true), .integer, .size, .floating:
            let name = function.name.lowercased()
            return Self.constants.contains(where: name.contains)
        default: return false
        }
    }

    private func isOnlyComputedWith(_ type: CType, depth: Int = 0) -> Bool {
        switch type {
        case .floating, .bool: return true
        case .structure(let key):
            guard let fields = declarations.structures[key]?.fields, depth < 16 else {
                return false
            }
            return fields.allSatisfy { isOnlyComputedWith($0.type, depth: depth + 1) }
        default: return false
        }
    }

    private var takesPointer: Bool {
        function.parameters.contains { if case .pointer = $0.type { true } else { false } }
    }

    // MARK: What names say

    private static let constants = [
        "version", "copyright", "license", "name", "title", "vendor", "revision", "banner",
    ]

    /// What a function does that may free what it is given, which is the host's.
    private static let freeing = [
        "free", "close", "destroy", "delete", "release", "dispose", "dealloc", "finalize", "unref",
        "drop", "realloc",
    ]

    /// What a function may do that doesn't say that it never returns.
    private static let ending = [
        "exit", "abort", "kill", "die", "panic", "terminate", "fatal", "crash", "halt", "quit",
        "shutdown", "exec", "fork", "spawn", "raise", "longjmp", "throw", "reset", "reboot",
    ]

    /// Without what a C library puts in front of names that are its own.
    private static func plainName(_ name: String) -> Substring {
        var plain = name[...]
        for prefix in ["__libc_", "__GI_", "__posix_"] where plain.hasPrefix(prefix) {
            plain.removeFirst(prefix.count)
        }
        return plain.drop { $0 == "_" }
    }

    /// Source: ISO C11, 7.12 and 7.22.6. (`div` is not: it divides by zero.)
    private static let totalFunctions: Set<String> = [
        "abs", "labs", "llabs", "ldexp", "ldexpf", "scalbn", "scalbnf", "scalbln", "scalblnf",
    ]

    /// Functions of the C library, without leading underscores, by what they do.
    private static let dangers: [Substring: String] = {
        var dangers: [Substring: String] = [:]
        func add(_ danger: String, _ names: String) {
            for name in names.split(whereSeparator: \.isWhitespace) { dangers[name] = danger }
        }
        add(
            "ends the process",
            """
            exit Exit quick_exit abort assert assert_fail assert_perror_fail chk_fail fortify_fail
            stack_chk_fail err errx verr verrx error error_at_line terminate libc_fatal
            """)
        add(
            "may end the process, or another",
            "raise gsignal kill killpg sigqueue tgkill tkill pidfd_send_signal reboot ptrace")
        add(
            "replaces the process, or starts another one",
            """
            execl execle execlp execv execve execveat execvp execvpe fexecve system popen fork vfork
            Fork clone clone2 clone3 daemon forkpty posix_spawn posix_spawnp wordexp login_tty
            """)
        add(
            "ends the thread, or leaves the function that called it",
            """
            pthread_exit thrd_exit pthread_cancel pthread_kill pthread_sigqueue longjmp siglongjmp
            longjmp_chk setjmp sigsetjmp setcontext swapcontext makecontext sigreturn
            """)
        add(
            "stops the thread for as long as it likes",
            """
            pause sigsuspend sigpause sigwait sigwaitinfo sigtimedwait wait wait3 wait4 waitid waitpid
            sleep usleep nanosleep clock_nanosleep thrd_sleep pthread_join thrd_join lockf
            """)
        add(
            "changes what all of the process shares",
            """
            alarm ualarm setitimer timer_create signal sigaction sigset sigignore sysv_signal
            bsd_signal siginterrupt sigprocmask pthread_sigmask sigaltstack setrlimit prlimit prctl
            setuid seteuid setreuid setresuid setgid setegid setregid setresgid setgroups initgroups
            setfsuid setfsgid setsid setpgid setpgrp chroot chdir fchdir pivot_root unshare setns
            umask nice setpriority sched_setscheduler setlocale uselocale putenv setenv unsetenv
            clearenv atexit at_quick_exit on_exit personality acct swapon swapoff vhangup
            """)
        add(
            "takes away what others use",
            """
            close closefrom close_range dup2 dup3 shutdown fcloseall munmap mremap mprotect
            pkey_mprotect madvise brk sbrk mlockall munlockall remap_file_pages dlclose free cfree
            realloc reallocarray
            """)
        return dangers
    }()
}
