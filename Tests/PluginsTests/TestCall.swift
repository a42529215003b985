import HostCore
import NIOConcurrencyHelpers
import NIOCore
import TestSupport

/// A call as the plugin module sees it, which keeps all that is done to it.
final class TestCall: PluginCall {
    let argument: ByteBuffer
    let contentType: String
    let deadline: NIODeadline?
    let metadata: CallMetadata
    private let state = NIOLockedValueBox(State())

    private struct State {
        var results: [Result<CallResponse, CallFailure>] = []
        var parts: [CallResponse] = []
        var metadataRequests = 0
        var isAbandoned = false
        var wantedParts = Int.max
    }

    /// - Parameter wantedParts: how many parts of a stream the caller takes before it goes away.
    init(
        _ argument: [UInt8], contentType: String = "", deadline: NIODeadline? = nil,
        metadata: CallMetadata = CallMetadata(origin: .handle, requestID: "test"),
        wantedParts: Int = .max
    ) {
        self.argument = ByteBuffer(bytes: argument)
        self.contentType = contentType
        self.deadline = deadline
        self.metadata = metadata
        state.withLockedValue { $0.wantedParts = wantedParts }
    }

    convenience init(
        _ argument: String = "", contentType: String = "", deadline: NIODeadline? = nil,
        metadata: CallMetadata = CallMetadata(origin: .handle, requestID: "test"),
        wantedParts: Int = .max
    ) {
        self.init(
            Array(argument.utf8), contentType: contentType, deadline: deadline, metadata: metadata,
            wantedParts: wantedParts)
    }

    // MARK: What was done to it

    /// One, unless somebody made a mistake.
    var results: [Result<CallResponse, CallFailure>] { state.withLockedValue { $0.results } }
    var parts: [CallResponse] { state.withLockedValue { $0.parts } }
    var metadataRequests: Int { state.withLockedValue { $0.metadataRequests } }

    /// The answer, if it was finished exactly once and with success.
    var response: CallResponse? {
        let results = results
        return results.count == 1 ? try? results[0].get() : nil
    }

    /// The failure, if it was finished exactly once and with one.
    var failure: CallFailure? {
        let results = results
        guard results.count == 1, case .failure(let failure) = results[0] else { return nil }
        return failure
    }

    var text: String? { response.map { String(buffer: $0.body) } }
    var bytes: [UInt8]? { response.map { Array($0.body.readableBytesView) } }

    var partTexts: [String] { parts.map { String(buffer: $0.body) } }

    /// Waits until the plugin has finished it.
    func finished() async throws {
        try await Eventually.true { !self.results.isEmpty }
    }

    /// The caller goes away.
    func abandon() {
        state.withLockedValue { $0.isAbandoned = true }
    }

    // MARK: The plugin's side

    var requestID: String { metadata.requestID }

    var native: NativeObject? { nil }

    var isAbandoned: Bool { state.withLockedValue { $0.isAbandoned } }

    func makeMetadata() -> CallMetadata {
        state.withLockedValue { $0.metadataRequests += 1 }
        return metadata
    }

    func send(_ part: CallResponse) -> Bool {
        state.withLockedValue { state in
            guard state.parts.count < state.wantedParts else { return false }
            state.parts.append(part)
            return true
        }
    }

    func finish(_ result: Result<CallResponse, CallFailure>) {
        state.withLockedValue { $0.results.append(result) }
    }
}
