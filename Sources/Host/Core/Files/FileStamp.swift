#if canImport(Glibc)
internal import Glibc
#endif

/// What tells a file from the one that had its name before, without looking into it.
package struct FileStamp: Equatable, Sendable {
    /// Whether the name is a link; the rest is about what that leads to.
    package var isLink: Bool
    /// Whether nobody is going to write and close it: it has another name, so that it was there before, or it is no
    /// regular file.
    package var isSettled: Bool
    /// nil: it leads nowhere.
    package var content: Content?

    package struct Content: Equatable, Sendable {
        package var device: UInt64
        package var inode: UInt64
        package var size: Int64
        /// When it was written, and when anything about it was changed, in nanoseconds.
        package var written: Int64
        package var changed: Int64

        package init(device: UInt64, inode: UInt64, size: Int64, written: Int64, changed: Int64) {
            self.device = device
            self.inode = inode
            self.size = size
            self.written = written
            self.changed = changed
        }
    }

    package init(isLink: Bool = false, isSettled: Bool = false, content: Content?) {
        self.isLink = isLink
        self.isSettled = isSettled
        self.content = content
    }

    /// - Returns: nil when there is no such name. Blocks on the disk.
    package init?(of path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        isLink = status.st_mode & S_IFMT == S_IFLNK
        isSettled = !isLink && (status.st_mode & S_IFMT != S_IFREG || status.st_nlink > 1)
        guard unsafe stat(path, &status) == 0 else { return }
        content = Content(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            size: Int64(status.st_size), written: Self.nanoseconds(status.st_mtim),
            changed: Self.nanoseconds(status.st_ctim))
    }

    /// Whether it is another file than one before, and not the same one written anew.
    package func isAnother(than other: FileStamp?) -> Bool {
        guard let content, let before = other?.content else { return true }
        return content.device != before.device || content.inode != before.inode
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
