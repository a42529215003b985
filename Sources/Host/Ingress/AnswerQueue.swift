internal import HostDispatch
internal import HostPlugins
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Brings answers from the threads that give them to the event loop that writes them; those of one moment together.
final class AnswerQueue: Sendable {
    private struct Answer {
        let exchange: HTTPExchange
        let result: Result<PluginResponse, DispatchError>
    }

    private let eventLoop: any EventLoop
    private let answers = NIOLockedValueBox<[Answer]>([])

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Has the loop write an answer. Any thread.
    func append(_ exchange: HTTPExchange, _ result: Result<PluginResponse, DispatchError>) {
        let isFirst = answers.withLockedValue { answers in
            answers.append(Answer(exchange: exchange, result: result))
            return answers.count == 1
        }
        if isFirst { eventLoop.execute(writeAll) }
    }

    private func writeAll() {
        var taken: [Answer] = []
        answers.withLockedValue { swap(&$0, &taken) }
        for answer in taken { answer.exchange.write(answer.result) }
    }
}
