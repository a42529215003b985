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
            let fields = response.headers.flatMap { [$0.name, $0.value] }
            unsafe withStrings([response.contentType] + fields) { strings in
                unsafe answer.content_type = strings[0]
                var headers: [backplane_header_t] = unsafe []
                for index in response.headers.indices {
                    unsafe headers.append(
                        backplane_header_t(
                            name: strings[1 + 2 * index], value: strings[2 + 2 * index]))
                }
                unsafe headers.withUnsafeBufferPointer { headers in
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
    }

    /// Runs `body` with C strings of texts, all of them in one block of memory.
    private static func withStrings(
        _ texts: [String], _ body: ([backplane_string_t]) -> Void
    ) {
        let bytes = texts.flatMap { Array($0.utf8) }
        unsafe bytes.withUnsafeBytes { block in
            var offset = 0
            let strings = unsafe texts.map { text in
                let size = text.utf8.count
                defer { offset += size }
                return unsafe backplane_string_t(
                    data: block.baseAddress?.advanced(by: offset)
                        .assumingMemoryBound(to: CChar.self),
                    size: UInt64(size))
            }
            unsafe body(strings)
        }
    }
}
