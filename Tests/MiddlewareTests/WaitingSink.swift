import HostCore
import NIOConcurrencyHelpers

/// A caller that waits for its answer.
final class WaitingSink: ResponseSink {
    typealias Response = Result<CallResponse, DispatchError>

    let requestID = "test"
    private let answers = NIOLockedValueBox<[Response]>([])
    private let stream: AsyncStream<Response>
    private let continuation: AsyncStream<Response>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// How often there was an answer until now.
    var count: Int { answers.withLockedValue { $0.count } }

    func response() async -> Response {
        for await answer in stream { return answer }
        preconditionFailure("the stream never ends")
    }

    func rename(requestID: String) {}
    func makeMetadata() -> CallMetadata { CallMetadata(origin: .handle, requestID: "test") }
    func receive(part: CallResponse) -> Bool { true }
    func receive(_ result: Response) {
        answers.withLockedValue { $0.append(result) }
        continuation.yield(result)
    }
}
