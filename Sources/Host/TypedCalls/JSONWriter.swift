internal import HostCore
internal import NIOCore

/// Writes JSON as it is read back: integers in full, floating point numbers with as few digits as say which they are.
struct JSONWriter {
    private(set) var buffer: ByteBuffer

    init(capacity: Int = 64) {
        buffer = ByteBufferAllocator().buffer(capacity: capacity)
    }

    mutating func byte(_ byte: UInt8) { buffer.writeInteger(byte) }

    mutating func raw(_ text: String) { buffer.writeString(text) }

    mutating func raw(_ bytes: UnsafeRawBufferPointer) { unsafe buffer.writeBytes(bytes) }

    mutating func double(_ value: Double) throws(TypedFailure) {
        guard value.isFinite else { throw Self.notFinite(value.description) }
        decimal(value.description)
    }

    mutating func float(_ value: Float) throws(TypedFailure) {
        guard value.isFinite else { throw Self.notFinite(value.description) }
        decimal(value.description)
    }

    /// 1024.0 is written 1024, the way JavaScript does it.
    private mutating func decimal(_ text: String) {
        buffer.writeString(text)
        if text.hasSuffix(".0") { buffer.moveWriterIndex(to: buffer.writerIndex - 2) }
    }

    private static func notFinite(_ text: String) -> TypedFailure {
        .outOfRange("the function returned \(text), which JSON can't express")
    }

    mutating func string(_ text: UnsafeRawBufferPointer) {
        let text =
            unsafe String(validating: text, as: UTF8.self)
            ?? String(decoding: text, as: UTF8.self)
        JSONString.write(text, to: &buffer)
    }

    mutating func base64(_ bytes: UnsafeRawBufferPointer) {
        byte(UInt8(ascii: "\""))
        var target = buffer
        buffer = ByteBuffer()
        unsafe Base64.encode(InputBytes(bytes)) { target.writeInteger($0) }
        buffer = target
        byte(UInt8(ascii: "\""))
    }

    // MARK: Values in C's memory

    mutating func value(
        _ type: StoredType, _ place: UnsafeRawPointer
    ) throws(TypedFailure) {
        switch type {
        case .scalar(let scalar): try unsafe self.scalar(scalar, place)
        case .enumeration(let enumeration):
            let value = unsafe Int64(bitPattern: enumeration.base.load(place))
            guard let name = enumeration.cases.first(where: { $0.value == value })?.name else {
                throw .broken("the function returned \(value), which is none of the enum's values")
            }
            raw("\"\(name)\"")
        case .string(let isOptional):
            try unsafe cString(place.load(as: UnsafeRawPointer?.self), isOptional: isOptional)
        case .structure(let layout):
            byte(UInt8(ascii: "{"))
            for (index, field) in layout.fields.enumerated() {
                if index > 0 { byte(UInt8(ascii: ",")) }
                raw("\"\(field.name)\":")
                try unsafe value(field.type, place + field.offset)
            }
            byte(UInt8(ascii: "}"))
        }
    }

    mutating func scalar(_ scalar: Scalar, _ place: UnsafeRawPointer) throws(TypedFailure) {
        switch scalar {
        case .f64: try unsafe double(place.loadUnaligned(as: Double.self))
        case .f32: try unsafe float(place.loadUnaligned(as: Float.self))
        case .bool: unsafe raw(place.load(as: UInt8.self) == 0 ? "false" : "true")
        default:
            let bits = unsafe scalar.load(place)
            raw(scalar.isSigned ? String(Int64(bitPattern: bits)) : String(bits))
        }
    }

    mutating func cString(
        _ text: UnsafeRawPointer?, isOptional: Bool
    ) throws(TypedFailure) {
        guard let text = unsafe text else {
            guard isOptional else { throw CString.missing }
            raw("null")
            return
        }
        unsafe string(try CString.bytes(text))
    }

    mutating func array(
        _ type: StoredType, _ base: UnsafeRawPointer, count: Int
    ) throws(TypedFailure) {
        let stride = type.size
        byte(UInt8(ascii: "["))
        for index in 0..<count {
            if index > 0 { byte(UInt8(ascii: ",")) }
            try unsafe value(type, base + index * stride)
        }
        byte(UInt8(ascii: "]"))
    }
}
