/// What the parameter `error` is in C, which the module above knows: a block that points to room for a message.
@safe package struct ErrorForm: Sendable {
    /// Of the block, in bytes.
    package let size: Int
    /// Of the message, its NUL among them.
    package let capacity: Int
    /// Makes the block at the first address point to the message at the second.
    package let prepare: @Sendable (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void

    package init(
        size: Int, capacity: Int,
        prepare: @escaping @Sendable (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void
    ) {
        self.size = size.rounded(upTo: 16)
        self.capacity = capacity
        unsafe self.prepare = unsafe prepare
    }
}
