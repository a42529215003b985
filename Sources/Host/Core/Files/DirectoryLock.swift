#if canImport(Glibc)
internal import Glibc
#endif

/// The lock of a directory: of all hosts, one at a time looks at a name in it and then gives it to another file, or
/// takes it away.
package enum DirectoryLock {
    /// Where a lock can't be had, the body runs without it.
    ///
    /// - Parameter path: the name; its directory is locked. Blocks for a second at most.
    package static func whileHeld<Value, Failure: Error>(
        around path: String, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Closing it unlocks it.
        defer { if descriptor >= 0 { close(descriptor) } }
        for _ in 0..<100 where descriptor >= 0 {
            guard flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { break }
            usleep(10_000)
        }
        return try body()
    }
}
