package import HostDispatch
package import HostPlugins
internal import NIOCore
internal import Synchronization

/// A caller in front of another one, to which it hands the answer as the stage's filter lets it through.
package final class FilteringCaller<Filter: AnswerFilter>: Caller {
    private let filter: Filter
    private let caller: any Caller
    private let meter: StageMeter
    private let hasBegun = Atomic<Bool>(false)

    package init(_ filter: Filter, before caller: any Caller, _ passage: Passage) {
        self.filter = filter
        self.caller = caller
        meter = passage.meter
    }

    package var requestID: String { caller.requestID }

    package func rename(requestID: String) { caller.rename(requestID: requestID) }

    package func makeMetadata() -> CallMetadata { caller.makeMetadata() }

    package func receive(part: PluginResponse) -> Bool {
        let start = NIODeadline.now()
        var part = part
        begin(&part, isWhole: false)
        filter.pass(&part.body, isLast: false)
        meter.add(.now() - start)
        return caller.receive(part: part)
    }

    package func receive(_ result: Result<PluginResponse, DispatchError>) {
        let start = NIODeadline.now()
        switch result {
        case .success(var last):
            begin(&last, isWhole: true)
            filter.pass(&last.body, isLast: true)
            filter.end(nil)
            meter.add(.now() - start)
            caller.receive(.success(last))
        case .failure(var error):
            if !hasBegun.exchange(true, ordering: .acquiringAndReleasing) {
                var head = AnswerHead(error)
                filter.begin(&head)
                head.apply(to: &error)
            }
            filter.end(error)
            meter.add(.now() - start)
            caller.receive(.failure(error))
        }
    }

    private func begin(_ part: inout PluginResponse, isWhole: Bool) {
        guard !hasBegun.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var head = AnswerHead(part, isWhole: isWhole)
        filter.begin(&head)
        head.apply(to: &part)
    }
}
