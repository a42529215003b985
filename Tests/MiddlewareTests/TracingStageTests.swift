import HostCore
import InMemoryTracing
import NIOConcurrencyHelpers
import NIOCore
import Testing
import Tracing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct TracingStageTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"
    private static let parent = ("traceparent", "00-\(trace)-\(span)-01")
    private static let state = ("tracestate", "vendor=1")

    /// The headers with which a request comes to the plugin.
    private func seen(
        _ request: Request, _ yaml: String = "- tracing"
    ) throws -> HeaderFields {
        let headers = NIOLockedValueBox(HeaderFields())
        try StageTrial(yaml).send(request) { request, sink in
            headers.withLockedValue { $0 = request.headers }
            sink.answer("")
        }
        return headers.withLockedValue { $0 }
    }

    // MARK: Without a tracer

    @Test("a trace goes on: another span of it, and the same state")
    func goesOn() throws {
        let headers = try seen(.make([Self.parent, Self.state, ("X-A", "1")]))
        let context = try #require(TraceContext(headers))
        #expect(context.traceparent.hasPrefix("00-\(Self.trace)-"))
        #expect(context.traceparent.hasSuffix("-01"))
        #expect(!context.traceparent.contains(Self.span))
        #expect(context.state == "vendor=1")
        #expect(headers["x-a"] == ["1"])
    }

    @Test(
        "a request without a valid one begins a trace, and has no state",
        arguments: [[], [state], [("traceparent", "nonsense"), state], [parent, parent, state]])
    func begins(fields: [(String, String)]) throws {
        let headers = try seen(.make(fields))
        let context = try #require(TraceContext(headers))
        #expect(!context.traceparent.contains(Self.trace))
        #expect(headers["tracestate"] == [])
    }

    @Test("a trace from outside ends here if it is not trusted, a handle's goes on")
    func untrusted() throws {
        let yaml = "- tracing: {trust_incoming: false}"
        let http = try seen(.make([Self.parent, Self.state]), yaml)
        #expect(http.first(name: "traceparent")?.contains(Self.trace) == false)
        #expect(http["tracestate"] == [])
        let handle = try seen(.make("POST", "/echo", [Self.parent], origin: .handle), yaml)
        #expect(handle.first(name: "traceparent")?.contains(Self.trace) == true)
    }

    @Test("a call that a plugin makes for a request belongs to that one's trace")
    func child() throws {
        let parent = Parent(headers: [Self.parent, Self.state])
        let request = { (headers: HeaderFields) in
            Request(
                origin: .handle, httpMethod: "POST", path: "/echo", query: "", headers: headers,
                method: "__call__", contentType: "", shardKey: "", body: ByteBuffer(),
                parent: parent)
        }
        let headers = try seen(request([:]))
        #expect(headers.first(name: "traceparent")?.contains(Self.trace) == true)
        #expect(headers["tracestate"] == ["vendor=1"])
        // Unless the plugin says otherwise.
        let other = "00-\(String(repeating: "1", count: 32))-\(Self.span)-00"
        let own = try seen(request(["traceparent": other]))
        #expect(own.first(name: "traceparent")?.contains(String(repeating: "1", count: 32)) == true)
        #expect(own["tracestate"] == [])
    }

    // MARK: With a tracer

    /// What a tracer has of one request.
    private func finished(
        _ request: Request, backend: String? = nil, yaml: String = "- tracing",
        to end: @escaping MiddlewareChain.End = { $1.answer("hello") }
    ) throws -> FinishedInMemorySpan {
        let tracer = InMemoryTracer()
        let trial = try StageTrial(yaml, backend: backend)
        _ = withTracer(tracer) { trial.send(request, to: end) }
        #expect(tracer.activeSpans.isEmpty)
        #expect(tracer.finishedSpans.count == 1)
        return try #require(tracer.finishedSpans.first)
    }

    private func attributes(_ span: FinishedInMemorySpan) -> [String: String] {
        var all: [String: String] = [:]
        // There is no other way to look at all of them.
        // swift-format-ignore: ReplaceForEachWithForLoop
        span.attributes.forEach { name, value in
            switch value {
            case .string(let text): all[name] = text
            case .int32(let number): all[name] = "\(number)"
            case .int64(let number): all[name] = "\(number)"
            default: all[name] = "?"
            }
        }
        return all
    }

    @Test("a span has OpenTelemetry's attributes, and nothing of the query")
    func attributes() throws {
        let span = try finished(
            .make(
                "POST", "/echo", query: "token=secret", [("User-Agent", "curl")], from: "10.1.2.3"),
            backend: "echo")
        #expect(span.operationName == "POST")
        #expect(span.kind == .server)
        #expect(span.status == nil)
        #expect(
            attributes(span) == [
                "http.request.method": "POST", "url.path": "/echo", "url.scheme": "http",
                "client.address": "10.1.2.3", "user_agent.original": "curl",
                "http.response.status_code": "200", "backplane.request_id": "id-of-the-caller",
                "backplane.backend": "echo",
            ])
    }

    @Test("a method that a client has made up makes no kind of spans of its own")
    func otherMethod() throws {
        let span = try finished(.make("FROBNICATE", "/echo"))
        #expect(span.operationName == "HTTP")
        #expect(attributes(span)["http.request.method"] == "_OTHER")
        #expect(attributes(span)["http.request.method_original"] == "FROBNICATE")
    }

    @Test(
        "an error of the server's is the span's, one of the client's is not",
        arguments: [
            (DispatchError(.queueFull, "full"), 503, true),
            (DispatchError(.deadlineExceeded, "late"), 504, true),
            (DispatchError(.unknownMethod, "none"), 404, false),
            (DispatchError(.cancelled, "gone"), 499, false),
        ])
    func error(error: DispatchError, status: Int, isError: Bool) throws {
        let span = try finished(.make([])) { _, sink in sink.receive(.failure(error)) }
        #expect(attributes(span)["http.response.status_code"] == "\(status)")
        #expect(attributes(span)["error.type"] == (isError ? "\(status)" : nil))
        #expect(span.status == (isError ? SpanStatus(code: .error, message: error.message) : nil))
    }

    @Test("a stage's own answer with the status of an error is one")
    func answeredError() throws {
        let span = try finished(.make([])) { _, sink in
            sink.receive(
                .success(CallResponse(status: 502, body: ByteBuffer(), contentType: "")))
        }
        #expect(attributes(span)["error.type"] == "502")
    }

    @Test("a stream that breaks off has the status that it began with, and is an error")
    func brokenStream() throws {
        let span = try finished(.make([])) { _, sink in
            _ = sink.receive(
                part: CallResponse(body: ByteBuffer(string: "a"), contentType: ""))
            sink.receive(.failure(DispatchError(.plugin(.internal), "broken")))
        }
        #expect(attributes(span)["http.response.status_code"] == "200")
        #expect(attributes(span)["error.type"] == "500")
    }

    @Test("a request that nobody answers ends its span when it is forgotten")
    func forgotten() throws {
        let span = try finished(.make([])) { _, _ in }
        #expect(attributes(span)["http.response.status_code"] == "499")
    }

    @Test("the tracer reads the request's headers, and writes what the plugin sees")
    func context() throws {
        let tracer = InMemoryTracer()
        let trial = try StageTrial("- tracing")
        let headers = [(InMemoryTracer.traceIDKey, "t"), (InMemoryTracer.spanIDKey, "s")]
        withTracer(tracer) {
            _ = trial.send(.make(headers)) { request, sink in
                let span = tracer.activeSpans.first
                #expect(request.headers[InMemoryTracer.traceIDKey] == ["t"])
                #expect(request.headers[InMemoryTracer.spanIDKey] == [span?.spanID ?? ""])
                sink.answer("")
            }
        }
        let span = try #require(tracer.finishedSpans.first)
        #expect(span.spanContext.traceID == "t")
        #expect(span.spanContext.parentSpanID == "s")
    }

    @Test("the tracer doesn't see a trace from outside that is not trusted")
    func untrustedContext() throws {
        let headers = [(InMemoryTracer.traceIDKey, "t"), (InMemoryTracer.spanIDKey, "s")]
        let span = try finished(.make(headers), yaml: "- tracing: {trust_incoming: false}")
        #expect(span.spanContext.traceID == "trace-1")
        #expect(span.spanContext.parentSpanID == nil)
    }

    @Test("a handle's call is a span inside the program")
    func handle() throws {
        #expect(try finished(.make("POST", "/echo", origin: .handle)).kind == .internal)
    }

    @Test(
        "options that make no sense are refused",
        arguments: [
            ("- tracing: {trust_incoming: 1}", "true or false"),
            ("- tracing: {exporter: otlp}", "there are: trust_incoming"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}

/// A plugin's call with these headers.
private final class Parent: PluginCall {
    private let headers: [(name: String, value: String)]

    init(headers: [(String, String)]) {
        self.headers = headers.map { (name: $0.0, value: $0.1) }
    }

    var argument: ByteBuffer { ByteBuffer() }
    var contentType: String { "" }
    var deadline: NIODeadline? { nil }
    var isAbandoned: Bool { false }
    var requestID: String { "parent" }
    var native: NativeObject? { nil }
    func makeMetadata() -> CallMetadata {
        CallMetadata(origin: .http, requestID: requestID, headers: headers)
    }
    func send(_ part: CallResponse) -> Bool { false }
    func finish(_ result: Result<CallResponse, CallFailure>) {}
}
