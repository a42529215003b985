import HostCore
import HostDispatch
import HostPipeline
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// What stages learn of a call's deadline, before it and afterwards.
@Suite struct CallDeadlineTests {
    private static func backend(_ timeout: Duration?) -> Backend {
        var settings = BackendSettings()
        settings.requestTimeout = timeout
        return Backend(
            tag: "model", settings: settings,
            timer: MultiThreadedEventLoopGroup.singleton.next(), logger: TestLog().logger)
    }

    private final class NoSubmitter: CallSubmitter {
        func submit(_ call: Call, to backend: Backend) {}
        func submit(copy call: Call, to backend: Backend) {}
    }

    private struct Looking: MiddlewareStage {
        let seen = NIOLockedValueBox<NIODeadline?>(nil)

        func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
            seen.withLockedValue { $0 = request.deadline }
            next.proceed(request, for: sink)
        }
    }

    @Test(
        "the earliest of all deadlines is the one that stages see",
        arguments: [
            (60, nil, nil, 60), (60, 30, nil, 30), (60, 90, nil, 60), (60, 90, 40, 40),
            (nil, nil, 40, 40), (nil, 30, nil, 30), (nil, nil, nil, nil),
        ] as [(Int?, Int?, Int?, Int?)])
    func seen(_ backend: Int?, _ sink: Int?, _ limit: Int?, _ expected: Int?) {
        let stage = Looking()
        let pipeline = BackendPipeline(
            Self.backend(backend.map { .seconds($0) }),
            chain: MiddlewareChain([.init(name: "looking", stage)]))
        var plan = CallPlan(method: "__call__", argument: ByteBuffer(), contentType: "")
        let now = NIODeadline.now()
        plan.timeout = sink.map { .seconds($0) }
        plan.limit = limit.map { now + .seconds(Int64($0)) }
        pipeline.submit(plan, for: TrialSink(), by: NoSubmitter()) { .make() }
        let deadline = stage.seen.withLockedValue { $0 }
        #expect((deadline == nil) == (expected == nil))
        guard let deadline, let expected else { return }
        #expect(deadline >= now + .seconds(Int64(expected)))
        #expect(deadline < now + .seconds(Int64(expected) + 10))
    }
}
