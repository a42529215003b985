internal import DequeModule
internal import HostCore
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Takes the response of what is behind a stage, for the stage's task to read it part by part.
///
/// What is behind writes no further ahead than a ``StreamWindow`` has room. Any thread; one task reads.
final class StageInbox: OriginSink {
    enum Event {
        case part(CallResponse)
        /// The last one; it is there again for whoever asks again.
        case end(Result<CallResponse, DispatchError>)
    }

    private struct State {
        // Bound: the window stops who writes while the reader is behind.
        var parts: Deque<CallResponse> = []
        var result: Result<CallResponse, DispatchError>?
        var reader: CheckedContinuation<Event, Never>?
        var end = CompletionListeners()
    }

    private let sink: any ResponseSink
    private let window = StreamWindow()
    private let state = NIOLockedValueBox(State())
    private let originSink: (any OriginSink)?

    /// - Parameter originSink: the one in front of all stages.
    init(before sink: any ResponseSink, originSink: (any OriginSink)?) {
        self.sink = sink
        self.originSink = originSink
    }

    func takeRoom(forBodyBytes count: Int) -> Bool {
        originSink?.takeRoom(forBodyBytes: count) ?? true
    }

    // MARK: The reader

    /// Waits for the next part. Cancelling the task ends the response.
    func next() async -> Event {
        await withTaskCancellationHandler {
            await withCheckedContinuation { reader in
                let event = state.withLockedValue { state -> Event? in
                    if let part = state.parts.popFirst() { return .part(part) }
                    if let result = state.result { return .end(result) }
                    precondition(state.reader == nil, "two tasks read one answer")
                    state.reader = reader
                    return nil
                }
                guard let event else { return }
                if case .part(let part) = event { window.release(part.body.readableBytes) }
                reader.resume(returning: event)
            }
        } onCancel: {
            close()
        }
    }

    /// Nobody reads any more: who writes is told so.
    func close() {
        let rest = state.withLockedValue { state in
            defer { state.parts = [] }
            return state.parts
        }
        window.release(rest.reduce(0) { $0 + $1.body.readableBytes })
        receive(.failure(.nobodyWaits))
    }

    // MARK: What is behind

    var requestID: String { sink.requestID }

    func rename(requestID: String) { sink.rename(requestID: requestID) }

    func makeMetadata() -> CallMetadata { sink.makeMetadata() }

    var hasOwnThread: Bool { originSink?.hasOwnThread ?? false }

    var isOnOwnThread: Bool { originSink?.isOnOwnThread ?? false }

    func onOwnThread(_ body: @escaping @Sendable () -> Void) {
        guard let originSink else {
            Task { body() }
            return
        }
        originSink.onOwnThread(body)
    }

    func whenOver(_ body: @escaping @Sendable () -> Void) {
        if state.withLockedValue({ $0.end.add(body) }) { body() }
    }

    func whenThereIsRoom(_ body: @escaping @Sendable () -> Void) { window.whenThereIsRoom(body) }

    func receive(part: CallResponse) -> Bool {
        let size = part.body.readableBytes
        guard window.waitForRoom(size) else { return false }
        let (isOpen, reader) = state.withLockedValue {
            state -> (Bool, CheckedContinuation<Event, Never>?) in
            guard state.result == nil else { return (false, nil) }
            if let reader = state.reader.take() { return (true, reader) }
            state.parts.append(part)
            return (true, nil)
        }
        if let reader {
            window.release(size)
            reader.resume(returning: .part(part))
        }
        return isOpen
    }

    func receive(_ result: Result<CallResponse, DispatchError>) {
        let told = state.withLockedValue { state -> ([CompletionListeners.Listener], Reader?)? in
            guard state.result == nil else { return nil }
            state.result = result
            return (state.end.end(), state.reader.take())
        }
        guard let (listeners, reader) = told else { return }
        window.close()
        for listener in listeners { listener() }
        reader?.resume(returning: .end(result))
    }

    private typealias Reader = CheckedContinuation<Event, Never>

    /// The body of a streamed response. When nobody has it any more, nobody reads.
    final class Reading: Sendable {
        private let inbox: StageInbox
        private let first: NIOLockedValueBox<ByteBuffer?>

        init(_ inbox: StageInbox, first: ByteBuffer) {
            self.inbox = inbox
            self.first = NIOLockedValueBox(first)
        }

        deinit {
            // Changes nothing when it is over.
            inbox.close()
        }

        /// - Throws: ``CallError`` when the response breaks off, and what `body` throws.
        func readPieces(_ body: (ByteBuffer) async throws -> Void) async throws {
            if let part = first.withLockedValue({ $0.take() }) { try await body(part) }
            while true {
                switch await inbox.next() {
                case .part(let part): try await body(part.body)
                case .end(.success(let last)):
                    if last.body.readableBytes > 0 { try await body(last.body) }
                    return
                case .end(.failure(let error)): throw CallError(passing: error)
                }
            }
        }
    }
}
