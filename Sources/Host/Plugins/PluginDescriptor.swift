internal import PluginABI

/// What a plugin says of itself, read from its C descriptor and checked.
package struct PluginDescriptor: Sendable {
    package struct Method: Sendable {
        package let name: String
        package let description: String
        package let isBatchable: Bool
        package let isInline: Bool
        package let isAsync: Bool
        /// How many calls the plugin likes in a batch; nil: no preference.
        package let preferredBatchSize: Int?
    }

    /// The method that is called when the caller names none.
    package static let defaultMethod = "__call__"

    package let name: String
    package let version: String
    package let description: String
    package let abiVersion: String
    package let isReentrant: Bool
    package let isUnloadable: Bool
    /// In the order of the plugin's method table.
    package let methods: [Method]
    private let indices: [String: Int]

    package func methodIndex(named name: String) -> Int? { indices[name] }

    /// Reads and checks a descriptor. Calls nothing in the plugin.
    ///
    /// - Throws: ``PluginError`` that names the member at fault.
    init(checking pointer: UnsafePointer<backplane_plugin_t>?) throws(PluginError) {
        guard let pointer = unsafe pointer else {
            throw Self.invalid(
                "backplane_plugin_entry() returned NULL: the plugin declines to be served here")
        }
        try unsafe Self.checkHeader(pointer)
        let plugin = unsafe pointer.pointee

        name = try unsafe Self.text(plugin.name, member: "name", of: "plugin")
        version = try unsafe Self.text(plugin.version, member: "version", of: "plugin")
        description = try unsafe Self.optionalText(plugin.description, member: "description")
        abiVersion = unsafe "\(plugin.abi_major).\(plugin.abi_minor)"
        isReentrant = unsafe plugin.traits & UInt32(BACKPLANE_TRAIT_REENTRANT) != 0
        isUnloadable = unsafe plugin.traits & UInt32(BACKPLANE_TRAIT_UNLOADABLE) != 0

        guard let table = unsafe plugin.methods, unsafe plugin.method_count > 0 else {
            // One that is middleware needs none; whether it is, its extensions say.
            guard unsafe plugin.get_extension != nil else { throw Self.noMethods }
            methods = []
            indices = [:]
            return
        }
        guard unsafe Int(plugin.method_size) >= MemoryLayout<backplane_method_t>.size,
            unsafe Int(plugin.method_size) % MemoryLayout<backplane_method_t>.alignment == 0
        else {
            throw unsafe Self.invalid(
                "method_size is \(plugin.method_size): set it to sizeof(backplane_method_t)")
        }
        var methods: [Method] = []
        var indices: [String: Int] = [:]
        for index in unsafe 0..<Int(plugin.method_count) {
            let entry = unsafe Self.entry(index, of: table, size: plugin.method_size)
            let method = try unsafe Self.method(entry.pointee, index: index)
            guard indices.updateValue(index, forKey: method.name) == nil else {
                throw Self.invalid("two methods are named \(method.name): rename one")
            }
            methods.append(method)
        }
        self.methods = methods
        self.indices = indices
    }

    static let noMethods = invalid(
        "the method table is empty: give the plugin a method named __call__")

    /// The entry at an index of a method table whose entries may be larger than the ones this host knows.
    static func entry(
        _ index: Int, of table: UnsafePointer<backplane_method_t>, size: UInt32
    ) -> UnsafePointer<backplane_method_t> {
        unsafe UnsafeRawPointer(table).advanced(by: index * Int(size))
            .assumingMemoryBound(to: backplane_method_t.self)
    }

    /// Checks the members that come first in every version of the descriptor, in the order in which they can be
    /// trusted.
    private static func checkHeader(
        _ pointer: UnsafePointer<backplane_plugin_t>
    ) throws(PluginError) {
        guard unsafe pointer.pointee.magic == BACKPLANE_MAGIC else {
            throw invalid(
                "the descriptor does not begin with BACKPLANE_MAGIC: "
                    + "begin it with BACKPLANE_PLUGIN_HEADER")
        }
        let major = unsafe pointer.pointee.abi_major
        guard major == UInt16(BACKPLANE_ABI_MAJOR) else {
            throw invalid(
                "built for ABI \(major).\(unsafe pointer.pointee.abi_minor), this host has "
                    + "\(BACKPLANE_ABI_MAJOR).\(BACKPLANE_ABI_MINOR): rebuild it with this host's "
                    + "backplane_plugin.h")
        }
        let size = unsafe Int(pointer.pointee.struct_size)
        let required = unsafe MemoryLayout<backplane_plugin_t>.size
        guard size >= required else {
            throw invalid(
                "struct_size is \(size), a descriptor of ABI 1.0 has \(required) bytes: "
                    + "begin it with BACKPLANE_PLUGIN_HEADER")
        }
    }

    private static func method(
        _ method: backplane_method_t, index: Int
    ) throws(PluginError) -> Method {
        let name = try unsafe text(
            method.name, member: "methods[\(index)].name", of: "method")
        guard unsafe method.invoke != nil else {
            if unsafe method.signature != nil, unsafe method.function != nil {
                throw invalid(
                    "method \(name) is a typed one, which this host does not serve yet: give it an invoke"
                )
            }
            throw invalid("method \(name) has no invoke: give it one")
        }
        return unsafe Method(
            name: name,
            description: try optionalText(
                method.description, member: "methods[\(index)].description"),
            isBatchable: method.flags & UInt32(BACKPLANE_METHOD_BATCHABLE) != 0,
            isInline: method.flags & UInt32(BACKPLANE_METHOD_INLINE) != 0,
            isAsync: method.flags & UInt32(BACKPLANE_METHOD_ASYNC) != 0,
            preferredBatchSize: method.preferred_batch_size == 0
                ? nil : Int(method.preferred_batch_size)
        )
    }

    private static func text(
        _ pointer: UnsafePointer<CChar>?, member: String, of owner: String
    ) throws(PluginError) -> String {
        guard unsafe pointer != nil else {
            throw invalid("\(member) is NULL: give the \(owner) one")
        }
        let text = try unsafe optionalText(pointer, member: member)
        guard !text.isEmpty else { throw invalid("\(member) is empty: give the \(owner) one") }
        return text
    }

    private static func optionalText(
        _ pointer: UnsafePointer<CChar>?, member: String
    ) throws(PluginError) -> String {
        guard let pointer = unsafe pointer else { return "" }
        guard let text = unsafe String(validatingCString: pointer) else {
            throw invalid("\(member) is not UTF-8: write it in UTF-8")
        }
        return text
    }

    private static func invalid(_ message: String) -> PluginError {
        PluginError(.invalidDescriptor, message)
    }
}
