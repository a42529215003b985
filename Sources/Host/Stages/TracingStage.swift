internal import HostCore
internal import HostForms
internal import HostPipeline
internal import NIOCore
internal import Tracing

/// Makes each request a part of a trace: a span of the program's tracer, if it has one, and headers that tell the
/// plugin.
final class TracingStage: MiddlewareStage {
    struct Options: Sendable, Equatable {
        var trustIncoming = true
    }

    static let kind = MiddlewareKind(
        "tracing", "Makes each request a part of a trace: W3C Trace Context, in and out.",
        .mapping(keys, from: Options(), such: "{trust_incoming: false}"), initial: Options()
    ) { options, place in TracingStage(options, backend: place.backend) }

    private static let keys: [ConfigurationKey<Options>] = [
        .defaulted(
            "trust_incoming", \.trustIncoming, .flag, unless: true,
            "Whether the trace that a request comes with goes on. Default: true.")
    ]

    private let trustsIncoming: Bool
    private let backend: String?

    init(_ options: Options, backend: String?) {
        trustsIncoming = options.trustIncoming
        self.backend = backend
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        var request = request
        let incoming = incoming(of: request)
        let tracer = InstrumentationSystem.tracer
        if tracer is NoOpTracer {
            var headers = request.headers
            (TraceContext(incoming)?.child() ?? TraceContext()).write(to: &headers)
            request.headers = headers
            next.proceed(request, for: sink)
        } else {
            trace(request, incoming, tracer, sink, next)
        }
    }

    /// The headers that say which trace the request belongs to.
    private func incoming(of request: Request) -> HeaderFields {
        guard request.origin == .handle else {
            return trustsIncoming ? request.headers : HeaderFields()
        }
        // A call that a plugin makes for a request belongs to that one's trace, unless the plugin says otherwise.
        guard let parent = request.parent, !request.headers.contains(name: "traceparent") else {
            return request.headers
        }
        return HeaderFields(parent.makeMetadata().headers)
    }

    private func trace(
        _ request: Request, _ incoming: HeaderFields, _ tracer: any Tracer,
        _ sink: any ResponseSink, _ next: Next
    ) {
        var context = InstrumentationContext.topLevel
        tracer.extract(incoming, into: &context, using: HeaderCarrier())
        let method = Self.known.contains(request.httpMethod) ? request.httpMethod : nil
        let span = tracer.startAnySpan(
            method ?? "HTTP", context: context,
            ofKind: request.origin == .http ? .server : .internal)
        if span.isRecording { describe(request, method, sink, to: span) }

        var request = request
        var headers = request.headers
        if !trustsIncoming, request.origin == .http {
            for name in ["traceparent", "tracestate"] { headers.remove(name: name) }
        }
        tracer.inject(span.context, into: &headers, using: HeaderCarrier())
        request.headers = headers
        next.proceed(request, for: FilteringSink(Filter(span), before: sink, next))
    }

    /// Those of RFC 9110 and PATCH; any other text would make as many kinds of spans as clients think of.
    private static let known: Set<String> = [
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ]

    /// Source: OpenTelemetry, semantic conventions for HTTP server spans, 1.23 (stable). Without the query, which may
    /// hold secrets.
    private func describe(
        _ request: Request, _ method: String?, _ sink: any ResponseSink, to span: any Span
    ) {
        span.updateAttributes { attributes in
            attributes["http.request.method"] = method ?? "_OTHER"
            if method == nil { attributes["http.request.method_original"] = request.httpMethod }
            attributes["url.path"] = request.path
            attributes["url.scheme"] = "http"
            if let address = request.remoteAddress?.ipAddress {
                attributes["client.address"] = address
            }
            if let agent = request.headers.first(name: "user-agent") {
                attributes["user_agent.original"] = agent
            }
            attributes["backplane.request_id"] = sink.requestID
            if let backend { attributes["backplane.backend"] = backend }
        }
    }

    /// Ends the span with the response.
    private final class Filter: ResponseFilter, @unchecked Sendable {
        // Sendable: the chain calls the functions of a filter one after the other.
        private let span: any Span
        private var status = 0

        init(_ span: any Span) {
            self.span = span
        }

        func begin(_ head: inout ResponseHead) {
            status = head.status
        }

        func end(_ error: DispatchError?) {
            if span.isRecording { describe(error) }
            span.end()
        }

        private func describe(_ error: DispatchError?) {
            if status == 0, let error { status = error.httpStatus }
            span.attributes["http.response.status_code"] = status
            // What the client has done wrong is no error of a server's; a response that breaks off is one.
            let failure = error.map(\.httpStatus) ?? status
            guard failure >= 500 else { return }
            span.attributes["error.type"] = "\(failure)"
            span.setStatus(SpanStatus(code: .error, message: error?.message))
        }
    }
}

/// How a tracer reads and writes a request's headers.
private struct HeaderCarrier: Extractor, Injector {
    func extract(key: String, from headers: HeaderFields) -> String? {
        let values = headers[key]
        return values.isEmpty ? nil : values.joined(separator: ",")
    }

    func inject(_ value: String, forKey key: String, into headers: inout HeaderFields) {
        headers.replaceOrAdd(name: key, value: value)
    }
}
