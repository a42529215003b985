internal import Logging
internal import NIOCore
internal import PluginABI

#if canImport(Glibc)
internal import Glibc
#endif

/// The host's side of the services that a library calls: looks the call up, checks what the plugin passed, hands it
/// on.
///
/// Every function may be called from any thread, with any argument a confused plugin may come up with.
final class HostContext: Sendable {
    let calls: CallRegistry
    let passages = PassageRegistry()
    let conduct: PluginConduct
    /// nil: the plugin gets no handles.
    let handles: PluginHandles?

    init(conduct: PluginConduct, endpoints: (any EndpointCaller)?) {
        let calls = CallRegistry()
        self.calls = calls
        self.conduct = conduct
        handles = endpoints.map { PluginHandles(to: $0, calls: calls, conduct: conduct) }
    }

    func finish(_ call: backplane_call_t, _ response: UnsafePointer<backplane_response_t>) {
        let taken = unsafe calls.take(call.id) { memory in unsafe read(response, memory: memory) }
        guard let (target, answer) = taken else {
            conduct.record(.finishedTwice)
            return
        }
        target.finish(answer)
    }

    func fail(
        _ call: backplane_call_t, _ status: backplane_status_t, _ message: backplane_string_t
    ) {
        let taken = unsafe calls.take(call.id) { _ in unsafe self.message(message) }
        guard let (target, message) = taken else {
            conduct.record(.finishedTwice)
            return
        }
        target.finish(.failure(PluginFailure(StatusCode(failure: status), message)))
    }

    func write(
        _ call: backplane_call_t, _ part: UnsafePointer<backplane_response_t>
    ) -> backplane_status_t {
        guard let (target, isInline) = unsafe calls.find(call.id) else {
            conduct.record(.finishedTwice)
            return backplane_status_t(BACKPLANE_STATUS_CANCELLED)
        }
        guard !isInline else { return backplane_status_t(BACKPLANE_STATUS_FAILED_PRECONDITION) }
        switch unsafe read(part, memory: nil) {
        case .success(let response):
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

    func log(_ level: backplane_log_level_t, _ message: backplane_string_t) {
        guard let message = unsafe PluginInput.text(message) else {
            conduct.record(.invalidStruct)
            return
        }
        let level: Logger.Level =
            switch Int(level) {
            case Int(BACKPLANE_LOG_DEBUG): .debug
            case Int(BACKPLANE_LOG_WARNING): .warning
            case Int(BACKPLANE_LOG_ERROR): .error
            default: .info
            }
        conduct.logger.log(level: level, "\(message)", metadata: ["source": "plugin"])
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
        guard UInt(bitPattern: identifier) != 0,
            unsafe strcmp(identifier, BACKPLANE_EXTENSION_HANDLE) == 0, handles != nil
        else { return nil }
        return unsafe HandleExtension.table
    }

    // MARK: Reading what the plugin passed

    func read(
        _ pointer: UnsafePointer<backplane_response_t>, memory: CallMemory?
    ) -> Result<PluginResponse, PluginFailure> {
        // The header forbids NULL, so Swift doesn't expect it.
        guard UInt(bitPattern: pointer) != 0 else {
            return invalid("a response that is NULL")
        }
        guard unsafe pointer.pointee.struct_size >= MemoryLayout<backplane_response_t>.size else {
            return invalid("a response whose struct_size is \(unsafe pointer.pointee.struct_size)")
        }
        let response = unsafe pointer.pointee
        guard let body = unsafe body(response.body, memory: memory) else {
            return invalid("a response body that is NULL, over 1 GiB, or more than was allocated")
        }
        guard let contentType = unsafe PluginInput.text(response.content_type) else {
            return invalid("a content type that is NULL or too long")
        }
        guard unsafe response.header_count == 0 || response.headers != nil else {
            return invalid("headers that are NULL")
        }
        guard
            let headers = unsafe PluginInput.headers(
                response.headers, count: UInt64(response.header_count))
        else { return invalid("a response header that is no valid HTTP header") }
        guard HeaderField.isValidValue(contentType) else {
            return invalid("a content type that is no valid HTTP header value")
        }
        return .success(PluginResponse(body: body, contentType: contentType, headers: headers))
    }

    private func invalid(_ what: String) -> Result<PluginResponse, PluginFailure> {
        conduct.record(.invalidStruct)
        return .failure(PluginFailure(.internal, "the plugin answered with \(what)"))
    }

    private func body(_ bytes: backplane_bytes_t, memory: CallMemory?) -> ByteBuffer? {
        if unsafe bytes.size > 0, let allocated = memory?.body,
            unsafe UnsafePointer(allocated.address) == bytes.data
        {
            return unsafe allocated.prefix(bytes.size)
        }
        return unsafe PluginInput.body(bytes)
    }

    /// What the plugin says of a failure.
    func message(_ string: backplane_string_t) -> String {
        if let message = unsafe PluginInput.text(string) { return message }
        conduct.record(.invalidStruct)
        return "(the plugin's message is NULL or over 1 MiB)"
    }
}
