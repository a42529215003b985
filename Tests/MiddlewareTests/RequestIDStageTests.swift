import HostCore
import HostPipeline
import HostState
import NIOConcurrencyHelpers
import Testing

@Suite struct RequestIDStageTests {
    /// What the plugin, the caller and the client see of the id.
    private struct Seen {
        var plugins: [String] = []
        var callers = ""
        var answer: [String] = []
    }

    /// - Parameter known: what the host has read from the request itself.
    private func see(
        _ yaml: String, _ headers: [(String, String)], known: String? = nil,
        origin: CallMetadata.Origin = .http
    ) throws -> Seen {
        let sink = TrialSink()
        if let known { sink.rename(requestID: known) }
        let plugins = NIOLockedValueBox<[String]>([])
        let request = Request.make("POST", "/echo", headers, origin: origin)
        try StageTrial(yaml).chain.run(request, for: sink) { request, sink in
            plugins.withLockedValue { $0 = request.headers.all.map { "\($0.name): \($0.value)" } }
            sink.answer("")
        }
        return Seen(
            plugins: plugins.withLockedValue { $0 }, callers: sink.requestID,
            answer: sink.headers)
    }

    @Test("a request's id is taken over, and the answer has it")
    func incoming() throws {
        let seen = try see("- request-id", [("X-Request-Id", "abc")], known: "abc")
        #expect(seen.callers == "abc")
        #expect(seen.plugins == ["X-Request-Id: abc"])
        #expect(seen.answer == ["x-request-id: abc"])
    }

    @Test("a request without one keeps the one that the host has made")
    func made() throws {
        let seen = try see("- request-id", [])
        #expect(seen.callers == "id-of-the-caller")
        #expect(seen.plugins == [])
        #expect(seen.answer == ["x-request-id: id-of-the-caller"])
    }

    @Test("another header's id is taken over, in place of the usual one")
    func otherHeader() throws {
        let seen = try see(
            "- request-id: {header: X-Correlation-Id}",
            [("X-Request-Id", "usual"), ("X-Correlation-Id", "other")], known: "usual")
        #expect(seen.callers == "other")
        #expect(seen.plugins.sorted() == ["X-Correlation-Id: other", "x-request-id: other"])
        #expect(seen.answer == ["x-correlation-id: other"])
    }

    @Test(
        "an id that can't stand in a log is none",
        arguments: ["", "a b", "a\u{7F}", "é", String(repeating: "a", count: 129)])
    func unacceptable(id: String) throws {
        let seen = try see("- request-id", [("X-Request-Id", id)])
        #expect(seen.callers == "id-of-the-caller")
        #expect(seen.plugins == ["x-request-id: id-of-the-caller"])
    }

    @Test("two ids are none")
    func two() throws {
        let seen = try see("- request-id", [("X-Request-Id", "a"), ("X-Request-Id", "b")])
        #expect(seen.callers == "id-of-the-caller")
        #expect(seen.plugins == ["x-request-id: id-of-the-caller"])
    }

    @Test("what is not trusted is replaced by a new id, that of the host by none")
    func untrusted() throws {
        let options = "- request-id: {trust_incoming: false}"
        let seen = try see(options, [("X-Request-Id", "forged")], known: "forged")
        #expect(seen.callers != "forged")
        #expect(RequestID.isAcceptable(seen.callers))
        #expect(seen.plugins == ["x-request-id: \(seen.callers)"])
        #expect(seen.answer == ["x-request-id: \(seen.callers)"])
        #expect(try see(options, []).callers == "id-of-the-caller")
    }

    @Test("a handle's call keeps the id of the request that led to it")
    func handle() throws {
        let seen = try see(
            "- request-id: {trust_incoming: false}", [("x-request-id", "parent")],
            known: "parent", origin: .handle)
        #expect(seen.callers == "parent")
    }

    @Test("an error has the id once: the host writes the usual header itself")
    func error() throws {
        for (yaml, expected) in [
            ("- request-id", []), ("- request-id: {header: x-id}", ["x-id: id-of-the-caller"]),
        ] {
            let answer = try StageTrial(yaml).send(.make([])) {
                $1.receive(.failure(DispatchError(.unavailable, "none")))
            }
            #expect(answer.headers == expected)
        }
    }

    @Test(
        "options that make no sense are refused",
        arguments: [
            ("- request-id: {header: 'x y'}", "the name of a header"),
            ("- request-id: {trust_incoming: maybe}", "true or false"),
            ("- request-id: {trust: true}", "there are: header, trust_incoming"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}
