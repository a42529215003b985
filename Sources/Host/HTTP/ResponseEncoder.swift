internal import HostCore
internal import NIOCore
internal import NIOHTTP1

/// Writes HTTP/1.1 response heads and chunks straight into a buffer.
///
/// NIO's encoder takes a response as three parts with a header dictionary; this takes what the host knows and writes
/// it once, which is a third of the cost of a response. Source: RFC 9112, sections 4 and 7.1.
struct ResponseEncoder {
    enum Framing {
        /// The body has this many bytes.
        case length(Int)
        /// The body comes in chunks of its own.
        case chunked
        /// The body ends with the connection: what HTTP/1.0 can take of a stream.
        case untilClose
        /// The status says that there is none.
        case none
    }

    private var date = HTTPDate()

    /// Bodies up to this size are copied behind their head, into one write.
    static let copiedBodySize = 16 << 10

    /// Writes a response that is whole.
    ///
    /// - Returns: the body, if it is to be written as it is, behind the buffer.
    @discardableResult
    mutating func encode(
        _ response: CallResponse, to request: RequestHead, keepAlive: KeepAlive,
        into buffer: inout ByteBuffer
    ) -> ByteBuffer? {
        // Source: RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5. A 205 says that it has no body by its length.
        let status = response.status
        let mayHaveBody = status >= 200 && status != 204 && status != 304
        let size = response.body.readableBytes
        encodeHead(
            status: HTTPResponseStatus(statusCode: status), contentType: response.contentType,
            framing: mayHaveBody ? .length(size) : .none, headers: response.headers,
            keepAlive: keepAlive, into: &buffer)
        guard mayHaveBody, status != 205, !request.isHEAD, size > 0 else { return nil }
        guard size <= Self.copiedBodySize else { return response.body }
        buffer.writeImmutableBuffer(response.body)
        return nil
    }

    mutating func encodeHead(
        status: HTTPResponseStatus, contentType: String, framing: Framing,
        headers: [(name: String, value: String)], keepAlive: KeepAlive,
        into buffer: inout ByteBuffer
    ) {
        let date = date.now()
        let contentType = contentType.isEmpty ? "application/octet-stream" : contentType
        // What comes beside these is 192 bytes at most.
        let texts = status.reasonPhrase.utf8.count + date.utf8.count + contentType.utf8.count
        let room = headers.reduce(192 + texts) { room, header in
            room + header.name.utf8.count + header.value.utf8.count + 4
        }
        buffer.write(room: room) { head in
            if status.code == 200 {
                head.write(static: "HTTP/1.1 200 OK")
            } else {
                head.write(static: "HTTP/1.1 ")
                head.write(decimal: Int(status.code))
                head.write(static: " ")
                head.write(status.reasonPhrase)
            }
            head.write(static: "\r\ndate: ")
            head.write(date)
            if !framing.isNone {
                head.write(static: "\r\ncontent-type: ")
                head.write(contentType)
            }
            switch framing {
            case .length(let size):
                head.write(static: "\r\ncontent-length: ")
                head.write(decimal: size)
            case .chunked:
                head.write(static: "\r\ntransfer-encoding: chunked")
            case .untilClose, .none:
                break
            }
            for (name, value) in headers where !Self.isHostsOwn(name) {
                head.write(static: "\r\n")
                head.write(name)
                head.write(static: ": ")
                head.write(value)
            }
            switch keepAlive {
            case .implied: break
            case .announced: head.write(static: "\r\nconnection: keep-alive")
            case .no: head.write(static: "\r\nconnection: close")
            }
            head.write(static: "\r\n\r\n")
        }
    }

    enum KeepAlive {
        /// HTTP/1.1: the connection stays open, and nothing need be said.
        case implied
        /// HTTP/1.0: the client asked for it.
        case announced
        case no
    }

    static func encodeChunk(_ body: ByteBuffer, into buffer: inout ByteBuffer) {
        buffer.writeString(String(body.readableBytes, radix: 16))
        buffer.writeStaticString("\r\n")
        buffer.writeImmutableBuffer(body)
        buffer.writeStaticString("\r\n")
    }

    /// - Parameter trailers: fields behind the body; those that can't stand there are left out. Source: RFC 9112,
    ///   section 7.1.2.
    static func encodeLastChunk(
        _ trailers: [(name: String, value: String)] = [], into buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString("0\r\n")
        for (name, value) in trailers
        where HTTPText.isField(name, value) && !isHostsOwn(name) && !isOfHead(name) {
            buffer.writeString("\(name): \(value)\r\n")
        }
        buffer.writeStaticString("\r\n")
    }

    /// Fields that a recipient must know before the body. Source: RFC 9110, section 6.5.1.
    private static func isOfHead(_ name: String) -> Bool {
        let lowercased = name.lowercased()
        return lowercased.hasPrefix("content-")
            || [
                "age", "authorization", "cache-control", "expires", "host", "location",
                "max-forwards", "proxy-authenticate", "retry-after", "set-cookie", "vary",
                "www-authenticate",
            ].contains(lowercased)
    }

    /// Headers that say how the message is framed, or are written already: a plugin's are dropped.
    private static func isHostsOwn(_ name: String) -> Bool {
        func isOne(of names: String...) -> Bool {
            names.contains { HeaderName.areEqual($0, name) }
        }
        // The length tells most headers apart; only a likely one is compared.
        return switch name.utf8.count {
        case 2: isOne(of: "te")
        case 4: isOne(of: "date")
        case 7: isOne(of: "trailer", "upgrade")
        case 10: isOne(of: "connection", "keep-alive")
        case 12: isOne(of: "content-type")
        case 14: isOne(of: "content-length")
        case 16: isOne(of: "proxy-connection")
        case 17: isOne(of: "transfer-encoding")
        default: false
        }
    }
}
