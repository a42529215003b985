internal import Backplane
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension StageBody {
    /// The body of a request, which comes in one piece.
    var asRequestBody: RequestBody {
        if let whole { return RequestBody(buffer: whole) }
        return RequestBody(asyncSequence: Collected(body: self))
    }

    private struct Collected: AsyncSequence, Sendable {
        let body: StageBody

        func makeAsyncIterator() -> Iterator { Iterator(body: body) }

        struct Iterator: AsyncIteratorProtocol {
            var body: StageBody?

            mutating func next() async throws -> ByteBuffer? {
                try await body.take()?.collect()
            }
        }
    }

    var asResponseBody: ResponseBody {
        if let whole { return ResponseBody(byteBuffer: whole) }
        return ResponseBody { [self] writer in
            try await readPieces { try await writer.write($0) }
            try await writer.finish(nil)
        }
    }
}

extension Response {
    init(_ response: StageResponse) {
        self.init(
            status: response.status, headers: response.headerFields,
            body: response.body.asResponseBody)
    }
}

extension StageResponse {
    /// Bodies up to this size are sent as one.
    private static let collectedSize = 1 << 20

    init(_ response: Response) async throws {
        var fields = response.headers
        fields[.contentLength] = nil
        let hummingbirds = response.body
        let body = StageBody { write in
            try await withoutActuallyEscaping(write) { write in
                try await hummingbirds.write(PieceWriter(writing: write))
            }
        }
        let isSmall = hummingbirds.contentLength.map { $0 <= Self.collectedSize } ?? false
        self.init(
            response.status, headerFields: fields,
            body: isSmall ? StageBody(try await body.collect()) : body)
    }
}

/// Writes the pieces of a response where the host wants them.
private struct PieceWriter: ResponseBodyWriter {
    let writing: (ByteBuffer) async throws -> Void

    func write(_ buffer: ByteBuffer) async throws { try await writing(buffer) }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
