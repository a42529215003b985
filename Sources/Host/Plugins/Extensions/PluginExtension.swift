internal import HostCore
internal import PluginABI

/// An extension that plugins may offer: its name, its struct, and what must be in that.
struct PluginExtension<Struct: ABIStruct>: PluginExtensionRow {
    let identifier: String
    private let functions: String
    private let isWhole: @Sendable (Struct) -> Bool

    /// - Parameter functions: the names of those that are required, for the message.
    init(
        _ identifier: String, requires functions: String,
        _ isWhole: @escaping @Sendable (Struct) -> Bool
    ) {
        self.identifier = identifier
        self.functions = functions
        self.isWhole = isWhole
    }

    var sizes: ABIStructs.Row { ABIStructs.Row(Struct.self) }

    func read(from library: PluginLibrary) throws(PluginError) -> (any ABIStruct)? {
        guard let pointer = unsafe library.functions.get_extension?(identifier) else { return nil }
        guard let offered = unsafe Struct.copy(pointer) else {
            throw PluginError(
                .invalidDescriptor,
                "the extension \(identifier) has struct_size "
                    + "\(unsafe pointer.loadUnaligned(as: UInt32.self)): set it to the size of its struct"
            )
        }
        guard isWhole(offered) else {
            throw PluginError(
                .invalidDescriptor,
                "the extension \(identifier) lacks a function it requires: \(functions)")
        }
        return offered
    }
}

/// A ``PluginExtension`` in the table, whatever its struct.
protocol PluginExtensionRow: Sendable {
    var identifier: String { get }
    /// Those of its struct.
    var sizes: ABIStructs.Row { get }

    /// [lifecycle]
    ///
    /// - Returns: nil when the plugin doesn't offer it.
    /// - Throws: ``PluginError`` when its struct breaks the contract.
    func read(from library: PluginLibrary) throws(PluginError) -> (any ABIStruct)?
}

/// The extensions that one plugin offers, read once.
struct PluginExtensions: @unchecked Sendable {
    // Sendable: constant pointers to plugin functions, called as their thread tags say.
    private let offered: [String: any ABIStruct]

    /// [lifecycle]
    ///
    /// - Throws: ``PluginError`` when an extension's struct breaks the contract.
    init(of library: PluginLibrary) throws(PluginError) {
        var offered: [String: any ABIStruct] = [:]
        for row in ABIExtensions.ofPlugins {
            offered[row.identifier] = try row.read(from: library)
        }
        self.offered = offered
        guard self[.middleware] != nil || !library.descriptor.methods.isEmpty else {
            throw PluginDescriptor.noMethods
        }
    }

    /// nil: the plugin doesn't offer it.
    subscript<Struct>(_ row: PluginExtension<Struct>) -> Struct? {
        offered[row.identifier] as? Struct
    }
}
