import Foundation
import HostCore
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import HostHTTP

@Suite struct ResponseSocketTests {
    /// Two ends of a stream.
    private struct Ends {
        let own: CInt
        let client: CInt

        init(buffer: CInt? = nil) throws {
            var ends: [CInt] = [0, 0]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            (own, client) = (ends[0], ends[1])
            if var buffer {
                let size = socklen_t(MemoryLayout<CInt>.size)
                try #require(setsockopt(own, SOL_SOCKET, SO_SNDBUF, &buffer, size) == 0)
            }
        }

        /// What has come, or nil when that was the end.
        func read() -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(client, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            return count == 0 ? nil : Array(bytes.prefix(max(0, count)))
        }

        func close() {
            Glibc.close(own)
            Glibc.close(client)
        }
    }

    private let request = RequestHead(
        HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: ["Host": "a"]))
    private let response = CallResponse(
        body: ByteBuffer(string: "hello"), contentType: "text/plain")

    private func isDone(_ writing: ResponseSocket.Writing) -> Bool {
        if case .done = writing { true } else { false }
    }

    private func isRefused(_ writing: ResponseSocket.Writing) -> Bool {
        if case .refused = writing { true } else { false }
    }

    @Test("a response is written when the socket is offered, once for each offer")
    func offers() throws {
        let ends = try Ends()
        defer { ends.close() }
        let socket = try #require(ResponseSocket(duplicating: ends.own))
        #expect(isRefused(socket.write(response, to: request)))
        for _ in 0..<3 {
            socket.offer()
            #expect(isDone(socket.write(response, to: request)))
            #expect(isRefused(socket.write(response, to: request)))
            let text = String(decoding: try #require(ends.read()), as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("\r\n\r\nhello"))
            #expect(socket.isWritten)
            #expect(socket.takeBack() == .written(bytes: text.utf8.count))
            #expect(socket.takeBack() == .unused)
        }
        socket.offer()
        #expect(socket.takeBack() == .unused)
        #expect(isRefused(socket.write(response, to: request)))
        socket.close()
    }

    @Test("what the kernel doesn't take is for the loop")
    func partly() throws {
        let ends = try Ends(buffer: 4_608)
        defer { ends.close() }
        let socket = try #require(ResponseSocket(duplicating: ends.own))
        let body = String(repeating: "x", count: 16_000)
        var (received, rest) = ("", ByteBuffer())
        for _ in 0..<3 where rest.readableBytes == 0 {
            socket.offer()
            let large = CallResponse(body: ByteBuffer(string: body), contentType: "")
            if case .partly(_, let left) = socket.write(large, to: request) { rest = left }
            #expect(socket.takeBack() == .unused || rest.readableBytes == 0)
        }
        #expect(rest.readableBytes > 0)
        while let bytes = ends.read(), !bytes.isEmpty {
            received += String(decoding: bytes, as: UTF8.self)
        }
        received += String(buffer: rest)
        #expect(received.hasSuffix("\r\n\r\n\(body)"))
        socket.close()
    }

    @Test("closing it ends the connection, though others still refer to it", arguments: [0, 1, 2])
    func closes(phase: Int) throws {
        let ends = try Ends()
        defer { Glibc.close(ends.client) }
        let socket = try #require(ResponseSocket(duplicating: ends.own))
        if phase > 0 { socket.offer() }
        if phase > 1 { _ = socket.write(response, to: request) }
        Glibc.close(ends.own)
        socket.close()
        socket.close()
        if phase > 1 { _ = ends.read() }
        #expect(ends.read() == nil)
        #expect(isRefused(socket.write(response, to: request)))
    }

    @Test("loop and thread never both have it, whoever is first")
    func race() async throws {
        let ends = try Ends()
        defer { ends.close() }
        let socket = try #require(ResponseSocket(duplicating: ends.own))
        for _ in 0..<20_000 {
            socket.offer()
            async let writing = Task.detached { socket.write(response, to: request) }.value
            let finding = socket.takeBack()
            switch (finding, await writing) {
            case (.unused, .refused), (.inUse, .doneAndWatched): break
            case (.written(let bytes), .done): #expect(bytes > 0)
            case (let finding, let writing): Issue.record("\(finding), \(writing)")
            }
            #expect(socket.takeBack() == .unused)
            _ = ends.read()
        }
        socket.close()
    }
}
