package import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// How long the current thread has been kept off the processor by others so far: ready to run, and not running.
package struct ThreadUsage: Sendable {
    private let time: NIODeadline
    private let runDelay: TimeAmount

    /// Three system calls.
    package static func now() -> ThreadUsage {
        ThreadUsage(time: .now(), runDelay: readRunDelay())
    }

    /// Whether what the thread has done since then, and not other threads, kept it for longer than a limit: it worked
    /// for so long, or it waited.
    package func exceeds(_ limit: TimeAmount, since start: ThreadUsage) -> Bool {
        (time - start.time) - (runDelay - start.runDelay) > limit
    }

    /// The second of the numbers that the scheduler keeps of a thread; none on a kernel that keeps no such numbers.
    /// Source: Linux, Documentation/scheduler/sched-stats.rst.
    private static func readRunDelay() -> TimeAmount {
        let file = unsafe open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return .zero }
        defer { close(file) }
        // Three numbers of at most 20 digits.
        let length = 64
        return unsafe withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { buffer in
            let count = unsafe read(file, buffer.baseAddress, length)
            guard count > 0 else { return .zero }
            let text = unsafe String(decoding: buffer.prefix(count), as: UTF8.self)
            let numbers = text.split(whereSeparator: { !$0.isWholeNumber })
            return numbers.count > 1 ? .nanoseconds(Int64(numbers[1]) ?? 0) : .zero
        }
    }
}
