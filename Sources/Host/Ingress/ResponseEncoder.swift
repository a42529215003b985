internal import NIOCore
internal import NIOHTTP1

/// Writes HTTP/1.1 response heads and chunks straight into a buffer.
///
/// NIO's encoder takes a response as three parts with a header dictionary; this takes what the host knows and writes
/// it once, which is a third of the cost of an answer. Source: RFC 9112, sections 4 and 7.1.
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

    mutating func encodeHead(
        status: HTTPResponseStatus, contentType: String, framing: Framing,
        headers: [(name: String, value: String)], keepAlive: KeepAlive,
        into buffer: inout ByteBuffer
    ) {
        if status.code == 200 {
            buffer.writeStaticString("HTTP/1.1 200 OK\r\ndate: ")
        } else {
            buffer.writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\ndate: ")
        }
        date.write(into: &buffer)
        if !framing.isNone {
            buffer.writeStaticString("\r\ncontent-type: ")
            buffer.writeString(contentType.isEmpty ? "application/octet-stream" : contentType)
        }
        switch framing {
        case .length(let size):
            buffer.writeStaticString("\r\ncontent-length: ")
            Self.writeDecimal(size, into: &buffer)
        case .chunked:
            buffer.writeStaticString("\r\ntransfer-encoding: chunked")
        case .untilClose, .none:
            break
        }
        for (name, value) in headers where !Self.isHostsOwn(name) {
            buffer.writeStaticString("\r\n")
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
        }
        switch keepAlive {
        case .implied: break
        case .announced: buffer.writeStaticString("\r\nconnection: keep-alive")
        case .no: buffer.writeStaticString("\r\nconnection: close")
        }
        buffer.writeStaticString("\r\n\r\n")
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

    static func encodeLastChunk(into buffer: inout ByteBuffer) {
        buffer.writeStaticString("0\r\n\r\n")
    }

    /// Headers that say how the message is framed, or are written already: a plugin's are dropped.
    private static func isHostsOwn(_ name: String) -> Bool {
        switch name.lowercased() {
        case "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection",
            "te", "trailer", "upgrade", "content-type", "date":
            true
        default: false
        }
    }

    private static func writeDecimal(_ number: Int, into buffer: inout ByteBuffer) {
        guard number >= 10 else {
            buffer.writeInteger(UInt8(ascii: "0") + UInt8(number))
            return
        }
        buffer.writeString(String(number))
    }
}
