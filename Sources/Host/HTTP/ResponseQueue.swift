internal import HostCore
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Brings responses from the threads that give them to the event loop that writes them; those of one moment together.
final class ResponseQueue: Sendable {
    private struct Response {
        let exchange: HTTPExchange
        let result: Result<CallResponse, DispatchError>
    }

    private let eventLoop: any EventLoop
    private let answers = NIOLockedValueBox<[Response]>([])

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Has the loop write a response. Any thread.
    func append(_ exchange: HTTPExchange, _ result: Result<CallResponse, DispatchError>) {
        let isFirst = answers.withLockedValue { answers in
            answers.append(Response(exchange: exchange, result: result))
            return answers.count == 1
        }
        if isFirst { eventLoop.execute(writeAll) }
    }

    private func writeAll() {
        var taken: [Response] = []
        answers.withLockedValue { swap(&$0, &taken) }
        for answer in taken { answer.exchange.write(answer.result) }
    }
}
