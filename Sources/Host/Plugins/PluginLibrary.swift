internal import HostCore
internal import HostLoader
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
    /// A copy of the plugin's descriptor.
    let functions: backplane_plugin_t
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

    /// Maps the library, and runs its constructors and its entry function. [lifecycle]
    ///
    /// - Throws: ``PluginError``. A library whose code has run by then stays mapped.
    init(opening copy: LibraryStore.Copy) throws(PluginError) {
        // Before any of its code runs: what is no plugin is not mapped.
        guard copy.exportsEntry else { throw Self.noPlugin(copy) }
        guard let handle = unsafe dlopen(copy.path, RTLD_NOW | RTLD_LOCAL) else {
            throw PluginError(.linkFailed, Self.linkerMessage(copy.translated))
        }
        do throws(PluginError) {
            guard let symbol = unsafe dlsym(handle, BACKPLANE_ENTRY_SYMBOL) else {
                throw Self.noPlugin(copy)
            }
            typealias Entry = @convention(c) () -> UnsafePointer<backplane_plugin_t>?
            let plugin = try unsafe PluginDescriptor.read(
                unsafeBitCast(symbol, to: Entry.self)())
            let descriptor = try unsafe PluginDescriptor(checking: plugin)
            self.descriptor = descriptor
            unsafe functions = unsafe plugin
            methods = try unsafe Self.methods(of: plugin, descriptor, in: handle)
        } catch {
            // Its constructors have run, the entry function perhaps, and what it says of itself can't be trusted: it
            // may be Swift, which must not be unmapped. That costs one mapping per failed load.
            Self.pin(copy)
            unsafe dlclose(handle)
            var error = error
            error.leavesMapping = true
            throw error
        }
        self.copy = copy
        unsafe self.handle = handle
        adopted = nil
        if !descriptor.isUnloadable { Self.pin(copy) }
    }

    /// Maps a library that is no plugin, for good: what it leaves behind when it is unmapped, nobody has said.
    /// [lifecycle]
    ///
    /// - Throws: ``PluginError``. A library that has been mapped by then stays mapped.
    init(adopting library: AdoptedLibrary, as name: String) throws(PluginError) {
        let flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE
        guard let handle = unsafe dlopen(library.path, flags) else {
            let place = library.named(library.adoption.place)
            throw PluginError(
                .linkFailed,
                "\(place): \(library.adoption.library): "
                    + Self.linkerMessage { library.copy?.translated($0) ?? $0 })
        }
        do throws(PluginError) {
            let functions = try unsafe AdoptedFunctions(library, in: handle)
            adopted = functions
            methods = functions.methods.map { .typed($0) }
        } catch {
            unsafe dlclose(handle)
            var error = error
            error.leavesMapping = library.copy != nil
            throw error
        }
        descriptor = unsafe PluginDescriptor(
            adopting: library.adoption, as: name, from: LibraryLocation.path(of: handle))
        copy = library.copy
        unsafe self.handle = handle
        // What is no plugin has none of the functions.
        unsafe functions = backplane_plugin_t()
    }

    /// Unmaps the library if it declared itself unloadable. Nothing of it may run or be referred to any more.
    ///
    /// - Returns: whether it was unmapped. It can be pinned after all, by thread-local destructors for example.
    func close() -> Bool {
        guard descriptor.isUnloadable, let copy else { return false }
        unsafe dlclose(handle)
        guard let stillThere = unsafe dlopen(copy.path, RTLD_NOW | RTLD_NOLOAD) else { return true }
        unsafe dlclose(stillThere)
        return false
    }

    /// What runs a method, by its index in the descriptor.
    func function(of method: Int) -> MethodFunction { methods[method] }

    private static func methods(
        of plugin: backplane_plugin_t, _ descriptor: PluginDescriptor,
        in handle: UnsafeMutableRawPointer
    ) throws(PluginError) -> [MethodFunction] {
        // A library of middleware alone has none.
        guard let table = unsafe plugin.methods else { return [] }
        let size = unsafe plugin.method_size
        var functions: [MethodFunction] = []
        for (index, method) in descriptor.methods.enumerated() {
            let entry = unsafe PluginDescriptor.entry(index, of: table, size: size)
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

    /// Keeps a mapped library mapped for the life of the process.
    private static func pin(_ copy: LibraryStore.Copy) {
        _ = unsafe dlopen(copy.path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD | RTLD_NODELETE)
    }

    private static func noPlugin(_ copy: LibraryStore.Copy) -> PluginError {
        PluginError(
            .invalidDescriptor,
            "not a Backplane plugin: it does not export \(BACKPLANE_ENTRY_SYMBOL)(): declare it with "
                + "BACKPLANE_EXPORT; or, to serve a library that nobody wrapped, let "
                + "`backplane inspect \(copy.source)` draft a manifest")
    }

    /// - Parameter translated: puts the names that mean something to an operator in place of the copies'.
    private static func linkerMessage(_ translated: (String) -> String) -> String {
        guard let text = unsafe dlerror(), let message = unsafe String(validatingCString: text)
        else {
            return "the dynamic linker refused it"
        }
        return "the dynamic linker refused it: \(translated(message)) "
            + "(ldd -r lists what the library lacks)"
    }
}
