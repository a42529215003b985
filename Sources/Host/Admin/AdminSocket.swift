internal import Foundation
internal import NIOCore
internal import NIOPosix

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

    /// Makes the path free to listen on: removes a socket that a killed host left behind.
    ///
    /// - Throws: ``AdminError`` when a host listens there, when something else is there, or when the path is too long.
    static func claim(
        _ path: String, eventLoops: MultiThreadedEventLoopGroup
    ) async throws(AdminError) {
        let address = try address(path)
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let attributes else { return }
        guard attributes[.type] as? FileAttributeType == .typeSocket else {
            throw AdminError(
                code: .cannotListen,
                message:
                    "\(path) is there and is no socket; choose another path with --admin-socket")
        }
        if let other = try? await ClientBootstrap(group: eventLoops).connect(to: address).get() {
            try? await other.close()
            throw AdminError(
                code: .cannotListen,
                message: "a host is running already with the admin socket \(path); "
                    + "stop it, or give this one another socket with --admin-socket")
        }
        remove(path)
    }

    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// From now on, and until the function that is returned has been called, new sockets have mode 0600 from their
    /// first moment on.
    ///
    /// The mask is the process's: files that other threads make meanwhile get fewer permissions, never more.
    static func restrictPermissions() -> @Sendable () -> Void {
        let mask = umask(0o177)
        return { umask(mask) }
    }
}
