internal import NIOCore

extension CallFrame {
    /// A value that comes back, and where it is.
    @safe private enum Found {
        case null
        case stored(StoredType, UnsafeRawPointer)
        case text(UnsafeRawBufferPointer)
        case bytes(UnsafeRawBufferPointer)
        case array(StoredType, UnsafeRawPointer, count: Int)
        case matrix(Scalar, UnsafeRawPointer, rows: Int, columns: Int)
    }

    func response() throws(TypedFailure) -> TypedResponse {
        let showsResult = plan.signature.result.isShown
        if plan.answersObject { return try object(showsResult) }
        if showsResult { return try answer(try foundResult()) }
        guard let index = plan.outputs.first else {
            return TypedResponse(body: ByteBuffer(), contentType: "")
        }
        return try answer(try found(index))
    }

    private func answer(_ found: Found) throws(TypedFailure) -> TypedResponse {
        switch found {
        case .text(let text):
            return unsafe TypedResponse(
                body: ByteBuffer(bytes: text), contentType: "text/plain; charset=utf-8")
        case .bytes(let bytes):
            return unsafe TypedResponse(
                body: ByteBuffer(bytes: bytes), contentType: "application/octet-stream")
        default:
            var writer = JSONWriter()
            try write(found, &writer)
            return TypedResponse(body: writer.buffer, contentType: "application/json")
        }
    }

    private func object(_ showsResult: Bool) throws(TypedFailure) -> TypedResponse {
        var writer = JSONWriter()
        writer.byte(UInt8(ascii: "{"))
        if showsResult {
            writer.raw("\"result\":")
            try write(try foundResult(), &writer)
        }
        for (position, index) in plan.outputs.enumerated() {
            if position > 0 || showsResult { writer.byte(UInt8(ascii: ",")) }
            writer.raw("\"\(plan.parameters[index].label)\":")
            try write(try found(index), &writer)
        }
        writer.byte(UInt8(ascii: "}"))
        return TypedResponse(body: writer.buffer, contentType: "application/json")
    }

    private func write(_ found: Found, _ writer: inout JSONWriter) throws(TypedFailure) {
        switch found {
        case .null: writer.raw("null")
        case .stored(let type, let place): try unsafe writer.value(type, place)
        case .text(let text): unsafe writer.string(text)
        case .bytes(let bytes): unsafe writer.base64(bytes)
        case .array(let type, let base, let count):
            try unsafe writer.array(type, base, count: count)
        case .matrix(let scalar, let base, let rows, let columns):
            writer.byte(UInt8(ascii: "["))
            for row in 0..<rows {
                if row > 0 { writer.byte(UInt8(ascii: ",")) }
                try unsafe writer.array(
                    .scalar(scalar), base + row * columns * scalar.size, count: columns)
            }
            writer.byte(UInt8(ascii: "]"))
        }
    }

    // MARK: Where it is

    private func foundResult() throws(TypedFailure) -> Found {
        let result = plan.signature.result
        guard let type = result.type else { return .null }
        guard result.isPointer else {
            return unsafe .stored(plan.result!, UnsafeRawPointer(resultPlace))
        }
        return try unsafe found(
            type, at: resultPlace.load(as: UnsafeRawPointer?.self), element: plan.result,
            isOptional: result.isOptional, count: plan.resultCount, named: "the result",
            atMost: nil)
    }

    private func found(_ index: Int) throws(TypedFailure) -> Found {
        let parameter = plan.parameters[index]
        let element: StoredType?
        switch parameter.form {
        case .cell(let type): return unsafe .stored(type, UnsafeRawPointer(base + parameter.cell))
        case .array(let type): element = type
        case .matrix(let scalar): element = .scalar(scalar)
        default: element = nil
        }
        if parameter.cellSize > 0 {
            return try unsafe found(
                parameter.source.type, at: UnsafeRawPointer(pointer(in: parameter)),
                element: element, isOptional: parameter.source.isOptional, count: parameter.count,
                named: parameter.label, atMost: nil)
        }
        // The host's own memory: it is known how much there is.
        return try unsafe found(
            parameter.source.type, at: UnsafeRawPointer(states[index].pointer), element: element,
            isOptional: false, count: parameter.count, named: parameter.label,
            atMost: states[index])
    }

