import Backplane
import Foundation
import HostCore
import HostDeployment
import HostPipeline
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// What is behind a face does not know which one it is.
@Suite struct LineFaceTests {
    private func run(
        plugins: [String: String], stages: [MiddlewareChain.Link] = [],
        _ body: (TestHost, LineClient) async throws -> Void
    ) async throws {
        let (port, made) = (Promise<Int>(), NIOLockedValueBox<LineFace?>(nil))
        try await TestHost.run(plugins: plugins) { configuration in
            configuration.outermost = stages
            configuration.faces = [
                { routes in
                    let face = LineFace(routes) { port.fulfil($0) }
                    made.withLockedValue { $0 = face }
                    return face
                }
            ]
        } _: { host in
            let client = try LineClient(port: await port.value)
            try await body(host, client)
            client.close()
            try await made.withLockedValue { $0 }?.stop()
        }
    }

    @Test("calls come in by another face than HTTP, many at once on one connection")
    func calls() async throws {
        try await run(plugins: ["libecho.so": Repository.product("libecho.so")]) { _, client in
            for id in 0..<50 {
                try client.send(LineFace.Line(id: id, path: "/echo", body: "text \(id)"))
            }
            var answers: [Int: String] = [:]
            while answers.count < 50 {
                let line = try client.receive()
                #expect(line.status == 200)
                answers[line.id] = line.body
            }
            #expect(
                answers == Dictionary(uniqueKeysWithValues: (0..<50).map { ($0, "text \($0)") }))
        }
    }

    @Test("a body may arrive behind the head, and refusals are the same as everywhere")
    func bodies() async throws {
        try await run(plugins: ["libecho.so": Repository.product("libecho.so")]) { _, client in
            try client.send(LineFace.Line(id: 1, path: "/echo"))
            try client.send(LineFace.Line(id: 1, data: "one, "))
            try client.send(LineFace.Line(id: 1, data: "two", last: true))
            #expect(try client.receive().body == "one, two")

            try client.send(LineFace.Line(id: 2, path: "/nothing", body: ""))
            let unknown = try client.receive()
            #expect(unknown.status == 404)
            #expect(unknown.error == "no endpoint at /nothing; GET /-/routes lists those there are")
            try client.send(LineFace.Line(id: 3, verb: "PUT", path: "/echo", body: ""))
            #expect(try client.receive().status == 405)
            try client.send(
                LineFace.Line(
                    id: 4, path: "/echo", fields: ["x-request-timeout-seconds": "soon"], body: ""))
            #expect(try client.receive().status == 400)
            try client.send(LineFace.Line(id: 5, verb: "GET", path: "/-/healthz", body: ""))
            #expect(try client.receive().body == "success")
        }
    }

    @Test("stages around all endpoints see requests of every face, and may send them elsewhere")
    func stages() async throws {
        let stage = Detour()
        try await run(
            plugins: ["libecho.so": Repository.product("libecho.so")],
            stages: [MiddlewareChain.Link(name: "detour", stage)]
        ) { _, client in
            try client.send(LineFace.Line(id: 1, path: "/elsewhere", body: "here"))
            let line = try client.receive()
            #expect((line.status, line.body) == (200, "here"))
            #expect(line.trailers == ["x-checked": "yes"])
        }
    }

    @Test("a stream is slowed down by the face, and ends when its client goes")
    func streams() async throws {
        try await run(plugins: ["streams.so": Fixture.library("streams")]) { host, client in
            try client.send(
                LineFace.Line(
                    id: 1, path: "/streams", fields: ["x-serve-call-method": "sync"],
                    body: "1000000000"))
            for _ in 0..<3 { #expect(try client.receive().part != nil) }
            _ = try await host.wait(for: "streams") { $0.calls.running == 1 }
            client.close()
            _ = try await host.wait(for: "streams") { $0.calls.running == 0 }
        }
    }

    /// Sends `/elsewhere` to the echo plugin, and adds a trailer.
    private struct Detour: MiddlewareStage {
        func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
            var request = request
            if request.path == "/elsewhere" { request.path = "/echo" }
            next.proceed(request, for: TrailerSink(sink))
        }
    }

    private final class TrailerSink: ResponseSink {
        private let sink: any ResponseSink

        init(_ sink: any ResponseSink) { self.sink = sink }

        var requestID: String { sink.requestID }
        func rename(requestID: String) { sink.rename(requestID: requestID) }
        func makeMetadata() -> CallMetadata { sink.makeMetadata() }
        func receive(part: CallResponse) -> Bool { sink.receive(part: part) }

        func receive(_ result: Result<CallResponse, DispatchError>) {
            sink.receive(
                result.map { response in
                    var response = response
                    response.trailers = [("x-checked", "yes")]
                    return response
                })
        }
    }
}

/// A client of ``LineFace``.
private final class LineClient {
    private let socket: RawSocket
    private var received = ""

    init(port: Int) throws {
        socket = try RawSocket(port: port)
    }

    func send(_ line: LineFace.Line) throws {
        try socket.send(String(decoding: JSONEncoder().encode(line), as: UTF8.self) + "\n")
    }

    func receive() throws -> LineFace.Line {
        for _ in 0..<1_000 {
            if let end = received.firstIndex(of: "\n") {
                let text = received[..<end]
                received = String(received[received.index(after: end)...])
                return try JSONDecoder().decode(LineFace.Line.self, from: Data(text.utf8))
            }
            received += socket.receive { !$0.isEmpty }
        }
        throw POSIXError(.EPIPE)
    }

    func close() { socket.close() }
}
