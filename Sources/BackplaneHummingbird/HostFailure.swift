internal import Backplane
internal import HTTPTypes
internal import HostCore
internal import Hummingbird
internal import NIOCore

/// A failure of what is behind the middleware, as Hummingbird has errors.
struct HostFailure: HTTPResponseError {
    private let failed: StageResponse

    init(_ failed: StageResponse) {
        self.failed = failed
    }

    var status: HTTPResponse.Status { failed.status }

    /// A response whose body the host will write, if the middleware leaves it as it is.
    func response(from request: Request, context: some RequestContext) throws -> Response {
        let message = failed.failure?.message ?? failed.status.reasonPhrase
        return Response(
            status: failed.status, headers: failed.headerFields,
            body: ResponseBody { writer in
                if let collector = writer as? BodyCollector {
                    collector.isFailures = true
                } else {
                    try await writer.write(ByteBuffer(string: message))
                }
                try await writer.finish(nil)
            })
    }
}

/// Takes the body of a response that takes the place of a failure, and notices if it is the failure's own. One task's.
final class BodyCollector: ResponseBodyWriter {
    var isFailures = false
    private(set) var bytes = ByteBuffer()

    func write(_ buffer: ByteBuffer) async throws {
        bytes.writeImmutableBuffer(buffer)
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
