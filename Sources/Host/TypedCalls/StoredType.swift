internal import CLibFFI

/// How a value lies in memory: what a struct's field, an array's element and a number have in common.
indirect enum StoredType {
    case scalar(Scalar)
    case enumeration(Enumeration)
    case string(isOptional: Bool)
    case structure(StructLayout)

    /// nil: the type doesn't lie in one place.
    init?(_ type: ValueType, isOptional: Bool = false) {
        switch type {
        case .scalar(let scalar): self = .scalar(scalar)
        case .enumeration(let enumeration): self = .enumeration(enumeration)
        case .string: self = .string(isOptional: isOptional)
        case .structure(let structure): self = .structure(StructLayout(structure))
        case .bytes, .array, .matrix, .pointer: return nil
        }
    }

    var size: Int {
        switch self {
        case .scalar(let scalar): scalar.size
        case .enumeration(let enumeration): enumeration.base.size
        case .string: 8
        case .structure(let layout): layout.size
        }
    }

    var alignment: Int {
        if case .structure(let layout) = self { return layout.alignment }
        return size
    }

    /// libffi's description, valid as long as this.
    var ffiType: UnsafeMutablePointer<ffi_type> {
        switch self {
        case .scalar(let scalar): unsafe scalar.ffiType
        case .enumeration(let enumeration): unsafe enumeration.base.ffiType
        case .string: unsafe backplane_ffi_pointer()
        case .structure(let layout): unsafe layout.ffiType
        }
    }
}

/// A struct's fields with the places that C gives them.
@safe final class StructLayout: @unchecked Sendable {
    // Sendable: constant once libffi has seen it, which is before the first call.
    struct Field {
        let name: String
        let key: [UInt8]
        let offset: Int
        let type: StoredType
    }

    let fields: [Field]
    let size: Int
    let alignment: Int
    let ffiType: UnsafeMutablePointer<ffi_type>
    private let elements: UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>

    init(_ structure: Structure) {
        var end = 0
        var largest = 1
        fields = structure.fields.map { field in
            // The parser lets nothing else into a struct.
            let type = StoredType(field.type, isOptional: field.isOptional)!
            let offset = end.rounded(upTo: type.alignment)
            end = offset + type.size
            largest = max(largest, type.alignment)
            return Field(name: field.name, key: Array(field.name.utf8), offset: offset, type: type)
        }
        size = end.rounded(upTo: largest)
        alignment = largest
        unsafe elements = .allocate(capacity: fields.count + 1)
        for (index, field) in fields.enumerated() {
            unsafe (elements + index).initialize(to: field.type.ffiType)
        }
        unsafe (elements + fields.count).initialize(to: nil)
        unsafe ffiType = .allocate(capacity: 1)
        unsafe ffiType.initialize(
            to: ffi_type(
                size: 0, alignment: 0, type: UInt16(FFI_TYPE_STRUCT), elements: elements))
    }

    deinit {
        unsafe ffiType.deallocate()
        unsafe elements.deallocate()
    }
}

extension Scalar {
    var ffiType: UnsafeMutablePointer<ffi_type> {
        switch self {
        case .bool, .u8: unsafe backplane_ffi_uint8()
        case .i8: unsafe backplane_ffi_sint8()
        case .u16: unsafe backplane_ffi_uint16()
        case .i16: unsafe backplane_ffi_sint16()
        case .u32: unsafe backplane_ffi_uint32()
        case .i32: unsafe backplane_ffi_sint32()
        case .u64, .size: unsafe backplane_ffi_uint64()
        case .i64: unsafe backplane_ffi_sint64()
        case .f32: unsafe backplane_ffi_float()
        case .f64: unsafe backplane_ffi_double()
        }
    }

    /// Writes an integer's low bytes; a bool's are 0 or 1.
    @inline(__always)
    func store(_ bits: UInt64, _ place: UnsafeMutableRawPointer) {
        switch size {
        case 1: unsafe place.storeBytes(of: UInt8(truncatingIfNeeded: bits), as: UInt8.self)
        case 2: unsafe place.storeBytes(of: UInt16(truncatingIfNeeded: bits), as: UInt16.self)
        case 4: unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: bits), as: UInt32.self)
        default: unsafe place.storeBytes(of: bits, as: UInt64.self)
        }
    }

    /// An integer, widened by its sign.
    @inline(__always)
    func load(_ place: UnsafeRawPointer) -> UInt64 {
        switch self {
        case .bool, .u8: unsafe UInt64(place.loadUnaligned(as: UInt8.self))
        case .u16: unsafe UInt64(place.loadUnaligned(as: UInt16.self))
        case .u32, .f32: unsafe UInt64(place.loadUnaligned(as: UInt32.self))
        case .i8: unsafe UInt64(bitPattern: Int64(place.loadUnaligned(as: Int8.self)))
        case .i16: unsafe UInt64(bitPattern: Int64(place.loadUnaligned(as: Int16.self)))
        case .i32: unsafe UInt64(bitPattern: Int64(place.loadUnaligned(as: Int32.self)))
        case .u64, .size, .i64, .f64: unsafe place.loadUnaligned(as: UInt64.self)
        }
    }

    /// An integer; nil when it is too large to count with.
    func loadInt(_ place: UnsafeRawPointer) -> Int? {
        let bits = unsafe load(place)
        return isSigned ? Int(truncatingIfNeeded: bits) : Int(exactly: bits)
    }
}

extension Int {
    func rounded(upTo multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}
