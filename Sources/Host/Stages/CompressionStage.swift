internal import HostCore
internal import HostForms
internal import HostPipeline
internal import NIOCore
internal import NIOPosix

/// Packs responses for clients that accept that, and unpacks requests.
struct CompressionStage: MiddlewareStage {
    /// What is unpacked on the event loop, in bytes; a thread does the rest.
    private static let smallBody = 64 << 10

    private let options: Options
    private let types: MediaTypePatterns

    init(_ options: Options) {
        self.options = options
        types = MediaTypePatterns(options.types)
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        guard options.requests, request.headers.contains(name: "content-encoding") else {
            return pass(request, for: sink, next)
        }
        switch Self.coding(of: request.headers) {
        case .success(nil): pass(request, for: sink, next)
        case .success(let coding?):
            next.whenBodyIsThere(of: request, for: sink) { request, next in
                unpack(coding, request, for: sink, next)
            }
        case .failure(let error): next.refuse(sink, with: error)
        }
    }

    // MARK: Responses

    /// A handle's caller gets responses as they are: a program that passes a request on would not expect otherwise.
    private func pass(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        guard request.origin == .http else { return next.proceed(request, for: sink) }
        let accepted = AcceptEncoding(request.headers)
        let choice = accepted.choice
        guard choice != .nothing else {
            return next.refuse(
                sink,
                with: DispatchError(
                    .refused(httpStatus: 406),
                    "no coding that the request accepts can be sent: accept \(ContentCoding.names), or identity"
                ))
        }
        let filter = CompressionFilter(
            choice, isRequired: !accepted.takesIdentity, options, types)
        next.proceed(request, for: FilteringSink(filter, before: sink, next))
    }

    // MARK: Requests

    /// nil: there is none to undo.
    private static func coding(
        of headers: HeaderFields
    ) -> Result<ContentCoding?, DispatchError> {
        let names = headers.elements(of: "content-encoding")
            .filter { $0.lowercased() != "identity" }
        guard let name = names.first else { return .success(nil) }
        guard names.count == 1, let coding = ContentCoding(name[...]) else {
            return .failure(
                DispatchError(
                    .refused(httpStatus: 415),
                    "the request's content-encoding is not supported: send one of \(ContentCoding.names), or none",
                    headers: [("accept-encoding", ContentCoding.names)]))
        }
        return .success(coding)
    }

    private func unpack(
        _ coding: ContentCoding, _ request: Request, for sink: any ResponseSink,
        _ next: Next
    ) {
        let packed = request.body ?? ByteBuffer()
        // No body has no coding, whatever a client says.
        guard packed.readableBytes > 0 else {
            return pass(Self.unpacked(request, packed), for: sink, next)
        }
        guard let inflater = Inflater(coding, packed, limit: options.maxRequestSize) else {
            return next.refuse(
                sink, with: DispatchError(.unavailable, "there is no memory to unpack the body"))
        }
        let step = inflater.run(for: Self.smallBody)
        guard step == .unfinished else {
            return end(step, inflater, coding, request, for: sink, next)
        }
        let rest = NIOLoopFree(inflater)
        NIOThreadPool.singleton.submit { _ in
            let step = rest.value.run(for: .max)
            request.resume { end(step, rest.value, coding, request, for: sink, next) }
        }
    }

    private func end(
        _ step: Inflater.Step, _ inflater: Inflater, _ coding: ContentCoding,
        _ request: Request, for sink: any ResponseSink, _ next: Next
    ) {
        switch step {
        case .finished:
            let body = inflater.output
            guard request.originSink?.takeRoom(forBodyBytes: body.readableBytes) ?? true else {
                return next.refuse(sink, with: BodyBudget.noRoom)
            }
            pass(Self.unpacked(request, body), for: sink, next)
        case .tooLarge:
            next.refuse(
                sink,
                with: DispatchError(
                    .refused(httpStatus: 413),
                    "unpacked, the body is over the limit of \(options.maxRequestSize) bytes"))
        case .malformed, .unfinished:
            next.refuse(
                sink,
                with: DispatchError(
                    .refused(httpStatus: 400),
                    "the body is not \(coding.name), which its content-encoding says, or is cut off"
                ))
        }
    }

    private static func unpacked(
        _ request: Request, _ body: ByteBuffer
    ) -> Request {
        var request = request
        request.body = body
        request.headers.remove(name: "content-encoding")
        if request.headers.contains(name: "content-length") {
            request.headers.replaceOrAdd(
                name: "content-length", value: String(body.readableBytes))
        }
        return request
    }
}

/// Hands a body over to the thread that unpacks the rest of it.
private struct NIOLoopFree: @unchecked Sendable {
    // Sendable: whoever hands it over doesn't use it any more.
    let value: Inflater

    init(_ value: Inflater) {
        self.value = value
    }
}
