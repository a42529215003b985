internal import HostDispatch
internal import HostForms
internal import HostPlugins
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Packs answers for clients that accept that, and unpacks requests.
struct CompressionStage: MiddlewareStage {
    /// What is unpacked on the event loop, in bytes; a thread does the rest.
    private static let smallBody = 64 << 10

    private let options: Options
    private let types: MediaTypePatterns

    init(_ options: Options) {
        self.options = options
        types = MediaTypePatterns(options.types)
    }

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        guard options.requests, request.headers.contains(name: "content-encoding") else {
            return pass(request, for: caller, passage)
        }
        switch Self.coding(of: request.headers) {
        case .success(nil): pass(request, for: caller, passage)
        case .success(let coding?):
            passage.whenBodyIsThere(of: request, for: caller) { request, passage in
                unpack(coding, request, for: caller, passage)
            }
        case .failure(let error): passage.refuse(caller, with: error)
        }
    }

    // MARK: Answers

    /// A handle's caller gets answers as they are: a program that passes a request on would not expect otherwise.
    private func pass(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        guard request.origin == .http else { return passage.proceed(request, for: caller) }
        let accepted = AcceptEncoding(request.headers)
        let choice = accepted.choice
        guard choice != .nothing else {
            return passage.refuse(
                caller,
                with: DispatchError(
                    .refused(httpStatus: 406),
                    "no coding that the request accepts can be sent: accept \(ContentCoding.names), or identity"
                ))
        }
        let filter = CompressionFilter(
            choice, isRequired: !accepted.takesIdentity, isHead: request.httpMethod == "HEAD",
            options, types)
        passage.proceed(request, for: FilteringCaller(filter, before: caller, passage))
    }

    // MARK: Requests

    /// nil: there is none to undo.
    private static func coding(
        of headers: HTTPHeaders
    ) -> Result<ContentCoding?, DispatchError> {
        let names = headers[canonicalForm: "content-encoding"]
            .filter { !$0.isEmpty && $0.lowercased() != "identity" }
        guard let name = names.first else { return .success(nil) }
        guard names.count == 1, let coding = ContentCoding(name) else {
            return .failure(
                DispatchError(
                    .refused(httpStatus: 415),
                    "the request's content-encoding is not supported: send one of \(ContentCoding.names), or none",
                    headers: [("accept-encoding", ContentCoding.names)]))
        }
        return .success(coding)
    }

    private func unpack(
        _ coding: ContentCoding, _ request: MiddlewareRequest, for caller: any Caller,
        _ passage: Passage
    ) {
        let packed = request.body ?? ByteBuffer()
        // No body has no coding, whatever a client says.
        guard packed.readableBytes > 0 else {
            return pass(Self.unpacked(request, packed), for: caller, passage)
        }
        guard let inflater = Inflater(coding, packed, limit: options.maxRequestSize) else {
            return passage.refuse(
                caller, with: DispatchError(.unavailable, "there is no memory to unpack the body"))
        }
        let step = inflater.run(for: Self.smallBody)
        guard step == .unfinished else {
            return end(step, inflater, coding, request, for: caller, passage)
        }
        let rest = NIOLoopFree(inflater)
        NIOThreadPool.singleton.submit { _ in
            let step = rest.value.run(for: .max)
            end(step, rest.value, coding, request, for: caller, passage)
        }
    }

    private func end(
        _ step: Inflater.Step, _ inflater: Inflater, _ coding: ContentCoding,
        _ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage
    ) {
        switch step {
        case .finished: pass(Self.unpacked(request, inflater.output), for: caller, passage)
        case .tooLarge:
            passage.refuse(
                caller,
                with: DispatchError(
                    .refused(httpStatus: 413),
                    "unpacked, the body is over the limit of \(options.maxRequestSize) bytes"))
        case .malformed, .unfinished:
            passage.refuse(
                caller,
                with: DispatchError(
                    .refused(httpStatus: 400),
                    "the body is not \(coding.name), which its content-encoding says, or is cut off"
                ))
        }
    }

    private static func unpacked(
        _ request: MiddlewareRequest, _ body: ByteBuffer
    ) -> MiddlewareRequest {
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
