internal import NIOCore

/// Writes texts one behind the other into memory, each with one copy. Traps where there is no room for one.
///
/// A buffer's own functions look at its capacity and its owners each time, which costs more than the short texts of a
/// response head do.
@safe struct TextWriter {
    private let memory: UnsafeMutableRawBufferPointer
    /// How many bytes are written.
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) {
        unsafe self.memory = memory
    }

    mutating func write(static text: StaticString) {
        unsafe write(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func write(_ text: String) {
        unsafe text.utf8Span.span.withUnsafeBytes { bytes in unsafe write(bytes) }
    }

    /// - Parameter number: 0 or more.
    mutating func write(decimal number: Int) {
        var digits = 1
        var rest = number / 10
        while rest > 0 { (digits, rest) = (digits + 1, rest / 10) }
        let end = count + digits
        unsafe precondition(number >= 0 && end <= memory.count, "no room for a number")
        rest = number
        for place in stride(from: end - 1, through: count, by: -1) {
            unsafe memory[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        count = end
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        unsafe precondition(bytes.count <= memory.count - count, "no room for a text")
        unsafe memory.baseAddress?.advanced(by: count).copyMemory(
            from: start, byteCount: bytes.count)
        count += bytes.count
    }
}

extension ByteBuffer {
    /// Writes texts of `room` bytes at most.
    mutating func write(room: Int, _ body: (inout TextWriter) -> Void) {
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
            var writer = unsafe TextWriter(memory)
            body(&writer)
            return writer.count
        }
    }
}
