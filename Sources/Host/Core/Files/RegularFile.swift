#if canImport(Glibc)
internal import Glibc
#endif

/// Opens files that somebody else has put there. A FIFO would hold the reader up for ever, and to open a device may do
/// anything: only regular files are opened, and nothing waits.
package enum RegularFile {
    package enum Failure: Error, Sendable {
        /// `errno`.
        case system(CInt)
        /// It is something else: "a FIFO".
        case other(String)

        /// What happened, to stand behind "cannot read x: ".
        package var text: String {
            switch self {
            case .system(let number): SystemError.text(number)
            case .other(let kind): "it is \(kind), not a regular file"
            }
        }

        /// Whether there is nothing of that name.
        package var isMissing: Bool {
            if case .system(ENOENT) = self { true } else { false }
        }
    }

    /// Opens a file to read it; links are followed. Blocks on the disk alone.
    ///
    /// - Returns: a descriptor that is closed on exec.
    package static func open(_ path: String) throws(Failure) -> CInt {
        var status = stat()
        // First without opening it: what a device does when it is opened, nobody knows.
        guard unsafe stat(path, &status) == 0 else { throw .system(errno) }
        try requireRegular(status)
        let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else {
            // A socket has taken the file's place.
            throw errno == ENXIO ? .other("a socket") : .system(errno)
        }
        do throws(Failure) {
            guard unsafe fstat(file, &status) == 0 else { throw .system(errno) }
            try requireRegular(status)
            return file
        } catch {
            close(file)
            throw error
        }
    }

    private static func requireRegular(_ status: stat) throws(Failure) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFIFO: throw .other("a FIFO")
        case S_IFSOCK: throw .other("a socket")
        case S_IFDIR: throw .other("a directory")
        default: throw .other("a device")
        }
    }
}
