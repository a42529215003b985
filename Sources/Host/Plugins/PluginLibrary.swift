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
    let copy: LibraryStore.Copy
    let descriptor: PluginDescriptor
    private let handle: UnsafeMutableRawPointer
    private let plugin: UnsafePointer<backplane_plugin_t>
    private let invokes: [Invoke]

    typealias Invoke =
        @convention(c) (OpaquePointer?, UnsafePointer<backplane_call_t>, UInt32) -> Void

    /// Maps the library, and runs its constructors and its entry function. [main]
    ///
    /// - Throws: ``PluginError``. A library whose code has run by then stays mapped.
    init(opening copy: LibraryStore.Copy) throws(PluginError) {
        guard let handle = unsafe dlopen(copy.path, RTLD_NOW | RTLD_LOCAL) else {
            throw PluginError(.linkFailed, Self.linkerMessage(copy))
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
            descriptor = try unsafe PluginDescriptor(checking: plugin)
            unsafe self.plugin = plugin!
        } catch {
            // Its constructors have run, the entry function perhaps, and what it says of itself can't be trusted: it
            // may be Swift, which must not be unmapped. That costs one mapping per failed load.
            Self.pin(copy)
            unsafe dlclose(handle)
            throw error
        }
        self.copy = copy
        unsafe self.handle = handle
        let table = unsafe plugin.pointee.methods
        let size = unsafe plugin.pointee.method_size
        unsafe invokes = descriptor.methods.indices.map {
            unsafe PluginDescriptor.entry($0, of: table!, size: size).pointee.invoke!
        }
        if !descriptor.isUnloadable { Self.pin(copy) }
    }

    /// Unmaps the library if it declared itself unloadable. Nothing of it may run or be referred to any more.
    ///
    /// - Returns: whether it was unmapped. It can be pinned after all, by C++ unique symbols or thread-local
    ///   destructors for example.
    func close() -> Bool {
        guard descriptor.isUnloadable else { return false }
        unsafe dlclose(handle)
        guard let stillThere = unsafe dlopen(copy.path, RTLD_NOW | RTLD_NOLOAD) else { return true }
        unsafe dlclose(stillThere)
        return false
    }

    /// The plugin's descriptor. Constant as long as the library is mapped.
    var functions: backplane_plugin_t { unsafe plugin.pointee }

    func invoke(
        method: Int, instance: OpaquePointer?, calls: UnsafePointer<backplane_call_t>, count: Int
    ) {
        unsafe invokes[method](instance, calls, UInt32(count))
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

    private static func linkerMessage(_ copy: LibraryStore.Copy) -> String {
        guard let text = unsafe dlerror(), let message = unsafe String(validatingCString: text)
        else {
            return "the dynamic linker refused it"
        }
        // The copy's path means nothing to the operator.
        let prefix = "\(copy.path): "
        return "the dynamic linker refused it: "
            + (message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message)
            + " (ldd -r lists what the library lacks)"
    }
}
