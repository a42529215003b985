import Foundation
import TestSupport
import Testing

@Suite(.throttled) struct RequestBodyTests {
    private static let body = (0..<2_000).map { "line \($0)\n" }.joined()

    @Test(
        "a body in chunks of any size arrives whole",
        arguments: [1, 2, 15, 16, 17, 255, 4_096, 100_000])
    func chunkSizes(size: Int) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let body = size < 15 ? String(Self.body.prefix(1_000)) : Self.body
            let pieces = stride(from: 0, to: body.utf8.count, by: size).map { start in
                String(decoding: Array(body.utf8)[start...].prefix(size), as: UTF8.self)
            }
            let headers = ["Transfer-Encoding: chunked"]
            try await wire.send(
                Requests.call("echo", nil, headers: headers) + Requests.chunks(pieces)
                    + "0\r\n\r\n" + Requests.call("echo", nil, "next"))
            #expect(try await wire.response().text == body)
            #expect(try await wire.response().text == "next")
        }
    }

    @Test(
        "chunks may have extensions and trailers, which the plugin doesn't see",
        arguments: [
            "5\r\nhello\r\n0\r\n\r\n",
            "0005\r\nhello\r\n0000\r\n\r\n",
            "5;name=value\r\nhello\r\n0;last\r\n\r\n",
            "5;name=\"quoted; \\\" value\";other\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n0\r\nX-Trailer: 1\r\nX-SERVE-CALL-METHOD: upper\r\n\r\n",
            "1\r\nh\r\n1\r\ne\r\n3\r\nllo\r\n0\r\n\r\n",
        ])
    func extensionsAndTrailers(chunks: String) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for _ in 0..<2 {
                try await wire.send(
                    Requests.call("echo", nil, headers: ["Transfer-Encoding: Chunked"]) + chunks)
                #expect(try await wire.response().text == "hello")
            }
        }
    }

    @Test("chunk sizes may be in upper case")
    func upperCase() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["transfer-encoding: chunked"])
                    + "1A\r\n\(String(repeating: "y", count: 26))\r\n0\r\n\r\n")
            #expect(try await wire.response().body.count == 26)
        }
    }

    @Test("chunks that arrive byte by byte are one body")
    func chunksByteByByte() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let request =
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"])
                + "5;ext\r\nhello\r\n7\r\n, world\r\n0\r\nX-Trailer: 1\r\n\r\n"
            for byte in request.utf8 { try await wire.send([byte]) }
            #expect(try await wire.response().text == "hello, world")
        }
    }

    @Test("a body with a Content-Length that arrives byte by byte is whole")
    func lengthByteByByte() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let body = String(Self.body.prefix(2_000))
            try await wire.send(
                Requests.call("echo", nil, headers: ["Content-Length: \(body.utf8.count)"]))
            for byte in body.utf8 { try await wire.send([byte]) }
            #expect(try await wire.response().text == body)
        }
    }

    @Test("no body, an empty one and one of no chunks are the same")
    func empty() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo"))
            try await wire.send(Requests.call("echo", nil, headers: ["Content-Length: 0"]))
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"]) + "0\r\n\r\n")
            for answer in try await wire.answers(3) {
                #expect(answer.status == 200)
                #expect(answer["content-length"] == "0")
            }
        }
    }

    @Test("GET takes a body too")
    func get() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.make("GET", "/echo", "a body"))
            #expect(try await wire.response().text == "a body")
        }
    }

    @Test("a request of 16 MiB comes back byte by byte the same")
    func large() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let body = Bytes.varied(count: 16 << 20)
            for method in [nil, "inline"] {
                let headers = method.map { ["X-SERVE-CALL-METHOD": $0] } ?? [:]
                let answer = try await host.http.send(
                    "POST", "/echo", headers: headers, bytes: body)
                #expect(answer.status == 200)
                #expect(answer.body == body)
            }
        }
    }

    @Test("a body in chunks of 16 MiB altogether comes back the same")
    func largeInChunks() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            // A sanitizer makes so many steps of it that other tests' clients would time out meanwhile.
            let body = Bytes.varied(count: Sanitizer.current == nil ? 16 << 20 : 1 << 20)
            let wire = try Wire(to: host)
            async let sending: Void = {
                try await wire.send(
                    Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"]))
                for start in stride(from: 0, to: body.count, by: 100_000) {
                    let piece = body[start...].prefix(100_000)
                    try await wire.send(Array("\(String(piece.count, radix: 16))\r\n".utf8))
                    try await wire.send(Array(piece) + Array("\r\n".utf8))
                }
                try await wire.send("0\r\n\r\n")
            }()
            let answer = try await wire.response()
            try await sending
            #expect(answer.body == body)
        }
    }

    @Test(
        "an answer of 10 MiB arrives byte by byte as the plugin made it",
        arguments: ["__call__", "allocated"])
    func largeAnswer(method: String) async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "big_answer")) { host in
            let answer = try await host.http.call("big_answer", method)
            #expect(answer.status == 200)
            #expect(answer.headers["content-length"] == "\(10 << 20)")
            #expect(answer.body == Bytes.bigAnswer)
        }
    }

    @Test("HTTP/1.0 gets an answer of 10 MiB whole, however slowly it reads")
    func slowReader() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "big_answer")) { host in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.make("GET", "/big_answer", version: "1.0"))
            // Three seconds: longer than the host waits for the client to close after the last response.
            #expect(try await wire.response(pause: .milliseconds(250)).body == Bytes.bigAnswer)
        }
    }
}
