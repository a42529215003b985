internal import HostCore
internal import HostDispatch
internal import HostTransport
internal import NIOCore
internal import Synchronization

/// What the plugin in a worker asks through its handles. Confined to the worker's link, but for the answers.
final class HandleQuestions: @unchecked Sendable {
    // Sendable: what changes is touched by the link's thread alone.
    /// Calls that one worker may be waiting for at once.
    private static let most = 4_096
    private static let largestArgument = 1 << 30

    private let endpoints: any EndpointCaller
    /// Those whose argument is still arriving.
    private var beginnings:
        [UInt64: (request: HandleRequest, parent: CallNumber?, bytesLeft: Int)] =
            [:]
    private let waiting = Atomic<Int>(0)

    init(to endpoints: any EndpointCaller) {
        self.endpoints = endpoints
    }

    func take(
        _ number: UInt64, _ question: HandleQuestion, of link: WorkerLink
    ) throws(TransportError) {
        switch question {
        case .hasEndpoint(let name):
            link.answer(number, .flag(endpoints.hasEndpoint(named: name)))
        case .metadata(let call):
            link.sendMetadata()
            link.answer(number, .metadata(link.parent(call)?.makeMetadata()))
        case .call(var request, let parent, let isForwarded, let bytesLeft):
            guard bytesLeft <= Self.largestArgument, beginnings[number] == nil,
                beginnings.count < Self.most
            else {
                throw TransportError("a handle's request of \(bytesLeft) bytes, or a second one")
            }
            if isForwarded {
                guard let original = link.parent(parent) else {
                    let failure = CallFailure(
                        .failedPrecondition, "the call is finished that was to be forwarded")
                    return link.answer(number, .response(.failure(failure)))
                }
                request.argument = original.argument
                request.contentType = original.contentType
                request.forwarded = original.makeMetadata()
            }
            guard bytesLeft == 0 else {
                beginnings[number] = (request, parent, bytesLeft)
                return
            }
            begin(number, request, parent, of: link)
        }
    }

    func take(_ number: UInt64, _ part: ByteBuffer, of link: WorkerLink) throws(TransportError) {
        guard let (beginning, parent, left) = beginnings.removeValue(forKey: number),
            part.readableBytes > 0, part.readableBytes <= left
        else { throw TransportError("a part of an argument that does not go on") }
        var request = beginning
        request.argument.writeImmutableBuffer(part)
        let bytesLeft = left - part.readableBytes
        guard bytesLeft == 0 else {
            beginnings[number] = (request, parent, bytesLeft)
            return
        }
        begin(number, request, parent, of: link)
    }

    private func begin(
        _ number: UInt64, _ request: HandleRequest, _ parent: CallNumber?, of link: WorkerLink
    ) {
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.most else {
            waiting.subtract(1, ordering: .relaxed)
            let failure = CallFailure(
                .resourceExhausted, "\(Self.most) calls of the plugin's handles are unanswered")
            return link.answer(number, .response(.failure(failure)))
        }
        var request = request
        request.parent = link.parent(parent)
        endpoints.begin(request) { [self, weak link] result in
            waiting.subtract(1, ordering: .relaxed)
            link?.answer(number, .response(result))
        }
    }
}
