package import HostPlugins

/// Whoever a shadow answers to: nobody. The answer is thrown away, and so is each part of a streamed one, at once.
package final class ShadowCaller: Caller {
    private let metadata: CallMetadata

    /// - Parameter metadata: that of the original call. Taken now: its caller may have gone when the shadow asks, and
    ///   to keep that one would keep its answer.
    package init(metadata: CallMetadata) {
        self.metadata = metadata
    }

    package var requestID: String { metadata.requestID }

    /// A shadow keeps the id of the original.
    package func rename(requestID: String) {}

    package func makeMetadata() -> CallMetadata { metadata }

    package func receive(part: PluginResponse) -> Bool { true }

    package func receive(_ result: Result<PluginResponse, DispatchError>) {}
}
