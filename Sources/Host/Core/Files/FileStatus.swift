#if canImport(Glibc)
internal import Glibc
#endif

/// What the kernel says of a file. For modules whose dependencies bring Foundation along, which lays claim to the C
/// library's structs.
package struct FileStatus: Equatable, Sendable {
    package let isRegular: Bool
    /// Who may do what, such as 0o644.
    package let permissions: UInt32
    /// In bytes.
    package let size: Int
    package let device: UInt64
    package let inode: UInt64
    /// When anything about it was changed, its permissions among that: seconds since 1970, and nanoseconds of the next.
    package let changed: (seconds: Int, nanoseconds: Int)

    /// - Returns: nil when it can't be told; `errno` says why.
    package init?(of descriptor: CInt) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Links are followed. Blocks on the disk.
    ///
    /// - Returns: nil when there is no such file, or it can't be told; `errno` says why.
    package init?(at path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        isRegular = status.st_mode & S_IFMT == S_IFREG
        permissions = UInt32(status.st_mode & 0o7777)
        size = Int(status.st_size)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        changed = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
    }

    package static func == (a: FileStatus, b: FileStatus) -> Bool {
        (a.isRegular, a.permissions, a.size, a.device, a.inode)
            == (b.isRegular, b.permissions, b.size, b.device, b.inode) && a.changed == b.changed
    }
}
