/// An object in the memory of the process that a caller passes as it is: an address, and a type on which caller and
/// plugin agree. The host does not look inside.
///
/// Lives until nobody uses it any more, which is after the plugin has finished the call; then `onRelease` runs once.
@safe package final class NativeObject: @unchecked Sendable {
    // Sendable: the members are constant. What is at the address is a matter between caller and plugin.
    package let type: String
    package let address: UnsafeRawPointer?
    /// ``type``, where it stays as long as this is.
    package let typeText: UnsafeMutableBufferPointer<CChar>
    private let onRelease: @Sendable () -> Void

    /// - Parameters:
    ///   - type: such as `com.example.image/1`.
    ///   - onRelease: runs on any thread.
    package init(
        type: String, address: UnsafeRawPointer?, onRelease: @escaping @Sendable () -> Void
    ) {
        self.type = type
        unsafe self.address = unsafe address
        self.onRelease = onRelease
        unsafe typeText = .allocate(capacity: type.utf8.count)
        _ = unsafe typeText.initialize(from: type.utf8.lazy.map { CChar(bitPattern: $0) })
    }

    deinit {
        unsafe typeText.deallocate()
        onRelease()
    }
}
