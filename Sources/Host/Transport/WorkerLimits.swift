internal import CLinux
internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// What a worker process may not do. It takes it upon itself before it maps its plugin's library, whose constructors
/// run then.
package struct WorkerLimits: Sendable, Equatable {
    /// Bytes of memory for data; nil: as many as the host may have. So for what follows.
    package var memory: Int?
    /// Descriptors.
    package var openFiles: Int?
    /// Whether it starts no processes.
    package var isThreadsOnly = false
    /// Whether it makes sockets of other families than AF_UNIX.
    package var hasNetwork = true
    /// Whether it executes programs.
    package var executes = true
    /// What it may change in the file system; nil: all that its user may.
    package var writablePaths: [String]?
    /// Where it runs; nil: where the host does.
    package var directory: String?

    package init() {}

    /// As arguments of the worker's program.
    package var arguments: [String] {
        var arguments: [String] = []
        if let memory { arguments.append("memory=\(memory)") }
        if let openFiles { arguments.append("open_files=\(openFiles)") }
        if isThreadsOnly { arguments.append("threads_only") }
        if !hasNetwork { arguments.append("no_network") }
        if !executes { arguments.append("no_exec") }
        if let writablePaths {
            arguments.append("writes")
            arguments += writablePaths.map { "write=\($0)" }
        }
        if let directory { arguments.append("directory=\(directory)") }
        return arguments
    }

    /// - Throws: ``TransportError`` for an argument that is none.
    package init(arguments: some Sequence<String>) throws(TransportError) {
        for argument in arguments {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count > 1 ? parts[1] : ""
            switch parts.first {
            case "memory": memory = Int(value)
            case "open_files": openFiles = Int(value)
            case "threads_only": isThreadsOnly = true
            case "no_network": hasNetwork = false
            case "no_exec": executes = false
            case "writes": writablePaths = writablePaths ?? []
            case "write": writablePaths?.append(value)
            case "directory": directory = value
            default: throw TransportError("an argument that is none: \(argument)")
            }
        }
    }

    /// Puts them in force for this process, for good. Before it has other threads.
    ///
    /// - Throws: ``TransportError`` that says what can't be had here.
    package func apply() throws(TransportError) {
        try Self.check(clinux_no_new_privileges(), "no new privileges")
        if let directory {
            try Self.check(unsafe chdir(directory) == 0 ? 0 : errno, "cwd \(directory)")
        }
        if let writablePaths {
            var index: CInt = -1
            // Who throws output away writes there.
            let writablePaths = writablePaths + ["/dev/null"]
            let pointers = unsafe writablePaths.map { unsafe UnsafePointer(strdup($0)) }
            defer {
                for index in unsafe pointers.indices {
                    unsafe free(UnsafeMutableRawPointer(mutating: pointers[index]))
                }
            }
            let error = unsafe clinux_allow_writes(pointers, CInt(pointers.count), &index)
            let place = index >= 0 ? " \(writablePaths[Int(index)])" : ""
            try Self.check(error, "sandbox.write\(place)")
        }
        var forbidden: CInt = 0
        if isThreadsOnly { forbidden |= CLINUX_FORBID_PROCESSES }
        if !executes { forbidden |= CLINUX_FORBID_EXEC }
        if !hasNetwork { forbidden |= CLINUX_FORBID_NETWORK }
        if forbidden != 0 {
            try Self.check(
                clinux_forbid(forbidden), "limits.threads_only, sandbox.network or sandbox.exec")
        }
        if let openFiles {
            try Self.check(
                clinux_limit_files(UInt64(openFiles)),
                "limits.open_files, which is over the host's own limit,")
        }
        if let memory { try Self.check(clinux_limit_memory(UInt64(memory)), "limits.memory") }
    }

    private static func check(_ error: CInt, _ what: String) throws(TransportError) {
        guard error != 0 else { return }
        throw TransportError("\(what) can't be had here: \(SystemError.text(error))")
    }
}
