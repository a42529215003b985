package import HostCore
internal import Synchronization

/// A caller in front of another one, to which it hands the response as the stage's filter lets it through.
///
/// It keeps what ``ResponseFilter`` promises to filters. A response that comes whole costs one atomic operation; one
/// that comes in pieces gets a ``FilterGate``, at which the threads that bring it line up.
package final class FilteringSink: ResponseSink {
    private let filter: any ResponseFilter
    private let sink: any ResponseSink
    private let next: Next
    private let form = Atomic<ResponseForm>(.unknown)
    /// Made by the first piece.
    private let gate = AtomicLazyReference<FilterGate>()

    package init(_ filter: any ResponseFilter, before sink: any ResponseSink, _ next: Next) {
        self.filter = filter
        self.sink = sink
        self.next = next
    }

    /// Nobody has ended the response, and nobody can any more.
    deinit {
        guard !isOver else { return }
        let error = DispatchError(.cancelled, "the request was given up")
        if filter.mayRunHere {
            filter.end(error)
        } else {
            filter.runElsewhere { [filter] in filter.end(error) }
        }
    }

    private var isOver: Bool {
        switch form.load(ordering: .acquiring) {
        case .unknown: false
        case .streamed: gate.load()?.isOver ?? false
        case .over: true
        }
    }

    package var requestID: String { sink.requestID }

    package func rename(requestID: String) { sink.rename(requestID: requestID) }

    package func makeMetadata() -> CallMetadata { sink.makeMetadata() }

    package func receive(part: CallResponse) -> Bool {
        let before = form.compareExchange(
            expected: .unknown, desired: .streamed, ordering: .acquiringAndReleasing
        ).original
        guard before != .over else { return false }
        let gate = makeGate()
        guard let isFirst = gate.enter() else { return false }
        let start = next.now()
        var part = part
        if isFirst { begin(&part, isWhole: false) }
        filter.pass(&part.body, isLast: false)
        next.addTime(since: start)
        if let end = gate.filtered() {
            finish(end, hasBegun: true)
            return false
        }
        let isWanted = sink.receive(part: part)
        if let end = gate.handedOn() { finish(end, hasBegun: true) }
        return isWanted
    }

    package func receive(_ result: consuming Result<CallResponse, DispatchError>) {
        let before = form.compareExchange(
            expected: .unknown, desired: .over, ordering: .acquiringAndReleasing
        ).original
        switch before {
        case .unknown: finish(result, hasBegun: false)
        case .streamed:
            let (end, hasBegun) = makeGate().end(result)
            if let end { finish(end, hasBegun: hasBegun) }
        case .over: break
        }
    }

    private func makeGate() -> FilterGate { gate.load() ?? gate.storeIfNil(FilterGate()) }

    /// For who has the filter: nobody else will.
    private func finish(
        _ result: consuming Result<CallResponse, DispatchError>, hasBegun: Bool
    ) {
        if filter.mayRunHere {
            finishHere(result, hasBegun)
        } else {
            let result = consume result
            filter.runElsewhere { self.finishHere(result, hasBegun) }
        }
    }

    private func finishHere(
        _ result: consuming Result<CallResponse, DispatchError>, _ hasBegun: Bool
    ) {
        let start = next.now()
        switch consume result {
        case .success(var last):
            if !hasBegun { begin(&last, isWhole: true) }
            filter.pass(&last.body, isLast: true)
            filter.end(nil)
            next.addTime(since: start)
            sink.receive(.success(last))
        case .failure(var error):
            if !hasBegun {
                var head = ResponseHead(error)
                filter.begin(&head)
                head.put(into: &error)
            }
            filter.end(error)
            next.addTime(since: start)
            sink.receive(.failure(error))
        }
    }

    private func begin(_ part: inout CallResponse, isWhole: Bool) {
        var head = ResponseHead(takenFrom: &part, isWhole: isWhole)
        filter.begin(&head)
        head.put(into: &part)
    }
}

/// How a response comes, as far as it has.
private enum ResponseForm: UInt8, AtomicRepresentable {
    case unknown
    case streamed
    /// It came whole, or as an error.
    case over
}
