internal import HostCore
internal import NIOCore
internal import PluginABI

/// The C struct with the response to a plugin's own call.
enum ResponseStruct {
    /// Runs `body` with the struct, which is valid while that runs.
    static func with(
        _ result: Result<CallResponse, CallFailure>,
        _ body: (UnsafePointer<backplane_handle_response_t>) -> Void
    ) {
        var block = unsafe backplane_handle_response_t()
        unsafe block.struct_size = UInt32(MemoryLayout<backplane_handle_response_t>.size)
        switch result {
        case .failure(let failure):
            unsafe block.status = failure.status.rawValue
            unsafe block.http_status = Int32(failure.httpStatus ?? failure.status.httpStatus)
            let texts = [failure.message, failure.details?.contentType ?? ""]
            unsafe withStrings(texts, failure.headers) { strings, headers in
                unsafe block.message = strings[0]
                unsafe fill(
                    &block, strings[1], headers, failure.details?.bytes ?? ByteBuffer(), body)
            }
        case .success(let response):
            unsafe block.status = backplane_status_t(BACKPLANE_STATUS_OK)
            unsafe block.http_status = Int32(response.status)
            unsafe withStrings([response.contentType], response.headers) { strings, headers in
                unsafe fill(&block, strings[0], headers, response.body, body)
            }
        }
    }

    private static func fill(
        _ block: inout backplane_handle_response_t, _ contentType: backplane_string_t,
        _ headers: UnsafeBufferPointer<backplane_header_t>, _ bytes: ByteBuffer,
        _ body: (UnsafePointer<backplane_handle_response_t>) -> Void
    ) {
        unsafe block.content_type = contentType
        unsafe block.headers = headers.baseAddress
        unsafe block.header_count = UInt64(headers.count)
        unsafe bytes.withUnsafeReadableBytes { bytes in
            unsafe block.body = backplane_bytes_t(
                data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                size: UInt64(bytes.count))
            unsafe body(&block)
        }
    }

    /// Runs `body` with C strings of texts and header fields.
    static func withStrings(
        _ texts: [String], _ headers: [(name: String, value: String)],
        _ body: ([backplane_string_t], UnsafeBufferPointer<backplane_header_t>) -> Void
    ) {
        unsafe withStrings(texts + headers.flatMap { [$0.name, $0.value] }) { strings in
            let fields = unsafe headers.indices.map { index in
                let name = texts.count + 2 * index
                return unsafe backplane_header_t(name: strings[name], value: strings[name + 1])
            }
            unsafe fields.withUnsafeBufferPointer { fields in unsafe body(strings, fields) }
        }
    }

    /// Runs `body` with C strings of texts, all of them in one block of memory.
    static func withStrings<Value>(
        _ texts: [String], _ body: ([backplane_string_t]) -> Value
    ) -> Value {
        let bytes = texts.flatMap { Array($0.utf8) }
        return unsafe bytes.withUnsafeBytes { block in
            var offset = 0
            let strings = unsafe texts.map { text in
                let size = text.utf8.count
                defer { offset += size }
                return unsafe backplane_string_t(
                    data: block.baseAddress?.advanced(by: offset)
                        .assumingMemoryBound(to: CChar.self),
                    size: UInt64(size))
            }
            return unsafe body(strings)
        }
    }
}

/// An HTTP status that a plugin may choose for a response.
///
/// Source: RFC 9110, section 15.
struct HTTPStatus {
    let code: Int

    /// - Parameter number: 0: 200.
    /// - Returns: nil for a number that is no final status. The interim ones, from 100, are the host's.
    init?(_ number: Int32) {
        guard number != 0 else {
            code = 200
            return
        }
        guard (200...599).contains(number) else { return nil }
        code = Int(number)
    }

    /// Whether a response with it has a body.
    var mayHaveBody: Bool { code != 204 && code != 205 && code != 304 }
}
