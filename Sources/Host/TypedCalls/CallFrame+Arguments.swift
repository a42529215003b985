extension CallFrame {
    /// Takes the arguments from a request.
    ///
    /// - Parameters:
    ///   - query: percent-encoded; asked for only when there is no body.
    mutating func readArguments(
        _ body: InputBytes, contentType: String, query: () -> String
    ) throws(ArgumentError) {
        let inputs = plan.inputs
        if inputs.count == 1, try readRaw(inputs[0], body, contentType) { return }
        if body.count == 0 {
            if !inputs.isEmpty {
                try readForm(try copy(query()))
            }
        } else if Self.isForm(body, contentType) {
            try readForm(body)
        } else {
            var reader = JSONReader(body)
            try readJSON(&reader)
        }
        try checkComplete()
    }

    private mutating func copy(_ text: String) throws(ArgumentError) -> InputBytes {
        let size = text.utf8.count
        let copy = try unsafe memory.take(size).bindMemory(to: UInt8.self, capacity: size)
        for (index, unit) in text.utf8.enumerated() { unsafe (copy + index).initialize(to: unit) }
        return unsafe InputBytes(copy, count: size)
    }

    // MARK: The body as it is

    /// Takes the body as the one argument, if it is bytes or text and not JSON.
    private mutating func readRaw(
        _ index: Int, _ body: InputBytes, _ contentType: String
    ) throws(ArgumentError) -> Bool {
        switch plan.parameters[index].form {
        case .bytes:
            guard !MediaType.isJSON(contentType), body.count > 0 || !contentType.isEmpty else {
                return false
            }
            // `inout` changes it, and the body isn't the function's to change.
            if plan.parameters[index].source.direction == .inout {
                let copy = try unsafe memory.take(body.count)
                unsafe copy.copyMemory(from: body.address, byteCount: body.count)
                unsafe give(index, copy, count: body.count)
            } else {
                unsafe give(
                    index, UnsafeMutableRawPointer(mutating: body.address), count: body.count)
            }
            return true
        case .string:
            guard MediaType.isText(contentType) else { return false }
            try readText(index, body)
            return true
        default: return false
        }
    }

    private func give(_ index: Int, _ pointer: UnsafeMutableRawPointer?, count: Int) {
        unsafe states[index].pointer = unsafe pointer
        unsafe states[index].count = count
        unsafe states[index].isGiven = true
    }

    // MARK: JSON

    private mutating func readJSON(_ reader: inout JSONReader) throws(ArgumentError) {
        reader.skipSpace()
        switch reader.peek {
        case UInt8(ascii: "[") where !isBareArray(reader): try readList(&reader)
        case UInt8(ascii: "{") where !isBareObject(reader): try readMembers(&reader)
        default:
            guard plan.inputs.count == 1 else {
                throw reader.unexpected("an array or an object with \(expectedArguments)")
            }
            try read(plan.inputs[0], &reader)
        }
        try reader.end()
    }

    /// Whether an array is the one argument itself, and not the list of arguments.
    private func isBareArray(_ reader: JSONReader) -> Bool {
        guard plan.inputs.count == 1 else { return false }
        let depth: Int
        switch plan.parameters[plan.inputs[0]].form {
        case .array: depth = 1
        case .matrix: depth = 2
        default: return false
        }
        var reader = reader
        var brackets = 0
        while reader.take(UInt8(ascii: "[")) {
            brackets += 1
            reader.skipSpace()
        }
        return brackets <= depth
    }

    /// Whether an object is the one argument itself: unless its first member has the argument's name.
    private mutating func isBareObject(_ reader: JSONReader) -> Bool {
        guard plan.inputs.count == 1 else { return false }
        let parameter = plan.parameters[plan.inputs[0]]
        let type: StoredType
        switch parameter.form {
        case .value(let stored), .cell(let stored): type = stored
        default: return false
        }
        guard case .structure(let layout) = type else { return false }
        var reader = reader
        reader.position += 1
        reader.skipSpace()
        guard let key = try? reader.string(&memory) else { return true }
        return parameter.key.isEmpty || !key.isEqual(parameter.key)
            || layout.fields.contains { $0.key == parameter.key }
    }

    private mutating func readList(_ reader: inout JSONReader) throws(ArgumentError) {
        reader.position += 1
        reader.skipSpace()
        guard !reader.take(UInt8(ascii: "]")) else { return }
        var count = 0
        repeat {
            guard count < plan.inputs.count else {
                throw ArgumentError("expected \(expectedArguments), got more")
            }
            try read(plan.inputs[count], &reader)
            count += 1
        } while try reader.takeSeparator(closing: UInt8(ascii: "]"))
    }

    private mutating func readMembers(_ reader: inout JSONReader) throws(ArgumentError) {
        reader.position += 1
        reader.skipSpace()
        guard !reader.take(UInt8(ascii: "}")) else { return }
        repeat {
            let index = try input(named: try reader.string(&memory, "an argument's name"))
            try reader.takeColon()
            try read(index, &reader)
        } while try reader.takeSeparator(closing: UInt8(ascii: "}"))
    }

    /// The index of an input that is not given yet.
    private func input(named name: InputBytes) throws(ArgumentError) -> Int {
        for index in plan.inputs where name.isEqual(plan.parameters[index].key) && name.count > 0 {
            guard unsafe !states[index].isGiven, unsafe !states[index].isNull else {
                throw ArgumentError("given twice", path: plan.parameters[index].label)
            }
            return index
        }
        throw ArgumentError("there is no argument \(name.text): expected \(expectedArguments)")
    }

    private mutating func read(_ index: Int, _ reader: inout JSONReader) throws(ArgumentError) {
        let parameter = plan.parameters[index]
        do throws(ArgumentError) {
            unsafe states[index].isGiven = true
            if parameter.source.isOptional, try reader.takeNull() {
                // A cell that isn't given is NULL.
                unsafe states[index].isGiven = false
                unsafe states[index].isNull = true
                return
            }
            switch parameter.form {
            case .value(let type): try unsafe reader.read(type, base + parameter.slot, &memory)
            case .cell(let type): try unsafe reader.read(type, base + parameter.cell, &memory)
            case .string: unsafe states[index].pointer = unsafe try reader.terminatedString(&memory)
            case .bytes:
                let start = reader
                let text = try reader.string(&memory, "bytes, a string of base64")
                try decode(index, text, start)
            case .array(let type):
                let (pointer, count) = unsafe try reader.array(of: type, &memory)
                unsafe give(index, pointer, count: count)
            case .matrix(let scalar):
                let (pointer, rows, columns) = unsafe try reader.matrix(of: scalar, &memory)
                unsafe give(index, pointer, count: rows * columns)
                unsafe states[index].rows = rows
                unsafe states[index].columns = columns
            case .instance, .newInstance, .error, .errorText, .null: break
            }
        } catch {
            throw error.within(parameter.label)
        }
    }

    private mutating func decode(
        _ index: Int, _ text: InputBytes, _ reader: JSONReader
    ) throws(ArgumentError) {
        guard let (pointer, count) = unsafe try Base64.decode(text, &memory) else {
            throw reader.unexpected("bytes, a string of base64")
        }
        unsafe give(index, pointer, count: count)
    }

    // MARK: Query and form

    /// `name=value&name=value`, as a query or a form has it.
    private static func isForm(_ body: InputBytes, _ contentType: String) -> Bool {
        // curl says that everything is a form. No JSON that is an array, an object, a string or a number begins like a
        // name, and no other JSON has a '='.
        switch body[0] {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "_"), UInt8(ascii: "%"):
            return unsafe MediaType.isForm(contentType) && body.buffer.contains(UInt8(ascii: "="))
        default: return false
        }
    }

    private mutating func readForm(_ form: InputBytes) throws(ArgumentError) {
        var start = 0
        while start < form.count {
            var end = start
            while end < form.count, form[end] != UInt8(ascii: "&") { end += 1 }
            if end > start { try readField(form.slice(start..<end)) }
            start = end + 1
        }
    }

    private mutating func readField(_ field: InputBytes) throws(ArgumentError) {
        var split = 0
        while split < field.count, field[split] != UInt8(ascii: "=") { split += 1 }
        let name = try FormField.decode(field.slice(0..<split), &memory)
        let index = try input(named: name)
        let value = field.slice(min(split + 1, field.count)..<field.count)
        try readText(index, try FormField.decode(value, &memory))
    }

    /// An argument given as text: strings, names and base64 as they are, everything else as JSON.
    private mutating func readText(_ index: Int, _ text: InputBytes) throws(ArgumentError) {
        let parameter = plan.parameters[index]
        do throws(ArgumentError) {
            switch parameter.form {
            case .string:
                guard unsafe String(validating: text.buffer, as: UTF8.self) != nil else {
                    throw ArgumentError("a string that is not UTF-8")
                }
                unsafe give(index, try JSONReader.terminated(text, &memory), count: 0)
                return
            case .value(.enumeration(let enumeration)), .cell(.enumeration(let enumeration)):
                guard let value = enumeration.value(of: text.text) else {
                    let names = enumeration.cases.map(\.name).joined(separator: ", ")
                    throw ArgumentError("expected one of \(names), got \(text.text)")
                }
                let isCell = parameter.cellSize > 0
                unsafe enumeration.base.store(
                    UInt64(bitPattern: value), base + (isCell ? parameter.cell : parameter.slot))
                unsafe states[index].isGiven = true
                return
            case .bytes:
                guard let (pointer, count) = unsafe try Base64.decode(text, &memory) else {
                    throw ArgumentError("expected bytes in base64, got something else")
                }
                unsafe give(index, pointer, count: count)
                return
            default: break
            }
        } catch {
            throw error.within(parameter.label)
        }
        var reader = JSONReader(text)
        reader.skipSpace()
        try read(index, &reader)
        do throws(ArgumentError) {
            try reader.end()
        } catch {
            throw error.within(parameter.label)
        }
    }

    // MARK: What is there

    private func checkComplete() throws(ArgumentError) {
        for index in plan.inputs where unsafe !states[index].isGiven {
            let parameter = plan.parameters[index]
            guard parameter.source.isOptional else {
                throw ArgumentError(
                    "missing: expected \(expectedArguments)", path: parameter.label)
            }
        }
    }

    private var expectedArguments: String {
        let labels = plan.inputs.map { index in
            plan.parameters[index].source.name ?? plan.parameters[index].source.type.name
        }
        switch labels.count {
        case 0: return "no arguments"
        case 1: return "one argument (\(labels[0]))"
        default: return "\(labels.count) arguments (\(labels.joined(separator: ", ")))"
        }
    }
}