    /// - Parameter atMost: the memory's size; nil when the library has allocated it.
    private func found(
        _ type: ValueType, at pointer: UnsafeRawPointer?, element: StoredType?, isOptional: Bool,
        count: [Computation], named name: String, atMost: State?
    ) throws(TypedFailure) -> Found {
        if unsafe pointer == nil, isOptional { return .null }
        switch type {
        case .string:
            guard let pointer = unsafe pointer else { throw CString.missing }
            return unsafe .text(
                try CString.bytes(pointer, limit: atMost?.capacity ?? CString.longest))
        case .bytes, .array, .matrix: break
        case .scalar, .enumeration, .structure, .pointer:
            guard let pointer = unsafe pointer else {
                throw .broken(
                    "\(name) is NULL, the signature says that it isn't: add '?' if it may")
            }
            return unsafe .stored(element!, pointer)
        }
        var sizes: [Int] = []
        for computation in count {
            do throws(ArgumentError) {
                sizes.append(try computation.value(in: self))
            } catch {
                throw .broken("the count of \(name): \(error.message)")
            }
        }
        let room = atMost.map { max($0.capacity, $0.count) }
        if sizes.isEmpty, let atMost {
            if case .matrix = type {
                sizes = [atMost.rows, atMost.columns]
            } else {
                sizes = [room!]
            }
        }
        let (total, isOver) = sizes[0].multipliedReportingOverflow(
            by: sizes.count > 1 ? sizes[1] : 1)
        let stride = element?.size ?? 1
        guard sizes.allSatisfy({ $0 >= 0 }), !isOver,
            total <= room ?? (Self.largestOutput / stride)
        else {
            throw .broken(
                "\(name) has \(sizes.map { "\($0)" }.joined(separator: " times ")) elements by the "
                    + "function's account, there is room for "
                    + "\(room ?? (Self.largestOutput / stride))")
        }
        guard let pointer = unsafe pointer ?? (total == 0 ? UnsafeRawPointer(base) : nil) else {
            throw .broken("\(name) is NULL, and has \(total) elements by the function's account")
        }
        switch type {
        case .array: return unsafe .array(element!, pointer, count: sizes[0])
        case .matrix(let scalar):
            return unsafe .matrix(scalar, pointer, rows: sizes[0], columns: sizes[1])
        default: return unsafe .bytes(UnsafeRawBufferPointer(start: pointer, count: total))
        }
    }

    // MARK: Failures

    /// Why the call failed by the function's own account; nil when it didn't.
    func failure(errno: Int32) -> TypedFailure? {
        let result = plan.signature.result
        switch result.kind {
        case .status:
            let status = unsafe resultPlace.load(as: Int32.self)
            return status == 0 ? nil : TypedFailure(status: status, errorMessage ?? "")
        case .instance:
            guard unsafe resultPlace.load(as: UnsafeRawPointer?.self) == nil else { break }
            return TypedFailure(status: 2, errorMessage ?? "\(plan.name)() returned NULL")
        case .void, .value: break
        }
        if let check = result.check {
            guard let type = plan.result, case .scalar(let scalar) = type,
                unsafe !check.holds(scalar, resultPlace)
            else { return nil }
            var text = unsafe "\(plan.name)() returned \(scalar.text(resultPlace))"
            if let message = errorMessage {
                text += ": " + message
            } else if check.readsErrno {
                text += ": " + CString.message(errno: errno)
            }
            return TypedFailure(status: check.status, text)
        }
        return errorMessage.map { TypedFailure(status: 2, $0) }
    }

    /// What the function put into `error`.
    private var errorMessage: String? {
        if let index = plan.errorIndex, let form = plan.errorForm {
            let place = unsafe base + plan.parameters[index].cell + form.size
            unsafe place.storeBytes(of: 0, toByteOffset: form.capacity - 1, as: UInt8.self)
            return unsafe CString.text(place, limit: form.capacity)
        }
        guard let index = plan.errorTextIndex, let text = unsafe pointer(in: plan.parameters[index])
        else {
            return nil
        }
        return unsafe CString.text(text, limit: 1 << 16)
    }

    /// Frees what the function allocated and said how to free. Once, when the response is written.
    func release() {
        for index in plan.released {
            guard let pointer = unsafe pointer(in: plan.parameters[index]) else { continue }
            unsafe plan.parameters[index].release?.release(pointer)
        }
        guard let release = plan.resultRelease,
            let pointer = unsafe resultPlace.load(as: UnsafeMutableRawPointer?.self)
        else { return }
        unsafe release.release(pointer)
    }

    /// The instance that the function made.
    var newInstance: UnsafeMutableRawPointer? {
        guard let index = plan.newInstanceIndex else {
            return unsafe resultPlace.load(as: UnsafeMutableRawPointer?.self)
        }
        return unsafe pointer(in: plan.parameters[index])
    }
}

extension Signature.Check {
    fileprivate func holds(_ scalar: Scalar, _ place: UnsafeRawPointer) -> Bool {
        let bits = unsafe scalar.load(place)
        guard !scalar.isSigned else { return holds(Int64(bitPattern: bits), bound) }
        return bound < 0 ? holds(0, -1) : holds(bits, UInt64(bound))
    }

    private func holds<Value: Comparable>(_ value: Value, _ bound: Value) -> Bool {
        switch relation {
        case .equal: value == bound
        case .notEqual: value != bound
        case .less: value < bound
        case .lessOrEqual: value <= bound
        case .greater: value > bound
        case .greaterOrEqual: value >= bound
        }
    }
}

extension Scalar {
    fileprivate func text(_ place: UnsafeRawPointer) -> String {
        let bits = unsafe load(place)
        return isSigned ? "\(Int64(bitPattern: bits))" : "\(bits)"
    }
}
