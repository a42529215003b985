import HostCore
import HostPipeline
import NIOCore
import Synchronization
import TestSupport
import Testing

@Suite struct CircuitBreakerStageTests {
    private static func stage(
        _ options: String = "{failures: 2, open_for: 1h}", log: TestLog = TestLog()
    )
        throws -> StageTrial
    {
        try StageTrial("[circuit-breaker: \(options)]", backend: "model", logger: log.logger)
    }

    private static func fail(_ stage: StageTrial, _ error: DispatchError) async -> TrialResponse {
        await stage.answer(to: .make()) { _, sink in sink.receive(.failure(error)) }
    }

    @Test("a backend that keeps failing is left alone")
    func opens() async throws {
        let log = TestLog()
        let stage = try Self.stage(log: log)
        let error = DispatchError(.unavailable, "no replica")
        for _ in 0..<2 { #expect(await Self.fail(stage, error).message == "no replica") }
        let answer = await stage.answer(to: .make()) { _, _ in Issue.record("it came through") }
        #expect(answer.status == 503)
        #expect(answer["retry-after"] == "3600")
        #expect(answer.message == "model keeps failing and is left alone: try again in 3600 s")
        #expect(log.text.count == 1)
        #expect(
            log.text.first?.hasPrefix("warning model keeps failing: its circuit is open") == true)
        #expect(stage.chain.links[0].meter.reading.errors == 1)
    }

    @Test(
        "what counts as a failure",
        arguments: [
            (DispatchError(.unavailable, ""), true), (DispatchError(.deadlineExceeded, ""), true),
            (DispatchError(.plugin(.internal), ""), true),
            (DispatchError(.plugin(.unavailable), ""), true),
            (DispatchError(.plugin(.deadlineExceeded), ""), true),
            (DispatchError(.plugin(.unknown), ""), true),
            (DispatchError(.plugin(.dataLoss), ""), true),
            (DispatchError(.refused(httpStatus: 502), ""), true),
            (DispatchError(.queueFull, ""), false), (DispatchError(.cancelled, ""), false),
            (DispatchError(.plugin(.cancelled), ""), false),
            (DispatchError(.plugin(.invalidArgument), ""), false),
            (DispatchError(.plugin(.notFound), ""), false),
            (DispatchError(.plugin(.resourceExhausted), ""), false),
            (DispatchError(.plugin(.unimplemented), ""), false),
            (DispatchError(.unknownMethod, ""), false),
            (DispatchError(.refused(httpStatus: 429), ""), false),
            (DispatchError(.deadlineExceeded, "", cause: CallersDeadline()), false),
        ])
    func failures(_ error: DispatchError, _ isFailure: Bool) async throws {
        let stage = try Self.stage("{failures: 1, open_for: 1h}")
        _ = await Self.fail(stage, error)
        #expect(await stage.answer(to: .make()).status == (isFailure ? 503 : 200))
    }

    @Test("a deadline that another stage set counts once it has passed", arguments: [true, false])
    func stagesDeadline(_ hasPassed: Bool) async throws {
        let stage = try Self.stage("{failures: 1, open_for: 1h}")
        var request = Request.make()
        request.shorten(to: .now() + (hasPassed ? .zero : .hours(1)))
        _ = await stage.answer(to: request) { _, sink in
            sink.receive(.failure(DispatchError(.deadlineExceeded, "", cause: CallersDeadline())))
        }
        #expect(await stage.answer(to: .make()).status == (hasPassed ? 503 : 200))
    }

    @Test(
        "an answer of a stage behind it counts by its status",
        arguments: [(500, 503), (404, 200), (501, 200)])
    func answers(_ status: Int, _ next: Int) async throws {
        let stage = try Self.stage("{failures: 1, open_for: 1h}")
        _ = await stage.answer(to: .make()) { _, sink in
            sink.receive(
                .success(CallResponse(status: status, body: ByteBuffer(), contentType: "")))
        }
        #expect(await stage.answer(to: .make()).status == next)
    }

    @Test("a stream that breaks off is a failure, one that ends is none")
    func streams() async throws {
        let stage = try Self.stage("{failures: 1, open_for: 1h}")
        let piece = CallResponse(body: ByteBuffer(string: "a"), contentType: "")
        for ending in [
            .success(piece), .failure(DispatchError(.plugin(.internal), "")),
        ] as [Result<CallResponse, DispatchError>] {
            let answer = await stage.answer(to: .make()) { _, sink in
                #expect(sink.receive(part: piece))
                sink.receive(ending)
            }
            #expect(answer.parts.count == 1)
        }
        #expect(await stage.answer(to: .make()).status == 503)
    }

    @Test("a stream that has begun lets others try, though it goes on")
    func endlessProbe() async throws {
        let stage = try Self.stage("{failures: 1, open_for: 1ms}")
        _ = await Self.fail(stage, DispatchError(.unavailable, ""))
        // Never answered to its end; it may be refused some times before it comes through.
        let hasBegun = Atomic<Bool>(false)
        try await Eventually.true {
            stage.send(.make()) { _, sink in
                let piece = CallResponse(body: ByteBuffer(string: "a"), contentType: "")
                hasBegun.store(sink.receive(part: piece), ordering: .relaxed)
            }
            return hasBegun.load(ordering: .relaxed)
        }
        #expect(await stage.answer(to: .make()).status == 200)
    }

    @Test("when its time has come, the backend is asked again")
    func recovers() async throws {
        let log = TestLog()
        let stage = try Self.stage("{failures: 1, open_for: 1ms}", log: log)
        _ = await Self.fail(stage, DispatchError(.unavailable, ""))
        try await Eventually.true { await stage.answer(to: .make()).status == 200 }
        #expect(log.count(containing: "notice model answers again: its circuit is closed") == 1)
        #expect(await stage.answer(to: .make()).status == 200)
    }

    @Test(
        "what is wrong in the configuration is told",
        arguments: [
            (
                "[circuit-breaker]",
                "circuit-breaker is for one backend: put it into the backend's middleware"
            ),
            (
                "[circuit-breaker: {failure_rate: 0}]",
                "1:34: [0].circuit-breaker.failure_rate is 0: it must be a number from 0.01 to 1"
            ),
            (
                "[circuit-breaker: {open_for: 5}]",
                "1:30: [0].circuit-breaker.open_for is 5: it must be a duration with a unit, such as 2ms or 10s"
            ),
            (
                "[circuit-breaker: {window: 1ms}]",
                "1:28: [0].circuit-breaker.window is 1ms: it must be 100ms at least"
            ),
        ])
    func configuration(_ yaml: String, _ error: String) {
        #expect(StageTrial.error(yaml) == error)
    }
}
