#if canImport(Glibc)
internal import Glibc
#endif

/// How a worker process ended.
package enum WorkerEnd: Sendable, CustomStringConvertible {
    case signal(CInt)
    case status(CInt)
    /// The host has ended it.
    case ended(because: String)

    package var description: String {
        switch self {
        case .signal(let number):
            "by signal \(number)\(Self.names[number].map { " (\($0))" } ?? "")"
        case .status(let status): "with exit status \(status)"
        case .ended(let reason): "by the host: \(reason)"
        }
    }

    private static let names: [CInt: String] = [
        SIGSEGV: "SIGSEGV", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE",
        SIGILL: "SIGILL", SIGKILL: "SIGKILL", SIGTERM: "SIGTERM", SIGTRAP: "SIGTRAP",
        SIGSYS: "SIGSYS", SIGPIPE: "SIGPIPE", SIGXCPU: "SIGXCPU",
    ]
}
