import HostDispatch
import HostPlugins
import NIOConcurrencyHelpers

/// A caller that waits for its answer.
final class WaitingCaller: Caller {
    typealias Answer = Result<PluginResponse, DispatchError>

    let requestID = "test"
    private let answers = NIOLockedValueBox<[Answer]>([])
    private let stream: AsyncStream<Answer>
    private let continuation: AsyncStream<Answer>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// How often there was an answer until now.
    var count: Int { answers.withLockedValue { $0.count } }

    func answer() async -> Answer {
        for await answer in stream { return answer }
        preconditionFailure("the stream never ends")
    }

    func rename(requestID: String) {}
    func makeMetadata() -> CallMetadata { CallMetadata(origin: .handle, requestID: "test") }
    func receive(part: PluginResponse) -> Bool { true }
    func receive(_ result: Answer) {
        answers.withLockedValue { $0.append(result) }
        continuation.yield(result)
    }
}
