/// A function of a library, found by its name.
@safe struct CFunction: @unchecked Sendable {
    // Sendable: an address, constant as long as the library is mapped.
    let name: String
    let address: UnsafeMutableRawPointer

    /// Calls it with `size_t`s, as an expression does.
    func computed(_ arguments: [UInt]) -> UInt {
        typealias None = @convention(c) () -> UInt
        typealias One = @convention(c) (UInt) -> UInt
        typealias Two = @convention(c) (UInt, UInt) -> UInt
        typealias Three = @convention(c) (UInt, UInt, UInt) -> UInt
        switch arguments.count {
        case 0: return unsafe unsafeBitCast(address, to: None.self)()
        case 1: return unsafe unsafeBitCast(address, to: One.self)(arguments[0])
        case 2: return unsafe unsafeBitCast(address, to: Two.self)(arguments[0], arguments[1])
        default:
            return unsafe unsafeBitCast(address, to: Three.self)(
                arguments[0], arguments[1], arguments[2])
        }
    }

    /// Calls it with a pointer, as `free` is called.
    func release(_ pointer: UnsafeMutableRawPointer) {
        typealias Release = @convention(c) (UnsafeMutableRawPointer) -> Void
        unsafe unsafeBitCast(address, to: Release.self)(pointer)
    }
}
