import Foundation
import TestSupport

/// One connection to a host at the level of bytes: for requests that no client library would send, and answers whose
/// framing matters. Blocks threads of its own, never one of the tests'; every read has a time limit.
final class Wire: @unchecked Sendable {
    // Sendable: what changes is only touched on `receiving`; the descriptor may be used from any thread.
    private let descriptor: Int32
    private let sending = DispatchQueue(label: "wire.sending")
    private let receiving = DispatchQueue(label: "wire.receiving")
    /// What has arrived and was not taken yet: from `start` on.
    private var buffered = Data()
    private var start = 0

    private let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64 << 10)

    /// How a connection came to its end, seen from this side.
    enum End: Error, Equatable {
        /// The host closed it; all that it had sent arrived before.
        case closed
        /// The host cut it off.
        case reset
        /// Nothing came for as long as a read may take.
        case silent
    }

    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    /// - Parameter receiveBuffer: how many bytes the kernel takes for a client that doesn't read; nil: its default.
    init(to port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw POSIXError(.EIO) }
        if let receiveBuffer { setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        setOption(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
        setOption(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: 20, tv_usec: 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw POSIXError(.ECONNREFUSED) }
    }

    convenience init(to host: TestHost, receiveBuffer: Int32? = nil) throws {
        try self.init(to: host.port, receiveBuffer: receiveBuffer)
    }

    deinit {
        Foundation.close(descriptor)
        room.deallocate()
    }

    // MARK: Sending

    func send(_ text: String) async throws {
        try await send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await on(sending) { [self] in
            var sent = 0
            while sent < bytes.count { sent += try sendSome(bytes[sent...]) }
        }
    }

    /// Sends pieces with pauses between them, at the pace of a clock and not of the tests. Ends early when the host
    /// closes the connection.
    func send(_ pieces: [String], every pause: Duration) async throws {
        try await on(sending) { [self] in
            for piece in pieces {
                var rest = Array(piece.utf8)[...]
                while !rest.isEmpty {
                    guard let count = try? sendSome(rest) else { return }
                    rest = rest.dropFirst(count)
                }
                Thread.sleep(forTimeInterval: pause / .seconds(1))
            }
        }
    }

    /// Sends the same bytes again and again, until the host has not taken any for a second, has closed the connection,
    /// or it is enough.
    ///
    /// - Returns: how many bytes have left.
    func sendUntilBlocked(_ bytes: [UInt8], limit: Int) async throws -> Int {
        try await on(sending) { [self] in
            setOption(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: 1, tv_usec: 0))
            var total = 0
            var position = 0
            while total < limit {
                do {
                    let count = try sendSome(bytes[position...])
                    total += count
                    position = (position + count) % bytes.count
                } catch is End {
                    break
                }
            }
            return total
        }
    }

    private func sendSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
        let count = bytes.withUnsafeBytes {
            Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count < 0 { throw errno == EAGAIN ? End.silent : End.reset }
        return count
    }

    // MARK: Receiving

    /// The next answer, whole.
    ///
    /// - Parameters:
    ///   - hasBody: false for the response to HEAD.
    ///   - pause: for that long the first MiB and a half are not read, each 128 KiB anew.
    /// - Throws: ``End`` when the connection ends before it is whole; ``Unreadable``.
    func response(hasBody: Bool = true, pause: Duration? = nil) async throws -> WireResponse {
        try await on(receiving) { [self] in
            if let pause { try receive(128 << 10, times: 12, pause: pause) }
            let head = try take(through: "\r\n\r\n")
            var answer = try WireResponse(head: String(decoding: head.dropLast(4), as: UTF8.self))
            guard hasBody, answer.status >= 200, answer.status != 204 else { return answer }
            if answer["transfer-encoding"] == "chunked" {
                try takeChunks(into: &answer)
            } else if let length = answer["content-length"] {
                guard let length = Int(length) else { throw Unreadable(description: "\(answer)") }
                answer.body = try take(length)
            } else {
                let rest = takeRest()
                guard rest.end == .closed else { throw rest.end }
                answer.body = Array(rest.bytes)
            }
            return answer
        }
    }

    func answers(_ count: Int) async throws -> [WireResponse] {
        var answers: [WireResponse] = []
        for _ in 0..<count { answers.append(try await response()) }
        return answers
    }

    /// A part of what has arrived, raw.
    func bytes(_ count: Int) async throws -> [UInt8] {
        try await on(receiving) { [self] in try take(count) }
    }

    /// Puts what ``bytes(_:)`` took back in front, to be read as a response.
    func putBack(_ bytes: [UInt8]) async throws {
        try await on(receiving) { [self] in
            buffered = Data(bytes) + buffered[start...]
            start = 0
        }
    }

    /// All that comes until the end, raw.
    func rest() async -> (bytes: Data, end: End) {
        await withCheckedContinuation { continuation in
            receiving.async { [self] in continuation.resume(returning: takeRest()) }
        }
    }

    /// How the connection ends; what comes before that is dropped.
    func end() async -> End { await rest().end }

    /// Whether nothing arrives for a while, and the connection stays open.
    func isSilent(for duration: Duration) async -> Bool {
        await withCheckedContinuation { continuation in
            receiving.async { [self] in
                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                let milliseconds = duration / .milliseconds(1)
                continuation.resume(
                    returning: start == buffered.count
                        && poll(&waiting, 1, Int32(milliseconds)) == 0)
            }
        }
    }

    private func takeChunks(into answer: inout WireResponse) throws {
        while true {
            let line = String(decoding: try take(through: "\r\n").dropLast(2), as: UTF8.self)
            guard let size = Int(line, radix: 16) else {
                throw Unreadable(description: "chunk size \(line)")
            }
            answer.chunks.append(size)
            answer.body += try take(size)
            guard try take(2) == Array("\r\n".utf8) else {
                throw Unreadable(description: "no end of line after a chunk of \(size)")
            }
            if size == 0 { return }
        }
    }

    private func take(through mark: String) throws -> [UInt8] {
        while true {
            if let range = buffered[start...].firstRange(of: Data(mark.utf8)) {
                return try take(range.upperBound - start)
            }
            try receive()
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while buffered.count - start < count { try receive() }
        let bytes = Array(buffered[start..<start + count])
        start += count
        if start > 1 << 20 {
            buffered = Data(buffered[start...])
            start = 0
        }
        return bytes
    }

    private func takeRest() -> (bytes: Data, end: End) {
        while true {
            do {
                try receive()
            } catch {
                defer { (buffered, start) = (Data(), 0) }
                return (Data(buffered[start...]), error)
            }
        }
    }

    /// Receives a number of bytes, pauses, and so on, at the pace of a clock and not of the tests.
    private func receive(_ count: Int, times: Int, pause: Duration) throws {
        for time in 1...times {
            while buffered.count - start < count * time { try receive() }
            Thread.sleep(forTimeInterval: pause / .seconds(1))
        }
    }

    private func receive() throws(End) {
        let count = recv(descriptor, room.baseAddress, room.count, 0)
        if count == 0 { throw .closed }
        if count < 0 { throw errno == EAGAIN ? .silent : .reset }
        buffered.append(room.baseAddress!, count: count)
    }

    // MARK: Ending

    /// Sends no more; the host sees the end of the stream.
    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Leaves, as a client does whose process ends.
    func leave() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private func setOption<Value>(_ level: Int32, _ name: Int32, _ value: Value) {
        withUnsafePointer(to: value) {
            _ = setsockopt(descriptor, level, name, $0, socklen_t(MemoryLayout<Value>.size))
        }
    }

    private func on<Value: Sendable>(
        _ queue: DispatchQueue, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
