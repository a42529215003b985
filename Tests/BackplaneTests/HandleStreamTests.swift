import Backplane
import HostDeployment
import NIOCore
import TestSupport
import Testing

/// Streamed answers through handles.
@Suite struct HandleStreamTests {
    private static var plugins: [String: String] {
        get throws {
            [
                "libstreams.so": try Fixture.library("streams"),
                "libfloods.so": try Fixture.library("floods"),
                "libecho.so": Repository.product("libecho.so"),
            ]
        }
    }

    @Test("parts come one by one, as the plugin wrote them", arguments: ["__call__", "sync"])
    func parts(method: String) async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let streams = try host.host.handle("streams").options(methodName: method)
            let stream = try await streams.remote("3").stream()
            #expect(stream.contentType == "text/plain")
            var parts: [String] = []
            for try await part in stream { parts.append(String(buffer: part)) }
            #expect(parts == ["part 0\n", "part 1\n", "part 2\n", "end\n"])
        }
    }

    @Test("an answer in one piece is a stream of one part, also when it is empty")
    func onePart() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let echo = try host.host.handle("echo")
            for text in ["whole", ""] {
                var parts: [String] = []
                for try await part in try await echo.remote(text).stream() {
                    parts.append(String(buffer: part))
                }
                #expect(parts == [text])
            }
        }
    }

    @Test("a stream is put together for whoever wants it whole")
    func whole() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let text = try await host.host.handle("streams").remote("100").text()
            #expect(text == (0..<100).map { "part \($0)\n" }.joined() + "end\n")
            // More than fits the window: nobody has to read for the plugin to go on.
            let bytes = try await host.host.handle("floods").remote("64").bytes()
            #expect(bytes.count == 64 << 16)
        }
    }

    @Test("a reader that is slow holds the plugin back, and loses nothing")
    func backpressure() async throws {
        try await TestHost.run(
            plugins: try Self.plugins, configure: { $0.requestTimeout = nil }
        ) { host in
            let floods = try host.host.handle("floods")
            let stream = try await floods.remote("64").stream()
            var before = ""
            var repeats = 0
            try await Eventually.true {
                let now = try await host.http.call("floods", "progress").text
                repeats = now == before && now != "0 0" ? repeats + 1 : 0
                before = now
                return repeats == 20
            }
            // 256 KiB on the way, and the part that was read.
            let written = try #require(Int(before.split(separator: " ")[0]))
            #expect((4...6).contains(written))
            var size = 0
            var number: UInt8 = 0
            for try await part in stream {
                size += part.readableBytes
                #expect(part.readableBytesView.allSatisfy { $0 == number })
                number += 1
            }
            #expect(size == 64 << 16)
        }
    }

    @Test("a reader that leaves ends the stream, and the plugin learns it")
    func leaves() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            for try await part in try await host.host.handle("floods").remote("100000").stream() {
                #expect(part.readableBytes == 1 << 16)
                break
            }
            // 1: CANCELLED.
            try await Eventually.true {
                try await host.http.call("floods", "progress").text.hasSuffix(" 1")
            }
            try await Eventually.true { try await host.status(of: "floods")?.calls.running == 0 }
        }
    }

    @Test("a stream whose answer is dropped unread runs to its end")
    func dropped() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            _ = try host.host.handle("floods").remote("64")
            try await Eventually.true {
                try await host.http.call("floods", "progress").text == "64 0"
            }
        }
    }

    @Test("a stream that fails half-way throws after what was written")
    func breaksOff() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let streams = try host.host.handle("streams").options(methodName: "breaks")
            let stream = try await streams.remote().stream()
            var parts: [String] = []
            let error = await #expect(throws: CallError.self) {
                for try await part in stream { parts.append(String(buffer: part)) }
            }
            #expect(parts == ["part 0\n"])
            #expect(error?.status == "INTERNAL" && error?.message == "broke")
            // And there is no half of an answer for whoever wants it whole.
            await #expect(throws: CallError.self) { try await streams.remote().response() }
        }
    }

    @Test("a stream breaks off when its deadline passes")
    func deadline() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let floods = try host.host.handle("floods").options(timeout: .milliseconds(300))
            let stream = try await floods.remote("100000").stream()
            // The first part, and no more: the plugin waits for room until it is too late.
            var iterator = stream.makeAsyncIterator()
            _ = try await iterator.next()
            try await Eventually.true {
                try await host.http.call("floods", "progress").text.hasSuffix(" 1")
            }
            let error = await #expect(throws: CallError.self) {
                while try await iterator.next() != nil {}
            }
            #expect(error?.code == .deadlineExceeded)
        }
    }
}
