import HostCore
import NIOCore
import Testing

@Suite struct BodyLimitStageTests {
    private func incoming() -> IncomingBody { IncomingBody(limit: 1 << 20, onWanted: {}) }

    @Test("a request that announces more is refused at its head", arguments: [9, 1 << 40])
    func announced(size: Int) throws {
        let answer = try StageTrial("- body-limit: {max_size: 8}").send(
            .make("POST", "/echo", [("Content-Length", "\(size)")], incoming: incoming())
        ) { _, _ in Issue.record("the request came through") }
        #expect(answer.status == 413)
        #expect(answer.error?.message == "the request body is over the limit of 8 bytes")
    }

    @Test("a body that is announced, and not too large, goes on with the limit", arguments: [0, 8])
    func fitting(size: Int) throws {
        let incoming = incoming()
        let answer = try StageTrial("- body-limit: {max_size: 8}").send(
            .make("POST", "/echo", [("Content-Length", "\(size)")], incoming: incoming))
        #expect(answer.status == 200)
        #expect(incoming.limit == 8)
    }

    @Test("a body in chunks is watched as it comes")
    func chunked() throws {
        let incoming = incoming()
        let sent = Request.make(
            "POST", "/echo", [("Transfer-Encoding", "chunked")], incoming: incoming)
        #expect(try StageTrial("- body-limit: {max_size: 64KiB}").send(sent).status == 200)
        #expect(incoming.limit == 64 << 10)
    }

    @Test("the lowest of several limits holds")
    func several() throws {
        let incoming = incoming()
        let yaml = "[{body-limit: {max_size: 5}}, {body-limit: {max_size: 8}}]"
        try StageTrial(yaml).send(.make("POST", "/echo", incoming: incoming))
        #expect(incoming.limit == 5)
    }

    @Test("a body in chunks that is there already is measured", arguments: [(8, true), (9, false)])
    func arrived(size: Int, fits: Bool) throws {
        let incoming = incoming()
        incoming.end(.success(ByteBuffer(repeating: 0, count: size)))
        let answer = try StageTrial("- body-limit: {max_size: 8}").send(
            .make("POST", "/echo", incoming: incoming)
        ) { _, sink in
            incoming.whenThere { body in
                sink.receive(body.map { CallResponse(body: $0, contentType: "") })
            }
        }
        #expect(answer.status == (fits ? 200 : 413))
    }

    @Test("a handle's argument is a body", arguments: [(8, 200), (9, 413)])
    func handle(size: Int, status: Int) throws {
        let body = String(repeating: "a", count: size)
        let answer = try StageTrial("- body-limit: {max_size: 8}", backend: "echo").send(
            .make("POST", "/echo", origin: .handle, body: body))
        #expect(answer.status == status)
    }

    @Test(
        "a size has a unit or none",
        arguments: [("0", 0), ("4096", 4_096), ("64KiB", 65_536), ("2MiB", 2 << 20)])
    func sizes(text: String, bytes: Int) throws {
        let incoming = IncomingBody(limit: .max, onWanted: {})
        try StageTrial("- body-limit: {max_size: \(text)}").send(
            .make("POST", "/echo", incoming: incoming))
        #expect(incoming.limit == bytes)
    }

    @Test(
        "what is no size is refused",
        arguments: [
            ("- body-limit", "it must be a mapping"),
            ("- body-limit: {}", "max_size is missing"),
            ("- body-limit: {max_size: -1}", "1:26: [0].body-limit.max_size is -1"),
            ("- body-limit: {max_size: 1MB}", "a number of bytes, such as 4096, 64KiB or 1MiB"),
            ("- body-limit: {max_size: 1.5MiB}", "a number of bytes"),
            ("- body-limit: {max_size: 2048GiB}", "a number of bytes"),
            ("- body-limit: {max_size: 99999999999999999999GiB}", "a number of bytes"),
            ("- body-limit: {max_size: 9007199254740993GiB}", "a number of bytes"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}
