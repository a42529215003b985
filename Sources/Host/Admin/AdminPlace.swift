internal import AsyncHTTPClient
internal import Foundation

/// Where an admin API is reached.
enum AdminPlace: Sendable, CustomStringConvertible {
    case socket(String)
    /// The URL as far as the port.
    case remote(origin: String, token: String)

    /// - Throws: ``AdminError`` when the URL has more than a scheme, a host and a port.
    static func tcp(url: String, token: String) throws(AdminError) -> AdminPlace {
        // What is wrong is not repeated: somebody may have put a password there.
        guard let parts = URLComponents(string: url),
            let scheme = parts.scheme, scheme == "http" || scheme == "https",
            parts.host?.isEmpty == false, parts.user == nil, parts.password == nil,
            parts.path.isEmpty || parts.path == "/", parts.query == nil, parts.fragment == nil
        else {
            throw AdminError(
                code: .unusableURL,
                message: "the admin URL can't be used: write a scheme, a host and a port, such as "
                    + "http://127.0.0.1:9000")
        }
        return .remote(origin: url.hasSuffix("/") ? String(url.dropLast()) : url, token: token)
    }

    /// - Parameter path: with its query.
    /// - Throws: ``AdminError`` when the path of the socket can't be one.
    func url(_ path: String) throws(AdminError) -> String {
        switch self {
        case .remote(let origin, _): return origin + path
        case .socket(let socket):
            _ = try AdminSocket.address(socket)
            guard let url = URL(httpURLWithSocketPath: socket, uri: path) else {
                throw AdminError(
                    code: .notRunning, message: "\(socket) can't be the path of an admin socket")
            }
            return url.absoluteString
        }
    }

    var authorization: String? {
        if case .remote(_, let token) = self { "Bearer \(token)" } else { nil }
    }

    /// Which it is, for people; never with the token.
    var description: String {
        switch self {
        case .socket(let path): "the admin socket \(path)"
        case .remote(let origin, _): "the admin API at \(origin)"
        }
    }

    /// How to name another.
    var advice: String {
        switch self {
        case .socket: "name its socket with --admin-socket"
        case .remote: "name what its --admin-listen says with --admin-url"
        }
    }
}
