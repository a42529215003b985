import HostCore
import HostPipeline
import NIOCore
import TestSupport
import Testing

@Suite struct MiddlewareChainTests {
    private static let request = Request(
        origin: .http, httpMethod: "POST", path: "/echo", query: "", headers: [:],
        method: "__call__", contentType: "", shardKey: "", body: ByteBuffer(string: "body"))

    private func chain(_ stages: [RecordingStage]) -> MiddlewareChain {
        MiddlewareChain(stages.map { MiddlewareChain.Link(name: $0.name, $0) })
    }

    @Test("any chain runs in its order, out in the reverse, and stops where a stage answers")
    func order() async throws {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<500 {
            let trace = Trace()
            let stages = (0..<Int.random(in: 0...6, using: &random)).map { index in
                RecordingStage(
                    name: "\(index)",
                    violations: RecordingStage.Conduct.allCases.randomElement(using: &random)!,
                    readsBody: Bool.random(using: &random), trace: trace)
            }
            let sink = WaitingSink()
            chain(stages).run(Self.request, for: sink) { _, sink in
                trace.add("end")
                sink.receive(
                    .success(CallResponse(body: ByteBuffer(string: "end"), contentType: "")))
            }
            let answer = await sink.response()

            let last = stages.firstIndex { $0.violations == .answers || $0.violations == .refuses }
            let entered = stages[...(last ?? stages.endIndex - 1)]
            let filters = entered.filter { $0.violations == .filters }.reversed()
            let expected =
                entered.map { "in \($0.name)" } + (last == nil ? ["end"] : [])
                + filters.map { "out \($0.name)" }
            #expect(trace.events == expected)
            #expect(sink.count == 1)
            switch answer {
            case .success(let response):
                let source = last.map { stages[$0].name } ?? "end"
                #expect(
                    String(buffer: response.body)
                        == ([source] + filters.map(\.name)).joined())
                #expect(response.headers.map(\.value) == filters.map(\.name))
            case .failure(let error):
                #expect(last.map { stages[$0].violations } == .refuses)
                #expect(error.httpStatus == 403)
                #expect(error.headers.map(\.value) == filters.map(\.name))
            }
        }
    }

    @Test("stages count their calls, and the refusals that are their own")
    func meters() async {
        let trace = Trace()
        let chain = chain([
            RecordingStage(name: "a", violations: .waits, trace: trace),
            RecordingStage(name: "b", violations: .refuses, trace: trace),
            RecordingStage(name: "c", violations: .passes, trace: trace),
        ])
        for _ in 0..<3 {
            let sink = WaitingSink()
            chain.run(Self.request, for: sink) { _, _ in Issue.record("refused, and there") }
            _ = await sink.response()
        }
        #expect(chain.links.map(\.meter.reading.calls) == [3, 3, 0])
        #expect(chain.links.map(\.meter.reading.errors) == [0, 3, 0])
        #expect(chain.links[0].meter.reading.seconds > 0)
    }

    @Test("a stage that reads bodies gets the request when the body is there, others before")
    func body() async {
        let trace = Trace()
        let chain = chain([
            RecordingStage(name: "head", violations: .passes, trace: trace),
            RecordingStage(name: "body", violations: .passes, readsBody: true, trace: trace),
        ])
        let incoming = IncomingBody(limit: 10) { trace.add("wanted") }
        let request = Request(
            origin: .http, httpMethod: "POST", path: "/echo", query: "", headers: [:],
            method: "__call__", contentType: "", shardKey: "", incoming: incoming)
        chain.run(request, for: WaitingSink()) { request, _ in
            trace.add("end \(request.body.map { String(buffer: $0) } ?? "")")
        }
        #expect(trace.events == ["in head", "wanted"])
        incoming.end(.success(ByteBuffer(string: "all")))
        #expect(trace.events == ["in head", "wanted", "in body", "end all"])
    }

    @Test("a body that never comes whole refuses the request of whoever waits for it")
    func bodyRefused() async {
        let trace = Trace()
        let stage = RecordingStage(name: "b", violations: .passes, readsBody: true, trace: trace)
        let incoming = IncomingBody(limit: 10) {}
        let request = Request(
            origin: .http, httpMethod: "POST", path: "/echo", query: "", headers: [:],
            method: "__call__", contentType: "", shardKey: "", incoming: incoming)
        let sink = WaitingSink()
        chain([stage]).run(request, for: sink) { _, _ in Issue.record("there is no body") }
        incoming.end(.failure(DispatchError(.refused(httpStatus: 413), "too large")))
        let answer = await sink.response()
        #expect(throws: DispatchError.self) { try answer.get() }
        #expect(trace.events == [])
    }

    @Test("what a stage changes is seen behind it, and not in a copy that another keeps")
    func values() {
        let copy = Self.request
        var changed = copy
        changed.path = "/other"
        changed.headers.add(name: "x", value: "1")
        changed.shorten(to: .uptimeNanoseconds(5))
        changed.shorten(to: .uptimeNanoseconds(9))
        #expect((copy.path, copy.headers.all.count, copy.isHeadChanged) == ("/echo", 0, false))
        #expect(
            (changed.path, changed.headers.all.count, changed.isHeadChanged) == ("/other", 1, true))
        #expect(changed.limit == .uptimeNanoseconds(5))
    }
}
