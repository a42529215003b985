internal import HostTypedCalls
internal import PluginABI

#if canImport(Glibc)
internal import Glibc
#endif

/// A library that the dynamic linker has mapped, with a descriptor that passed the checks.
///
/// Opened with `RTLD_NOW` (a missing symbol shows here, not under a call), `RTLD_LOCAL` (generations don't see each
/// other's symbols) and, unless the plugin declares itself unloadable, `RTLD_NODELETE`: unmapping a Swift library
/// leaves dangling type metadata in the runtime, and the next dynamic cast anywhere crashes. `RTLD_DEEPBIND` would
/// break C++ streams.
@safe final class PluginLibrary: @unchecked Sendable {
    // Sendable: the pointers are constant, what they point to is constant plugin memory, and the functions among it
    // are called as their thread tags say.
    /// nil: it is mapped where it is.
    let copy: LibraryStore.Copy?
    let descriptor: PluginDescriptor
    private let handle: UnsafeMutableRawPointer
    private let plugin: UnsafePointer<backplane_plugin_t>
    /// In the order of the descriptor's methods.
    private let methods: [MethodFunction]
    /// What makes and frees instances of a library that is no plugin.
    let adopted: AdoptedFunctions?

    typealias Invoke =
        @convention(c) (OpaquePointer?, UnsafePointer<backplane_call_t>, UInt32) -> Void

    /// What the plugin has for a method.
    @safe enum MethodFunction {
        case invoke(Invoke)
        case typed(TypedFunction)
    }

    /// Maps the library, and runs its constructors and its entry function. [main]
    ///
    /// - Throws: ``PluginError``. A library whose code has run by then stays mapped.
    init(opening copy: LibraryStore.Copy) throws(PluginError) {
        guard let handle = unsafe dlopen(copy.path, RTLD_NOW | RTLD_LOCAL) else {
            throw PluginError(.linkFailed, Self.linkerMessage(copy.path))
        }
        do throws(PluginError) {
            guard let symbol = unsafe dlsym(handle, BACKPLANE_ENTRY_SYMBOL) else {
                throw PluginError(
                    .invalidDescriptor,
                    "not a Backplane plugin: it does not export \(BACKPLANE_ENTRY_SYMBOL)(): "
                        + "declare it with BACKPLANE_EXPORT")
            }
            typealias Entry = @convention(c) () -> UnsafePointer<backplane_plugin_t>?
            let plugin = unsafe unsafeBitCast(symbol, to: Entry.self)()
            let descriptor = try unsafe PluginDescriptor(checking: plugin)
            self.descriptor = descriptor
            unsafe self.plugin = plugin!
            methods = try unsafe Self.methods(of: plugin!, descriptor, in: handle)
        } catch {
            // Its constructors have run, the entry function perhaps, and what it says of itself can't be trusted: it
            // may be Swift, which must not be unmapped. That costs one mapping per failed load.
            Self.pin(copy)
            unsafe dlclose(handle)
            throw error
        }
        self.copy = copy
        unsafe self.handle = handle
        adopted = nil
        if !descriptor.isUnloadable { Self.pin(copy) }
    }

    /// Maps a library that is no plugin, for good: what it leaves behind when it is unmapped, nobody has said. [main]
    ///
    /// - Throws: ``PluginError``. A library that has been mapped by then stays mapped.
    init(adopting library: AdoptedLibrary, as name: String) throws(PluginError) {
        let flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE
        guard let handle = unsafe dlopen(library.path, flags) else {
            let place = library.named(library.adoption.place)
            throw PluginError(
                .linkFailed,
                "\(place): \(library.adoption.library): \(Self.linkerMessage(library.path))")
        }
        do throws(PluginError) {
            let functions = try unsafe AdoptedFunctions(library, in: handle)
            adopted = functions
            methods = functions.methods.map { .typed($0) }
        } catch {
            unsafe dlclose(handle)
            throw error
        }
        descriptor = unsafe PluginDescriptor(
            adopting: library.adoption, as: name, from: LibraryLocation.path(of: handle))
        copy = library.copy
        unsafe self.handle = handle
        unsafe plugin = unsafe Self.noPlugin
    }

