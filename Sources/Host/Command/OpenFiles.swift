#if canImport(Glibc)
internal import Glibc
#endif

/// How many files and connections the process may have open.
enum OpenFiles {
    /// Raises the soft limit, often 1024, to the hard one: each connection takes a descriptor.
    static func raiseLimit() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return
        }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
