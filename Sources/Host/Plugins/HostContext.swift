internal import HostCore
internal import NIOCore
internal import PluginABI

/// The host's side of the services that a library calls: looks the call up, checks what the plugin passed, hands it
/// on.
///
/// Every function may be called from any thread, with any argument a confused plugin may come up with.
final class HostContext: Sendable {
    let calls: CallRegistry
    let invocations = StageInvocationRegistry()
    let violations: ContractViolations
    /// nil: the plugin gets no handles.
    let handles: PluginHandles?
    /// nil: nobody has said where the library comes from.
    let library: LibraryExtension?

    init(violations: ContractViolations, endpoints: (any EndpointCaller)?, place: LibraryPlace?) {
        let calls = CallRegistry()
        self.calls = calls
        self.violations = violations
        library = place.map { LibraryExtension($0) }
        handles = endpoints.map { PluginHandles(to: $0, calls: calls, violations: violations) }
    }

    func finish(_ call: backplane_call_t, _ response: UnsafePointer<backplane_response_t>) {
        let taken = unsafe calls.take(call.id) { call, memory in
            unsafe read(response, to: call, memory: memory)
        }
        guard let (target, answer) = taken else {
            violations.record(.finishedTwice)
            return
        }
        target.finish(answer)
    }

    func fail(
        _ call: backplane_call_t, _ status: backplane_status_t, _ message: backplane_string_t
    ) {
        let taken = unsafe calls.take(call.id) { _, _ in unsafe self.message(message) }
        guard let (target, message) = taken else {
            violations.record(.finishedTwice)
            return
        }
        target.finish(.failure(CallFailure(StatusCode(failure: status), message)))
    }

    func fail(_ call: backplane_call_t, with failure: UnsafePointer<backplane_failure_t>) {
        let taken = unsafe calls.take(call.id) { _, _ in unsafe self.read(failure) }
        guard let (target, result) = taken else {
            violations.record(.finishedTwice)
            return
        }
        switch result {
        case .success(let failure), .failure(let failure): target.finish(.failure(failure))
        }
    }

    func write(
        _ call: backplane_call_t, _ part: UnsafePointer<backplane_response_t>
    ) -> backplane_status_t {
        guard let (target, isInline) = unsafe calls.find(call.id) else {
            violations.record(.finishedTwice)
            return backplane_status_t(BACKPLANE_STATUS_CANCELLED)
        }
        guard !isInline else { return backplane_status_t(BACKPLANE_STATUS_FAILED_PRECONDITION) }
        switch unsafe read(part, to: target, memory: nil) {
        case .success(let response):
            // What has no body has no parts.
            guard HTTPStatus(Int32(response.status))?.mayHaveBody ?? false else {
                violations.record(.invalidStruct)
                return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
            }
            return target.send(response)
                ? backplane_status_t(BACKPLANE_STATUS_OK)
                : backplane_status_t(BACKPLANE_STATUS_CANCELLED)
        case .failure:
            return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
        }
    }

    func allocateBody(_ call: backplane_call_t, _ size: UInt64) -> UnsafeMutablePointer<UInt8>? {
        guard size <= PluginInput.largestBody, unsafe calls.find(call.id) != nil else { return nil }
        // Zeroed before the registry is locked: other calls need not wait for that.
        let body = AllocatedBody(size: Int(size))
        let found = unsafe calls.withMemory(of: call.id) { _, memory in
            memory.body = body
            return unsafe UInt(bitPattern: body.address)
        }
        return unsafe found.flatMap { unsafe UnsafeMutablePointer(bitPattern: $0) }
    }

    func metadata(_ call: backplane_call_t) -> UnsafePointer<backplane_metadata_t>? {
        let found = unsafe calls.withMemory(of: call.id) { target, memory in
            unsafe UInt(bitPattern: memory.metadataPointer(target.makeMetadata))
        }
        return unsafe found.flatMap { unsafe UnsafePointer(bitPattern: $0) }
    }

    func isCancelled(_ call: backplane_call_t) -> Int32 {
        unsafe calls.find(call.id)?.call.isAbandoned ?? true ? 1 : 0
    }

    func native(
        _ call: backplane_call_t, output: UnsafeMutablePointer<backplane_native_t>
    ) -> backplane_status_t {
        guard let native = unsafe calls.find(call.id)?.call.native else {
            return backplane_status_t(BACKPLANE_STATUS_NOT_FOUND)
        }
        // The call holds it until it is finished.
        unsafe output.pointee = native.value
        return backplane_status_t(BACKPLANE_STATUS_OK)
    }

    /// A service that not every host has; immortal.
    func hostExtension(_ identifier: UnsafePointer<CChar>) -> UnsafeRawPointer? {
        unsafe HostExtension.table(named: identifier, for: self)
    }
}
