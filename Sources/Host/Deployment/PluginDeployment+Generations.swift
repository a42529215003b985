internal import HostConfigurationFiles
internal import HostCore
internal import HostDispatch
internal import HostLoader
internal import HostPluginStages
internal import HostPlugins
internal import HostWorkers
internal import Logging

/// How a version of the file comes into service, and goes out of it.
extension PluginDeployment {
    // MARK: In

    func takeIntoService(_ trigger: Trigger) async throws(PluginError) {
        guard PluginName.isValid(name) else {
            throw PluginError(
                .unreadable,
                "\(name) can't be a route: name the file lib<name>.so with letters, digits, '-', '_' and '.'"
            )
        }
        subject = .library
        state = generation == nil ? .loading : .reloading
        let (code, manifest) = try await readFiles()
        follow(code)
        reasons[.configuration] = nil
        if trigger == .file, reasons[.library] == nil, generation?.isMade(of: code) == true,
            isRun(generation, by: manifest)
        {
            environment.store.discard(code)
            try await reconcile(with: manifest)
            return
        }
        let entry = LoadJournal.Entry(code, plugin: name)
        if trigger == .file, let objection = environment.store.journal.objection(to: entry) {
            environment.store.discard(code)
            throw objection
        }
        guard retired.count < environment.settings.maxRetiredGenerations else {
            environment.store.discard(code)
            throw PluginError(
                .tooManyGenerations,
                "\(retired.count) retired generations are still mapped, which is all that "
                    + "--max-retired-generations allows; restart the host to load more")
        }
        needsHostProcess = false
        let next = try await load(code, by: manifest)
        do throws(PluginError) {
            try await swap(to: next, manifest)
        } catch {
            settle(entry)
            await unload(next)
            throw error
        }
        settle(entry)
        subject = .configuration
        // It serves by now, whatever becomes of its routes; and when it has them, nobody need wait for the rest.
        let announced: Result<Void, PluginError>
        do throws(PluginError) {
            announced = .success(try await announce(next, manifest))
        } catch {
            var error = error
            error.servesAllTheSame = true
            announced = .failure(error)
        }
        state = .serving
        if case .plugin(let copy) = code { await keep(copy, version: next.descriptor.version) }
        try announced.get()
        logger.info(
            "serving",
            metadata: ["generation": "\(next.number)", "version": "\(next.descriptor.version)"])
    }

    /// A library has ended no host, whatever else has become of it. Nobody waits for the disk that remembers it.
    private func settle(_ entry: LoadJournal.Entry) {
        let journal = environment.store.journal
        PluginThread.start(name: "bp-journal") { journal.strikeOut(entry) }
    }

    private func readFiles() async throws(PluginError) -> (PluginCode, PluginManifest) {
        let (store, path, name, manifestPath) = (environment.store, path, name, manifestPath)
        let (directory, versions) = (environment.settings.pluginsDirectory, environment.versions)
        do throws(PluginError) {
            return try await PluginThread.run(
                name: name, what: "reading the file",
                timeout: environment.settings.backendDefaults.lifecycleTimeout,
                { () throws(PluginError) in
                    let manifest = try PluginManifest.read(manifestPath)
                    guard let adoption = manifest.adoption else {
                        let copy = try store.copy(path, name: name)
                        guard let other = versions.substitute(for: copy.fingerprint, of: name)
                        else { return (PluginCode.plugin(copy), manifest) }
                        store.discard(copy)
                        return (PluginCode.plugin(try store.copy(other, name: name)), manifest)
                    }
                    // A library file has its name before a manifest has it.
                    guard path == manifestPath || adoption.isOf(path, in: directory) else {
                        throw PluginError(
                            .duplicateName,
                            "\(manifestPath) names the library \(adoption.library), and \(path) has the same name: "
                                + "rename or remove one")
                    }
                    let code = try store.code(
                        of: adoption, name: name, manifest: manifestPath, in: directory)
                    return (code, manifest)
                }, late: { store.discard($0.0) })
        } catch {
            // What is to be mended before the library can be loaded may be another file.
            if !error.files.isEmpty { environment.follow(file, error.files) }
            throw error
        }
    }

    /// Heeds changes of the files that the code was made of, beside the one that the deployment is about.
    private func follow(_ code: PluginCode) {
        guard let copy = code.copy else { return }
        let directory = environment.settings.pluginsDirectory
        let isNamedElsewhere = LibraryPath.directory(of: copy.source) != directory
        environment.follow(file, (isNamedElsewhere ? [copy.source] : []) + copy.related)
    }

