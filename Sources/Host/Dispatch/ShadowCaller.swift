internal import HostPlugins

/// Whoever a shadow answers to: nobody. The answer is thrown away, and so is each part of a streamed one, at once.
final class ShadowCaller: Caller {
    private let metadata: CallMetadata

    /// - Parameter metadata: that of the original call. Taken now: its caller may have gone when the shadow asks, and
    ///   to keep that one would keep its answer.
    init(metadata: CallMetadata) {
        self.metadata = metadata
    }

    var requestID: String { metadata.requestID }

    func makeMetadata() -> CallMetadata { metadata }

    func receive(part: PluginResponse) -> Bool { true }

    func receive(_ result: Result<PluginResponse, DispatchError>) {}
}
