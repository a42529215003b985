import Backplane
import Foundation
import TestSupport
import Testing

@testable import HostHTTP

@Suite(.throttled) struct ReadingTests {
    private static let plain = [
        Requests.call("echo", nil, "one"), Requests.make("GET", "/-/healthz"),
        Requests.call("echo", "upper", String(repeating: "two", count: 2_000)),
    ]
    /// In forms that NIO's decoder reads.
    private static let other = [
        Requests.make("POST", "/echo", headers: ["Transfer-Encoding: chunked"])
            + Requests.chunks(["fo", "ur"]) + "0\r\n\r\n",
        Requests.make("POST", "http://test/echo", "five"),
    ]
    private static let answers = [
        "one", "success", String(repeating: "TWO", count: 2_000), "four", "five", "one",
    ]

    @Test(
        "requests in plain and in other forms are answered in order, however they are cut",
        arguments: [1, 7, 100, 5_000, 1 << 20])
    func cut(size: Int) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let bytes = Array((Self.plain + Self.other + [Self.plain[0]]).joined().utf8)
            async let sending: Void = {
                for start in stride(from: 0, to: bytes.count, by: size) {
                    try await wire.send(Array(bytes[start..<min(start + size, bytes.count)]))
                }
            }()
            let answers = try await wire.answers(Self.answers.count)
            #expect(answers.map(\.status) == answers.map { _ in 200 })
            #expect(answers.map(\.text) == Self.answers)
            try await sending
        }
    }

    @Test("a request in another form behind one that runs waits for it, with all that follows")
    func behindCall() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("blocks", "sleep", "100"))
            for request in [Self.plain[0], Self.other[0], Self.plain[0], Self.other[1]] {
                try await wire.send(request)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(
                try await wire.answers(5).map(\.text) == ["slept", "one", "four", "one", "five"])
        }
    }

    @Test(
        "a head of any size needs no body to be answered", arguments: [1_900, 2_100, 7_000, 9_000])
    func largeHead(size: Int) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let field = "X-Large: \(String(repeating: "x", count: size))"
            for request in [
                Requests.make("GET", "/-/healthz", headers: [field]),
                Requests.call("echo", nil, headers: [field, "Content-Length: 0"]),
                Requests.call("echo", nil, headers: [field]),
                Requests.call("echo", nil, "body", headers: [field]),
            ] {
                let start = ContinuousClock.now
                try await wire.send(request)
                #expect(try await wire.response().status == 200)
                #expect(ContinuousClock.now - start < .seconds(25), "it was not waited for")
            }
        }
    }

    @Test("requests that the decoder reads are answered, also those behind a call of a replica")
    func pipelinedBehindOther() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for request in [Self.plain[0], Self.plain[0], Self.other[0]] {
                try await wire.send(request)
                #expect(try await wire.response().status == 200)
            }
            for round in 0..<50 {
                let pair = ["a\(round)", "b\(round)"]
                try await wire.send(pair.map { Requests.call("echo", nil, $0) }.joined())
                #expect(try await wire.answers(2).map(\.text) == pair)
            }
        }
    }

    @Test("what is no request is refused behind plain ones, at once")
    func garbage() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(Self.plain[0] + "BREW /")
            #expect(try await wire.answers(2).map(\.status) == [200, 501])
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a client that stops within a head is told so, be it the first one or not")
    func late() async throws {
        try await TestHost.run(
            plugins: Plugins.echo,
            configure: TestHost.setting(\.transferTimeout, .milliseconds(200))
        ) { host in
            for first in ["", Self.plain[0]] {
                let wire = try Wire(to: host)
                try await wire.send(first + "POST /echo HTTP/1.1\r\nHo")
                let answers = try await wire.answers(first.isEmpty ? 1 : 2)
                #expect(answers.last?.status == 408)
            }
        }
    }

    @Test("large and small bodies on one connection come whole")
    func sizes() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for count in [10, 100_000, 3_000, 10] {
                let body = String(repeating: "x", count: count)
                try await wire.send(Requests.call("echo", nil, body))
                #expect(try await wire.response().text == body)
            }
        }
    }
}