    /// Keeps the library of a version that has come into service.
    private func keep(_ copy: LibraryStore.Copy, version: String) async {
        let (versions, name) = (environment.versions, name)
        do throws(PluginError) {
            rolledBackTo = try await PluginThread.run(
                name: name, what: "keeping the library",
                timeout: environment.settings.backendDefaults.lifecycleTimeout
            ) { () throws(PluginError) in
                // The libraries that it brings along ($ORIGIN) are not kept, and without them there is no going back.
                if copy.companions.isEmpty {
                    try versions.keep(copy.path, copy.fingerprint, version: version, of: name)
                }
                return versions.rolledBackVersion(of: name)?.number
            }
        } catch {
            logger.warning("\(error.message); there is no going back to it")
        }
    }

    /// Puts a generation into service in all backends, in place of the one before.
    private func swap(
        to next: any PluginSource, _ manifest: PluginManifest
    ) async throws(PluginError) {
        let targets = await targets(of: next)
        let prepared = try await prepare(next, targets, manifest)
        let replaced = prepared.compactMap { services[$0.tag] }
        let stages: PluginStages.Prepared
        do throws(PluginError) {
            stages = try await environment.stages.prepare(name, next.mapped)
            try await handState(from: replaced, to: prepared)
        } catch {
            await finalize(prepared.map(\.replicas))
            throw error
        }
        let (old, oldGeneration) = (services, generation)
        generation = next
        self.manifest = manifest
        // Whatever the last version was refused for.
        reasons = [:]
        awaitsConfiguration = false
        services = [:]
        for service in prepared {
            install(service, after: old[service.tag])
        }
        await environment.stages.install(name, stages)
        if let oldGeneration {
            retire(oldGeneration, Array(old.values), keeping: prepared.map(\.backend))
        }
    }

    /// Makes the replicas of a generation for each backend. One that can't be served is no reason not to serve the
    /// others, unless it was served until now.
    private func prepare(
        _ next: any PluginSource, _ targets: [BackendTarget], _ manifest: PluginManifest
    ) async throws(PluginError) -> [BackendService] {
        var prepared: [BackendService] = []
        var refused: [String: PluginError] = [:]
        for target in targets {
            let tag = target.backend.tag
            do throws(PluginError) {
                prepared.append(try await start(target, of: next, manifest))
            } catch {
                refused[tag] = error
                guard services[tag] == nil, targets.count > 1 || next.isMiddlewareOnly else {
                    await finalize(prepared.map(\.replicas))
                    throw error
                }
            }
        }
        if prepared.isEmpty, !next.isMiddlewareOnly,
            let error = refused.sorted(by: { $0.key < $1.key }).first?.value
        {
            failures = refused
            throw error
        }
        failures = refused
        for (tag, error) in refused {
            logger.error("backend \(tag) is not served: \(error.message)")
        }
        retryStartsLater(afresh: true)
        return prepared
    }

    /// Makes the replicas of one backend.
    func start(
        _ target: BackendTarget, of generation: any PluginSource, _ manifest: PluginManifest
    ) async throws(PluginError) -> BackendService {
        try checkMethods(of: generation)
        let settings = try target.settings(
            manifest.settings(over: environment.settings.backendDefaults))
        try settings.check(against: generation.descriptor)
        let replicas = try await ReplicaSet.start(
            of: generation, backend: target.backend.tag, settings: settings,
            count: replicaCount(of: target.backend.tag, settings))
        return BackendService(
            backend: target.backend, generation: generation, replicas: replicas, settings: settings)
    }

    /// Hands each replica's state to its successor, if both generations can. Until ``install(_:after:)`` no call runs.
    private func handState(
        from old: [BackendService], to new: [BackendService]
    ) async throws(PluginError) {
        guard let next = new.first?.generation, next.handsStateOver,
            generation?.handsStateOver == true
        else { return }
        for service in old { service.backend.hold() }
        do throws(PluginError) {
            for service in old {
                guard let successor = new.first(where: { $0.tag == service.tag }) else { continue }
                try await service.backend.drained(
                    service.replicas.replicas, within: service.settings.drainTimeout)
                try await service.replicas.handState(to: successor.replicas)
            }
        } catch {
            for service in old { service.backend.resume() }
            throw error
        }
    }

    /// Puts a service in place of the one before.
    func install(_ service: BackendService, after old: BackendService?) {
        var service = service
        let (backend, tag) = (service.backend, service.tag)
        backend.onReplicaLost { [weak self] replica, loss in
            Task { await self?.replicaLost(replica, of: tag, loss) }
        }
        backend.onReplicaWanted { [weak self] in
            Task { await self?.followLoad(of: tag) }
        }
        backend.install(service.replicas.replicas, of: service.generation)
        backend.update(service.settings)
        service.autoscaling = old?.autoscaling
        service.samplingLoop = old?.samplingLoop
        services[tag] = service
        autoscale(tag, by: service.settings.autoscaling)
    }

