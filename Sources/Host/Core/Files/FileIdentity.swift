#if canImport(Glibc)
internal import Glibc
#endif

/// Which file a name stands for, or a descriptor: a name can be another file's by now.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let number: UInt64

    /// - Returns: nil when it can't be told; `errno` says why.
    package init?(of descriptor: CInt) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Of what has the name itself, be it a symbolic link.
    ///
    /// - Returns: nil when there is nothing, or it can't be told; `errno` says why.
    package init?(at path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }
}
