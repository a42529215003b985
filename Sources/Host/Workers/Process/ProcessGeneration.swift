package import HostCore
package import HostDispatch
package import HostLoader
package import HostPlugins
internal import HostTransport
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Replicas that run in processes of their own: a version of a plugin that this process never maps.
package final class ProcessGeneration: PluginSource {
    package let number: Int
    package let fingerprint: UInt64
    private let copy: LibraryStore.Copy
    private let store: LibraryStore
    private let order: WorkerOrder.LibraryOrder
    private let launcher: WorkerLauncher
    private let description: PluginDescription

    private struct State {
        /// A process that has loaded the library and waits for its replica.
        var spare: WorkerLink?
        /// Those that have one.
        var links: [WorkerLink] = []
        /// Of processes that have ended.
        var pastMisuses = 0
    }

    private let state: NIOLockedValueBox<State>

    /// Where a library comes from, and where its plugin may keep files.
    package struct Place: Sendable {
        package var path: String
        package var manifestPath: String
        package var dataDirectory: String

        package init(path: String, manifestPath: String, dataDirectory: String) {
            self.path = path
            self.manifestPath = manifestPath
            self.dataDirectory = dataDirectory
        }
    }

    /// Starts a process that loads a copy of a library, and says what it is.
    ///
    /// - Throws: ``PluginError``: why it can't be loaded, or, with the code `needsHostProcess`, what of it can't be in
    ///   another process; the copy is the caller's then.
    package static func load(
        _ copy: LibraryStore.Copy, from store: LibraryStore, number: Int, place: Place,
        by launcher: WorkerLauncher, within limit: Duration
    ) async throws(PluginError) -> ProcessGeneration {
        let level = Logger.Level.allCases.firstIndex(of: launcher.logger.logLevel) ?? 0
        let order = WorkerOrder.LibraryOrder(
            path: copy.path, source: place.path, plugin: launcher.plugin, generation: number,
            manifestPath: place.manifestPath, dataDirectory: place.dataDirectory,
            logLevel: UInt8(level))
        do throws(PluginError) {
            let (link, description) = try await start(order, by: launcher, within: limit)
            do throws(PluginError) {
                try check(description, named: launcher.plugin)
            } catch {
                link.kill(because: error.message)
                throw error
            }
            return ProcessGeneration(
                copy, from: store, number: number, order, launcher, description, link)
        } catch {
            // That one is loaded here, if its manifest doesn't say otherwise.
            if error.code != .needsHostProcess { store.discard(copy) }
            throw error
        }
    }

    private init(
        _ copy: LibraryStore.Copy, from store: LibraryStore, number: Int,
        _ order: WorkerOrder.LibraryOrder, _ launcher: WorkerLauncher,
        _ description: PluginDescription, _ link: WorkerLink
    ) {
        self.copy = copy
        self.store = store
        self.number = number
        self.order = order
        self.launcher = launcher
        self.description = description
        fingerprint = copy.fingerprint
        state = NIOLockedValueBox(State(spare: link))
    }

    private static func start(
        _ order: WorkerOrder.LibraryOrder, by launcher: WorkerLauncher, within limit: Duration
    ) async throws(PluginError) -> (WorkerLink, PluginDescription) {
        let link = try await WorkerLink.start(by: launcher)
        do throws(PluginError) {
            let value = try await link.perform(.load(order), "load", within: limit)
            do throws(TransportError) {
                return (link, try PluginDescription(reading: value))
            } catch {
                throw PluginError(.lifecycleFailed, "the worker process: \(error.message)")
            }
        } catch {
            link.kill(because: error.message)
            throw error
        }
    }

    private static func check(
        _ description: PluginDescription, named name: String
    ) throws(PluginError) {
        let what: String? =
            if description.isMiddleware {
                "is middleware, and stages run in the host's process"
            } else if description.hasBatchKeys {
                "has batch keys, which the host can't ask another process for"
            } else {
                nil
            }
        guard let what else { return }
        throw PluginError(
            .needsHostProcess,
            "\(name) \(what): isolation: process is not for it; write isolation: none into its manifest"
        )
    }

    // MARK: What the plugin says of itself

    package var descriptor: PluginDescriptor { description.descriptor }
    package var adoption: LibraryBinding? { nil }
    package var isolation: Isolation { .process }
    package var settings: WorkerSettings { launcher.settings }
    package var mapped: PluginGeneration? { nil }
    /// INLINE means nothing to another process.
    package var methods: [MethodTraits] {
        description.descriptor.methods.map { method in
            var traits = method.traits
            traits.isInline = false
            return traits
        }
    }
    package var isReentrant: Bool { description.descriptor.isReentrant }
    package var tellsHealth: Bool { description.tellsHealth }
    package var handsStateOver: Bool { description.handsStateOver }
    package var takesNewConfiguration: Bool { description.takesNewConfiguration }
    package var hasBatchKeys: Bool { false }
    package var carriesCalls: Bool { true }

    package func batchKey(of call: any PluginCall, method: Int) -> UInt64 { 0 }

    /// How often the plugin has broken the contract.
    package var misuses: Int {
        state.withLockedValue { state in
            state.links.reduce(state.pastMisuses + (state.spare?.misuses ?? 0)) { $0 + $1.misuses }
        }
    }

    /// The processes that there are, oldest first.
    package var processIDs: [Int] { state.withLockedValue { $0.links.map { Int($0.processID) } } }

    // MARK: Workers

    package func makeWorker(
        replica index: Int, backend: String, userConfig: String, within limit: Duration
    ) async throws(PluginError) -> any ReplicaWorker {
        let spare = state.withLockedValue { state in
            defer { state.spare = nil }
            return state.spare
        }
        let link =
            if let spare { spare } else {
                try await Self.start(order, by: launcher, within: limit).0
            }
        state.withLockedValue { $0.links.append(link) }
        link.whenEnded { [weak self] _ in self?.forget(link) }
        do throws(PluginError) {
            _ = try await link.perform(
                .create(replica: index, backend: backend, userConfig: userConfig), "create",
                within: limit)
        } catch {
            link.kill(because: error.message)
            throw error
        }
        return ProcessWorker(link)
    }

    private func forget(_ link: WorkerLink) {
        state.withLockedValue { state in
            state.pastMisuses += link.misuses
            state.links.removeAll { $0 === link }
        }
    }

    package func isMade(of code: PluginCode) -> Bool {
        guard case .plugin(let copy) = code else { return false }
        return copy.fingerprint == fingerprint
    }

    /// Ends what is left of it.
    package func unload() -> Bool {
        let links = state.withLockedValue { state in
            defer { state.spare = nil }
            return state.links + [state.spare].compactMap { $0 }
        }
        for link in links { link.kill(because: "its plugin is unloaded") }
        store.discard(copy)
        return true
    }
}
