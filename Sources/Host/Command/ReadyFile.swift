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
        let pid: Int32

        enum CodingKeys: String, CodingKey {
            case http, pid
            case adminSocket = "admin_socket"
        }
    }

    /// Writes the file in one step: whoever sees it sees all of it.
    static func write(_ addresses: BackplaneHost.Addresses, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let content = Content(
            http: Content.HTTP(host: addresses.host, port: addresses.port),
            adminSocket: addresses.adminSocket, pid: ProcessInfo.processInfo.processIdentifier)
        try encoder.encode(content).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
