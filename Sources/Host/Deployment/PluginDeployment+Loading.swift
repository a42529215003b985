internal import HostConfigurationFiles
internal import HostCore
internal import HostDispatch
internal import HostLoader
internal import HostPluginStages
internal import HostPlugins
internal import HostWorkers
internal import Logging

/// How the code of a version of the file becomes a generation: in the host's process, or in others.
extension PluginDeployment {
    /// Where the plugin is to run.
    func isolation(by manifest: PluginManifest) -> Isolation {
        manifest.isolation ?? (needsHostProcess ? .none : environment.settings.isolation)
    }

    /// Whether a generation runs where and as a manifest says.
    func isRun(_ generation: (any PluginSource)?, by manifest: PluginManifest) -> Bool {
        generation?.isolation == isolation(by: manifest)
            && generation?.settings == WorkerSettings(by: manifest)
    }

    func load(
        _ code: PluginCode, by manifest: PluginManifest
    ) async throws(PluginError) -> any PluginSource {
        guard isolation(by: manifest) == .process else {
            guard let key = manifest.process.keysInUse.first else { return try await map(code) }
            environment.store.discard(code)
            throw PluginError(
                .invalidManifest,
                "\(manifestPath): \(key) is for plugins in processes of their own: write isolation: process beside it"
            )
        }
        do throws(PluginError) {
            guard case .plugin(let copy) = code else {
                throw PluginError(
                    .needsHostProcess,
                    "\(name) is a library that is no plugin: isolation: process is not for it; write isolation: none "
                        + "into its manifest")
            }
            return try await loadInProcess(copy, by: manifest)
        } catch  where error.code == .needsHostProcess && manifest.isolation == nil {
            // What is the default of the host is a wish.
            logger.notice("it runs in the host's process: \(error.message)")
            needsHostProcess = true
            return try await map(code)
        } catch {
            if error.code == .needsHostProcess { environment.store.discard(code) }
            throw error
        }
    }

    private func loadInProcess(
        _ copy: LibraryStore.Copy, by manifest: PluginManifest
    ) async throws(PluginError) -> any PluginSource {
        let number = environment.nextGeneration()
        return try await ProcessGeneration.load(
            copy, from: environment.store, number: number,
            place: ProcessGeneration.Place(
                path: path, manifestPath: manifestPath,
                dataDirectory: "\(environment.settings.dataDirectory)/\(name)"),
            by: WorkerLauncher(
                environment.settings.worker, settings: WorkerSettings(by: manifest),
                endpoints: environment.handles, plugin: name, logger: logger(of: number)),
            within: environment.settings.backendDefaults.lifecycleTimeout)
    }

    private func map(_ code: PluginCode) async throws(PluginError) -> any PluginSource {
        let number = environment.nextGeneration()
        let (store, handles, logger) = (environment.store, environment.handles, logger(of: number))
        let (name, path, manifestPath) = (name, path, manifestPath)
        let dataDirectory = "\(environment.settings.dataDirectory)/\(name)"
        do throws(PluginError) {
            return try await PluginThread.run(
                name: name, what: "load",
                timeout: environment.settings.backendDefaults.lifecycleTimeout,
                { () throws(PluginError) in
                    switch code {
                    case .plugin(let copy):
                        try PluginGeneration.load(
                            copy, from: store, number: number,
                            place: LibraryPlace(
                                path: path, manifestPath: manifestPath,
                                dataDirectory: dataDirectory),
                            endpoints: handles, logger: logger)
                    case .adopted(let library):
                        try PluginGeneration.adopt(
                            library, as: name, from: store, number: number, logger: logger)
                    }
                },
                late: { [weak self] generation in
                    let isUnmapped = generation.unload()
                    store.journal.strikeOut(LoadJournal.Entry(code, plugin: name))
                    guard isUnmapped else { return }
                    Task { await self?.isMappedNoMore(number) }
                })
        } catch {
            // It counts as one that has served: it takes as much memory.
            if code.copy != nil, error.leavesMapping || error.code == .timedOut {
                retired.append(number)
            }
            throw error
        }
    }

    /// A generation whose `load` returned too late.
    private func isMappedNoMore(_ number: Int) {
        retired.removeAll { $0 == number }
    }

    func logger(of generation: Int) -> Logger {
        var logger = logger
        logger[metadataKey: "generation"] = "\(generation)"
        return logger
    }
}

extension WorkerSettings {
    fileprivate init(by manifest: PluginManifest) {
        self.init(manifest.process.workerLimits, environment: manifest.process.environment)
    }
}
