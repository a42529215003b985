package import HostCore
internal import HostLoader
package import HostTypedCalls
internal import PluginABI

/// What a plugin says of itself, read from its C descriptor and checked.
package struct PluginDescriptor: Sendable {
    package struct Method: Sendable {
        package let name: String
        package let description: String
        package let isBatchable: Bool
        package let isInline: Bool
        package let isAsync: Bool
        /// Whether it may run beside others of the same instance that are re-entrant.
        package let isReentrant: Bool
        /// Whether a call that is made again has the effect of one.
        package let isIdempotent: Bool
        /// How many calls the plugin likes in a batch; nil: no preference.
        package let preferredBatchSize: Int?
        /// How its C function is called; nil: it has an `invoke`.
        package let signature: Signature?

        package init(
            name: String, description: String, isBatchable: Bool, isInline: Bool, isAsync: Bool,
            isReentrant: Bool, isIdempotent: Bool, preferredBatchSize: Int?, signature: Signature?
        ) {
            self.name = name
            self.description = description
            self.isBatchable = isBatchable
            self.isInline = isInline
            self.isAsync = isAsync
            self.isReentrant = isReentrant
            self.isIdempotent = isIdempotent
            self.preferredBatchSize = preferredBatchSize
            self.signature = signature
        }
    }

    /// What a plugin exports.
    package static let entrySymbol = BACKPLANE_ENTRY_SYMBOL

    package let name: String
    package let version: String
    package let description: String
    package let abiVersion: String
    /// Whether all methods are re-entrant, and health checks may run beside them.
    package let isReentrant: Bool
    package let isUnloadable: Bool
    /// In the order of the plugin's method table.
    package let methods: [Method]
    private let indices: [String: Int]

    package func methodIndex(named name: String) -> Int? { indices[name] }

    /// What another process has read and checked.
    package init(
        name: String, version: String, description: String, abiVersion: String, isReentrant: Bool,
        isUnloadable: Bool, methods: [Method]
    ) {
        self.name = name
        self.version = version
        self.description = description
        self.abiVersion = abiVersion
        self.isReentrant = isReentrant
        self.isUnloadable = isUnloadable
        self.methods = methods
        indices = Dictionary(
            methods.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// What a manifest says of a library that is no plugin.
    ///
    /// - Parameter path: where the library is; its file's name is the version: `libz.so.1.2.13`.
    init(adopting adoption: LibraryBinding, as name: String, from path: String?) {
        self.name = name
        version = LibraryLocation.fileName(path ?? adoption.library)
        description = "the library \(adoption.library)"
        abiVersion = "-"
        isReentrant = adoption.isReentrant
        isUnloadable = false
        methods = adoption.methods.map {
            Method(
                name: $0.name, description: $0.description, isBatchable: !$0.isInline,
                isInline: $0.isInline, isAsync: false,
                isReentrant: $0.isReentrant ?? adoption.isReentrant, isIdempotent: $0.isIdempotent,
                preferredBatchSize: nil,
                signature: $0.function.signature)
        }
        indices = Dictionary(
            uniqueKeysWithValues: adoption.methods.enumerated().map { ($1.name, $0) })
    }

    /// A copy of what the entry function returned, whatever minor version it is of.
    ///
    /// - Throws: ``PluginError`` when it is no descriptor, or one of another major version.
    static func read(
        _ pointer: UnsafePointer<backplane_plugin_t>?
    ) throws(PluginError) -> backplane_plugin_t {
        guard let pointer = unsafe pointer else {
            throw invalid(
                "backplane_plugin_entry() returned NULL: the plugin declines to be served here")
        }
        try unsafe checkHeader(pointer)
        let size = unsafe Int(pointer.pointee.struct_size)
        guard let plugin = unsafe backplane_plugin_t.copy(pointer, size: size) else {
            let smallest = unsafe backplane_plugin_t.smallestSize
            throw invalid(
                "struct_size is \(size), a descriptor of ABI 1.0 has \(smallest) bytes: "
                    + "begin it with BACKPLANE_PLUGIN_HEADER")
        }
        return unsafe plugin
    }

    /// Checks a descriptor. Calls nothing in the plugin.
    ///
    /// - Throws: ``PluginError`` that names the member at fault.
    init(checking plugin: backplane_plugin_t) throws(PluginError) {
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
        guard unsafe Int(plugin.method_size) >= backplane_method_t.smallestSize,
            unsafe Int(plugin.method_size) % MemoryLayout<backplane_method_t>.alignment == 0
        else {
            throw unsafe Self.invalid(
                "method_size is \(plugin.method_size): set it to sizeof(backplane_method_t)")
        }
        var methods: [Method] = []
        var indices: [String: Int] = [:]
        for index in unsafe 0..<Int(plugin.method_count) {
            let entry = unsafe Self.entry(index, of: table, size: plugin.method_size)
            let method = try unsafe Self.method(
                entry, index: index, isReentrant: isReentrant)
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

    /// A copy of the entry at an index of a method table, whose entries may be larger or smaller than the ones that
    /// this host knows. Requires a `size` that was checked.
    static func entry(
        _ index: Int, of table: UnsafePointer<backplane_method_t>, size: UInt32
    ) -> backplane_method_t {
        let entry = unsafe UnsafeRawPointer(table).advanced(by: index * Int(size))
        return unsafe backplane_method_t.copy(entry, size: Int(size))!
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
    }

    /// - Parameter isReentrant: whether the plugin is.
    private static func method(
        _ method: backplane_method_t, index: Int, isReentrant: Bool
    ) throws(PluginError) -> Method {
        let name = try unsafe text(
            method.name, member: "methods[\(index)].name", of: "method")
        let signature = try unsafe signature(of: method, named: name)
        return unsafe Method(
            name: name,
            description: try optionalText(
                method.description, member: "methods[\(index)].description"),
            isBatchable: method.flags & UInt32(BACKPLANE_METHOD_BATCHABLE) != 0,
            isInline: method.flags & UInt32(BACKPLANE_METHOD_INLINE) != 0,
            isAsync: method.flags & UInt32(BACKPLANE_METHOD_ASYNC) != 0,
            isReentrant: isReentrant || method.flags & UInt32(BACKPLANE_METHOD_REENTRANT) != 0,
            isIdempotent: method.flags & UInt32(BACKPLANE_METHOD_IDEMPOTENT) != 0,
            preferredBatchSize: method.preferred_batch_size == 0
                ? nil : Int(method.preferred_batch_size),
            signature: signature
        )
    }

    /// nil: the method has an `invoke`.
    private static func signature(
        of method: backplane_method_t, named name: String
    ) throws(PluginError) -> Signature? {
        let isTyped = unsafe method.signature != nil || method.function != nil
        guard isTyped else {
            guard unsafe method.invoke != nil else {
                throw invalid(
                    "method \(name) has no invoke: give it one, or a signature and a function")
            }
            return nil
        }
        guard unsafe method.invoke == nil else {
            throw invalid("method \(name) has an invoke and a signature: leave one of them out")
        }
        guard unsafe method.signature != nil, unsafe method.function != nil else {
            let missing = unsafe method.signature == nil ? "signature" : "function"
            throw invalid("method \(name) is a typed one without a \(missing): give it one")
        }
        guard unsafe method.flags & UInt32(BACKPLANE_METHOD_ASYNC) == 0 else {
            throw invalid(
                "method \(name) is a typed one, finished when its function returns: "
                    + "leave out BACKPLANE_METHOD_ASYNC")
        }
        let text = try unsafe optionalText(method.signature, member: "signature of \(name)")
        do throws(SignatureError) {
            let signature = try Signature(parsing: text)
            guard !signature.makesInstance else {
                throw SignatureError(
                    column: 1, "a method can't make self: that is what the plugin's create does")
            }
            return signature
        } catch {
            throw invalidSignature(error, of: name)
        }
    }

    /// A signature that can't be used, as an error of the plugin.
    static func invalidSignature(_ error: SignatureError, of method: String) -> PluginError {
        PluginError(
            .invalidDescriptor,
            "method \(method): signature, column \(error.column): \(error.message)",
            cause: error)
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

extension PluginDescriptor {
    /// Reads the descriptor of a plugin for somebody who only looks: the file is mapped where it is, its constructors
    /// and its entry function run, and it stays mapped. [lifecycle]
    ///
    /// - Throws: ``PluginError`` that says why a host would refuse it.
    package static func ofPlugin(at path: String) throws(PluginError) -> PluginDescriptor {
        // Without a slash the linker would look elsewhere.
        let path = path.contains("/") ? path : "./\(path)"
        return try PluginLibrary(
            opening: LibraryStore.Copy(path: path, fingerprint: 0, source: path)
        ).descriptor
    }
}
