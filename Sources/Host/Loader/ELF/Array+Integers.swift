extension [UInt8] {
    /// Little-endian, as the machines are that the host runs on. Requires that it is there.
    func integer<Value: FixedWidthInteger>(_: Value.Type, at offset: Int) -> Value {
        var value = Value.zero
        for index in (0..<MemoryLayout<Value>.size).reversed() {
            value = value << 8 | Value(truncatingIfNeeded: self[offset + index])
        }
        return value
    }
}
