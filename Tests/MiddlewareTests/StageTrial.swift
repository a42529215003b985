import HostCore
import HostForms
import HostPipeline
import HostStages
import HostState
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// A chain as a configuration file describes it, with an end that a test decides.
struct StageTrial {
    static let silentLogger = Logger(label: "trial") { _ in SwiftLogNoOpLogHandler() }

    let chain: MiddlewareChain

    /// - Parameter yaml: a list of stages.
    /// - Throws: ``ConfigurationError`` with the place in the text.
    init(
        _ yaml: String, backend: String? = nil, logger: Logger = StageTrial.silentLogger
    ) throws(ConfigurationError) {
        let catalog = MiddlewareCatalog()
        let place = MiddlewarePlace(backend: backend, logger: logger)
        let form = MiddlewareEntry.list
        // As the control plane does: what is kept is what was written, and the stages are made of that.
        let entries = try form.read(try YAMLDocument.parse(yaml), .root)
        let kept = try form.read(form.write(entries), .root)
        let links = try kept.map { entry throws(ConfigurationError) in
            MiddlewareChain.Link(entry, try catalog.make(entry, for: place))
        }
        chain = MiddlewareChain(links)
    }

    /// A chain of one stage that no configuration makes in this form.
    init(_ stage: any MiddlewareStage) {
        chain = MiddlewareChain([.init(name: "stage", stage)])
    }

    /// The text of the error that a configuration gets.
    static func error(_ yaml: String) -> String? {
        do throws(ConfigurationError) {
            _ = try StageTrial(yaml)
            return nil
        } catch {
            return error.description
        }
    }

    /// Sends a request through.
    ///
    /// - Parameter end: what is behind the stages; by default it answers at once.
    @discardableResult
    func send(
        _ request: Request, to end: @escaping MiddlewareChain.End = { $1.answer("hello") }
    ) -> TrialSink {
        let sink = TrialSink()
        chain.run(request, for: sink, end: end)
        return sink
    }
}

/// Keeps a response.
final class TrialSink: ResponseSink {
    typealias Result = Swift.Result<CallResponse, DispatchError>

    private struct State {
        var requestID = "id-of-the-caller"
        var parts: [CallResponse] = []
        var results: [Result] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = NIOLockedValueBox(State())

    var requestID: String { state.withLockedValue { $0.requestID } }

    func rename(requestID: String) { state.withLockedValue { $0.requestID = requestID } }

    func makeMetadata() -> CallMetadata { CallMetadata(origin: .http, requestID: requestID) }

    func receive(part: CallResponse) -> Bool {
        state.withLockedValue { state in
            state.parts.append(part)
            return state.results.isEmpty
        }
    }

    func receive(_ result: Result) {
        let waiters = state.withLockedValue { state in
            state.results.append(result)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Exactly one, if the chain keeps its word.
    var results: [Result] { state.withLockedValue { $0.results } }
    var parts: [CallResponse] { state.withLockedValue { $0.parts } }

    func answered() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLockedValue { state in
                if state.results.isEmpty { state.waiters.append(continuation) }
                return !state.results.isEmpty
            }
            if isThere { continuation.resume() }
        }
    }

    /// The status of the response's head; nil: there is none yet.
    var status: Int? {
        if let part = parts.first { return part.status }
        return switch results.first {
        case .success(let response): response.status
        case .failure(let error): error.httpStatus
        case nil: nil
        }
    }

    var error: DispatchError? {
        guard case .failure(let error) = results.first else { return nil }
        return error
    }

    /// The fields of the response's head as `name: value`, sorted.
    var headers: [String] {
        let headers: [(name: String, value: String)] =
            switch results.first {
            case _ where !parts.isEmpty: parts[0].headers
            case .success(let response): response.headers
            case .failure(let error): error.headers
            case nil: []
            }
        return headers.map { "\($0.name): \($0.value)" }.sorted()
    }
}

extension ResponseSink {
    /// Answers with text, as a plugin does.
    func answer(_ text: String, headers: [(name: String, value: String)] = []) {
        receive(
            .success(
                CallResponse(
                    body: ByteBuffer(string: text), contentType: "text/plain", headers: headers)))
    }
}

extension Request {
    static func make(
        _ httpMethod: String = "POST", _ path: String = "/echo", query: String = "",
        _ headers: [(String, String)] = [], origin: CallMetadata.Origin = .http,
        body: String? = nil, incoming: IncomingBody? = nil, from address: String? = nil
    ) -> Request {
        Request(
            origin: origin, httpMethod: httpMethod, path: path, query: query,
            headers: HeaderFields(headers), method: "__call__", contentType: "", shardKey: "",
            body: incoming == nil ? ByteBuffer(string: body ?? "") : nil, incoming: incoming,
            remoteAddress: address.flatMap { try? SocketAddress(ipAddress: $0, port: 4_711) })
    }
}
