package import HostDispatch
package import HostPlugins
internal import Synchronization

/// A caller in front of another one, to which it hands the answer as the stage's filter lets it through.
package final class FilteringCaller<Filter: AnswerFilter>: Caller {
    private let filter: Filter
    private let caller: any Caller
    private let passage: Passage
    private let hasBegun = Atomic<Bool>(false)
    private let isOver = Atomic<Bool>(false)

    package init(_ filter: Filter, before caller: any Caller, _ passage: Passage) {
        self.filter = filter
        self.caller = caller
        self.passage = passage
    }

    package var requestID: String { caller.requestID }

    package func rename(requestID: String) { caller.rename(requestID: requestID) }

    package func makeMetadata() -> CallMetadata { caller.makeMetadata() }

    package func receive(part: PluginResponse) -> Bool {
        guard !isOver.load(ordering: .acquiring) else { return false }
        let start = passage.now()
        var part = part
        begin(&part, isWhole: false)
        filter.pass(&part.body, isLast: false)
        passage.addTime(since: start)
        return caller.receive(part: part)
    }

    package func receive(_ result: consuming Result<PluginResponse, DispatchError>) {
        isOver.store(true, ordering: .releasing)
        let start = passage.now()
        switch consume result {
        case .success(var last):
            begin(&last, isWhole: true)
            filter.pass(&last.body, isLast: true)
            filter.end(nil)
            passage.addTime(since: start)
            caller.receive(.success(last))
        case .failure(var error):
            if !hasBegun.exchange(true, ordering: .acquiringAndReleasing) {
                var head = AnswerHead(error)
                filter.begin(&head)
                head.put(into: &error)
            }
            filter.end(error)
            passage.addTime(since: start)
            caller.receive(.failure(error))
        }
    }

    private func begin(_ part: inout PluginResponse, isWhole: Bool) {
        guard !hasBegun.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var head = AnswerHead(takenFrom: &part, isWhole: isWhole)
        filter.begin(&head)
        head.put(into: &part)
    }
}
