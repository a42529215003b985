/// Bytes that are read: borrowed, and valid as long as the call that they belong to.
@safe struct InputBytes {
    private let base: UnsafePointer<UInt8>
    let count: Int

    init(_ base: UnsafePointer<UInt8>, count: Int) {
        unsafe self.base = unsafe base
        self.count = count
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer's address is never followed.
        unsafe base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? Self.nowhere
        count = bytes.count
    }

    /// 0 beyond the end, which no JSON text holds.
    subscript(index: Int) -> UInt8 {
        @inline(__always) get { unsafe index < count ? base[index] : 0 }
    }

    func slice(_ range: Range<Int>) -> InputBytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe InputBytes(base + range.lowerBound, count: range.count)
    }

    /// In which what is not UTF-8 is replaced.
    var text: String { unsafe String(decoding: buffer, as: UTF8.self) }

    var buffer: UnsafeBufferPointer<UInt8> { unsafe UnsafeBufferPointer(start: base, count: count) }

    var address: UnsafePointer<UInt8> { unsafe base }

    func isEqual(_ other: [UInt8]) -> Bool {
        guard count == other.count else { return false }
        for index in other.indices where unsafe base[index] != other[index] { return false }
        return true
    }

    private static var nowhere: UnsafePointer<UInt8> { unsafe UnsafePointer(bitPattern: 16)! }
}
