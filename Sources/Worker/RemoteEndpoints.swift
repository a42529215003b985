internal import Dispatch
internal import HostCore
internal import HostTransport
internal import NIOConcurrencyHelpers
internal import NIOCore

/// The host's endpoints, as the plugin's handles reach them.
final class RemoteEndpoints: EndpointCaller {
    private struct State {
        var last: UInt64 = 0
        var waiting: [UInt64: @Sendable (HandleAnswer) -> Void] = [:]
    }

    private let reports: ReportWriter
    private let state = NIOLockedValueBox(State())

    init(_ reports: ReportWriter) {
        self.reports = reports
    }

    func hasEndpoint(named name: String) -> Bool {
        let arrived = DispatchSemaphore(value: 0)
        let found = NIOLockedValueBox(false)
        ask(.hasEndpoint(name)) { answer in
            if case .flag(let flag) = answer { found.withLockedValue { $0 = flag } }
            arrived.signal()
        }
        arrived.wait()
        return found.withLockedValue { $0 }
    }

    /// What a call is about; nil: it is finished.
    func metadata(of call: CallNumber) -> CallMetadata? {
        let arrived = DispatchSemaphore(value: 0)
        let found = NIOLockedValueBox<CallMetadata?>(nil)
        ask(.metadata(call)) { answer in
            if case .metadata(let metadata) = answer { found.withLockedValue { $0 = metadata } }
            arrived.signal()
        }
        arrived.wait()
        return found.withLockedValue { $0 }
    }

    /// There are no others here.
    var isOnWaitingThread: Bool { true }

    func begin(
        _ request: HandleRequest,
        onResponse: @escaping @Sendable (Result<CallResponse, CallFailure>) -> Void
    ) {
        guard request.native == nil else {
            return onResponse(
                .failure(
                    CallFailure(
                        .failedPrecondition,
                        "a native object stays in its process: give the plugin isolation: none")))
        }
        let size = WorkerReport.size(of: request.headers) + request.query.utf8.count
        guard size <= WorkerReport.largestHead else {
            return onResponse(
                .failure(CallFailure(.invalidArgument, "headers and query of over 32 KiB")))
        }
        var request = request
        let isForwarded = request.forwarded != nil
        var rest = isForwarded ? ByteBuffer() : request.argument
        request.argument = rest.readSlice(
            length: min(rest.readableBytes, WorkerReport.firstPart))!
        let parent = (request.parent as? RemoteCall)?.number
        let number = ask(
            .call(
                request, parent: parent, isForwarded: isForwarded, bytesLeft: rest.readableBytes)
        ) { answer in
            if case .response(let response) = answer { onResponse(response) }
        }
        while rest.readableBytes > 0 {
            let part = rest.readSlice(length: min(rest.readableBytes, WorkerReport.firstPart))!
            reports.write(WorkerReport.argument(number, part).packed)
        }
    }

    @discardableResult
    private func ask(
        _ question: HandleQuestion, _ body: @escaping @Sendable (HandleAnswer) -> Void
    ) -> UInt64 {
        let number = state.withLockedValue { state in
            state.last += 1
            state.waiting[state.last] = body
            return state.last
        }
        reports.write(WorkerReport.question(number, question).packed)
        return number
    }

    /// The host has answered.
    func take(_ answer: HandleAnswer, to number: UInt64) {
        state.withLockedValue { $0.waiting.removeValue(forKey: number) }?(answer)
    }
}
