import HostCore
import HostDispatch
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

/// A caller that remembers its responses.
final class RecordingSink: ResponseSink {
    private let results = NIOLockedValueBox<[Result<CallResponse, DispatchError>]>([])

    var answers: [Result<CallResponse, DispatchError>] { results.withLockedValue { $0 } }

    let requestID = "test"

    func rename(requestID: String) {}

    func makeMetadata() -> CallMetadata { CallMetadata(origin: .handle, requestID: "test") }
    func receive(part: CallResponse) -> Bool { true }
    func receive(_ result: Result<CallResponse, DispatchError>) {
        results.withLockedValue { $0.append(result) }
    }
}

extension Backend {
    static func forTests(_ settings: BackendSettings = BackendSettings()) -> Backend {
        Backend(
            tag: "test", settings: settings, timer: MultiThreadedEventLoopGroup.singleton.next(),
            logger: TestLog().logger)
    }

    /// A call to nothing: state machines only look at its method and its deadline.
    func call(
        _ method: String = "__call__", _ body: String = "", timeout: Duration? = nil,
        sink: RecordingSink = RecordingSink()
    ) -> Call {
        Call(
            to: self, method: method, argument: ByteBuffer(string: body), timeout: timeout,
            sink: sink)
    }
}

/// Holds a value that the test changes in the middle of an expectation, which the macros don't do to a variable.
final class Box<Value> {
    var value: Value

    func change<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try body(&value)
    }

    init(_ value: Value) {
        self.value = value
    }
}

extension Call {
    convenience init(
        to backend: Backend, method: String = CallMetadata.defaultMethod, argument: ByteBuffer,
        timeout: Duration? = nil, sink: any ResponseSink
    ) {
        var plan = CallPlan(method: method, argument: argument, contentType: "")
        plan.timeout = timeout
        self.init(plan, to: backend, sink: sink)
    }
}
