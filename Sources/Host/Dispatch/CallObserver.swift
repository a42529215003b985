internal import HostCore
internal import NIOConcurrencyHelpers
package import NIOCore
internal import Synchronization

/// Who is told what becomes of calls, for metrics and traces. Nothing is written down for it where nobody listens.
///
/// Each call is told of in this order: ``admitted(_:)`` unless it was refused or taken back before, ``started(_:)``
/// unless it was finished before, ``finished(_:)`` once, and last. The functions are called from any thread, with locks
/// of the host held: they must be short, and call nothing of it.
package protocol CallObserver: AnyObject, Sendable {
    /// The call waits, or begins at once.
    func admitted(_ call: ObservedCall)

    /// A replica begins with it.
    func started(_ call: ObservedCall)

    /// Its caller has the response, or has gone. The plugin may still be at work.
    func finished(_ call: ObservedCall)
}

/// A call as far as it has come.
package struct ObservedCall: Sendable {
    /// nil: none: it was sent to the backend itself.
    package let endpoint: String?
    /// The tag.
    package let backend: String
    package let plugin: String?
    package let method: String
    /// Whether nobody waits for the response: it is a shadow's, or one that such a call has led to.
    package let isInShadow: Bool
    /// nil: it was refused.
    package internal(set) var admitted: NIODeadline?
    /// nil: no replica has begun with it.
    package internal(set) var started: NIODeadline?
    /// nil: it is not finished.
    package internal(set) var finished: NIODeadline?
    /// With how many calls, itself among them, it was given to the plugin; 0 before that.
    package internal(set) var batchSize = 0
    /// The HTTP status of the response, or of its head if it is streamed; nil: there is none yet.
    package internal(set) var status: Int?
    /// Whether the response came in parts.
    package internal(set) var isStreamed = false
}

/// What is written down of one call for its observer. The observer is told under its lock, so that the order is that of
/// the events: who finishes a call, its caller or a clock, does so beside those who admit and start it.
final class CallObservation: Sendable {
    private let observer: any CallObserver
    private let call: NIOLockedValueBox<ObservedCall>
    private let isStreamed = Atomic<Bool>(false)

    init(_ call: ObservedCall, for observer: any CallObserver) {
        self.call = NIOLockedValueBox(call)
        self.observer = observer
    }

    func admitted(at now: NIODeadline) {
        change { call in
            call.admitted = now
            observer.admitted(call)
        }
    }

    func started(at now: NIODeadline, batchSize: Int) {
        change { call in
            (call.started, call.batchSize) = (now, batchSize)
            observer.started(call)
        }
    }

    /// A part of a streamed response goes out.
    func streams(status: Int) {
        guard !isStreamed.exchange(true, ordering: .relaxed) else { return }
        change { ($0.isStreamed, $0.status) = (true, status) }
    }

    func finished(_ status: Int) {
        change { call in
            call.finished = .now()
            call.status = call.isStreamed && status < 400 ? call.status : status
            observer.finished(call)
        }
    }

    /// What comes behind the end, nobody is told.
    private func change(_ body: (inout ObservedCall) -> Void) {
        call.withLockedValue { call in
            if call.finished == nil { body(&call) }
        }
    }
}
