#if canImport(Glibc)
internal import Glibc
#endif

/// How a worker process ended.
package enum WorkerEnd: Sendable, CustomStringConvertible {
    /// - memoryLimit: what it might have met, in bytes; nil: it has none.
    case signal(CInt, memoryLimit: Int?)
    case status(CInt)
    /// The host has ended it.
    case ended(because: String)

    package var description: String {
        switch self {
        case .signal(let number, let limit):
            "by signal \(number)\(Self.names[number].map { " (\($0))" } ?? "")"
                + Self.hint(number, limit)
        case .status(let status): "with exit status \(status)"
        case .ended(let reason): "by the host: \(reason)"
        }
    }

    private static func hint(_ signal: CInt, _ limit: Int?) -> String {
        guard let limit, ofMemory.contains(signal) else { return "" }
        return ", with limits.memory of \(limit >> 20)MiB"
    }

    /// What code does that gets no memory.
    private static let ofMemory = [SIGSEGV, SIGABRT, SIGILL, SIGTRAP, SIGBUS]

    private static let names: [CInt: String] = [
        SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGALRM: "SIGALRM",
        SIGUSR1: "SIGUSR1", SIGUSR2: "SIGUSR2",
        SIGSEGV: "SIGSEGV", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE",
        SIGILL: "SIGILL", SIGKILL: "SIGKILL", SIGTERM: "SIGTERM", SIGTRAP: "SIGTRAP",
        SIGSYS: "SIGSYS", SIGPIPE: "SIGPIPE", SIGXCPU: "SIGXCPU",
    ]
}
