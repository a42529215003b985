internal import CInterposition
internal import CLinux
internal import HostLogging

#if canImport(Glibc)
internal import Glibc
#endif

/// How the program ends: by itself, without exit handlers, or by a plugin, and then the log's last line says so.
enum ProgramEnd {
    /// From now on the log's last line says which signal ends the process, and whose code has raised it. Before the
    /// first plugin is loaded.
    ///
    /// Swift's own backtraces take minutes, in which the process holds its port and answers nothing: only somebody who
    /// sets SWIFT_BACKTRACE gets them.
    static func reportSignals() {
        clinux_report_signals(unsafe getenv("SWIFT_BACKTRACE") != nil)
        // A log or a state file that meets a limit is an error to be told of, and no end.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Runs what may load plugins. One that calls `exit` meanwhile, or the like, ends the process with a status of its
    /// own.
    static func guardingExit(_ body: () async throws -> Void) async throws {
        interposition_guard_exit()
        defer { interposition_allow_exit() }
        try await body()
    }

    /// Ends the process without running exit handlers: those of plugins, and destructors of their libraries, would run
    /// while their threads do.
    static func now(status: Int32) -> Never {
        flush()
        HostLog.flush()
        interposition_end(status)
    }

    /// Writes out what was printed: standard output is buffered when it is no terminal.
    static func flush() {
        clinux_flush_streams(500)
    }
}
