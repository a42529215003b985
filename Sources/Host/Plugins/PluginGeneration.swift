package import Logging
internal import PluginABI

/// One loaded copy of a plugin: a library, its number, and what its instances share.
///
/// Its life: ``load(_:number:logger:)`` maps, checks and prepares the library; ``PluginInstance``s come and go;
/// ``unload()`` undoes the preparation. After that nothing of it may be called.
package final class PluginGeneration: Sendable {
    /// Never used twice in a host.
    package let number: Int
    package let conduct: PluginConduct
    /// What it serves a library with that is no plugin.
    package let adoption: Adoption?
    package let fingerprint: UInt64
    package var descriptor: PluginDescriptor { library.descriptor }
    package var handsStateOver: Bool { extensions.hasState }
    package var tellsHealth: Bool { extensions.health != nil }
    package var hasBatchKeys: Bool { extensions.batchKey != nil }
    package var takesNewConfiguration: Bool { unsafe library.functions.reconfigure != nil }

    let library: PluginLibrary
    let host: HostTable
    let context: HostContext
    let extensions: PluginExtensions
    let stages = StageHouse()
    /// nil: the plugin is no middleware.
    let passageTable: PassageTable?
    private let store: LibraryStore

    /// Loads a copy of a library: maps it, checks its descriptor, reads its extensions, runs its `load`. [main]
    ///
    /// - Parameter endpoints: what the library's handles call; nil: it gets no handles.
    /// - Throws: ``PluginError``. Unless it is unloadable, the library may stay mapped, but nothing of it is in use.
    package static func load(
        _ copy: LibraryStore.Copy, from store: LibraryStore, number: Int,
        endpoints: (any EndpointCaller)? = nil, logger: Logger
    ) throws(PluginError) -> PluginGeneration {
        do throws(PluginError) {
            let library = try PluginLibrary(opening: copy)
            do throws(PluginError) {
                return try PluginGeneration(
                    library, fingerprint: copy.fingerprint, store: store, number: number,
                    endpoints: endpoints, logger: logger)
            } catch {
                _ = library.close()
                throw error
            }
        } catch {
            store.discard(copy)
            throw error
        }
    }

    /// Loads a library that is no plugin, to be served as one of the name. [main]
    ///
    /// - Throws: ``PluginError``. The library may stay mapped, but nothing of it is in use.
    package static func adopt(
        _ library: AdoptedLibrary, as name: String, from store: LibraryStore, number: Int,
        logger: Logger
    ) throws(PluginError) -> PluginGeneration {
        do throws(PluginError) {
            return try PluginGeneration(
                PluginLibrary(adopting: library, as: name), adoption: library.adoption,
                fingerprint: library.fingerprint, store: store, number: number, endpoints: nil,
                logger: logger)
        } catch {
            store.discard(.adopted(library))
            throw error
        }
    }

    private init(
        _ library: PluginLibrary, adoption: Adoption? = nil, fingerprint: UInt64,
        store: LibraryStore, number: Int, endpoints: (any EndpointCaller)?, logger: Logger
    ) throws(PluginError) {
        self.library = library
        self.adoption = adoption
        self.store = store
        self.number = number
        self.fingerprint = fingerprint
        conduct = PluginConduct(logger: logger)
        context = HostContext(conduct: conduct, endpoints: endpoints)
        host = HostTable(context: context)
        extensions = try PluginExtensions(of: library)
        passageTable = extensions.middleware == nil ? nil : PassageTable(context: context)

        guard let load = unsafe library.functions.load else { return }
        unsafe try LifecycleError.check("load") { error in unsafe load(host.pointer, error) }
    }

    /// What the plugin says may share a batch with the call: calls of one method with the same key. Any thread.
    ///
    /// - Returns: 0 for a method that takes no batches, and when the plugin has no keys.
    package func batchKey(of call: any PluginCall, method: Int) -> UInt64 {
        guard let batchKey = unsafe extensions.batchKey?.batch_key,
            descriptor.methods[method].isBatchable
        else { return 0 }
        var block = RequestBlock()
        defer { block.deallocate() }
        block.fill(call, method: method)
        return unsafe withUnsafeMutablePointer(to: &block) { block in
            unsafe batchKey(block.pointee.pointer(block))
        }
    }

    /// Whether it was made of the same: of the same content, called in the same way.
    package func isMade(of code: PluginCode) -> Bool {
        switch code {
        case .plugin(let copy): adoption == nil && copy.fingerprint == fingerprint
        case .adopted(let library):
            adoption == library.adoption && library.fingerprint == fingerprint
        }
    }

    /// Runs the library's `unload`, and unmaps it if it is unloadable. No instance and no stage may be left. [main]
    ///
    /// - Returns: whether nothing of its own stays mapped; otherwise it is a retired generation. A library that is
    ///   mapped where it is stays for the process.
    package func unload() -> Bool {
        stages.close()
        unsafe library.functions.unload?()
        // An answer to a call of its own that is still to come needs the library's code.
        let unmapped = context.handles?.retire() ?? true ? library.close() : false
        guard let copy = library.copy else { return true }
        if unmapped { store.discard(copy) }
        return unmapped
    }
}
