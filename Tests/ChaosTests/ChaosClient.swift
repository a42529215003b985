import Foundation

/// A client of a chaos run: one connection, one request, and a moment at which it leaves. Blocks a thread of its own.
///
/// The bytes are its own, because no HTTP library leaves in the middle of a head or resets a connection on demand.
final class ChaosClient {
    /// When the client goes away.
    enum Departure: Equatable {
        /// It reads the whole response.
        case stays
        /// After this many bytes of the request; all of them, if there are no more.
        case inRequest(after: Int)
        /// After this many bytes of the response.
        case inResponse(after: Int)
        /// It sends the request, says that it sends no more, and then reads.
        case halfCloses
    }

    struct Response: Equatable {
        var status: Int
        var body: [UInt8]
    }

    enum Outcome: Equatable {
        case left
        case response(Response)
        /// The host closed the connection before the response was whole.
        case cutOff(received: Int)
        /// Nothing came for as long as a client waits.
        case silence(received: Int)
        case noConnection
    }

    private let descriptor: Int32

    init?(port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | 0o2000000, 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            return nil
        }
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    }

    deinit { close(descriptor) }

    /// Sends a request in pieces and reads its response, up to the departure.
    ///
    /// - Parameters:
    ///   - resets: whether the departure is a reset rather than an orderly close.
    ///   - isHead: the response has no body, whatever its head announces.
    func run(
        _ request: [UInt8], departure: Departure, resets: Bool, isHead: Bool, pieceSize: Int
    ) -> Outcome {
        if resets {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor, SOL_SOCKET, Int32(SO_LINGER), &linger,
                socklen_t(MemoryLayout.size(ofValue: linger)))
        }
        var end = request.count
        if case .inRequest(let count) = departure { end = min(end, count) }
        var sent = 0
        while sent < end {
            let count = request.withUnsafeBytes {
                send(
                    descriptor, $0.baseAddress! + sent, min(pieceSize, end - sent),
                    Int32(MSG_NOSIGNAL))
            }
            // A host that has refused the request reads no more of it: the response is what counts.
            guard count > 0 else { break }
            sent += count
        }
        switch departure {
        case .inRequest: return .left
        case .halfCloses: shutdown(descriptor, Int32(SHUT_WR))
        case .stays, .inResponse: break
        }
        return receive(departure, isHead: isHead)
    }

    private func receive(_ departure: Departure, isHead: Bool) -> Outcome {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            var limit = buffer.count
            if case .inResponse(let count) = departure {
                guard received.count < count else { return .left }
                limit = min(limit, count - received.count)
            }
            if let response = ResponseReader.whole(received, isHead: isHead) {
                return .response(response)
            }
            let count = recv(descriptor, &buffer, limit, 0)
            if count > 0 {
                received += buffer[..<count]
            } else if count == 0 || errno == ECONNRESET || errno == EPIPE {
                return .cutOff(received: received.count)
            } else {
                return .silence(received: received.count)
            }
        }
    }
}

/// Reads a response strictly: what the framing does not allow is not whole.
enum ResponseReader {
    /// The final response at the start of the bytes, if all of it is there; interim ones are skipped.
    static func whole(_ bytes: [UInt8], isHead: Bool) -> ChaosClient.Response? {
        var rest = bytes[...]
        while let end = headEnd(rest) {
            let head = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[end...]
            let lines = head.split(separator: "\r\n")
            let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
            if (100..<200).contains(status) { continue }
            let isChunked = value("transfer-encoding", lines) == "chunked"
            let length = value("content-length", lines).flatMap { Int($0) }
            if isHead || status == 204 || status == 304 { return .init(status: status, body: []) }
            if isChunked { return unchunked(rest).map { .init(status: status, body: $0) } }
            guard let length, rest.count >= length else { return nil }
            return .init(status: status, body: Array(rest.prefix(length)))
        }
        return nil
    }

    private static func headEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in bytes.startIndex...(bytes.endIndex - 4)
        where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13
            && bytes[index + 3] == 10
        {
            return index + 4
        }
        return nil
    }

    private static func value(_ name: String, _ lines: [Substring]) -> String? {
        lines.dropFirst().first { $0.lowercased().hasPrefix(name + ":") }
            .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }

    private static func unchunked(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var body: [UInt8] = []
        var rest = bytes
        while let lineEnd = rest.firstIndex(of: 10) {
            let line = String(decoding: rest[..<lineEnd], as: UTF8.self)
            guard let size = Int(line.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16)
            else { return nil }
            rest = rest[(lineEnd + 1)...]
            guard rest.count >= size + 2 else { return nil }
            if size == 0 { return body }
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return nil
    }
}
