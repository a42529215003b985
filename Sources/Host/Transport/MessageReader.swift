package import NIOCore

/// Reads a message member by member, and believes none of it.
package struct MessageReader {
    private var bytes: ByteBuffer

    package init(_ bytes: ByteBuffer) {
        self.bytes = bytes
    }

    package mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self
    ) throws(TransportError) -> Number {
        guard let number = bytes.readInteger(endianness: .little, as: type) else {
            throw Self.short
        }
        return number
    }

    package mutating func flag() throws(TransportError) -> Bool { try number(UInt8.self) != 0 }

    /// What is not UTF-8 is replaced.
    package mutating func text() throws(TransportError) -> String {
        String(buffer: try block())
    }

    /// A part of the message's own memory.
    package mutating func block() throws(TransportError) -> ByteBuffer {
        let size = Int(try number(UInt32.self))
        guard let block = bytes.readSlice(length: size) else { throw Self.short }
        return block
    }

    package mutating func optional<Value>(
        _ read: (inout MessageReader) throws(TransportError) -> Value
    ) throws(TransportError) -> Value? {
        try flag() ? try read(&self) : nil
    }

    package mutating func list<Value>(
        _ read: (inout MessageReader) throws(TransportError) -> Value
    ) throws(TransportError) -> [Value] {
        let count = Int(try number(UInt32.self))
        // An element has a byte at least.
        guard count <= bytes.readableBytes else { throw Self.short }
        var list: [Value] = []
        for _ in 0..<count { list.append(try read(&self)) }
        return list
    }

    package mutating func fields() throws(TransportError) -> [(name: String, value: String)] {
        try list { reader throws(TransportError) in
            (name: try reader.text(), value: try reader.text())
        }
    }

    private static let short = TransportError("a message ends before it should")
}

extension ByteBuffer {
    mutating func writeNumber(_ number: some FixedWidthInteger) {
        writeInteger(number, endianness: .little)
    }

    mutating func writeFlag(_ flag: Bool) { writeNumber(UInt8(flag ? 1 : 0)) }

    mutating func writeText(_ text: String) {
        writeNumber(UInt32(text.utf8.count))
        writeString(text)
    }

    mutating func writeBlock(_ block: ByteBuffer) {
        writeNumber(UInt32(block.readableBytes))
        writeImmutableBuffer(block)
    }

    mutating func writeOptional<Value>(_ value: Value?, _ write: (inout ByteBuffer, Value) -> Void)
    {
        writeFlag(value != nil)
        if let value { write(&self, value) }
    }

    mutating func writeList<Value>(
        _ list: some Collection<Value>, _ write: (inout ByteBuffer, Value) -> Void
    ) {
        writeNumber(UInt32(list.count))
        for value in list { write(&self, value) }
    }

    mutating func writeFields(_ fields: [(name: String, value: String)]) {
        writeList(fields) { buffer, field in
            buffer.writeText(field.name)
            buffer.writeText(field.value)
        }
    }
}
