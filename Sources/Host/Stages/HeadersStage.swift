internal import HostCore
internal import HostForms
internal import HostPipeline

/// Changes the headers of requests and responses.
final class HeadersStage: MiddlewareStage {
    struct Options: Sendable, Equatable {
        var request = HeaderChanges()
        var response = HeaderChanges()
    }

    static let kind = MiddlewareKind(
        "headers", "Removes, sets and adds headers of requests and answers.",
        ConfigurationForm<Options>
            .mapping(keys, from: Options(), such: "{response: {set: {X-Team: search}}}")
            .checked { (options, node, path) throws(ConfigurationError) in
                guard options != Options() else {
                    throw .wrongValue(node, path, "a mapping with request or response")
                }
            },
        initial: nil
    ) { options, _ in HeadersStage(options) }

    private static let keys: [ConfigurationKey<Options>] = [
        .defaulted(
            "request", \.request, HeaderChanges.form, unless: HeaderChanges(),
            "What is done to a request's, on its way to the plugin."),
        .defaulted(
            "response", \.response, HeaderChanges.form, unless: HeaderChanges(),
            "What is done to an answer's, be it the plugin's or an error."),
    ]

    private let request: HeaderChanges
    /// nil: responses stay as they are.
    private let filter: Filter?

    init(_ options: Options) {
        request = options.request
        filter = options.response.isEmpty ? nil : Filter(changes: options.response)
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        var request = request
        if !self.request.isEmpty { self.request.apply(to: &request) }
        guard let filter else { return next.proceed(request, for: sink) }
        next.proceed(request, for: FilteringSink(filter, before: sink, next))
    }

    /// The same for all requests.
    private final class Filter: ResponseFilter {
        private let changes: HeaderChanges

        init(changes: HeaderChanges) {
            self.changes = changes
        }

        func begin(_ head: inout ResponseHead) { changes.apply(to: &head) }
    }
}