    // MARK: Out

    /// Lets replicas that are out of service finish their calls, then finalizes them, and the generation; meanwhile
    /// others go on.
    ///
    /// - Parameter keeping: the backends that go on with other replicas.
    private func retire(
        _ generation: any PluginSource, _ old: [BackendService], keeping: [Backend]
    ) {
        let number = generation.number
        draining.append(number)
        inBackground { deployment in
            var isIdle = true
            for service in old {
                let goesOn = keeping.contains { $0 === service.backend }
                let limit = TimeLimit(service.settings.drainTimeout)
                if !goesOn { await service.backend.users.areGone(within: limit.left) }
                if await !deployment.drain(service, closing: !goesOn, within: limit) {
                    isIdle = false
                }
            }
            await deployment.finish(generation, old, wereIdle: isIdle)
            deployment.draining.removeAll { $0 == number }
        }
    }

    /// Waits until a service's calls are finished.
    ///
    /// - Parameter closing: whether the backend takes no more.
    /// - Returns: whether they were, in time.
    func drain(
        _ service: BackendService, closing: Bool, within limit: TimeLimit
    ) async -> Bool {
        if closing {
            service.samplingLoop?.cancel()
            return await service.backend.close(within: limit.left)
        }
        do throws(PluginError) {
            try await service.backend.drained(service.replicas.replicas, within: limit.left)
            return true
        } catch {
            return false
        }
    }

    /// Finalizes all that was of one generation, or leaves it to itself.
    ///
    /// - Parameter unloads: whether its library is unloaded now; otherwise that is still to be done.
    private func finish(
        _ generation: any PluginSource, _ old: [BackendService], wereIdle: Bool,
        unloads: Bool = true
    ) async {
        if wereIdle {
            await finalize(old.map(\.replicas))
        } else {
            abandon(old.map(\.replicas))
        }
        for service in old { service.backend.discard(service.replicas.replicas) }
        if wereIdle, unloads { await unload(generation) }
    }

    func takeOutOfService(isGone: Bool) async {
        reasons = [:]
        failures = [:]
        awaitsConfiguration = false
        startRetry?.cancel()
        leaveChains(isGone: isGone)
        if isGone { await environment.directory.gone(name) }
        guard let generation else {
            state = .retired
            return
        }
        state = .draining
        let old = Array(services.values)
        self.generation = nil
        services = [:]
        var isIdle = true
        await withTaskGroup(of: Bool.self) { group in
            for service in old {
                let limit = TimeLimit(service.settings.drainTimeout)
                group.addTask { await self.drain(service, closing: true, within: limit) }
            }
            for await wasIdle in group where !wasIdle { isIdle = false }
        }
        await finish(generation, old, wereIdle: isIdle, unloads: !hasEndings(of: generation.number))
        if isIdle, hasEndings(of: generation.number) {
            // What a change has made ready of it, that gives up in its turn, which comes after this one.
            let number = generation.number
            draining.append(number)
            inBackground { deployment in
                await deployment.unload(generation)
                deployment.draining.removeAll { $0 == number }
            }
        }
        // A backend that is configured waits for the next file of that name.
        if isGone { for service in old { service.backend.reopen() } }
        state = .retired
        logger.info("retired", metadata: ["generation": "\(generation.number)"])
    }

    /// Destroys replicas. No call of theirs is running.
    func finalize(_ sets: [ReplicaSet]) async {
        for set in sets {
            for error in await set.stop() {
                losses.abandoned(in: set.source.number)
                logger.error("\(error.message); the replica is left to itself")
            }
        }
    }

    /// Unloads a library that has no replicas any more.
    private func unload(_ generation: any PluginSource) async {
        await endingsAreOver(of: generation.number)
        guard await stagesAreGone(of: generation) else {
            retired.append(generation.number)
            return
        }
        do throws(PluginError) {
            // A replica that was left to itself may be running the library's code.
            guard losses.abandonedCount(in: generation.number) == 0 else {
                retired.append(generation.number)
                return
            }
            let unmapped = try await PluginThread.run(
                name: name, what: "unload",
                timeout: environment.settings.backendDefaults.lifecycleTimeout
            ) { () throws(PluginError) in generation.unload() }
            if !unmapped { retired.append(generation.number) }
        } catch {
            logger.error("\(error.message); the library stays mapped")
            retired.append(generation.number)
        }
    }

    /// Gives up on replicas with a call that hangs: its thread can't be ended, so the library stays as it is.
    private func abandon(_ sets: [ReplicaSet]) {
        guard let number = sets.first?.source.number else { return }
        logger.error(
            "a call still runs after the drain timeout; its replica is left to itself",
            metadata: ["generation": "\(number)"])
        for set in sets { set.abandon() }
        retired.append(number)
    }
}
