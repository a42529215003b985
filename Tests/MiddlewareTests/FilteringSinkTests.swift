import Dispatch
import HostCore
import HostPipeline
import NIOConcurrencyHelpers
import NIOCore
import Synchronization
import TestSupport
import Testing

/// What the chain promises to filters, with threads that break it where it can be broken.
@Suite struct FilteringSinkTests {
    /// Counts what it must not see. Its variables are guarded by nothing but the promise.
    private final class StrictFilter: ResponseFilter, @unchecked Sendable {
        private let inside = Atomic<Int>(0)
        private let faultCount = Atomic<Int>(0)
        private var hasBegun = false
        private var pieces = 0
        private var ends = 0

        /// To be asked when nobody uses it any more.
        var faults: Int {
            let others = inside.load(ordering: .acquiring)
            return faultCount.load(ordering: .relaxed) + others + (ends == 1 ? 0 : 1)
        }

        func begin(_ head: inout ResponseHead) {
            alone(if: !hasBegun && pieces == 0 && ends == 0) { hasBegun = true }
        }

        func pass(_ body: inout ByteBuffer, isLast: Bool) {
            alone(if: hasBegun && ends == 0) {
                body = ByteBuffer(integer: pieces)
                pieces += 1
            }
        }

        func end(_ error: DispatchError?) {
            alone(if: ends == 0) { ends += 1 }
        }

        private func alone(if isRight: Bool, _ body: () -> Void) {
            let others = inside.add(1, ordering: .sequentiallyConsistent).oldValue
            if others > 0 || !isRight { faultCount.add(1, ordering: .relaxed) }
            body()
            // To give an overlap its chance.
            let end = NIODeadline.now() + .microseconds(5)
            while NIODeadline.now() < end {}
            inside.subtract(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Keeps the numbers of the pieces, as they come.
    private final class Front: ResponseSink {
        private struct State {
            var pieces: [Int] = []
            var results: [Bool] = []
        }

        private let state = NIOLockedValueBox(State())
        private let gate: DispatchSemaphore?
        let arrived = DispatchSemaphore(value: 0)
        let requestID = "test"

        /// - Parameter gate: what each piece waits for, as for a client that reads slowly.
        init(gate: DispatchSemaphore? = nil) {
            self.gate = gate
        }

        var pieces: [Int] { state.withLockedValue { $0.pieces } }
        /// Whether each was a success.
        var results: [Bool] { state.withLockedValue { $0.results } }

        func rename(requestID: String) {}
        func makeMetadata() -> CallMetadata { CallMetadata(origin: .http, requestID: requestID) }

        func receive(part: CallResponse) -> Bool {
            arrived.signal()
            gate?.wait()
            return state.withLockedValue { state in
                if state.results.isEmpty { append(part.body, to: &state) }
                return state.results.isEmpty
            }
        }

        func receive(_ result: Result<CallResponse, DispatchError>) {
            state.withLockedValue { state in
                if case .success(let last) = result { append(last.body, to: &state) }
                state.results.append((try? result.get()) != nil)
            }
        }

        private func append(_ body: ByteBuffer, to state: inout State) {
            state.pieces.append(body.getInteger(at: body.readerIndex) ?? -1)
        }
    }

    private struct FilterStage: MiddlewareStage {
        let filter: StrictFilter

        func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
            next.proceed(request, for: FilteringSink(filter, before: sink, next))
        }
    }

    /// A filter in front of a caller, as what is behind it sees it.
    private static func filtering(_ front: Front, _ filter: StrictFilter) -> any ResponseSink {
        let behind = NIOLockedValueBox<(any ResponseSink)?>(nil)
        StageTrial(FilterStage(filter: filter)).chain.run(.make(), for: front) { _, sink in
            behind.withLockedValue { $0 = sink }
        }
        return behind.withLockedValue { $0.take()! }
    }

    private static let piece = CallResponse(body: ByteBuffer(string: "x"), contentType: "")
    private static let failure = DispatchError(.deadlineExceeded, "too late")

    @Test("a filter has no two users, and one end, whoever writes and ends the response at once")
    func overlaps() async {
        for round in 0..<200 {
            let (filter, front) = (StrictFilter(), Front())
            let sink = Self.filtering(front, filter)
            let writer: @Sendable () -> Void = {
                for _ in 0..<20 where !sink.receive(part: Self.piece) { return }
            }
            let finisher: @Sendable () -> Void = { sink.receive(.success(Self.piece)) }
            let ender: @Sendable () -> Void = { sink.receive(.failure(Self.failure)) }
            await onThreads([writer, writer, round.isMultiple(of: 2) ? ender : writer, finisher])
            #expect(filter.faults == 0 && front.results.count == 1)
            // In the order in which they passed, without a gap; of one that broke off, up to where it did.
            let pieces = front.pieces
            #expect(pieces == Array(0..<pieces.count))
        }
    }

    @Test("an error gets through while pieces wait for the client, and they are told")
    func endsWhileWaiting() async {
        let gate = DispatchSemaphore(value: 0)
        let (filter, front) = (StrictFilter(), Front(gate: gate))
        let sink = Self.filtering(front, filter)
        let wanted = NIOLockedValueBox<[Bool]>([])
        let writer: @Sendable () -> Void = {
            let isWanted = sink.receive(part: Self.piece)
            wanted.withLockedValue { $0.append(isWanted) }
        }
        await onThreads([
            writer, writer,
            {
                front.arrived.wait()
                sink.receive(.failure(Self.failure))
                // Here, with the piece still on its way.
                #expect(front.results == [false])
                gate.signal()
            },
        ])
        #expect(wanted.withLockedValue { $0 } == [false, false])
        #expect(filter.faults == 0 && front.results == [false] && front.pieces == [])
    }

    @Test("the last piece comes behind one that waits for the client")
    func lastBehind() async {
        let gate = DispatchSemaphore(value: 0)
        let (filter, front) = (StrictFilter(), Front(gate: gate))
        let sink = Self.filtering(front, filter)
        await onThreads([
            { _ = sink.receive(part: Self.piece) },
            {
                front.arrived.wait()
                sink.receive(.success(Self.piece))
                #expect(front.results == [])
                gate.signal()
            },
        ])
        #expect(filter.faults == 0 && front.results == [true] && front.pieces == [0, 1])
    }

    @Test("a request that is given up ends its filter")
    func givenUp() {
        let (filter, front) = (StrictFilter(), Front())
        do { _ = Self.filtering(front, filter) }
        #expect(filter.faults == 0 && front.results == [])
        let streamed = StrictFilter()
        do { _ = Self.filtering(front, streamed).receive(part: Self.piece) }
        #expect(streamed.faults == 0)
    }
}
