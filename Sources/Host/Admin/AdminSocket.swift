internal import Foundation
internal import HostPlugins
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
    static func claim(_ path: String) async throws(AdminError) {
        let address = try address(path)
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let attributes else { return }
        guard attributes[.type] as? FileAttributeType == .typeSocket else {
            throw AdminError(
                code: .cannotListen,
                message:
                    "\(path) is there and is no socket; choose another path with --admin-socket")
        }
        let client = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let other = try? await client.connect(to: address).get() {
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

    /// A path to bind to where nobody else can reach it: in a new directory beside `path` that only the owner may
    /// enter.
    ///
    /// - Throws: ``AdminError`` when the directory can't be made.
    static func stage(_ path: String) throws(AdminError) -> String {
        let parent = path.lastIndex(of: "/").map { path[...$0] } ?? "./"
        let directory = "\(parent).bp-\(UUID().uuidString.prefix(6))"
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw AdminError(
                code: .cannotListen,
                message: "cannot listen on the admin socket \(path): \(reason(error)); "
                    + "choose another path with --admin-socket",
                cause: error)
        }
        return "\(directory)/s"
    }

    /// What the system says, without Foundation's words around it.
    private static func reason(_ error: any Error) -> String {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        return underlying.map { SystemError.text(CInt($0.code)) } ?? "\(error)"
    }

    /// Gives a socket that was bound to a staged path its mode, 0600, and then its place.
    static func publish(_ staged: String, as path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: staged)
        try FileManager.default.moveItem(atPath: staged, toPath: path)
        unstage(staged)
    }

    /// Removes what ``stage(_:)`` made.
    static func unstage(_ staged: String) {
        remove(String(staged.dropLast(2)))
    }
}
