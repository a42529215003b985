import Foundation
import TestSupport
import Testing

@Suite(.throttled) struct KeepAliveTests {
    @Test("a connection takes one request after the other")
    func requestsInTurn() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for method in [nil, "inline", "upper", nil, "inline"] {
                try await wire.send(Requests.call("echo", method, "hello"))
                let answer = try await wire.response()
                #expect(answer.status == 200)
                #expect(answer.text == (method == "upper" ? "HELLO" : "hello"))
                #expect(answer["connection"] == nil)
            }
            #expect(await wire.isSilent(for: .milliseconds(50)))
        }
    }

    @Test("a refusal leaves the connection usable when the request was whole")
    func afterRefusal() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.make("POST", "/nowhere", "a body"))
            #expect(try await wire.response().status == 404)
            try await wire.send(Requests.make("DELETE", "/echo"))
            #expect(try await wire.response().status == 405)
            try await wire.send(Requests.call("echo", "nothing", "a body"))
            #expect(try await wire.response().status == 404)
            try await wire.send(Requests.call("echo", nil, "still here"))
            #expect(try await wire.response().text == "still here")
        }
    }

    @Test(
        "a client that asks for it gets a last answer and a closed connection",
        arguments: [nil, "inline"])
    func closeAsked(method: String?) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", method, "bye", headers: ["Connection: close"]))
            let answer = try await wire.response()
            #expect(answer.text == "bye")
            #expect(answer.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("HTTP/1.0 ends after one answer")
    func oldVersion() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send("POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nold")
            let answer = try await wire.response()
            #expect(answer.text == "old")
            #expect(answer.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("HTTP/1.0 goes on when the client asks for it, and is told so")
    func oldVersionKeptAlive() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for body in ["one", "two"] {
                try await wire.send(
                    Requests.make(
                        "POST", "/echo", body, headers: ["Connection: keep-alive"], version: "1.0"))
                let answer = try await wire.response()
                #expect(answer.text == body)
                #expect(answer["connection"] == "keep-alive")
            }
        }
    }

    @Test("a request that arrives byte by byte is one request")
    func byteByByte() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for byte in Requests.call("echo", nil, "0123456789").utf8 {
                try await wire.send([byte])
            }
            #expect(try await wire.response().text == "0123456789")
        }
    }

    // RFC 9112, section 2.2.
    @Test("empty lines before a request are skipped")
    func emptyLines() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send("\r\n" + Requests.call("echo", nil, "one") + "\r\n\r\n")
            #expect(try await wire.response().text == "one")
            try await wire.send(Requests.call("echo", nil, "two"))
            #expect(try await wire.response().text == "two")
        }
    }

    // RFC 9110, section 7.8: a server may ignore an upgrade. What follows is no other protocol then.
    @Test(
        "a request for an upgrade is answered, and the client learns whether it may go on",
        arguments: ["h2c", "websocket"])
    func upgrade(proposal: String) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call(
                    "echo", nil, "plain", headers: ["Connection: Upgrade", "Upgrade: \(proposal)"])
                    + Requests.call("echo", nil, "next"))
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer.text == "plain")
            if answer.closes {
                #expect(await wire.end() == .closed)
            } else {
                #expect(try await wire.response().text == "next")
            }
        }
    }

    @Test("a request for an upgrade is answered, whatever comes behind it while it is called")
    func upgradeAndMore() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call(
                    "blocks", "sleep", "200", headers: ["Connection: Upgrade", "Upgrade: own"])
                    + String(repeating: "x", count: 1_000_000))
            #expect(try await wire.response().text == "slept")
            #expect(await wire.end() == .closed)
        }
    }

    @Test(
        "what comes behind a request for an upgrade is not kept",
        .enabled(if: Repository.hasProgram))
    func upgradeAndTooMuch() async throws {
        let host = try await HostProcess(plugins: Plugins.echo)
        let before = try Memory.peak(of: host.pid)
        let wire = try Wire(to: host.port)
        try await wire.send(
            Requests.call("echo", nil, "x", headers: ["Connection: Upgrade", "Upgrade: own"]))
        _ = try await wire.sendUntilBlocked(
            [UInt8](repeating: 0x78, count: 1 << 20), limit: 256 << 20)
        let grown = try Memory.peak(of: host.pid) - before
        #expect(grown < 32 << 20, "the host grew by \(grown >> 20) MiB")
        #expect(try await host.http.call("echo", nil, "alive").text == "alive")
    }

    @Test("CONNECT is refused, and nothing is tunnelled")
    func tunnel() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send("CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n")
            let answer = try await wire.response()
            #expect(answer.status == 404)
            #expect(answer.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("every answer has a date")
    func date() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let format = DateFormatter()
            format.locale = Locale(identifier: "en_US_POSIX")
            format.timeZone = TimeZone(identifier: "GMT")
            format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
            for request in [Requests.call("echo", nil, "x"), Requests.make("GET", "/nowhere")] {
                try await wire.send(request)
                let text = try #require(try await wire.response()["date"])
                let date = try #require(format.date(from: text))
                #expect(abs(date.timeIntervalSinceNow) < 30)
            }
        }
    }
}
