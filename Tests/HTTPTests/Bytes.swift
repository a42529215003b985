/// Bodies that are hard to get right by chance.
enum Bytes {
    /// Bytes that tell each 1 KiB from the others.
    static func varied(count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 1_024)
        var index = 0
        while bytes.count < count {
            bytes += withUnsafeBytes(of: index.bigEndian, Array.init)
            bytes += repeatElement(UInt8(truncatingIfNeeded: index &* 7), count: 1_016)
            index += 1
        }
        return Array(bytes.prefix(count))
    }

    /// What the fixture `big_answer` answers: byte i is `i * 31 + (i >> 16)`.
    static let bigAnswer: [UInt8] = (0..<160).flatMap { block in
        let period = (0..<256).map { UInt8(truncatingIfNeeded: $0 * 31 + block) }
        return Array(repeatElement(period, count: 256).joined())
    }
}
