import HostCore
import HostPipeline
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@Suite struct RetryStageTests {
    private static let quick = "{backoff: 1ms, min_retries: 1000}"
    private static let busy = DispatchError(.unavailable, "no replica")

    private static func stage(_ options: String = quick) throws -> StageTrial {
        try StageTrial("[retry: \(options)]", backend: "model")
    }

    /// A plugin that gives one response after the other, and keeps the requests; the last answer for ever.
    private final class Plugin: Sendable {
        private let answers: [Result<CallResponse, DispatchError>]
        private let seen = NIOLockedValueBox<[Request]>([])

        var requests: [Request] { seen.withLockedValue { $0 } }

        init(_ answers: [Result<CallResponse, DispatchError>]) {
            self.answers = answers
        }

        func answer(_ request: Request, _ sink: any ResponseSink) {
            let index = seen.withLockedValue { seen in
                seen.append(request)
                return seen.count - 1
            }
            sink.receive(answers[min(index, answers.count - 1)])
        }
    }

    private static let good = Result<CallResponse, DispatchError>.success(
        CallResponse(body: ByteBuffer(string: "good"), contentType: ""))

    @Test("a request that could not be taken is tried again, as it was")
    func again() async throws {
        let plugin = Plugin([.failure(Self.busy), .failure(Self.busy), Self.good])
        var request = Request.make("PUT", with: [("a", "b")])
        request.body = ByteBuffer(string: "body")
        let stage = try Self.stage()
        let answer = await stage.answer(to: request, from: plugin.answer)
        #expect(answer.status == 200)
        #expect(plugin.requests.count == 3)
        for seen in plugin.requests {
            #expect(seen.body == request.body)
            #expect(seen.headers["a"] == ["b"])
        }
        #expect(stage.chain.links[0].meter.reading.calls == 1)
    }

    @Test("the last answer stands", arguments: [2, 3, 5])
    func attempts(_ attempts: Int) async throws {
        let plugin = Plugin([.failure(Self.busy)])
        let answer = try await Self.stage("{attempts: \(attempts), backoff: 0, min_retries: 99}")
            .answer(to: .make("GET"), from: plugin.answer)
        #expect(answer.status == 503)
        #expect(answer.message == "no replica")
        #expect(plugin.requests.count == attempts)
    }

    @Test(
        "what is tried again",
        arguments: [
            ("GET", .failure(DispatchError(.queueFull, "")), true),
            ("HEAD", .failure(DispatchError(.plugin(.unavailable), "")), true),
            ("PUT", .failure(DispatchError(.refused(httpStatus: 502), "")), true),
            ("DELETE", .failure(busy), true), ("OPTIONS", .failure(busy), true),
            (
                "GET", .success(CallResponse(status: 503, body: ByteBuffer(), contentType: "")),
                true
            ),
            // It would be done twice.
            ("POST", .failure(busy), false), ("PATCH", .failure(busy), false),
            ("get", .failure(busy), false),
            ("GET", .failure(DispatchError(.deadlineExceeded, "")), false),
            ("GET", .failure(DispatchError(.cancelled, "")), false),
            ("GET", .failure(DispatchError(.plugin(.internal), "")), false),
            ("GET", .failure(DispatchError(.plugin(.resourceExhausted), "")), false),
            ("GET", .failure(DispatchError(.unknownMethod, "")), false),
            (
                "GET", .success(CallResponse(status: 500, body: ByteBuffer(), contentType: "")),
                false
            ),
            ("GET", good, false),
            (
                "GET",
                .success(
                    CallResponse(
                        status: 503, body: ByteBuffer(), contentType: "",
                        headers: [("Retry-After", "3")])), false
            ),
            // A circuit that is open for longer than a pause; and one that is nearly closed.
            (
                "GET",
                .failure(
                    DispatchError(.refused(httpStatus: 503), "", headers: [("Retry-After", "3")])),
                false
            ),
            (
                "GET",
                .failure(
                    DispatchError(.refused(httpStatus: 503), "", headers: [("retry-after", "2")])),
                true
            ),
        ] as [(String, Result<CallResponse, DispatchError>, Bool)])
    func what(
        _ method: String, _ result: Result<CallResponse, DispatchError>, _ isTriedAgain: Bool
    )
        async throws
    {
        let plugin = Plugin([result, Self.good])
        _ = try await Self.stage("{backoff: 0, max_backoff: 2s}").answer(
            to: .make(method), from: plugin.answer)
        #expect(plugin.requests.count == (isTriedAgain ? 2 : 1))
    }

    @Test(
        "what comes late from one try, from another thread, is no part of the next one's response")
    func late() async throws {
        let callers = NIOLockedValueBox<[any ResponseSink]>([])
        let stage = try Self.stage()
        let part = CallResponse(body: ByteBuffer(string: "late"), contentType: "")
        let answer = await stage.answer(to: .make("GET")) { _, sink in
            let count = callers.withLockedValue { callers in
                callers.append(sink)
                return callers.count
            }
            guard count == 2 else { return sink.receive(.failure(Self.busy)) }
            // The plugin's other thread still writes for the first try.
            #expect(!callers.withLockedValue { $0[0] }.receive(part: part))
            callers.withLockedValue { $0[0] }.receive(Self.good)
            sink.answer("second")
        }
        #expect(answer.parts.isEmpty && String(buffer: answer.body) == "second")
    }

    @Test("methods and statuses are the operator's choice")
    func choice() async throws {
        let plugin = Plugin([.failure(DispatchError(.plugin(.internal), "")), Self.good])
        _ = try await Self.stage("{methods: [POST], statuses: [500], backoff: 0}")
            .answer(to: .make("POST", origin: .handle), from: plugin.answer)
        #expect(plugin.requests.count == 2)
    }

    @Test("nothing is tried again once a part of the answer has gone out")
    func streams() async throws {
        let tries = NIOLockedValueBox(0)
        let answer = try await Self.stage().answer(to: .make("GET")) { _, sink in
            tries.withLockedValue { $0 += 1 }
            #expect(
                sink.receive(part: CallResponse(body: ByteBuffer(string: "a"), contentType: ""))
            )
            sink.receive(.failure(Self.busy))
        }
        #expect(answer.parts.count == 1)
        #expect(answer.status == 503)
        #expect(tries.withLockedValue { $0 } == 1)
    }

    @Test("nothing is tried again when the time is over")
    func overdue() async throws {
        let plugin = Plugin([.failure(Self.busy), Self.good])
        var request = Request.make("GET")
        request.shorten(to: .now())
        let answer = try await Self.stage("{backoff: 0}").answer(to: request, from: plugin.answer)
        #expect(answer.status == 503)
        #expect(plugin.requests.count == 1)
    }

    @Test("later tries end when the first would have ended")
    func deadline() async throws {
        let plugin = Plugin([.failure(Self.busy), Self.good])
        var request = Request.make("GET")
        let limit = NIODeadline.now() + .hours(1)
        request.shorten(to: limit)
        _ = try await Self.stage().answer(to: request, from: plugin.answer)
        #expect(plugin.requests.map(\.limit) == [limit, limit])
    }

    @Test("retries are a share of the requests, and no more")
    func budget() async throws {
        let stage = try Self.stage(
            "{attempts: 10, backoff: 0, budget: 0.5, budget_window: 1h, min_retries: 2}")
        let plugin = Plugin([.failure(Self.busy)])
        for _ in 0..<20 {
            #expect(await stage.answer(to: .make("GET"), from: plugin.answer).status == 503)
        }
        #expect(plugin.requests.count == 20 + 2 + 10)
    }

    @Test("each request is answered once, however many are tried again at once")
    func concurrent() async throws {
        let stage = try Self.stage("{backoff: 1ms, min_retries: 100000}")
        let callers = (0..<200).map { number in
            let plugin = Plugin([
                .failure(Self.busy), number % 2 == 0 ? Self.good : .failure(Self.busy),
            ])
            return stage.send(.make("GET"), to: plugin.answer)
        }
        for sink in callers { await sink.answered() }
        for (number, sink) in callers.enumerated() {
            #expect(sink.results.count == 1)
            #expect(sink.status == (number % 2 == 0 ? 200 : 503))
        }
    }

    @Test(
        "what is wrong in the configuration is told",
        arguments: [
            ("[retry]", "retry is for one backend: put it into the backend's middleware"),
            (
                "[retry: {attempts: 1}]",
                "1:20: [0].retry.attempts is 1: it must be a whole number from 2 to 10"
            ),
            (
                "[retry: {statuses: [200]}]",
                "1:21: [0].retry.statuses[0] is 200: it must be a whole number from 400 to 599"
            ),
            (
                "[retry: {methods: [a b]}]",
                "1:20: [0].retry.methods[0] is a b: it must be an HTTP method, in capital letters"
            ),
        ])
    func configuration(_ yaml: String, _ error: String) {
        #expect(StageTrial.error(yaml) == error)
    }
}
