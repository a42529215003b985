internal import CLibFFI

/// What a call does, worked out once: where each value lies in the call's frame, and how it gets there.
///
/// A frame is one block: the array of addresses that libffi wants, a slot for each C argument, the result, and the
/// cells that pointers point to.
@safe final class FunctionPlan: @unchecked Sendable {
    // Sendable: constant after init, and so is what the pointers point to.
    final class Parameter {
        enum Form {
            case instance
            case newInstance
            case error
            case errorText
            /// In the C argument's slot.
            case value(StoredType)
            /// In a cell, which C gets the address of.
            case cell(StoredType)
            case string
            case bytes
            case array(StoredType)
            case matrix(Scalar)
            /// A constant that is no number; the slot has it.
            case null
        }

        /// The name, or the position among the inputs from 1.
        let label: String
        let key: [UInt8]
        let source: Signature.Parameter
        var form = Form.null
        /// Where the (first) C argument's slot is.
        var slot = 0
        /// Where the cell is, if there is one.
        var cell = 0
        var cellSize = 0
        /// The C type of the counts behind the pointer.
        var countType: Scalar?
        var capacity: [Computation] = []
        var value: Computation?
        /// A constant's bits, when `value` is nil.
        var bits: UInt64?
        var text: CText?
        var count: [Computation] = []
        var release: CFunction?

        init(label: String, source: Signature.Parameter) {
            self.label = label
            self.source = source
            key = Array((source.name ?? "").utf8)
        }
    }

    let name: String
    let signature: Signature
    let parameters: [Parameter]
    /// The parameters that the caller gives, by their index.
    let inputs: [Int]
    /// The parameters that have to be computed before the call: capacities, then values.
    let computed: [Int]
    let withCapacity: [Int]
    /// The parameters that something comes back in.
    let outputs: [Int]
    /// The parameters whose cells may hold memory that is to be freed.
    let released: [Int]
    let result: StoredType?
    let resultCount: [Computation]
    let resultRelease: CFunction?
    let resultSlot: Int
    /// Where the slots' addresses are, and how many.
    let slots: [Int]
    let frameSize: Int
    let address: UnsafeMutableRawPointer
    let errorForm: ErrorForm?
    let errorIndex: Int?
    let errorTextIndex: Int?
    let newInstanceIndex: Int?
    /// Whether a response is an object with a member for each output.
    let answersObject: Bool
    private let cif: UnsafeMutablePointer<ffi_cif>
    private let types: UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>

    /// The largest frame: a struct by value lies in it.
    static let largestFrame = 1 << 20

    init(
        _ signature: Signature, named name: String, at address: UnsafeMutableRawPointer,
        errorForm: ErrorForm?, find: (String) -> UnsafeMutableRawPointer?
    ) throws(SignatureError) {
        self.signature = signature
        self.name = name
        unsafe self.address = unsafe address
        self.errorForm = errorForm
        func symbol(_ symbol: Signature.Symbol) throws(SignatureError) -> CFunction {
            guard let address = unsafe find(symbol.name) else {
                throw SignatureError(
                    column: symbol.column, "the library has no function \(symbol.name)")
            }
            return unsafe CFunction(name: symbol.name, address: address)
        }
        let result = signature.result
        let stored = result.type.flatMap { StoredType($0) }
        var builder = PlanBuilder(
            slotCount: Self.slotCount(signature), result: result.isPointer ? nil : stored)
        var plans: [Parameter] = []
        for parameter in signature.parameters {
            plans.append(try builder.add(parameter, errorForm: errorForm, find: symbol))
        }
        parameters = plans

        let element: StoredType? =
            switch result.type {
            case .array(let element)?: StoredType(element)
            case .matrix(let scalar)?: .scalar(scalar)
            default: nil
            }
        self.result = stored ?? element
        var counts: [Computation] = []
        for count in result.count { counts.append(try Computation(count, find: symbol)) }
        resultCount = counts
        if let release = result.release {
            resultRelease = try symbol(release)
        } else {
            resultRelease = nil
        }
        let resultType: UnsafeMutablePointer<ffi_type> =
            switch result.kind {
            case .void: unsafe backplane_ffi_void()
            case .status: unsafe backplane_ffi_sint32()
            case .instance: unsafe backplane_ffi_pointer()
            case .value: unsafe result.isPointer ? backplane_ffi_pointer() : stored!.ffiType
            }
        // libffi writes at least a register.
        resultSlot = builder.place(
            result.isPointer ? 16 : max(stored?.size ?? 0, 16), alignment: 16)
        slots = builder.slots
        frameSize = builder.size.rounded(upTo: 16)
        guard frameSize <= Self.largestFrame else {
            throw SignatureError(
                column: 1, "the arguments take more than 1 MiB: pass structs by '*'")
        }

        let indices = plans.indices
        inputs = indices.filter { plans[$0].source.isInput }
        withCapacity = indices.filter { !plans[$0].capacity.isEmpty }
        computed = indices.filter { plans[$0].value != nil }
        outputs = indices.filter { plans[$0].source.isOutput }
        released = indices.filter { plans[$0].release != nil }
        errorIndex = indices.first { plans[$0].source.role == .error }
        errorTextIndex = indices.first { plans[$0].source.role == .errorText }
        newInstanceIndex = indices.first { plans[$0].source.role == .newInstance }
        answersObject = outputs.count + (result.isShown ? 1 : 0) > 1

        unsafe types = unsafe .allocate(capacity: max(builder.types.count, 1))
        for index in unsafe builder.types.indices {
            unsafe (types + index).initialize(to: builder.types[index])
        }
        unsafe cif = .allocate(capacity: 1)
        unsafe cif.initialize(to: ffi_cif())
        let status = unsafe ffi_prep_cif(
            cif, FFI_DEFAULT_ABI, UInt32(builder.types.count), resultType, types)
        guard status == FFI_OK else {
            throw SignatureError(column: 1, "libffi can't call a function like this one")
        }
    }

    deinit {
        unsafe cif.deallocate()
        unsafe types.deallocate()
    }

    func call(
        arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>, result: UnsafeMutableRawPointer
    ) {
        typealias Function = @convention(c) () -> Void
        unsafe ffi_call(cif, unsafeBitCast(address, to: Function.self), result, arguments)
    }

    private static func slotCount(_ signature: Signature) -> Int {
        signature.parameters.reduce(0) { $0 + PlanBuilder.slotCount($1) }
    }
}
