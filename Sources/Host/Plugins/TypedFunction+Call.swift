internal import HostTypedCalls
internal import NIOCore

extension TypedFunction {
    /// Calls the function with what a call brings.
    ///
    /// - Parameter instance: what `self` is.
    func answer(
        to call: any PluginCall, _ instance: OpaquePointer?
    ) -> Result<PluginResponse, PluginFailure> {
        let result = unsafe self.call(
            body: call.argument, contentType: call.contentType,
            query: { call.makeMetadata().query }, instance: UnsafeMutableRawPointer(instance))
        return result.map { PluginResponse(body: $0.body, contentType: $0.contentType) }
            .mapError {
                PluginFailure(StatusCode(rawValue: $0.status) ?? .unknown, $0.message)
            }
    }
}
