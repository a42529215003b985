import Backplane
import Foundation
import TestSupport
import Testing

@Suite(.throttled) struct DirectResponseTests {
    @Test("calls on a replica's thread are answered, in order, with whatever comes meanwhile")
    func meanwhile() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let wire = try Wire(to: host)
            for round in 0..<200 {
                try await wire.send(Requests.call("echo", nil, "one \(round)"))
                if round % 3 == 0 {
                    try await wire.send(Requests.call("echo", nil, "two \(round)"))
                }
                if round % 3 == 1 { try await wire.send(Requests.call("echo", "inline", "in")) }
                let count = round % 3 == 2 ? 1 : 2
                let answers = try await wire.answers(count).map(\.text)
                let expected = ["one \(round)", round % 3 == 0 ? "two \(round)" : "in"]
                #expect(answers == Array(expected.prefix(count)))
            }
        }
    }

    @Test("a connection whose last response a replica wrote is idle, and closed when that lasts")
    func idle() async throws {
        try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.idleTimeout, .milliseconds(300))
        ) { host in
            let wire = try Wire(to: host)
            for _ in 0..<3 {
                try await wire.send(Requests.call("echo", nil, "hello"))
                #expect(try await wire.response().text == "hello")
            }
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a host that ends closes connections whose last response a replica wrote, at once")
    func drains() async throws {
        let start = try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.shutdownTimeout, .seconds(120))
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "hello"))
            #expect(try await wire.response().text == "hello")
            return ContinuousClock.now
        }
        #expect(ContinuousClock.now - start < .seconds(100))
    }

    @Test("clients that leave at every moment leave nothing behind")
    func leaving() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            /// The host's descriptors of its clients' connections: others open files in this process, too.
            func openFiles() throws -> Int {
                let port = String(host.port, radix: 16, uppercase: true)
                let table = try String(contentsOfFile: "/proc/self/net/tcp", encoding: .utf8)
                let sockets = Set(
                    table.split(separator: "\n").compactMap { line -> String? in
                        let columns = line.split(separator: " ")
                        guard columns.count > 9, columns[1].hasSuffix(":\(port)") else {
                            return nil
                        }
                        return "socket:[\(columns[9])]"
                    })
                let files = FileManager.default
                return try files.contentsOfDirectory(atPath: "/proc/self/fd").count { file in
                    let link = try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(file)")
                    return link.map(sockets.contains) ?? false
                }
            }
            let kept = try Wire(to: host)
            try await kept.send(Requests.call("echo", nil, "hello"))
            _ = try await kept.response()
            let before = try openFiles()
            for round in 0..<300 {
                let wire = try Wire(to: host)
                try await wire.send(
                    Requests.call(
                        round % 2 == 0 ? "echo" : "blocks", round % 2 == 0 ? nil : "sleep", "3"))
                if round % 3 == 0 { _ = try await wire.response() }
                if round % 3 == 1 { try await Task.sleep(for: .milliseconds(round % 7)) }
                wire.leave()
            }
            #expect(before > 0)
            try await Eventually.true { try openFiles() <= before }
            try await kept.send(Requests.call("echo", nil, "still"))
            #expect(try await kept.response().text == "still")
        }
    }
}