    /// The descriptor of what is no plugin: it has none of the functions.
    nonisolated(unsafe) private static let noPlugin: UnsafePointer<backplane_plugin_t> = {
        let plugin = UnsafeMutablePointer<backplane_plugin_t>.allocate(capacity: 1)
        unsafe plugin.initialize(to: backplane_plugin_t())
        return unsafe UnsafePointer(plugin)
    }()

    /// Unmaps the library if it declared itself unloadable. Nothing of it may run or be referred to any more.
    ///
    /// - Returns: whether it was unmapped. It can be pinned after all, by C++ unique symbols or thread-local
    ///   destructors for example.
    func close() -> Bool {
        guard descriptor.isUnloadable, let copy else { return false }
        unsafe dlclose(handle)
        guard let stillThere = unsafe dlopen(copy.path, RTLD_NOW | RTLD_NOLOAD) else { return true }
        unsafe dlclose(stillThere)
        return false
    }

    /// The plugin's descriptor. Constant as long as the library is mapped.
    var functions: backplane_plugin_t { unsafe plugin.pointee }

    /// What runs a method, by its index in the descriptor.
    func function(of method: Int) -> MethodFunction { methods[method] }

    private static func methods(
        of plugin: UnsafePointer<backplane_plugin_t>, _ descriptor: PluginDescriptor,
        in handle: UnsafeMutableRawPointer
    ) throws(PluginError) -> [MethodFunction] {
        // A library of middleware alone has none.
        guard let table = unsafe plugin.pointee.methods else { return [] }
        let size = unsafe plugin.pointee.method_size
        var functions: [MethodFunction] = []
        for (index, method) in descriptor.methods.enumerated() {
            let entry = unsafe PluginDescriptor.entry(index, of: table, size: size).pointee
            guard let signature = method.signature else {
                unsafe functions.append(.invoke(entry.invoke!))
                continue
            }
            do throws(SignatureError) {
                functions.append(
                    .typed(
                        try unsafe TypedFunction(
                            signature, named: method.name,
                            at: unsafeBitCast(entry.function!, to: UnsafeMutableRawPointer.self),
                            errorForm: LifecycleError.form,
                            find: { unsafe LibrarySymbols.find($0, in: handle) })))
            } catch {
                throw PluginDescriptor.invalidSignature(error, of: method.name)
            }
        }
        return functions
    }

    /// What the plugin offers under an extension's name, whose struct begins with its size. [main]
    ///
    /// - Throws: ``PluginError`` when the struct is smaller than `Extension`.
    func pluginExtension<Extension>(
        _ identifier: String, as _: Extension.Type
    ) throws(PluginError) -> Extension? {
        guard let pointer = unsafe functions.get_extension?(identifier) else { return nil }
        // The first member of each, and all that may be read of a struct that is too small.
        let size = unsafe pointer.load(as: UInt32.self)
        guard size >= MemoryLayout<Extension>.size else {
            throw PluginError(
                .invalidDescriptor,
                "the extension \(identifier) has struct_size \(size): "
                    + "set it to the size of its struct")
        }
        return unsafe pointer.load(as: Extension.self)
    }

    /// Keeps a mapped library mapped for the life of the process.
    private static func pin(_ copy: LibraryStore.Copy) {
        _ = unsafe dlopen(copy.path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD | RTLD_NODELETE)
    }

    private static func linkerMessage(_ path: String) -> String {
        guard let text = unsafe dlerror(), let message = unsafe String(validatingCString: text)
        else {
            return "the dynamic linker refused it"
        }
        // The copy's path means nothing to the operator.
        let prefix = "\(path): "
        return "the dynamic linker refused it: "
            + (message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message)
            + " (ldd -r lists what the library lacks)"
    }
}
