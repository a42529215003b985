internal import Logging
internal import NIOCore
internal import PluginABI

/// The host's side of the services that a library calls: looks the call up, checks what the plugin passed, hands it
/// on.
///
/// Every function may be called from any thread, with any argument a confused plugin may come up with.
final class HostContext: Sendable {
    let calls = CallRegistry()
    let conduct: PluginConduct

    init(conduct: PluginConduct) {
        self.conduct = conduct
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
        guard size <= Self.largestBody, unsafe calls.find(call.id) != nil else { return nil }
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
        guard let message = unsafe text(message) else {
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

    // MARK: Reading what the plugin passed

    private static let largestBody: UInt64 = 1 << 30

    private func read(
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
        guard let contentType = unsafe text(response.content_type) else {
            return invalid("a content type that is NULL or too long")
        }
        var headers: [(name: String, value: String)] = []
        if unsafe response.header_count > 0 {
            guard let fields = unsafe response.headers else {
                return invalid("headers that are NULL")
            }
            for index in unsafe 0..<Int(response.header_count) {
                guard let name = unsafe text(fields[index].name),
                    let value = unsafe text(fields[index].value), HeaderField.isValid(name, value)
                else { return invalid("a response header that is no valid HTTP header") }
                headers.append((name, value))
            }
        }
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
        guard unsafe bytes.size > 0 else { return ByteBuffer() }
        guard let data = unsafe bytes.data, unsafe bytes.size <= Self.largestBody else {
            return nil
        }
        if let allocated = memory?.body, unsafe UnsafePointer(allocated.address) == data {
            return unsafe allocated.prefix(bytes.size)
        }
        return unsafe ByteBuffer(bytes: UnsafeRawBufferPointer(start: data, count: Int(bytes.size)))
    }

    /// What the plugin says of a failure.
    private func message(_ string: backplane_string_t) -> String {
        if let message = unsafe text(string) { return message }
        conduct.record(.invalidStruct)
        return "(the plugin's message is NULL or over 1 MiB)"
    }

    /// Text of the plugin; what is not UTF-8 in it is replaced.
    private func text(_ string: backplane_string_t) -> String? {
        guard unsafe string.size > 0 else { return "" }
        guard let data = unsafe string.data, unsafe string.size <= 1 << 20 else { return nil }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: data, count: Int(string.size)), as: UTF8.self)
    }
}
