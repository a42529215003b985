/// The memory of one call: C's arguments, the values that they point to, and the result.
@safe struct CallFrame: ~Copyable {
    /// What is known of an argument that has a size.
    @safe struct State {
        var pointer: UnsafeMutableRawPointer?
        /// Elements; of a matrix rows times columns.
        var count = 0
        var rows = 0
        var columns = 0
        /// Elements that there is room for.
        var capacity = 0
        var isGiven = false
        /// Given as null.
        var isNull = false
    }

    let plan: FunctionPlan
    let base: UnsafeMutableRawPointer
    let states: UnsafeMutablePointer<State>
    var memory: ScratchMemory

    /// The most that an `out(…)` may have room for, in bytes.
    static let largestOutput = 64 << 20
    private static let scratchSize = 512

    /// How much memory ``init(_:in:)`` needs.
    static func size(_ plan: FunctionPlan) -> Int {
        plan.frameSize + stateSize(plan) + scratchSize
    }

    private static func stateSize(_ plan: FunctionPlan) -> Int {
        (plan.parameters.count * MemoryLayout<State>.stride).rounded(upTo: 16)
    }

    /// - Parameter block: aligned to 16, valid as long as this.
    init(_ plan: FunctionPlan, in block: UnsafeMutableRawBufferPointer) {
        self.plan = plan
        unsafe base = block.baseAddress!
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: plan.frameSize)
        let addresses = unsafe base.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
        for (index, slot) in plan.slots.enumerated() {
            unsafe addresses[index] = unsafe base + slot
        }
        unsafe states = unsafe (base + plan.frameSize).bindMemory(
            to: State.self, capacity: plan.parameters.count)
        unsafe states.initialize(repeating: State(), count: plan.parameters.count)
        memory = unsafe ScratchMemory(
            UnsafeMutableRawBufferPointer(
                rebasing: block[(plan.frameSize + Self.stateSize(plan))...]))
    }

    // MARK: Before the call

    /// Completes the arguments: what is computed, counts, and where pointers point to.
    mutating func prepare(instance: UnsafeMutableRawPointer?) throws(ArgumentError) {
        for index in plan.withCapacity { try allocate(index) }
        for (index, parameter) in plan.parameters.enumerated() {
            let slot = unsafe base + parameter.slot
            switch parameter.form {
            case .instance: unsafe slot.storeBytes(of: instance, as: UnsafeMutableRawPointer?.self)
            case .newInstance, .errorText:
                unsafe slot.storeBytes(of: base + parameter.cell, as: UnsafeMutableRawPointer.self)
            case .error:
                let block = unsafe base + parameter.cell
                unsafe plan.errorForm!.prepare(block, block + plan.errorForm!.size)
                unsafe slot.storeBytes(of: block, as: UnsafeMutableRawPointer.self)
            case .value(let type): try unsafe compute(parameter, type, slot)
            case .cell(let type):
                guard unsafe parameter.source.direction != .in || states[index].isGiven else {
                    continue
                }
                try unsafe compute(parameter, type, base + parameter.cell)
                unsafe slot.storeBytes(of: base + parameter.cell, as: UnsafeMutableRawPointer.self)
            case .string, .bytes, .array, .matrix: try unsafe point(index, parameter, slot)
            case .null: break
            }
        }
    }

    private func compute(
        _ parameter: FunctionPlan.Parameter, _ type: StoredType, _ place: UnsafeMutableRawPointer
    ) throws(ArgumentError) {
        let scalar: Scalar
        switch type {
        case .scalar(let type): scalar = type
        case .enumeration(let enumeration): scalar = enumeration.base
        case .string, .structure: return
        }
        if let bits = parameter.bits {
            unsafe scalar.store(bits, place)
        } else if let computation = parameter.value {
            try unsafe store(try computation.value(in: self), scalar, place, computation)
        }
    }

    /// Writes a count, if the C type has room for it.
    private func store(
        _ value: Int, _ type: Scalar, _ place: UnsafeMutableRawPointer,
        _ computation: Computation?
    ) throws(ArgumentError) {
        let range = type.range
        guard value >= range.least, value < 0 || UInt64(value) <= range.greatest else {
            let what = computation.map { "\($0.text(plan)) is" } ?? "a count of"
            throw ArgumentError("\(what) \(value), which doesn't fit \(type.rawValue)")
        }
        unsafe type.store(UInt64(bitPattern: Int64(value)), place)
    }

    /// Makes the memory of an `out(…)`, all of it zero.
    private mutating func allocate(_ index: Int) throws(ArgumentError) {
        let parameter = plan.parameters[index]
        var sizes = (1, 1)
        sizes.0 = try parameter.capacity[0].value(in: self)
        if parameter.capacity.count > 1 { sizes.1 = try parameter.capacity[1].value(in: self) }
        guard sizes.0 >= 0, sizes.1 >= 0 else {
            throw ArgumentError(
                "the capacity \(parameter.capacity.map { $0.text(plan) }.joined(separator: ", ")) "
                    + "is negative",
                path: parameter.label)
        }
        let (count, isOver) = sizes.0.multipliedReportingOverflow(by: sizes.1)
        guard !isOver, count <= Self.largestOutput / parameter.elementSize else {
            throw ArgumentError(
                "room for \(sizes.0)\(sizes.1 == 1 ? "" : " times \(sizes.1)") elements is asked "
                    + "for, more than \(Self.largestOutput >> 20) MiB", path: parameter.label)
        }
        let size = count * parameter.elementSize
        let pointer = try unsafe memory.take(size)
        unsafe pointer.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        unsafe states[index].pointer = unsafe pointer
        unsafe states[index].capacity = count
        unsafe states[index].rows = sizes.0
        unsafe states[index].columns = sizes.1
    }

    private func point(
        _ index: Int, _ parameter: FunctionPlan.Parameter, _ slot: UnsafeMutableRawPointer
    ) throws(ArgumentError) {
        if parameter.cellSize > 0 {
            unsafe slot.storeBytes(of: base + parameter.cell, as: UnsafeMutableRawPointer.self)
            return
        }
        if let text = parameter.text {
            unsafe slot.storeBytes(of: text.address, as: UnsafeMutablePointer<UInt8>.self)
            return
        }
        let state = unsafe states[index]
        unsafe slot.storeBytes(of: state.pointer, as: UnsafeMutableRawPointer?.self)
        guard let type = parameter.countType else { return }
        do throws(ArgumentError) {
            // Slots are 16 bytes apart; the counts' follow the pointer's.
            if case .matrix = parameter.form {
                try unsafe store(state.rows, type, slot + 16, nil)
                try unsafe store(state.columns, type, slot + 32, nil)
            } else {
                let isBuffer = !parameter.capacity.isEmpty
                try unsafe store(isBuffer ? state.capacity : state.count, type, slot + 16, nil)
            }
        } catch {
            throw error.within(parameter.label)
        }
    }

    // MARK: The call

    var resultPlace: UnsafeMutableRawPointer { unsafe base + plan.resultSlot }

    func call() {
        unsafe plan.call(
            arguments: base.assumingMemoryBound(to: UnsafeMutableRawPointer?.self),
            result: resultPlace)
    }

    // MARK: Integers for computations

    /// A parameter's value, before the call or after it; nil when it doesn't fit in 63 bits.
    func integer(_ index: Int) -> Int? {
        let parameter = plan.parameters[index]
        switch parameter.form {
        case .value(.scalar(let scalar)): return unsafe scalar.loadInt(base + parameter.slot)
        case .cell(.scalar(let scalar)): return unsafe scalar.loadInt(base + parameter.cell)
        default: return nil
        }
    }

    var integerResult: Int? {
        guard case .scalar(let scalar)? = plan.result else { return nil }
        return unsafe scalar.loadInt(resultPlace)
    }

    /// The address that a cell holds.
    func pointer(in parameter: FunctionPlan.Parameter) -> UnsafeMutableRawPointer? {
        unsafe (base + parameter.cell).load(as: UnsafeMutableRawPointer?.self)
    }
}

extension FunctionPlan.Parameter {
    /// Of an array's element, in bytes.
    var elementSize: Int {
        switch form {
        case .array(let type): type.size
        case .matrix(let scalar): scalar.size
        default: 1
        }
    }
}
