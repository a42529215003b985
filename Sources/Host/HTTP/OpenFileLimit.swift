#if canImport(Glibc)
internal import Glibc
#endif

/// How many files and connections the process may have open, and which part of that connections may take.
///
/// Some are kept back: without a descriptor to spare no library is loaded, no operator gets in, and the language's
/// runtime ends the process when it can't look up its threads.
package struct OpenFileLimit: Sendable {
    /// What the system allows.
    package let limit: Int
    /// What is open already.
    let inUse: Int

    package init(limit: Int, inUse: Int) {
        self.limit = limit
        self.inUse = inUse
    }

    /// As it is now.
    package static func current() -> OpenFileLimit {
        var limits = rlimit()
        let result = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
        return OpenFileLimit(
            limit: result == 0 ? Int(clamping: limits.rlim_cur) : .max, inUse: countOpenFiles())
    }

    /// Descriptors that are kept for everything else.
    package var reserve: Int { max(64, min(512, limit / 8)) }

    /// How many connections there may be at once, of those that are wanted.
    func connections(wanted: Int) -> Int {
        let free = max(1, limit - min(limit, inUse + reserve))
        return max(min(wanted, 1), min(wanted, free - 2 * Self.refusals(of: free)))
    }

    /// Descriptors that are left when everything else has what it may have.
    func toSpare(beside connections: Int) -> Int {
        let taken = inUse + reserve + connections
        return limit > taken ? limit - taken : 0
    }

    /// How many connections beyond those may be there to be told that there are too many, and how many to be closed.
    static func refusals(of connections: Int) -> Int { max(4, min(64, connections / 8)) }

    private static func countOpenFiles() -> Int {
        guard let directory = unsafe opendir("/proc/self/fd") else { return 64 }
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // Two of the names are `.` and `..`, and one is that of this look.
        return max(0, count - 3)
    }
}
