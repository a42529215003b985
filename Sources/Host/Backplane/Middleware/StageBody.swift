internal import HTTPTypes
internal import HostCore
public import NIOCore

/// The body of a request or of a response: whole, on its way, or yet to be written.
public struct StageBody: Sendable {
    /// Writes the body, piece by piece: `write` returns when there is room for the next one.
    public typealias Writing =
        @Sendable (_ write: (ByteBuffer) async throws -> Void) async throws -> Void

    private enum Form: Sendable {
        case whole(ByteBuffer)
        /// A request's.
        case incoming(IncomingBody)
        /// A streamed response's, of what is behind the stage.
        case passing(StageInbox.Reading)
        case written(Writing)
    }

    private let form: Form

    private init(_ form: Form) {
        self.form = form
    }

    /// A body of these bytes.
    public init(_ buffer: ByteBuffer = ByteBuffer()) {
        self.init(.whole(buffer))
    }

    /// A body of this text in UTF-8.
    public init(_ text: String) {
        self.init(ByteBuffer(string: text))
    }

    /// A body that comes in pieces: each is asked for when there is room for it. An error breaks it off.
    public init<Pieces: AsyncSequence & Sendable>(pieces: Pieces)
    where Pieces.Element == ByteBuffer {
        self.init(writing: { write in
            for try await piece in pieces { try await write(piece) }
        })
    }

    /// A body that is written when it is needed.
    public init(writing: @escaping Writing) {
        self.init(.written(writing))
    }

    init(_ incoming: IncomingBody) {
        self.init(.incoming(incoming))
    }

    init(_ reading: StageInbox.Reading) {
        self.init(.passing(reading))
    }

    // MARK: Reading

    /// The body, if it is there in one piece; nil: it is on its way, or comes in pieces.
    public var whole: ByteBuffer? {
        if case .whole(let buffer) = form { buffer } else { nil }
    }

    /// Reads the body; once. A reader that is slow holds back who writes. A request's body comes in one piece, when all
    /// of it has arrived.
    ///
    /// - Throws: what `body` throws; what the writer of the body throws; ``CallError`` for a body that breaks off or is
    ///   over its limit.
    public func readPieces(_ body: (ByteBuffer) async throws -> Void) async throws {
        switch form {
        case .whole(let buffer): if buffer.readableBytes > 0 { try await body(buffer) }
        case .incoming(let incoming): try await body(try await incoming.collected())
        case .passing(let reading): try await reading.readPieces(body)
        case .written(let writing): try await writing(body)
        }
    }

    /// All of the body.
    ///
    /// - Parameter limit: the most bytes that are taken.
    /// - Throws: as ``readPieces(_:)``, or ``StageRefusal`` with the status 413.
    public func collect(upTo limit: Int = .max) async throws -> ByteBuffer {
        var all = ByteBuffer()
        try await readPieces { piece in
            guard piece.readableBytes <= limit - all.readableBytes else {
                throw StageRefusal(
                    .contentTooLarge, "the body is over the limit of \(limit) bytes")
            }
            if all.readableBytes == 0 {
                all = piece
            } else {
                all.writeImmutableBuffer(piece)
            }
        }
        return all
    }

    /// The same with each piece changed as it passes.
    public func map(
        _ transform: @escaping @Sendable (ByteBuffer) async throws -> ByteBuffer
    ) -> StageBody {
        StageBody(writing: { write in
            try await readPieces { try await write(try await transform($0)) }
        })
    }
}

extension IncomingBody {
    /// Waits for all of it. Ends when the task is cancelled: of a client that goes away, nothing more is heard.
    fileprivate func collected() async throws -> ByteBuffer {
        let promise = Promise<Result<ByteBuffer, DispatchError>>()
        whenThere { promise.fulfil($0) }
        let result = await withTaskCancellationHandler {
            await promise.value
        } onCancel: {
            promise.fulfil(.failure(.nobodyWaits))
        }
        return try result.mapError { CallError(passing: $0) }.get()
    }
}

extension DispatchError {
    static let nobodyWaits = DispatchError(.cancelled, "nobody waits for the answer any more")
}
