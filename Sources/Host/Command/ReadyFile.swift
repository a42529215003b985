internal import Backplane
internal import Foundation

/// Tells programs that start a host where it can be reached.
enum ReadyFile {
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

    /// Removes what an earlier host left behind: whoever waits for the file must not find that one's address.
    ///
    /// - Throws: ``Unwritable``: better now than after somebody has waited for it.
    static func prepare(_ path: String) throws(Unwritable) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard FileManager.default.isWritableFile(atPath: directory) else {
            throw Unwritable(
                description: "cannot write the ready file \(path): "
                    + "its directory is missing or can't be written to")
        }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes the file in one step: whoever sees it sees all of it.
    static func write(
        _ addresses: BackplaneHost.Addresses, adminHost: String, to path: String
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let content = Content(
            http: Content.HTTP(host: addresses.host, port: addresses.port),
            adminSocket: addresses.adminSocket,
            admin: addresses.adminPort.map { Content.HTTP(host: adminHost, port: $0) },
            pid: ProcessInfo.processInfo.processIdentifier)
        try encoder.encode(content).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
