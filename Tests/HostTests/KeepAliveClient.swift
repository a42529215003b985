import Foundation

/// One HTTP connection that is kept open, and takes one call at a time. Blocks: for a thread of its own.
///
/// It is as simple as it can be, so that the host and not the client is what is busy: requests are bytes, and of an
/// answer only the status line, the length and the body are looked at.
final class KeepAliveClient {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: Int32
    private var received: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 16_384)

    private static let lengthField = Array("\r\ncontent-length:".utf8CString.dropLast())

    /// - Throws: ``Failure``
    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure(description: "no connection: errno \(errno)") }
        var yes: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// The bytes of a call to a plugin's method.
    static func request(_ plugin: String, _ method: String, _ body: String) -> [UInt8] {
        Array(
            """
            POST /\(plugin) HTTP/1.1\r
            Host: 127.0.0.1\r
            X-SERVE-CALL-METHOD: \(method)\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
    }

    /// Sends a request and checks the response.
    ///
    /// - Throws: ``Failure`` when it isn't 200 with this body.
    func call(_ request: [UInt8], expecting body: [UInt8]) throws {
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw Failure(description: "the request can't be sent: errno \(errno)")
        }
        var size: Int?
        while size == nil || received.count < size! {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else {
                throw Failure(
                    description: count == 0
                        ? "the host closed the connection" : "no answer: errno \(errno)")
            }
            received += buffer[..<count]
            if size == nil { size = answerSize }
        }
        defer { received.removeFirst(size!) }
        guard received.starts(with: "HTTP/1.1 200 ".utf8),
            received[..<size!].suffix(body.count) == body[...]
        else {
            throw Failure(
                description: "wanted \(String(decoding: body, as: UTF8.self)), got "
                    + String(decoding: received, as: UTF8.self))
        }
    }

    /// The size of the response that has begun to arrive; nil: its head is not there yet.
    private var answerSize: Int? {
        received.withUnsafeBytes { bytes -> Int? in
            let text = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
            let lines = (0..<max(0, bytes.count - 3)).filter { bytes[$0] == UInt8(ascii: "\r") }
            guard let end = lines.first(where: { bytes[$0 + 2] == UInt8(ascii: "\r") }) else {
                return nil
            }
            let length = lines.first {
                $0 < end && strncasecmp(text + $0, Self.lengthField, Self.lengthField.count) == 0
            }
            return end + 4
                + (length.map { strtol(text + $0 + Self.lengthField.count, nil, 10) } ?? 0)
        }
    }
}
