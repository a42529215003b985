import Backplane
import HostPipeline
import TestSupport
import Testing

/// The bound for the bodies of all connections together.
@Suite(.throttled) struct BufferedBodyTests {
    private static let mebibyte = [UInt8](repeating: 0x78, count: 1 << 20)

    /// A host with room for 8 MiB of bodies, of which 7 may be large ones.
    private func run(
        _ configure: (inout HostConfiguration) -> Void = { _ in },
        _ body: (TestHost) async throws -> Void
    ) async throws {
        try await TestHost.run(
            plugins: Plugins.echo,
            configure: { configuration in
                configuration.maxBodySize = 4 << 20
                configuration.maxBufferedBodies = 8 << 20
                configure(&configuration)
            }, body)
    }

    /// Connections that have sent all of their bodies but for the last byte, 7 MiB in all.
    private func fill(_ host: TestHost) async throws -> [Wire] {
        var wires: [Wire] = []
        for size in [4, 3] {
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Content-Length: \(size << 20)"]))
            for _ in 1..<size { try await wire.send(Self.mebibyte) }
            try await wire.send(Array(Self.mebibyte.dropLast()))
            wires.append(wire)
        }
        // A head alone takes no room.
        try await Eventually.true {
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call(
                    "echo", nil, headers: ["Content-Length: 1048576", "Expect: 100-continue"]))
            return try await wire.response().status == 503
        }
        return wires
    }

    @Test(
        "a body that does not fit is answered 503 with Retry-After, and those that fit arrive",
        arguments: [true, false], ["Content-Length: 1048576", "Transfer-Encoding: chunked"])
    func noRoom(hasChain: Bool, framing: String) async throws {
        let stage = ClosureStage { request, sink, next in
            next.proceed(request, for: FilteringSink(Mark(), before: sink, next))
        }
        try await run({ if hasChain { ClosureStage.around(stage)(&$0) } }) { host in
            let wires = try await fill(host)
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: [framing]) + "100000\r\n")
            try? await wire.send(Self.mebibyte)
            let refusal = try await wire.response()
            #expect(refusal.status == 503)
            #expect(refusal["retry-after"] == "1")
            #expect(refusal["x-mark"] == (hasChain ? "503" : nil), "the stages see it")
            #expect(refusal.closes)
            #expect(try await host.http.call("echo", nil, "small").text == "small")
            for (wire, size) in zip(wires, [4, 3]) {
                try await wire.send("x")
                let answer = try await wire.response()
                #expect(answer.status == 200)
                #expect(answer.body.count == size << 20)
            }
        }
    }

    private struct Mark: ResponseFilter {
        func begin(_ head: inout ResponseHead) { head.add("x-mark", "\(head.status)") }
    }

    @Test(
        "room is free again whatever becomes of a body", arguments: ["leaves", "413", "answered"])
    func givenBack(end: String) async throws {
        try await run { host in
            for _ in 0..<4 {
                let wires = try await fill(host)
                for wire in wires {
                    switch end {
                    case "leaves": wire.leave()
                    case "413": try await wire.send(Self.mebibyte + Self.mebibyte)
                    default:
                        try await wire.send("x")
                        _ = try await wire.response()
                    }
                }
                try await Eventually.true {
                    let wire = try Wire(to: host)
                    let body = String(repeating: "x", count: 4 << 20)
                    try? await wire.send(Requests.call("echo", nil, body))
                    return try await wire.response().status == 200
                }
            }
        }
    }

    @Test("an upload that stands still makes room for others")
    func stalled() async throws {
        try await run { host in
            let wires = try await fill(host)
            try await Eventually.true(within: .seconds(20)) {
                let wire = try Wire(to: host)
                let body = String(repeating: "x", count: 2 << 20)
                try? await wire.send(Requests.call("echo", nil, body))
                return try await wire.response().status == 200
            }
            let answers = await wires.asyncMap { try? await $0.response().status }
            #expect(answers.contains(503))
        }
    }
}

extension Array {
    fileprivate func asyncMap<Value>(_ body: (Element) async -> Value) async -> [Value] {
        var values: [Value] = []
        for element in self { values.append(await body(element)) }
        return values
    }
}
