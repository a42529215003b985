package import HostCore
internal import HostForms
package import HostLoader
package import HostPluginStages
internal import HostPlugins
package import HostRouting
package import HostState
internal import HostWorkers
package import Logging
internal import ServiceLifecycle
internal import Synchronization

/// All plugins of a host: finds the files, follows their changes, and answers the operator.
///
/// ``start(within:)`` loads what is there; ``run()`` follows changes until the host shuts down, and returns when every
/// plugin is out of service.
package actor PluginCatalog {
    let settings: ControlSettings
    private let environment: PluginDeployment.Environment
    private let logger: Logger
    private let control: ControlPlane
    private let watcher: DirectoryWatcher?
    private let arrivals: Arrivals
    nonisolated let versions: LibraryVersions
    /// By file name.
    private(set) var deployments: [String: PluginDeployment] = [:]
    /// Which file has a name; another one of the same name is refused. A manifest has the name of the library that it
    /// adopts where no library file has it.
    private(set) var owners: [String: String] = [:]
    /// The last change of each plugin that is being taken up.
    private var changes: [String: (number: Int, task: Task<Void, Never>)] = [:]
    private var lastChange = 0
    /// By file, the last of the changes that wait for their turn.
    private var lastWaiting: [String: DirectoryWatcher.Event] = [:]
    /// Files that are gone, the oldest first, whose libraries are still mapped.
    private var departed: [String] = []
    private var isShuttingDown = false
    private var hasStarted = false
    /// Open from the start on: what changes before that waits.
    private let gate: AsyncStream<Never>
    private let openGate: AsyncStream<Never>.Continuation

    /// How many plugins are loaded at once.
    private static let loadWidth = 8
    private static let mostDeparted = 32

    package init(
        settings: ControlSettings, control: ControlPlane, handles: HandleCalls,
        stages: PluginStages, store: LibraryStore, arrivals: Arrivals, versions: LibraryVersions,
        logger: Logger
    ) {
        // Bound: no value at all: only its end counts.
        (gate, openGate) = AsyncStream.makeStream()
        self.settings = settings
        self.control = control
        self.logger = logger
        self.versions = versions
        self.arrivals = arrivals
        let watcher: DirectoryWatcher? =
            settings.watchesDirectory
            ? DirectoryWatcher(
                directory: settings.pluginsDirectory, isOfInterest: PluginName.isOfInterest,
                logger: logger
            ) { event in
                if let file = event.file { arrivals.announce(PluginName.ofAny(file)) }
            } : nil
        self.watcher = watcher
        let counter = GenerationCounter()
        environment = PluginDeployment.Environment(
            store: store, handles: handles, settings: settings, logger: logger,
            nextGeneration: { counter.next() }, directory: control, stages: stages,
            follow: { file, paths in watcher?.follow(paths, for: file) }, versions: versions)
        if let watcher {
            arrivals.connect(
                hasNews: { watcher.hasNews }, requestMark: { watcher.requestMark() })
        }
    }

    // MARK: Life

    /// Sets up what is configured, and loads what is in the directory.
    ///
    /// - Parameters:
    ///   - state: where what is configured is kept.
    ///   - file: the configuration file, if there is one.
    /// - Returns: when every file is served or refused, or at the limit; then the rest goes on in the background.
    /// - Throws: ``ControlError`` when the configured state can't be used.
    package func start(
        _ state: StateStore, file: String?, within limit: Duration
    ) async throws(ControlError) {
        await control.connect(self)
        let names = DirectoryListing.names(in: settings.pluginsDirectory)
        try await control.start(
            state,
            plugins: Set(names.compactMap { PluginName.from(file: $0) })
                .union(await adoptingManifests(among: names).map(\.name)))
        if let file { try await control.applyAtStart(file) }
        versions.prune(
            keeping: Set(owners.keys).union(PluginName.all(in: settings.pluginsDirectory)))
        hasStarted = true
        openGate.finish()
        let loaded = Promise<Void>()
        Task {
            await rescan()
            loaded.fulfil()
        }
        await loaded.isFulfilled(within: limit)
    }

    package func run() async {
        await withGracefulShutdownHandler {
            await follow()
        } onGracefulShutdown: {
            self.openGate.finish()
            self.watcher?.stop()
            // Who is asked to end, and then ended by force, was not ended by what is being loaded.
            self.environment.store.journal.close()
        }
        await shutDown()
    }

    private func follow() async {
        guard let watcher else {
            try? await gracefulShutdown()
            return
        }
        for await _ in gate {}
        for await event in watcher.events {
            switch event {
            case .changed(let file):
                takeUp(event, of: file) { await $0.fileChanged(file) }
            case .removed(let file):
                takeUp(event, of: file) { await $0.fileRemoved(file) }
            case .companionChanged(let file):
                takeUp(event, of: file) { try? await $0.deployments[file]?.load(.file) }
            case .rescan: Task { await rescan() }
            case .mark(let number): arrivals.reached(number)
            }
        }
    }

    /// Takes up a change that the watcher has reported. While one waits for its turn, another one like it adds nothing:
    /// the file is looked at when the turn comes.
    private func takeUp(
        _ event: DirectoryWatcher.Event, of file: String,
        _ operation: @escaping @Sendable (isolated PluginCatalog) async -> Void
    ) {
        guard lastWaiting[file] != event else {
            // The one that waits settles its own announcement alone.
            arrivals.settled(PluginName.ofAny(file))
            return
        }
        lastWaiting[file] = event
        inOrder(of: file) { catalog in
            if catalog.lastWaiting[file] == event { catalog.lastWaiting[file] = nil }
            await operation(catalog)
            catalog.arrivals.settled(PluginName.ofAny(file))
        }
    }

    private func shutDown() async {
        isShuttingDown = true
        watcher?.stop()
        await withTaskGroup { group in
            for deployment in deployments.values {
                group.addTask {
                    await deployment.remove(isGone: false)
                    await deployment.settle()
                }
            }
        }
        environment.store.remove()
        await control.close()
    }

    // MARK: Files

    /// Brings the deployments in line with the directory.
    private func rescan() async {
        // One that can't be read says nothing of its files: what serves goes on.
        guard let names = DirectoryListing.read(settings.pluginsDirectory) else { return }
        let manifests = await adoptingManifests(among: names)
        let files = (names.filter { isPluginFile($0, manifests) } + manifests.map(\.file)).sorted()
        let gone = Set(deployments.keys).subtracting(files).sorted()
        await inParallel(files) { catalog, file in
            await catalog.inOrder(of: file) { await $0.fileChanged(file) }.value
        }
        await inParallel(gone) { catalog, file in
            await catalog.inOrder(of: file) { await $0.fileRemoved(file) }.value
        }
    }

    /// Handles the changes of one plugin's files in the order they came; those of different plugins don't wait for
    /// each other.
    @discardableResult
    private func inOrder(
        of file: String, _ operation: @escaping @Sendable (isolated PluginCatalog) async -> Void
    ) -> Task<Void, Never> {
        let name = PluginName.ofAny(file)
        let previous = changes[name]?.task
        lastChange += 1
        let number = lastChange
        let task = Task {
            await previous?.value
            await operation(self)
            if changes[name]?.number == number { changes[name] = nil }
        }
        changes[name] = (number, task)
        return task
    }

    private func fileChanged(_ file: String) async {
        if let name = PluginName.from(manifest: file) {
            await manifestChanged(name)
            return
        }
        guard let name = PluginName.from(file: file), !isShuttingDown else { return }
        guard await !isAdopted(file) else { return }
        let deployment = deployment(of: file, name: name)
        if let owner = owners[name], owner != file {
            await deployment.reject(
                PluginError(
                    .duplicateName,
                    "the name \(name) is taken by \(owner), which goes on serving; rename or remove one"
                ))
            return
        }
        owners[name] = file
        // The error stands in the deployment's status, and in the log.
        try? await deployment.load(.file)
    }

    /// A manifest without a library is of no interest until the library comes.
    private func manifestChanged(_ name: String) async {
        guard !isShuttingDown else { return }
        let manifest = manifestFile(of: name)
        let adopts = await adoptedLibrary(of: name) != nil
        if let file = owners[name], let deployment = deployments[file] {
            if file == manifest, !adopts {
                await takeAway(file)
            } else {
                await deployment.configure()
            }
        } else if adopts {
            owners[name] = manifest
            try? await deployment(of: manifest, name: name).load(.file)
        }
    }

    private func fileRemoved(_ file: String) async {
        if let name = PluginName.from(manifest: file), owners[name] != file {
            await manifestChanged(name)
            return
        }
        await takeAway(file)
    }

    private func takeAway(_ file: String) async {
        guard let deployment = deployments[file], !isShuttingDown else { return }
        watcher?.follow([], for: file)
        await deployment.remove(isGone: owners[deployment.name] == file)
        guard owners[deployment.name] == file else {
            deployments[file] = nil
            return
        }
        owners[deployment.name] = nil
        await forget(file, deployment)
        // Another file of that name was refused, if it is still there.
        for heir in deployments.values where heir.name == deployment.name && heir !== deployment {
            if await heir.status.state != .retired { await fileChanged(fileName(heir.path)) }
        }
        // Or the manifest that stood beside it has a library to offer.
        if owners[deployment.name] == nil { await manifestChanged(deployment.name) }
    }

    /// Lets go of a plugin whose file is gone. One that has left something behind stays in the list for as long as
    /// there are not too many of those: it tells where the memory is.
    private func forget(_ file: String, _ deployment: PluginDeployment) async {
        guard await deployment.hasLeftSomething else {
            // Its file may be back by now.
            guard owners[deployment.name] != file else { return }
            deployments[file] = nil
            if owners[deployment.name] == nil { environment.stages.forget(deployment.name) }
            return
        }
        departed.removeAll { $0 == file }
        departed.append(file)
        while departed.count > Self.mostDeparted {
            let oldest = departed.removeFirst()
            guard let deployment = deployments[oldest], owners[deployment.name] != oldest else {
                continue
            }
            deployments[oldest] = nil
        }
    }

    private func deployment(of file: String, name: String) -> PluginDeployment {
        if let existing = deployments[file] { return existing }
        let deployment = PluginDeployment(
            name: name, path: "\(settings.pluginsDirectory)/\(file)",
            manifestPath: "\(settings.pluginsDirectory)/\(manifestFile(of: name))",
            environment: environment)
        deployments[file] = deployment
        return deployment
    }

    private func fileName(_ path: String) -> String {
        String(path[path.index(after: path.lastIndex(of: "/")!)...])
    }

    private func inParallel(
        _ files: [String],
        _ operation: @escaping @Sendable (PluginCatalog, String) async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            for (index, file) in files.enumerated() {
                if index >= Self.loadWidth { await group.next() }
                group.addTask { await operation(self, file) }
            }
        }
    }

    // MARK: Backends

    /// The backends of a plugin are others, or have other settings.
    func targetsChanged(_ plugin: String) async {
        guard let file = owners[plugin], let deployment = deployments[file], !isShuttingDown else {
            return
        }
        await deployment.backendsChanged()
    }

    func servingStatus(of tag: String, _ plugin: String) async -> BackendStatus.Serving {
        if let file = owners[plugin], let deployment = deployments[file] {
            return await deployment.backendStatus(tag)
        }
        return BackendStatus.Serving()
    }

    // MARK: The operator

    /// All plugins, by name.
    package func list() async -> [PluginStatus] {
        var statuses: [PluginStatus] = []
        for deployment in deployments.values { statuses.append(await deployment.status) }
        return statuses.sorted { ($0.name, $0.path) < ($1.name, $1.path) }
    }

    /// The methods of a plugin's generation in service; none while there is none.
    ///
    /// - Throws: ``ControlError``: no such plugin.
    package func methods(of name: String) async throws(ControlError) -> [MethodInterface] {
        guard let file = owners[name], let deployment = deployments[file] else {
            throw noSuchPlugin(name)
        }
        return await deployment.generation?.descriptor.methods.map(MethodInterface.init) ?? []
    }

    /// Makes a new generation of a plugin from its file, changed or not.
    ///
    /// - Returns: the plugin's status afterwards.
    /// - Throws: ``ControlError``: no such plugin, or it could not be loaded and what served before serves on.
    package func reload(_ name: String) async throws(ControlError) -> PluginStatus {
        guard !isShuttingDown else {
            throw ControlError(.shuttingDown, "the host is shutting down")
        }
        guard hasStarted else {
            throw ControlError(.notRunning, "the host is starting; try again in a moment")
        }
        var file = owners[name] ?? newFile(named: name)
        if file == nil, await adoptedLibrary(of: name) != nil { file = manifestFile(of: name) }
        guard let file else { throw noSuchPlugin(name) }
        owners[name] = file
        let deployment = deployment(of: file, name: name)
        do throws(PluginError) {
            try await deployment.load(.operatorRequest)
        } catch {
            let serving = await deployment.isServing
            throw ControlError(
                .loadFailed,
                error.servesAllTheSame
                    ? "\(name) was reloaded and serves, but \(error.message)"
                    : "\(name) was not reloaded: \(error.message)"
                        + (serving ? "; the generation that served before serves on" : ""),
                cause: error)
        }
        return await deployment.status
    }

    /// Makes replicas of a plugin anew, with fresh state.
    ///
    /// - Parameter replica: the replica's index; nil: all, one after the other.
    /// - Returns: the plugin's status afterwards.
    /// - Throws: ``ControlError``: no such plugin or replica, or it could not be made.
    package func restart(_ name: String, replica: Int?) async throws(ControlError) -> PluginStatus {
        guard let file = owners[name], let deployment = deployments[file] else {
            throw noSuchPlugin(name)
        }
        try await deployment.restart(replica)
        return await deployment.status
    }

    func noSuchPlugin(_ name: String) -> ControlError {
        ControlError(
            .noSuchPlugin,
            "no plugin \(name) in \(settings.pluginsDirectory)"
                + NearestName.hint(for: name, among: names))
    }

    /// All plugins whose files are there, seen or not.
    private var names: Set<String> {
        Set(owners.keys).union(PluginName.all(in: settings.pluginsDirectory))
    }

    /// Whether a plugin's file is there.
    func hasLibrary(_ name: String) async -> Bool {
        if names.contains(name) { return true }
        return await adoptedLibrary(of: name) != nil
    }

    /// The deployment of a plugin; a file that has not been seen yet is taken in.
    ///
    /// - Returns: nil when there is no such file.
    func deployment(serving name: String) async -> PluginDeployment? {
        if let file = owners[name], let deployment = deployments[file] { return deployment }
        var file = newFile(named: name)
        if file == nil, await adoptedLibrary(of: name) != nil { file = manifestFile(of: name) }
        guard let file, !isShuttingDown else { return nil }
        await inOrder(of: file) { await $0.fileChanged(file) }.value
        return owners[name].flatMap { deployments[$0] }
    }

    /// A file of that name that has not been seen yet: without a watch, a reload is how it comes in.
    private func newFile(named name: String) -> String? {
        DirectoryListing.names(in: settings.pluginsDirectory).sorted()
            .first { PluginName.from(file: $0) == name }
    }
}

private final class GenerationCounter: Sendable {
    private let last = Atomic<Int>(0)

    func next() -> Int { last.add(1, ordering: .relaxed).newValue }
}
