internal import HostCore
internal import HostForms
internal import HostPipeline

/// Names each request: by the name that it comes with, or by a new one; and says so in the response.
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
    /// Whether that is the one that the host itself reads.
    private let isUsual: Bool
    private let trustsIncoming: Bool

    init(_ options: Options) {
        header = options.header.lowercased()
        isUsual = header == Self.usual
        trustsIncoming = options.trustIncoming
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        let sent = request.headers[header]
        let usual = isUsual ? sent : request.headers[Self.usual]
        var id = sink.requestID
        if trustsIncoming {
            if sent.count == 1, sent[0] != id, RequestID.isAcceptable(sent[0]) {
                id = sent[0]
                sink.rename(requestID: id)
            }
        } else if request.origin == .http, usual.contains(id) {
            // The host has taken it from the request. A handle's call has that of the request that led to it.
            id = RequestID.make()
            sink.rename(requestID: id)
        }
        let sink = FilteringSink(Filter(stage: self, id: id), before: sink, next)
        // The plugin is not shown another id than the one that the host has.
        func isOther(_ sent: [String]) -> Bool { !sent.isEmpty && sent != [id] }
        guard isOther(sent) || isOther(usual) else {
            return next.proceed(request, for: sink)
        }
        var request = request
        if isOther(sent) { request.headers.replaceOrAdd(name: header, value: id) }
        if isOther(usual) { request.headers.replaceOrAdd(name: Self.usual, value: id) }
        next.proceed(request, for: sink)
    }

    private struct Filter: ResponseFilter {
        let stage: RequestIDStage
        let id: String

        func begin(_ head: inout ResponseHead) {
            // Those of the host's errors have it.
            guard !head.isError || !stage.isUsual else { return }
            head.set(stage.header, id)
        }
    }
}
