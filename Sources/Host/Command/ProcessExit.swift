#if canImport(Glibc)
internal import Glibc
#endif

/// Ends the process without running exit handlers.
enum ProcessExit {
    static func now(status: Int32) -> Never {
        flush()
        _exit(status)
    }

    /// Writes out what was printed: standard output is buffered when it is no terminal.
    static func flush() {
        fflush(nil)
    }
}
