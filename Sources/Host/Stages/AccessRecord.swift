internal import HostCore
internal import NIOCore

/// What the access log says of one request.
struct AccessRecord {
    enum Format: String, CaseIterable {
        case text
        case json
    }

    var time: LogTime
    var origin: CallMetadata.Origin
    /// nil: a handle's call, or a client without one.
    var remoteAddress: String?
    var httpMethod: String
    /// Without the query, which may hold secrets.
    var path: String
    var status: Int
    /// Of the body; nil: the host has made it, of an error.
    var bytes: Int?
    var duration: TimeAmount
    var requestID: String
    /// nil: the stage is around all of them.
    var backend: String?
    var referer: String?
    var userAgent: String?
    /// Why there is no response, or why it broke off.
    var error: String?

    /// Writes a line, its end included. Whatever the request has in it, it is one line.
    func write(_ format: Format, into buffer: inout ByteBuffer) {
        switch format {
        case .text: writeText(into: &buffer)
        case .json: writeJSON(into: &buffer)
        }
        buffer.writeStaticString("\n")
    }

    // MARK: Text

    /// The combined log format, and more behind it.
    private func writeText(into buffer: inout ByteBuffer) {
        buffer.writeString(remoteAddress ?? "-")
        buffer.writeStaticString(" - - [")
        buffer.writeString(time.common)
        buffer.writeStaticString("] \"")
        Self.writeEscaped(httpMethod, into: &buffer)
        buffer.writeStaticString(" ")
        Self.writeEscaped(path, into: &buffer)
        buffer.writeString("\" \(status) \(bytes.map(String.init) ?? "-") ")
        Self.writeQuoted(referer, into: &buffer)
        buffer.writeStaticString(" ")
        Self.writeQuoted(userAgent, into: &buffer)
        buffer.writeString(" \(milliseconds)ms \(origin.name) ")
        Self.writeWord(requestID, into: &buffer)
        buffer.writeStaticString(" ")
        Self.writeWord(backend ?? "-", into: &buffer)
        guard let error else { return }
        buffer.writeStaticString(" ")
        Self.writeQuoted(error, into: &buffer)
    }

    private static func writeQuoted(_ text: String?, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("\"")
        writeEscaped(text ?? "-", into: &buffer)
        buffer.writeStaticString("\"")
    }

    /// A backend's tag may be any text.
    private static func writeWord(_ text: String, into buffer: inout ByteBuffer) {
        if text.utf8.contains(UInt8(ascii: " ")) {
            writeQuoted(text, into: &buffer)
        } else {
            writeEscaped(text, into: &buffer)
        }
    }

    /// As nginx does it: what is no visible ASCII becomes `\xHH`, and so do quotes and backslashes.
    private static func writeEscaped(_ text: String, into buffer: inout ByteBuffer) {
        for byte in text.utf8.prefix(longest) {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x7F...:
                hex(byte, &buffer, "\\x")
            default: buffer.writeInteger(byte)
            }
        }
    }

    // MARK: JSON

    /// What is not known is left out.
    private func writeJSON(into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"time\":\"")
        buffer.writeString(time.iso8601)
        buffer.writeStaticString("\"")
        Self.writeMember("origin", origin.name, into: &buffer)
        Self.writeMember("remote_address", remoteAddress, into: &buffer)
        Self.writeMember("method", httpMethod, into: &buffer)
        Self.writeMember("path", path, into: &buffer)
        buffer.writeString(",\"status\":\(status)")
        if let bytes { buffer.writeString(",\"bytes\":\(bytes)") }
        buffer.writeString(",\"duration_ms\":\(milliseconds)")
        Self.writeMember("request_id", requestID, into: &buffer)
        Self.writeMember("backend", backend, into: &buffer)
        Self.writeMember("referer", referer, into: &buffer)
        Self.writeMember("user_agent", userAgent, into: &buffer)
        Self.writeMember("error", error, into: &buffer)
        buffer.writeStaticString("}")
    }

    private static func writeMember(
        _ name: StaticString, _ text: String?, into buffer: inout ByteBuffer
    ) {
        guard let text else { return }
        buffer.writeStaticString(",\"")
        buffer.writeStaticString(name)
        buffer.writeStaticString("\":")
        let scalars = text.unicodeScalars
        JSONString.write(
            scalars.count <= longest
                ? text : String(String.UnicodeScalarView(scalars.prefix(longest))), to: &buffer)
    }

    // MARK: Both

    /// A longer text is cut off: a request's header may have 32 KiB.
    private static let longest = 2_048

    private static func hex(_ byte: UInt8, _ buffer: inout ByteBuffer, _ prefix: StaticString) {
        buffer.writeStaticString(prefix)
        for digit in [byte >> 4, byte & 15] {
            buffer.writeInteger(
                digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// To the microsecond.
    private var milliseconds: String {
        let (whole, rest) = (max(duration.nanoseconds, 0) / 1_000)
            .quotientAndRemainder(dividingBy: 1_000)
        return "\(whole)." + String(String(1_000 + rest).dropFirst())
    }
}

extension CallMetadata.Origin {
    fileprivate var name: String {
        switch self {
        case .http: "http"
        case .handle: "handle"
        }
    }
}
