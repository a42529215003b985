internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// The private directory with the copies of libraries that this process loads.
///
/// A library is never loaded from where the operator put it. `dlopen` of a path it knows returns the library it has,
/// whatever the file is by now; and a file that is written while it is mapped kills the process with SIGBUS. So each
/// load gets a copy under a name that is never used again.
///
/// The directory goes with the process; what a killed one left behind, the next one of the same user removes.
package final class LibraryStore: Sendable {
    package let directory: String
    private let lock: CInt
    private let copies = Atomic<UInt64>(0)

    /// A copy of a library file.
    package struct Copy: Sendable {
        package let path: String
        /// 64-bit FNV-1a of the content: tells a changed file from one that was only touched.
        package let fingerprint: UInt64
    }

    /// - Parameter candidates: directories to put it in; the first that allows execution and writing is taken.
    /// - Throws: ``PluginError`` when none of them does.
    package init(candidates: [String] = LibraryStore.defaultCandidates) throws(PluginError) {
        for candidate in candidates where Self.allowsExecution(candidate) {
            Self.removeStaleDirectories(in: candidate)
            guard let (directory, lock) = Self.makeDirectory(in: candidate) else { continue }
            self.directory = directory
            self.lock = lock
            return
        }
        throw PluginError(
            .unreadable,
            "no place for copies of libraries: none of \(candidates.joined(separator: ", ")) "
                + "can be written to and allows execution; set TMPDIR to one that does")
    }

    deinit {
        Self.removeTree(directory)
        close(lock)
    }

    /// Removes the directory now. What is mapped stays mapped.
    package func remove() {
        Self.removeTree(directory)
    }

    /// Copies a library file. Blocks on the disk.
    ///
    /// - Parameter name: the plugin's name, for the copy's name.
    /// - Throws: ``PluginError`` when the file can't be read, is no library, or changes meanwhile.
    package func copy(_ path: String, name: String) throws(PluginError) -> Copy {
        // A FIFO would block the open for ever; O_NONBLOCK and the check below keep to regular files.
        let source = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard source >= 0 else { throw Self.unreadable(path) }
        defer { close(source) }
        let before = try Self.status(of: source, path: path)
        guard before.st_mode & S_IFMT == S_IFREG else {
            throw PluginError(.notALibrary, "not a regular file: put the library itself here")
        }

        let number = copies.add(1, ordering: .relaxed).newValue
        let target = "\(directory)/\(name)-\(number).so.partial"
        let output = unsafe open(target, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o700)
        guard output >= 0 else { throw Self.unwritable(target) }
        var keep = false
        defer {
            close(output)
            if !keep { unsafe unlink(target) }
        }
        let content = try Self.transfer(from: source, path: path, to: output, target: target)

        let after = try Self.status(of: source, path: path)
        guard
            after.st_size == before.st_size, after.st_mtim.tv_sec == before.st_mtim.tv_sec,
            after.st_mtim.tv_nsec == before.st_mtim.tv_nsec, UInt64(after.st_size) == content.size
        else {
            throw PluginError(
                .notALibrary,
                "half a library: it is still being written; "
                    + "it is loaded when the writer has closed it")
        }
        try ELFImage(size: content.size) { offset, count throws(PluginError) in
            try Self.bytes(of: output, path: target, at: offset, count: count)
        }.requireWhole()

        let fingerprint = String(content.fingerprint, radix: 16)
        let final = "\(directory)/\(name)-\(fingerprint)-\(number).so"
        guard unsafe rename(target, final) == 0 else { throw Self.unwritable(final) }
        keep = true
        return Copy(path: final, fingerprint: content.fingerprint)
    }

    /// Removes a copy that isn't mapped, or not any more.
    package func discard(_ copy: Copy) {
        unsafe unlink(copy.path)
    }

    // MARK: The directory

    package static var defaultCandidates: [String] {
        var candidates: [String] = []
        for variable in ["TMPDIR", "XDG_RUNTIME_DIR"] {
            if let value = unsafe getenv(variable),
                let path = unsafe String(validatingCString: value),
                path.hasPrefix("/")
            {
                candidates.append(path)
            }
        }
        return candidates + ["/tmp", "/var/tmp"]
    }

    private static let prefix = "backplane-libraries-"
    private static let lockName = "lock"
    /// `ST_NOEXEC` of `<sys/statvfs.h>`, which Swift does not import.
    private static let noExecution: UInt = 8

    private static func allowsExecution(_ directory: String) -> Bool {
        var status = statvfs()
        guard unsafe statvfs(directory, &status) == 0 else { return false }
        return status.f_flag & noExecution == 0
    }

    /// Makes a directory and holds its lock. It gets its name when it is locked, so that another process that starts
    /// now never takes it for one that was left behind.
    private static func makeDirectory(in parent: String) -> (path: String, lock: CInt)? {
        var template = Array("\(parent)/.\(prefix)XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { return nil }
        let made = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let name = "\(parent)/\(prefix)\(made.suffix(6))"
        let lock = unsafe open("\(made)/\(lockName)", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        if lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0, unsafe rename(made, name) == 0 {
            return (name, lock)
        }
        if lock >= 0 { close(lock) }
        removeTree(made)
        return nil
    }

    /// Removes directories of processes that are gone: theirs is the lock that nobody holds.
    private static func removeStaleDirectories(in parent: String) {
        for name in DirectoryListing.names(in: parent) where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            var status = stat()
            guard unsafe lstat(path, &status) == 0, status.st_uid == getuid(),
                status.st_mode & S_IFMT == S_IFDIR
            else { continue }
            let lock = unsafe open("\(path)/\(lockName)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { removeTree(path) }
            close(lock)
        }
    }

    private static func removeTree(_ directory: String) {
        for name in DirectoryListing.names(in: directory) {
            unsafe unlink("\(directory)/\(name)")
        }
        unsafe rmdir(directory)
    }

    // MARK: Copying

    private struct Content {
        var size: UInt64 = 0
        var fingerprint: UInt64 = 0xCBF2_9CE4_8422_2325

        mutating func append(_ bytes: ArraySlice<UInt8>) {
            size += UInt64(bytes.count)
            for byte in bytes { fingerprint = (fingerprint ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
    }

    private static func transfer(
        from source: CInt, path: String, to output: CInt, target: String
    ) throws(PluginError) -> Content {
        var content = Content()
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = unsafe read(source, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(path)
            }
            if count == 0 { return content }
            var written = 0
            while written < count {
                let result = unsafe buffer.withUnsafeBytes {
                    unsafe write(output, $0.baseAddress! + written, count - written)
                }
                if result < 0 {
                    if errno == EINTR { continue }
                    throw unwritable(target)
                }
                written += result
            }
            content.append(buffer[..<count])
        }
    }

    /// - Returns: fewer bytes where the file ends.
    private static func bytes(
        of file: CInt, path: String, at offset: UInt64, count: Int
    ) throws(PluginError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = unsafe pread(file, &buffer, count, off_t(offset))
        guard received >= 0 else { throw unreadable(path) }
        return Array(buffer.prefix(received))
    }

    private static func status(of file: CInt, path: String) throws(PluginError) -> stat {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw unreadable(path) }
        return status
    }

    private static func unreadable(_ path: String) -> PluginError {
        PluginError(.unreadable, "cannot read \(path): \(SystemError.current)")
    }

    private static func unwritable(_ path: String) -> PluginError {
        PluginError(.unreadable, "cannot write the copy \(path): \(SystemError.current)")
    }
}
