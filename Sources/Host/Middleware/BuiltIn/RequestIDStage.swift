internal import HostDispatch
internal import HostForms
internal import HostPlugins
internal import NIOHTTP1

/// Names each request: by the name that it comes with, or by a new one; and says so in the answer.
final class RequestIDStage: MiddlewareStage {
    struct Options: Sendable, Equatable {
        var header = RequestIDStage.usual
        var trustIncoming = true
    }

    /// The one that the host itself reads, and writes in its errors.
    private static let usual = "x-request-id"

    static let kind = MiddlewareKind(
        "request-id", "Names each request in its answer, in logs and to the plugin.",
        .mapping(keys, from: Options(), such: "{trust_incoming: false}"), initial: Options()
    ) { options, _ in RequestIDStage(options) }

    private static let keys: [ConfigurationKey<Options>] = [
        .defaulted(
            "header", \.header, .token("the name of a header"), unless: usual,
            "The header with the id, of requests and answers. Default: x-request-id."),
        .defaulted(
            "trust_incoming", \.trustIncoming, .flag, unless: true,
            "Whether the id that a request comes with is taken over. Default: true."),
    ]

    private let header: String
    private let trustsIncoming: Bool

    init(_ options: Options) {
        header = options.header.lowercased()
        trustsIncoming = options.trustIncoming
    }

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        var request = request
        if trustsIncoming {
            if let id = Self.id(in: request.headers, header), id != caller.requestID {
                caller.rename(requestID: id)
            }
        } else if request.origin == .http,
            request.headers[Self.usual].contains(caller.requestID)
        {
            // The host has taken it from the request. A handle's call has that of the request that led to it.
            caller.rename(requestID: RequestID.make())
        }
        let id = caller.requestID
        replace(header, by: id, in: &request)
        if header != Self.usual { replace(Self.usual, by: id, in: &request) }
        let filter = Filter(header: header, id: id)
        passage.proceed(request, for: FilteringCaller(filter, before: caller, passage))
    }

    /// The one that a request comes with; nil: there is none, or not one that can stand in a log.
    private static func id(in headers: HTTPHeaders, _ name: String) -> String? {
        let ids = headers[name]
        return ids.count == 1 && RequestID.isAcceptable(ids[0]) ? ids[0] : nil
    }

    /// The plugin is not shown another id than the one that the host has.
    private func replace(_ name: String, by id: String, in request: inout MiddlewareRequest) {
        let sent = request.headers[name]
        guard !sent.isEmpty, sent != [id] else { return }
        request.headers.replaceOrAdd(name: name, value: id)
    }

    private struct Filter: AnswerFilter {
        let header: String
        let id: String

        func begin(_ head: inout AnswerHead) {
            // Those of the host's errors have it.
            guard !head.isError || header != RequestIDStage.usual else { return }
            head.set(header, id)
        }
    }
}
