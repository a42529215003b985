internal import Synchronization

/// Names a request in responses and logs.
package enum RequestID {
    /// Drawn once per process, so that ids of different runs differ.
    private static let prefix = UInt64.random(in: .min ... .max)
    private static let counter = Atomic<UInt64>(0)

    /// A new id, such as `9f3c2a7be41d5608-2a`.
    package static func make() -> String {
        let number = counter.add(1, ordering: .relaxed).newValue
        let digits = max(1, (67 - number.leadingZeroBitCount) / 4)
        return unsafe String(unsafeUninitializedCapacity: 17 + digits) { text in
            unsafe write(prefix, digits: 16, to: text, at: 0)
            unsafe text[16] = UInt8(ascii: "-")
            unsafe write(number, digits: digits, to: text, at: 17)
            return 17 + digits
        }
    }

    private static func write(
        _ number: UInt64, digits: Int, to text: UnsafeMutableBufferPointer<UInt8>, at start: Int
    ) {
        for place in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: number >> (4 * (digits - 1 - place)) & 0xF)
            let zero = digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10
            unsafe text[start + place] = zero + digit
        }
    }

    /// Whether a caller's id is taken over: visible ASCII of moderate length, so that it can stand in any log.
    package static func isAcceptable(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 128 && id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
