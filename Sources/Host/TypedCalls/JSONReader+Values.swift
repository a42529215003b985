extension JSONReader {
    /// Reads a value to where C expects it.
    mutating func read(
        _ type: StoredType, _ place: UnsafeMutableRawPointer, _ memory: inout ScratchMemory
    ) throws(ArgumentError) {
        switch type {
        case .scalar(let scalar): try unsafe read(scalar, place)
        case .enumeration(let enumeration):
            let names = { enumeration.cases.map(\.name).joined(separator: ", ") }
            guard peek == UInt8(ascii: "\"") else { throw unexpected("one of \(names())") }
            let name = try string(&memory).text
            guard let value = enumeration.value(of: name) else {
                throw ArgumentError("expected one of \(names()), got \"\(name)\"")
            }
            unsafe enumeration.base.store(UInt64(bitPattern: value), place)
        case .string(let isOptional):
            if isOptional, try takeNull() {
                unsafe place.storeBytes(of: 0, as: UInt.self)
                return
            }
            let text = try unsafe terminatedString(&memory)
            unsafe place.storeBytes(of: text, as: UnsafeMutableRawPointer.self)
        case .structure(let layout): try unsafe read(layout, place, &memory)
        }
    }

    @inline(__always)
    mutating func read(
        _ scalar: Scalar, _ place: UnsafeMutableRawPointer
    ) throws(ArgumentError) {
        switch scalar {
        case .f64: unsafe place.storeBytes(of: try double(), as: Double.self)
        case .f32: unsafe place.storeBytes(of: try float(), as: Float.self)
        case .bool: unsafe place.storeBytes(of: try bool() ? 1 : 0, as: UInt8.self)
        default: unsafe scalar.store(try integer(scalar), place)
        }
    }

    /// A string with NUL behind it, in scratch memory.
    mutating func terminatedString(
        _ memory: inout ScratchMemory
    ) throws(ArgumentError) -> UnsafeMutableRawPointer {
        let text = try string(&memory)
        return try unsafe Self.terminated(text, &memory)
    }

    static func terminated(
        _ text: InputBytes, _ memory: inout ScratchMemory
    ) throws(ArgumentError) -> UnsafeMutableRawPointer {
        let copy = try unsafe memory.take(text.count + 1)
        if unsafe text.buffer.contains(0) {
            throw ArgumentError("expected a string without NUL characters, got one with")
        }
        unsafe copy.copyMemory(from: text.address, byteCount: text.count)
        unsafe copy.storeBytes(of: 0, toByteOffset: text.count, as: UInt8.self)
        return unsafe copy
    }

    private mutating func read(
        _ layout: StructLayout, _ place: UnsafeMutableRawPointer, _ memory: inout ScratchMemory
    ) throws(ArgumentError) {
        guard take(UInt8(ascii: "{")) else {
            let names = layout.fields.map(\.name).joined(separator: ", ")
            throw unexpected("an object with \(names)")
        }
        // Padding has no garbage in it, and optional fields are NULL.
        unsafe place.initializeMemory(as: UInt8.self, repeating: 0, count: layout.size)
        var given: UInt64 = 0
        skipSpace()
        if !take(UInt8(ascii: "}")) {
            repeat {
                let key = try string(&memory, "a field's name")
                guard let index = layout.fields.firstIndex(where: { key.isEqual($0.key) }) else {
                    throw ArgumentError(
                        "there is no field \(key.text): expected "
                            + layout.fields.map(\.name).joined(separator: ", "))
                }
                let field = layout.fields[index]
                guard given & 1 << UInt64(index) == 0 else {
                    throw ArgumentError("given twice", path: ".\(field.name)")
                }
                given |= 1 << UInt64(index)
                try takeColon()
                do throws(ArgumentError) {
                    try unsafe read(field.type, place + field.offset, &memory)
                } catch {
                    throw error.within(".\(field.name)")
                }
            } while try takeSeparator(closing: UInt8(ascii: "}"))
        }
        for (index, field) in layout.fields.enumerated() where given & 1 << UInt64(index) == 0 {
            if case .string(true) = field.type { continue }
            throw ArgumentError("missing", path: ".\(field.name)")
        }
    }

    /// The elements of an array, side by side.
    mutating func array(
        of type: StoredType, _ memory: inout ScratchMemory
    ) throws(ArgumentError) -> (UnsafeMutableRawPointer, count: Int) {
        guard take(UInt8(ascii: "[")) else { throw unexpected("an array") }
        let stride = type.size
        // Strings and structs take scratch memory of their own while the elements are read: then it can't grow in
        // place, and is copied.
        var capacity = 16
        var elements = try unsafe memory.take(capacity * stride)
        var count = 0
        skipSpace()
        if take(UInt8(ascii: "]")) { return unsafe (elements, 0) }
        do throws(ArgumentError) {
            repeat {
                if count == capacity {
                    unsafe elements = try unsafe memory.grow(
                        elements, from: capacity * stride, to: 2 * capacity * stride)
                    capacity *= 2
                }
                if case .scalar(let scalar) = type {
                    try unsafe read(scalar, elements + count * stride)
                } else {
                    try unsafe read(type, elements + count * stride, &memory)
                }
                count += 1
            } while try takeSeparator(closing: UInt8(ascii: "]"))
        } catch {
            throw error.within("[\(count)]")
        }
        return unsafe (elements, count)
    }

    /// The rows of a matrix, side by side; each as long as the first.
    mutating func matrix(
        of scalar: Scalar, _ memory: inout ScratchMemory
    ) throws(ArgumentError) -> (UnsafeMutableRawPointer, rows: Int, columns: Int) {
        guard take(UInt8(ascii: "[")) else { throw unexpected("an array of rows") }
        let stride = scalar.size
        var capacity = 16
        var elements = try unsafe memory.take(capacity * stride)
        var (count, rows, columns) = (0, 0, 0)
        skipSpace()
        if take(UInt8(ascii: "]")) { return unsafe (elements, 0, 0) }
        repeat {
            guard take(UInt8(ascii: "[")) else {
                throw unexpected("a row, an array").within("[\(rows)]")
            }
            let start = count
            skipSpace()
            if !take(UInt8(ascii: "]")) {
                do throws(ArgumentError) {
                    repeat {
                        if count == capacity {
                            unsafe elements = try unsafe memory.grow(
                                elements, from: capacity * stride, to: 2 * capacity * stride)
                            capacity *= 2
                        }
                        try unsafe read(scalar, elements + count * stride)
                        count += 1
                    } while try takeSeparator(closing: UInt8(ascii: "]"))
                } catch {
                    throw error.within("[\(rows)][\(count - start)]")
                }
            }
            if rows == 0 { columns = count }
            guard count - start == columns else {
                throw ArgumentError(
                    "expected \(columns) elements as in the first row, got \(count - start)",
                    path: "[\(rows)]")
            }
            rows += 1
        } while try takeSeparator(closing: UInt8(ascii: "]"))
        return unsafe (elements, rows, columns)
    }
}
