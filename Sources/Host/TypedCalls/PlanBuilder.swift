internal import CLibFFI

/// Lays out a frame, parameter by parameter.
@safe struct PlanBuilder {
    private(set) var slots: [Int] = []
    private(set) var types: [UnsafeMutablePointer<ffi_type>] = unsafe []
    private(set) var size: Int
    private var inputs = 0
    private var registers: ArgumentRegisters

    /// - Parameters:
    ///   - slotCount: how many arguments libffi gets at most; their addresses come first in the frame.
    ///   - result: what the function returns; nil: nothing, or a pointer.
    init(slotCount: Int, result: StoredType?) {
        size = slotCount * 8
        registers = ArgumentRegisters(result: result)
    }

    /// How many arguments libffi gets for a parameter, at most.
    static func slotCount(_ parameter: Signature.Parameter) -> Int {
        // A struct may be passed as its halves.
        if case .structure = parameter.type { return 2 }
        return 1 + countSlots(parameter)
    }

    private static func countSlots(_ parameter: Signature.Parameter) -> Int {
        guard parameter.role == .value, parameter.passing != .pointer else { return 0 }
        // What the library allocates comes back through the address of a pointer alone.
        if parameter.direction == .out, parameter.capacity.isEmpty { return 0 }
        switch parameter.type {
        case .matrix: return 2
        case .array, .bytes: return 1
        case .string: return parameter.direction == .out ? 1 : 0
        case .scalar, .enumeration, .structure, .pointer: return 0
        }
    }

    mutating func place(_ size: Int, alignment: Int) -> Int {
        let offset = self.size.rounded(upTo: alignment)
        self.size = offset + size
        return offset
    }

    /// A slot for a value.
    private mutating func slot(_ type: StoredType) -> Int {
        let slot = place(max(type.size, 8), alignment: 16)
        let eightbytes = ArgumentRegisters.eightbytes(of: type)
        if ArgumentRegisters.areHere, registers.take(eightbytes),
            eightbytes == [.integer, .floatingPoint]
        {
            slots += [slot, slot + 8]
            unsafe types.append(Scalar.u64.ffiType)
            unsafe types.append((type.size == 16 ? Scalar.f64 : Scalar.f32).ffiType)
            return slot
        }
        slots.append(slot)
        unsafe types.append(type.ffiType)
        return slot
    }

    private mutating func pointerSlot() -> Int {
        _ = registers.take([.integer])
        let slot = place(8, alignment: 16)
        slots.append(slot)
        unsafe types.append(backplane_ffi_pointer())
        return slot
    }

    private mutating func cell(_ size: Int) -> Int { place(max(size, 8), alignment: 16) }

    mutating func add(
        _ parameter: Signature.Parameter, errorForm: ErrorForm?,
        find: (Signature.Symbol) throws(SignatureError) -> CFunction
    ) throws(SignatureError) -> FunctionPlan.Parameter {
        if parameter.isInput { inputs += 1 }
        let plan = FunctionPlan.Parameter(
            label: parameter.name ?? "\(inputs)", source: parameter)
        if let release = parameter.release { plan.release = try find(release) }
        for expression in parameter.capacity {
            plan.capacity.append(try Computation(expression, find: find))
        }
        for expression in parameter.count {
            plan.count.append(try Computation(expression, find: find))
        }
        try addForm(parameter, errorForm, plan)
        try addValue(parameter, plan, find)
        for _ in 0..<Self.countSlots(parameter) {
            let type =
                if case .counted(let scalar) = parameter.passing { scalar } else { Scalar.size }
            plan.countType = type
            _ = slot(.scalar(type))
        }
        return plan
    }

    private mutating func addForm(
        _ parameter: Signature.Parameter, _ errorForm: ErrorForm?,
        _ plan: FunctionPlan.Parameter
    ) throws(SignatureError) {
        switch parameter.role {
        case .instance:
            plan.form = .instance
            plan.slot = pointerSlot()
            return
        case .newInstance: plan.form = .newInstance
        case .errorText: plan.form = .errorText
        case .error:
            guard let errorForm else {
                throw SignatureError(
                    column: 1, "only plugins have error: use error string, or check()")
            }
            plan.form = .error
            plan.cellSize = errorForm.size + errorForm.capacity
        case .value: try addValueForm(parameter, plan)
        }
        if parameter.role != .value { plan.cellSize = max(plan.cellSize, 8) }
        if case .value(let type) = plan.form {
            plan.slot = slot(type)
            return
        }
        plan.slot = pointerSlot()
        if plan.cellSize > 0 { plan.cell = cell(plan.cellSize) }
    }

    private func addValueForm(
        _ parameter: Signature.Parameter, _ plan: FunctionPlan.Parameter
    ) throws(SignatureError) {
        switch parameter.type {
        case .pointer: plan.form = .null
        case .string:
            plan.form = .string
            if parameter.direction == .out, parameter.capacity.isEmpty { plan.cellSize = 8 }
        case .bytes:
            plan.form = .bytes
            if parameter.direction == .out, parameter.capacity.isEmpty { plan.cellSize = 8 }
        case .array(let element):
            plan.form = .array(StoredType(element)!)
            if parameter.direction == .out, parameter.capacity.isEmpty { plan.cellSize = 8 }
        case .matrix(let scalar):
            plan.form = .matrix(scalar)
            if parameter.direction == .out, parameter.capacity.isEmpty { plan.cellSize = 8 }
        case .scalar, .enumeration, .structure:
            let stored = StoredType(parameter.type)!
            let isPointer =
                parameter.direction != .in || parameter.passing == .pointer
                || parameter.isOptional
            plan.form = isPointer ? .cell(stored) : .value(stored)
            if isPointer { plan.cellSize = stored.size }
        }
    }

    private func addValue(
        _ parameter: Signature.Parameter, _ plan: FunctionPlan.Parameter,
        _ find: (Signature.Symbol) throws(SignatureError) -> CFunction
    ) throws(SignatureError) {
        switch parameter.value {
        case nil, .null?: plan.bits = parameter.value == nil ? nil : 0
        case .integer(let magnitude, let isNegative)?:
            plan.bits = isNegative ? 0 &- magnitude : magnitude
        case .enumerator(let value)?: plan.bits = UInt64(bitPattern: value)
        case .boolean(let value)?: plan.bits = value ? 1 : 0
        case .decimal(let value)?:
            let isFloat = parameter.type == .scalar(.f32)
            plan.bits = isFloat ? UInt64(Float(value).bitPattern) : value.bitPattern
        case .text(let text)?: plan.text = CText(text)
        case let expression?: plan.value = try Computation(expression, find: find)
        }
    }
}

/// A NUL-terminated constant.
@safe final class CText: @unchecked Sendable {
    // Sendable: constant.
    let address: UnsafeMutablePointer<UInt8>

    init(_ text: String) {
        let bytes = Array(text.utf8) + [0]
        unsafe address = .allocate(capacity: bytes.count)
        unsafe address.initialize(from: bytes, count: bytes.count)
    }

    deinit { unsafe address.deallocate() }
}
