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
    /// - Throws: ``PluginError``; nothing of the library stays mapped then, unless it pinned itself.
    init(opening copy: LibraryStore.Copy) throws(PluginError) {
        guard let handle = unsafe dlopen(copy.path, RTLD_NOW | RTLD_LOCAL) else {
            throw PluginError(.linkFailed, Self.linkerMessage(copy))
        }
        do throws(PluginError) {
            guard let symbol = unsafe dlsym(handle, BACKPLANE_ENTRY_SYMBOL) else {
                throw PluginError(
                    .invalidDescriptor,
                    "not a Backplane plugin: it does not export \(BACKPLANE_ENTRY_SYMBOL)()")
            }
            typealias Entry = @convention(c) () -> UnsafePointer<backplane_plugin_t>?
            let plugin = unsafe unsafeBitCast(symbol, to: Entry.self)()
            descriptor = try unsafe PluginDescriptor(checking: plugin)
            unsafe self.plugin = plugin!
        } catch {
            // Swift code may have run in a constructor or the entry: whatever it is, only a library that says so is
            // unmapped. Pinning it costs one mapping per failed load.
            Self.pin(copy)
            unsafe dlclose(handle)
            throw error
        }
        self.copy = copy
        unsafe self.handle = handle
        let table = unsafe plugin.pointee.methods!
        let size = unsafe plugin.pointee.method_size
        unsafe invokes = (0..<descriptor.methods.count).map {
            unsafe PluginDescriptor.entry($0, of: table, size: size).pointee.invoke!
        }
        if !descriptor.isUnloadable { Self.pin(copy) }
    }

    /// Unmaps the library if it declared itself unloadable. Nothing of it may run or be referred to any more.
    ///
    /// - Returns: whether it was unmapped.
    func close() -> Bool {
        guard descriptor.isUnloadable else { return false }
        unsafe dlclose(handle)
        return true
    }

    /// The plugin's descriptor. Constant as long as the library is mapped.
    var functions: backplane_plugin_t { unsafe plugin.pointee }

    func invoke(
        method: Int, instance: OpaquePointer?, calls: UnsafePointer<backplane_call_t>, count: Int
    ) {
        unsafe invokes[method](instance, calls, UInt32(count))
    }

    /// What the plugin offers under an extension's name, if its struct has the size of `Extension` at least. [main]
    func pluginExtension<Extension>(
        _ identifier: String, as _: Extension.Type, structSize: (Extension) -> UInt32
    ) throws(PluginError) -> Extension? {
        guard let pointer = unsafe functions.get_extension?(identifier) else { return nil }
        let value = unsafe pointer.assumingMemoryBound(to: Extension.self)
        guard unsafe structSize(value.pointee) >= MemoryLayout<Extension>.size else {
            throw PluginError(
                .invalidDescriptor,
                "the extension \(identifier) has struct_size \(unsafe structSize(value.pointee)): "
                    + "set it to the size of its struct")
        }
        return unsafe value.pointee
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
    }
}
