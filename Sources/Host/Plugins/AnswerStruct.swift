internal import NIOCore
internal import PluginABI

/// The C struct with the answer to a plugin's own call.
enum AnswerStruct {
    /// Runs `body` with the struct, which is valid while that runs.
    static func with(
        _ result: Result<PluginResponse, PluginFailure>,
        _ body: (UnsafePointer<backplane_answer_t>) -> Void
    ) {
        var answer = unsafe backplane_answer_t()
        unsafe answer.struct_size = UInt32(MemoryLayout<backplane_answer_t>.size)
        switch result {
        case .failure(let failure):
            unsafe answer.status = failure.status.rawValue
            unsafe withStrings([failure.message]) { strings in
                unsafe answer.message = strings[0]
                unsafe body(&answer)
            }
        case .success(let response):
            unsafe answer.status = backplane_status_t(BACKPLANE_STATUS_OK)
            unsafe withStrings([response.contentType], response.headers) { strings, headers in
                unsafe answer.content_type = strings[0]
                unsafe answer.headers = headers.baseAddress
                unsafe answer.header_count = UInt64(headers.count)
                unsafe response.body.withUnsafeReadableBytes { bytes in
                    unsafe answer.body = backplane_bytes_t(
                        data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                        size: UInt64(bytes.count))
                    unsafe body(&answer)
                }
            }
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
