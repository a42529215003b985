internal import HostCore
internal import HostDispatch
internal import NIOConcurrencyHelpers
public import NIOCore

/// A plugin's response part by part, as it writes them. For one reader, once.
///
/// A reader that stops before the end, by leaving its loop or by dropping the stream, ends the call: the plugin's next
/// `write` returns CANCELLED.
public struct ResponseStream: AsyncSequence, Sendable {
    /// The HTTP status that the plugin gave with the first part, 200 to 599.
    public let httpStatus: Int
    /// As the plugin gave it with the first part; empty when it gave none.
    public let contentType: String
    /// The headers beside the content type that the plugin gave with the first part.
    public let headers: [(name: String, value: String)]
    private let reading: Reading

    init(_ call: HandleCall, first: CallResponse) {
        httpStatus = first.status
        contentType = first.contentType
        headers = first.headers
        reading = Reading(call, first: first.body)
    }

    /// The parts that have not been read.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reading: reading) }

    /// Reads the parts.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let reading: Reading

        /// The next part; nil after the last.
        ///
        /// - Throws: ``CallError`` when the plugin fails after it has written parts, or the deadline passes.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(CallError) -> ByteBuffer? {
            try await reading.next()
        }
    }

    /// Ends the call when nobody reads any more.
    fileprivate final class Reading: Sendable {
        private let call: HandleCall
        private let first: NIOLockedValueBox<ByteBuffer?>

        init(_ call: HandleCall, first: ByteBuffer) {
            self.call = call
            self.first = NIOLockedValueBox(first)
        }

        deinit {
            // Changes nothing when it is over.
            call.cancel()
        }

        func next() async throws(CallError) -> ByteBuffer? {
            if let part = first.withLockedValue({ $0.take() }) { return part }
            switch await call.nextPart() {
            case .success(let part): return part?.body
            case .failure(let error): throw CallError(error)
            }
        }
    }
}
