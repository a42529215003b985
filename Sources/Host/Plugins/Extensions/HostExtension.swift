internal import PluginABI

#if canImport(Glibc)
internal import Glibc
#endif

/// A service of the host beside its table, which a library asks for by name.
@safe struct HostExtension: Sendable {
    private let identifier: String
    private let table: @Sendable (HostContext) -> UnsafeRawPointer?

    /// - Parameter table: the library's struct, which is never freed; nil: this library has none.
    init(_ identifier: String, _ table: @escaping @Sendable (HostContext) -> UnsafeRawPointer?) {
        self.identifier = identifier
        unsafe self.table = unsafe table
    }

    /// Any thread.
    static func table(
        named identifier: UnsafePointer<CChar>, for context: HostContext
    ) -> UnsafeRawPointer? {
        // The header forbids NULL, so Swift doesn't expect it.
        guard UInt(bitPattern: identifier) != 0 else { return nil }
        let known = ABIExtensions.ofHost.first { unsafe strcmp(identifier, $0.identifier) == 0 }
        return unsafe known?.table(context)
    }
}
