package import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// What the current thread has used of the processor so far, and how often it has waited for something.
package struct ThreadUsage: Sendable {
    private let processorTime: TimeAmount
    private let waits: Int

    /// A system call.
    package static func now() -> ThreadUsage {
        var usage = rusage()
        // RUSAGE_THREAD, which the importer of C macros does not see.
        _ = unsafe getrusage(1, &usage)
        return ThreadUsage(
            processorTime: amount(usage.ru_utime) + amount(usage.ru_stime), waits: usage.ru_nvcsw)
    }

    /// Whether what the thread has done since then, and not other threads, kept it for longer than a limit: it worked
    /// for so long, or it waited.
    package func exceeds(_ limit: TimeAmount, since start: ThreadUsage) -> Bool {
        waits > start.waits || processorTime - start.processorTime > limit
    }

    private static func amount(_ time: timeval) -> TimeAmount {
        .seconds(Int64(time.tv_sec)) + .microseconds(Int64(time.tv_usec))
    }
}
