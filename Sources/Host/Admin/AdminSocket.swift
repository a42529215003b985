internal import CLinux
internal import Foundation
internal import HostCore
internal import NIOCore

/// The Unix socket of the admin API: where it is, and that only its owner may use it.
package enum AdminSocket {
    /// Where a host and its command line meet when nobody says otherwise: in `$XDG_RUNTIME_DIR`, which only the user
    /// can enter, or else beside the plugins directory.
    package static func defaultPath(pluginsDirectory: String) -> String {
        if let directory = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"],
            directory.hasPrefix("/")
        {
            return "\(directory)/backplane.sock"
        }
        var directory = pluginsDirectory[...]
        while directory.count > 1, directory.hasSuffix("/") { directory = directory.dropLast() }
        return "\(directory).sock"
    }

    /// - Throws: ``AdminError`` when the path is too long for a Unix socket.
    static func address(_ path: String) throws(AdminError) -> SocketAddress {
        do {
            return try SocketAddress(unixDomainSocketPath: path)
        } catch {
            throw AdminError(
                code: .unusablePath,
                message: "the admin socket's path is too long for a Unix socket: \(path); "
                    + "choose a shorter one with --admin-socket",
                cause: error)
        }
    }

    /// Sees that the path may be taken: that there is nothing, or the socket of a host that has ended.
    ///
    /// - Throws: ``AdminError`` when a host listens there, also one that is too busy to accept, when something else is
    ///   there, or when the path is too long.
    static func requireFree(_ path: String) throws(AdminError) {
        _ = try address(path)
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return }
            throw cannotListen(path, SystemError.current)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw AdminError(
                code: .cannotListen,
                message:
                    "\(path) is there and is no socket; choose another path with --admin-socket")
        }
        switch unsafe clinux_unix_listens(path) {
        case 0: return
        case 1:
            throw AdminError(
                code: .cannotListen,
                message: "a host is running already with the admin socket \(path); "
                    + "stop it, or give this one another socket with --admin-socket")
        default: throw cannotListen(path, SystemError.current)
        }
    }

    /// A path to bind to where nobody else can reach it: in a new directory beside `path` that only the owner may
    /// enter.
    ///
    /// - Throws: ``AdminError`` when the directory can't be made, or the path in it would be too long.
    static func stage(_ path: String) throws(AdminError) -> String {
        let parent = path.lastIndex(of: "/").map { path[...$0] } ?? "./"
        let directory = "\(parent).bp-\(UUID().uuidString.prefix(6))"
        _ = try address("\(directory)/s")
        guard unsafe mkdir(directory, 0o700) == 0 else {
            throw cannotListen(path, SystemError.current)
        }
        return "\(directory)/s"
    }

    /// Gives a socket that listens on a staged path its mode, 0600, and then its place, over what a host that has ended
    /// has left there.
    ///
    /// - Throws: ``AdminError`` as ``requireFree(_:)``: another host may have taken the place meanwhile.
    static func publish(_ staged: String, as path: String) throws(AdminError) -> PublishedSocket {
        guard unsafe chmod(staged, 0o600) == 0 else {
            throw cannotListen(path, SystemError.current)
        }
        return try DirectoryLock.whileHeld(around: path) { () throws(AdminError) in
            try requireFree(path)
            guard unsafe rename(staged, path) == 0 else {
                throw cannotListen(path, SystemError.current)
            }
            unstage(staged)
            return PublishedSocket(path)
        }
    }

    /// Removes what ``stage(_:)`` made.
    static func unstage(_ staged: String) {
        unsafe unlink(staged)
        unsafe rmdir(String(staged.dropLast(2)))
    }

    private static func cannotListen(_ path: String, _ reason: String) -> AdminError {
        AdminError(
            code: .cannotListen,
            message: "cannot listen on the admin socket \(path): \(reason); "
                + "choose another path with --admin-socket")
    }
}

/// The place of a host's socket. Another host's is never taken away, whoever has moved which file where.
final class PublishedSocket: Sendable {
    private let path: String
    /// Refers to the socket's inode, so that no other file gets its number; -1: it can't.
    private let entry: CInt

    /// - Parameter path: where the socket is by now, and stays while this is made.
    init(_ path: String) {
        self.path = path
        entry = unsafe clinux_open_entry(path)
    }

    deinit {
        if entry >= 0 { close(entry) }
    }

    /// Takes the socket away, unless the place is another's.
    func remove() {
        DirectoryLock.whileHeld(around: path) {
            guard let mine = FileIdentity(of: entry), mine == FileIdentity(at: path) else { return }
            unsafe unlink(path)
        }
    }
}
