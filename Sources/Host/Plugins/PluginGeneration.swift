package import HostCore
package import HostLoader
package import Logging
internal import PluginABI

/// One loaded copy of a plugin: a library, its number, and what its instances share.
///
/// Its life: ``load(_:number:logger:)`` maps, checks and prepares the library; ``PluginInstance``s come and go;
/// ``unload()`` undoes the preparation. After that nothing of it may be called.
package final class PluginGeneration: Sendable {
    /// Never used twice in a host.
    package let number: Int
    package let violations: ContractViolations
    /// What it serves a library with that is no plugin.
    package let adoption: LibraryBinding?
    package let fingerprint: UInt64
    package var descriptor: PluginDescriptor { library.descriptor }
    package var takesNewConfiguration: Bool { unsafe library.functions.reconfigure != nil }

    let library: PluginLibrary
    let host: HostTable
    let context: HostContext
    let extensions: PluginExtensions
    /// As ``extensions`` has it; asked for each call.
    let batchKeys: backplane_batch_key_extension_t?
    let stages: LiveStages
    /// nil: the plugin is no middleware.
    let passageTable: NextTable?
    /// nil: the copy is somebody else's.
    private let store: LibraryStore?
    let activity: PluginActivity

    /// Loads a copy of a library: maps it, checks its descriptor, reads its extensions, runs its `load`. [lifecycle]
    ///
    /// - Parameters:
    ///   - place: where the library comes from; nil: it isn't told.
    ///   - endpoints: what the library's handles call; nil: it gets no handles.
    /// - Throws: ``PluginError``, which says whether the library stays mapped. Nothing of it is in use then.
    package static func load(
        _ copy: LibraryStore.Copy, from store: LibraryStore, number: Int,
        place: LibraryPlace? = nil, endpoints: (any EndpointCaller)? = nil, logger: Logger
    ) throws(PluginError) -> PluginGeneration {
        do throws(PluginError) {
            let entry = LoadJournal.Entry(copy, plugin: "\(logger[metadataKey: "plugin"] ?? "")")
            return try store.journal.record(entry) { () throws(PluginError) in
                let library = try PluginLibrary(opening: copy)
                do throws(PluginError) {
                    return try PluginGeneration(
                        library, fingerprint: copy.fingerprint, store: store, number: number,
                        place: place, endpoints: endpoints, logger: logger)
                } catch {
                    var error = error
                    error.leavesMapping = !library.close()
                    throw error
                }
            }
        } catch {
            store.discard(copy)
            throw error
        }
    }

    /// As ``load(_:from:number:place:endpoints:logger:)``, of a copy that another process keeps, and that can end
    /// nobody else. [lifecycle]
    package static func load(
        keptElsewhere copy: LibraryStore.Copy, number: Int, place: LibraryPlace,
        endpoints: any EndpointCaller, logger: Logger
    ) throws(PluginError) -> PluginGeneration {
        try PluginGeneration(
            PluginLibrary(opening: copy), fingerprint: copy.fingerprint, store: nil, number: number,
            place: place, endpoints: endpoints, logger: logger)
    }

    /// Loads a library that is no plugin, to be served as one of the name. [lifecycle]
    ///
    /// - Throws: ``PluginError``. The library may stay mapped, but nothing of it is in use.
    package static func adopt(
        _ library: AdoptedLibrary, as name: String, from store: LibraryStore, number: Int,
        logger: Logger
    ) throws(PluginError) -> PluginGeneration {
        do throws(PluginError) {
            let code = PluginCode.adopted(library)
            return try store.journal.record(LoadJournal.Entry(code, plugin: name)) {
                () throws(PluginError) in
                try PluginGeneration(
                    PluginLibrary(adopting: library, as: name), adoption: library.adoption,
                    fingerprint: library.fingerprint, store: store, number: number, place: nil,
                    endpoints: nil, logger: logger)
            }
        } catch {
            store.discard(.adopted(library))
            throw error
        }
    }

    private init(
        _ library: PluginLibrary, adoption: LibraryBinding? = nil, fingerprint: UInt64,
        store: LibraryStore?, number: Int, place: LibraryPlace?, endpoints: (any EndpointCaller)?,
        logger: Logger
    ) throws(PluginError) {
        self.library = library
        self.adoption = adoption
        self.store = store
        self.number = number
        self.fingerprint = fingerprint
        violations = ContractViolations(logger: logger)
        let activity = PluginActivity(of: logger)
        self.activity = activity
        stages = LiveStages(running: activity)
        context = HostContext(violations: violations, endpoints: endpoints, place: place)
        host = HostTable(context: context)
        extensions = try PluginExtensions(of: library)
        batchKeys = extensions[.batchKey]
        passageTable = extensions[.middleware] == nil ? nil : NextTable(context: context)

        guard let load = unsafe library.functions.load else { return }
        unsafe try LifecycleError.check("load") { error in unsafe load(host.pointer, error) }
    }

    /// What a thread runs that runs the code of a backend's replicas.
    package func activity(backend: String) -> PluginActivity {
        PluginActivity(of: violations.logger, backend: backend)
    }

    /// Whether it was made of the same: of the same content, called in the same way.
    package func isMade(of code: PluginCode) -> Bool {
        switch code {
        case .plugin(let copy): adoption == nil && copy.fingerprint == fingerprint
        case .adopted(let library):
            adoption == library.adoption && library.fingerprint == fingerprint
        }
    }

    /// Runs the library's `unload`, and unmaps it if it is unloadable. No instance and no stage may be left.
    /// [lifecycle]
    ///
    /// - Returns: whether nothing of its own stays mapped; otherwise it is a retired generation. A library that is
    ///   mapped where it is stays for the process.
    package func unload() -> Bool {
        stages.close()
        unsafe library.functions.unload?()
        // A response to a call of its own that is still to come needs the library's code.
        let unmapped = context.handles?.retire() ?? true ? library.close() : false
        guard let copy = library.copy else { return true }
        if unmapped { store?.discard(copy) }
        return unmapped
    }
}
