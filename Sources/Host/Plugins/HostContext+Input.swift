internal import HostCore
internal import NIOCore
internal import PluginABI

/// Reads what a plugin passed, and counts what breaks the contract.
extension HostContext {
    /// A response, or the failure that the caller gets for one that can't be used.
    func read(
        _ pointer: UnsafePointer<backplane_response_t>, to call: (any PluginCall)? = nil,
        memory: CallMemory?
    ) -> Result<CallResponse, CallFailure> {
        // The header forbids NULL, so Swift doesn't expect it.
        guard UInt(bitPattern: pointer) != 0 else {
            return invalid("a response that is NULL")
        }
        guard let response = unsafe backplane_response_t.copy(pointer) else {
            return invalid("a response whose struct_size is \(unsafe pointer.pointee.struct_size)")
        }
        guard let status = unsafe HTTPStatus(response.http_status) else {
            return invalid("the HTTP status \(unsafe response.http_status)")
        }
        guard let body = unsafe body(response.body, memory: memory) else {
            return invalid("a response body that is NULL, over 1 GiB, or more than was allocated")
        }
        guard status.mayHaveBody || body.readableBytes == 0 else {
            return invalid("a body with the HTTP status \(status.code), which has none")
        }
        guard
            let contentType = unsafe PluginInput.text(
                response.content_type, mostly: call?.contentType ?? "")
        else {
            return invalid("a content type that is NULL or too long")
        }
        guard unsafe response.header_count == 0 || response.headers != nil else {
            return invalid("headers that are NULL")
        }
        guard
            let headers = unsafe PluginInput.headers(
                response.headers, count: UInt64(response.header_count))
        else { return invalid("a response header that is no valid HTTP header") }
        guard HTTPText.isFieldContent(contentType) else {
            return invalid("a content type that is no valid HTTP header value")
        }
        return .success(
            CallResponse(
                status: status.code, body: body, contentType: contentType, headers: headers))
    }

    /// A failure, or the one that the caller gets for one that can't be used.
    func read(
        _ pointer: UnsafePointer<backplane_failure_t>
    ) -> Result<CallFailure, CallFailure> {
        guard UInt(bitPattern: pointer) != 0 else { return invalid("a failure that is NULL") }
        guard let passed = unsafe backplane_failure_t.copy(pointer) else {
            return invalid("a failure whose struct_size is \(unsafe pointer.pointee.struct_size)")
        }
        let httpStatus = unsafe Int(passed.http_status)
        guard httpStatus == 0 || (400...599).contains(httpStatus) else {
            return invalid("a failure with the HTTP status \(httpStatus)")
        }
        guard unsafe passed.header_count == 0 || passed.headers != nil,
            let headers = unsafe PluginInput.headers(passed.headers, count: passed.header_count)
        else { return invalid("a failure's header that is no valid HTTP header") }
        guard let contentType = unsafe PluginInput.text(passed.content_type),
            HTTPText.isFieldContent(contentType)
        else { return invalid("a content type that is no valid HTTP header value") }
        guard let details = unsafe PluginInput.body(passed.details) else {
            return invalid("a failure's details that are NULL or over 1 GiB")
        }
        guard
            !contentType.isEmpty || details.readableBytes == 0
                || details.readableBytes <= PluginInput.largestText && JSONSyntax.isText(details)
        else { return invalid("a failure's details that have no content type and are no JSON") }
        let (status, text) = unsafe (passed.status, message(passed.message))
        return .success(
            CallFailure(
                StatusCode(failure: status), text, httpStatus: httpStatus == 0 ? nil : httpStatus,
                headers: headers,
                details: details.readableBytes == 0
                    ? nil : FailureDetails(contentType: contentType, bytes: details)))
    }

    private func invalid<Value>(_ what: String) -> Result<Value, CallFailure> {
        violations.record(.invalidStruct)
        return .failure(CallFailure(.internal, "the plugin answered with \(what)"))
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
        violations.record(.invalidStruct)
        return "(the plugin's message is NULL or over 1 MiB)"
    }
}
