internal import Backplane
internal import Foundation
internal import HostCore
internal import NIOConcurrencyHelpers

/// Tells programs that start a host where it can be reached: a file that is there as long as the host serves.
///
/// A host holds the lock of its file as long as it lives. So one that has crashed is told from one that serves,
/// whatever has got its process id.
final class ReadyFile: Sendable {
    private struct Content: Encodable {
        struct HTTP: Encodable {
            let host: String
            let port: Int
        }

        let http: HTTP
        let adminSocket: String
        /// The admin API over TCP, where it is served.
        let admin: HTTP?
        let pid: Int32

        enum CodingKeys: String, CodingKey {
            case http, admin, pid
            case adminSocket = "admin_socket"
        }
    }

    /// Why the file can't be written, in one line for people.
    struct Unwritable: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        /// Of the file that this host has written, open and locked.
        var written: CInt?
        /// Whether it is, or would be, removed: the host ends.
        var isOver = false
    }

    private let path: String
    private let state = NIOLockedValueBox(State())

    /// Removes what a host that has ended left behind: whoever waits for the file must not find that one's address.
    ///
    /// - Throws: ``Unwritable``: better now than after somebody has waited for it.
    init(_ path: String) throws(Unwritable) {
        self.path = path
        try DirectoryLock.whileHeld(around: path) { () throws(Unwritable) in try removeStale() }
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard unsafe faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0 else {
            throw unwritable(SystemError.current)
        }
    }

    private func removeStale() throws(Unwritable) {
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW
        let descriptor = unsafe open(path, flags)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw unwritable(errno == ELOOP ? "it is a symbolic link" : SystemError.current)
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw unwritable("it is there and is no regular file")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
            throw unwritable("a host that runs has it")
        }
        let file = FileHandle(fileDescriptor: descriptor)
        let content = (try? file.read(upToCount: 64 << 10)) ?? Data()
        guard content.isEmpty || isReadyFile(content) else {
            throw unwritable("it is there and is no ready file")
        }
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw unwritable(SystemError.current)
        }
    }

    private func isReadyFile(_ content: Data) -> Bool {
        let object = try? JSONSerialization.jsonObject(with: content) as? [String: Any]
        return object?["http"] is [String: Any]
    }

    /// Writes the file in one step: whoever sees it sees all of it.
    ///
    /// - Throws: ``Unwritable``, also when another host has written one there meanwhile.
    func write(_ addresses: BackplaneHost.Addresses, adminHost: String) throws(Unwritable) {
        let content = Content(
            http: Content.HTTP(host: addresses.host, port: addresses.port),
            adminSocket: addresses.adminSocket,
            admin: addresses.adminPort.map { Content.HTTP(host: adminHost, port: $0) },
            pid: getpid())
        let draft = "\(path).\(UUID().uuidString)"
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let descriptor = unsafe open(draft, flags, 0o644)
        guard descriptor >= 0 else { throw unwritable(SystemError.current) }
        var isWritten = false
        defer {
            unsafe unlink(draft)
            if !isWritten { close(descriptor) }
        }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            try FileHandle(fileDescriptor: descriptor)
                .write(contentsOf: encoder.encode(content))
        } catch {
            throw unwritable(SystemError.reason(of: error))
        }
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        guard unsafe link(draft, path) == 0 else {
            throw unwritable(
                errno == EEXIST ? "another host has written it meanwhile" : SystemError.current)
        }
        isWritten = true
        let isOver = state.withLockedValue { state in
            state.written = descriptor
            return state.isOver
        }
        // It was told to end while it began.
        if isOver { remove() }
    }

    /// Removes the file that this host has written, if it is still there, and that which it may yet write. Once or
    /// more.
    func remove() {
        let written = state.withLockedValue { state in
            state.isOver = true
            return state.written.take()
        }
        guard let descriptor = written else { return }
        defer { close(descriptor) }
        DirectoryLock.whileHeld(around: path) {
            guard let mine = FileIdentity(of: descriptor), mine == FileIdentity(at: path) else {
                return
            }
            unsafe unlink(path)
        }
    }

    private func unwritable(_ reason: String) -> Unwritable {
        Unwritable(
            description: "cannot write the ready file \(path): \(reason); "
                + "name another one with --ready-file")
    }
}
