public import Backplane
internal import HTTPTypes
internal import HostCore
public import Hummingbird
public import Logging
internal import NIOCore

/// Hummingbird's middleware as a stage of a host's chain:
///
///     configuration.middleware = [HummingbirdStage(CORSMiddleware(allowOrigin: .all))]
///
/// To the middleware, what is behind it in the chain is the rest of a Hummingbird application: a response is a
/// `Response`, and a failure, such as a path that leads nowhere, is thrown as an `HTTPResponseError` of its status. The
/// client gets errors in the host's form, problem+json, with the headers that the middleware adds.
///
/// A request goes on when its body has come, for the middleware may have changed it.
public struct HummingbirdStage<Inner: RouterMiddleware<StageContext>>: Middleware {
    private let inner: Inner
    private let logger: Logger

    /// - Parameter logger: what the middleware finds in its context.
    public init(_ inner: Inner, logger: Logger = Logger(label: "backplane")) {
        self.inner = inner
        self.logger = logger
    }

    /// The middleware's type, such as `CORSMiddleware`.
    public var name: String { String("\(Inner.self)".prefix { $0 != "<" }) }

    /// Sends the request through the middleware.
    public func handle(
        _ request: StageRequest, next: (StageRequest) async throws -> StageResponse
    ) async throws -> StageResponse {
        let context = StageContext(request, logger)
        let asked = Request(head: request.head, body: request.body.asRequestBody)
        var failed: StageResponse?
        do {
            let response = try await inner.handle(asked, context: context) { passed, _ in
                var forward = request
                forward.head = passed.head
                forward.body = StageBody(pieces: passed.body)
                let response = try await answer(of: next, to: forward)
                guard response.failure == nil else {
                    failed = response
                    throw HostFailure(response)
                }
                return Response(response)
            }
            return try await answer(response, after: failed)
        } catch let error as any HTTPResponseError {
            let response = try error.response(from: asked, context: context)
            let answer = try await answer(response, after: failed)
            guard answer.failure == nil, answer.status.code >= 400 else { return answer }
            throw try await StageRefusal(error, answer)
        }
    }

    /// What was wrong with the request is a failure, too: nothing that is thrown loses its status on the way through.
    private func answer(
        of next: (StageRequest) async throws -> StageResponse, to request: StageRequest
    ) async throws -> StageResponse {
        do {
            return try await next(request)
        } catch let error as CallError {
            return StageResponse(error)
        }
    }

    /// - Parameter failed: the failure that the middleware was given.
    private func answer(
        _ response: Response, after failed: StageResponse?
    ) async throws -> StageResponse {
        guard var failed else { return try await StageResponse(response) }
        // Is this the failure, or what the middleware gives instead?
        let collector = BodyCollector()
        try await response.body.write(collector)
        guard collector.isFailures, response.status == failed.status else {
            return StageResponse(
                response.status, headerFields: response.headers, body: StageBody(collector.bytes))
        }
        failed.headerFields = response.headers
        failed.headerFields[.contentLength] = nil
        return failed
    }
}

extension StageContext {
    fileprivate init(_ request: StageRequest, _ logger: Logger) {
        var logger = logger
        logger[metadataKey: "hb.request.id"] = "\(request.requestID)"
        self.init(source: Source(logger: logger, remoteAddress: request.remoteAddress))
    }
}

extension StageRefusal {
    /// What Hummingbird would have answered for an error.
    ///
    /// - Parameter answer: that.
    fileprivate init(_ error: any HTTPResponseError, _ answer: StageResponse) async throws {
        var fields = answer.headerFields
        fields[.contentType] = nil
        fields[.contentLength] = nil
        let text = try await String(buffer: answer.body.collect(upTo: 64 << 10))
        let message = (error as? HTTPError)?.body ?? text
        self.init(
            answer.status, message.isEmpty ? answer.status.reasonPhrase : message,
            headerFields: fields)
    }
}
