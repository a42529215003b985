internal import HostConfigurationFiles
package import HostCore
internal import HostDispatch
internal import HostForms
internal import HostPipeline
package import HostState
internal import Logging
internal import NIOConcurrencyHelpers

/// How a change is made.
///
/// 1. Try it on the state: what can't be is refused here, and names that there are not.
/// 2. Make ready what it needs: stages, and backends that are new, changed, or about to get calls. Nothing has moved.
/// 3. Take the turns of the plugins that have made something, in the order of their names, and see that it still fits.
/// 4. In the order of changes: try it on the state as it is by now; if it needs more than what is ready, begin again.
/// 5. Write it down. From here on there is no way back: the backends take their places, then all routes change at once.
/// 6. What is not needed any more finishes its calls, and goes.
extension ControlPlane {
    typealias Operation = @Sendable (inout ControlState) throws(ControlError) -> Void

    /// How long a change may take, and what it may leave undone.
    package struct ChangeLimits: Sendable {
        /// How long plugins may take to make ready what it needs; nil: as long as they may by their own limits.
        package var timeout: Duration?
        /// Whether backends may name plugins whose libraries are not there.
        package var allowsMissing: Bool

        package init(timeout: Duration? = nil, allowsMissing: Bool = false) {
            self.timeout = timeout
            self.allowsMissing = allowsMissing
        }
    }

    /// Changes the state, once all that the change needs is ready to serve.
    ///
    /// - Throws: what `operation` throws; ``ControlError`` with the code `notServed` or `noSuchPlugin` and the
    ///   backend's name, when one can't be started; `stateNotWritten`. Nothing has changed then, in memory and on the
    ///   disk.
    package func change(
        _ limits: ChangeLimits = ChangeLimits(),
        _ operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Void
    ) async throws(ControlError) {
        try await make(Change(operation: operation, limits: limits, asksPlugins: true))
    }

    /// Changes the state at a plugin's wish, or at the start, when nothing serves yet: no plugin is waited for.
    ///
    /// - Parameter manifest: a plugin, and the manifest that is in effect from now on.
    func record(
        manifest: (plugin: String, manifest: PluginManifest)? = nil,
        operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Void
    ) async throws(ControlError) {
        try await make(
            Change(
                operation: operation, limits: ChangeLimits(), asksPlugins: false,
                plugin: manifest?.plugin, manifest: manifest?.manifest))
    }

    struct Change: Sendable {
        let operation: Operation
        let limits: ChangeLimits
        let asksPlugins: Bool
        var plugin: String?
        var manifest: PluginManifest?
    }

    private static let attempts = 20

    private func make(_ change: Change) async throws(ControlError) {
        var preparation = ChangePreparation()
        let end = change.limits.timeout.map { ContinuousClock.now + $0 }
        do throws(ControlError) {
            for _ in 0..<Self.attempts {
                let next = try proposal(of: change)
                try await makeStages(for: next, change, &preparation, until: end)
                try await meetNeeds(of: next, change, &preparation, until: end)
                if try await commit(change, &preparation) {
                    await discard(preparation.targets.values)
                    return
                }
            }
            throw ControlError(
                .notRunning, "other changes came in between again and again; try again")
        } catch {
            await discard(preparation.targets.values)
            throw error
        }
    }

    // MARK: What comes of it

    private func proposal(of change: Change) throws(ControlError) -> ControlState {
        guard store != nil else {
            throw ControlError(
                .notRunning, "the host is starting, or shutting down; try again in a moment")
        }
        var next = state
        try change.operation(&next)
        var endpoints = manifestEndpoints
        if let plugin = change.plugin { endpoints[plugin] = change.manifest?.endpoint }
        next.setDefaultEndpoints(endpoints)
        return next
    }

    private func middleware(after change: Change) -> [String: [MiddlewareEntry]] {
        var middleware = manifestMiddleware
        if let plugin = change.plugin { middleware[plugin] = change.manifest?.options.middleware }
        return middleware
    }

    private func needs(of next: ControlState, _ change: Change) -> ChangeNeeds {
        guard change.asksPlugins else { return .none }
        return ChangeNeeds(from: state, to: next) { tag in
            backends[tag]?.takesCalls == true
        }
    }

    // MARK: Making ready

    private func makeStages(
        for next: ControlState, _ change: Change, _ preparation: inout ChangePreparation,
        until end: ContinuousClock.Instant?
    ) async throws(ControlError) {
        let plan = ChainTable.Plan(next, manifests: middleware(after: change))
        let missing = preparation.stages.missing(for: plan, after: chains)
        guard !missing.isEmpty else { return }
        let made = Promise<Result<StageStock, ControlError>>()
        Task { [catalog, logger, stages = preparation.stages] in
            var stages = stages
            let result: Result<StageStock, ControlError>
            do throws(ControlError) {
                try await stages.make(missing, catalog, logger: logger)
                result = .success(stages)
            } catch {
                result = .failure(error)
            }
            made.fulfil(result)
        }
        guard let result = await made.value(within: Self.left(until: end)) else {
            throw ControlError(
                .notServed,
                "middleware \(missing.map(\.entry.name).joined(separator: ", ")) was not made within "
                    + "the time limit; nothing has changed")
        }
        preparation.stages = try result.get()
    }

    /// The chains of a state, of stages that there are.
    ///
    /// - Returns: nil when one has yet to be made.
    private func assembled(
        _ next: ControlState, _ manifests: [String: [MiddlewareEntry]], _ stages: StageStock
    ) -> ChainTable? {
        var stages = stages
        return try? chains.following(ChainTable.Plan(next, manifests: manifests)) {
            request throws(ControlError) in
            guard let stage = stages.take(request) else {
                throw ControlError(.contradiction, "\(request.entry.name) has yet to be made")
            }
            return stage
        }
    }

    private static func left(until end: ContinuousClock.Instant?) -> Duration {
        end.map { max(.zero, $0 - .now) } ?? .seconds(365 * 24 * 3_600)
    }

    private func meetNeeds(
        of next: ControlState, _ change: Change, _ preparation: inout ChangePreparation,
        until end: ContinuousClock.Instant?
    ) async throws(ControlError) {
        let needs = needs(of: next, change)
        for tag in preparation.targets.keys where !isReady(tag, needs, preparation) {
            if let old = preparation.targets.removeValue(forKey: tag) { await discard([old]) }
        }
        var open: [ChangeRound.Item] = []
        for (tag, need) in needs.backends where !isReady(tag, needs, preparation) {
            guard await plugins?.hasLibrary(need.record.plugin) == true else {
                let mayWait = change.limits.allowsMissing && !need.isMove
                guard need.isOptional || need.isUpdate || mayWait else {
                    throw await missing(tag, need)
                }
                preparation.unmet[tag] = need
                continue
            }
            let backend =
                need.isNew
                ? makeBackend(tag, of: need.record.plugin)
                : backends[tag] ?? makeBackend(tag, of: need.record.plugin)
            open.append(ChangeRound.Item(tag: tag, need: need, backend: backend))
        }
        guard !open.isEmpty else { return }
        let round = ChangeRound(open)
        let done = Promise<Void>()
        Task {
            await meet(round)
            // Too late: nobody takes what was made.
            if !done.fulfil() { await discard(round.take().targets.values) }
        }
        guard await done.isFulfilled(within: Self.left(until: end)) else {
            throw ControlError(
                .notServed,
                "\(round.abandon()) was not ready within the time limit; nothing has changed")
        }
        let result = round.take()
        preparation.targets.merge(result.targets) { $1 }
        preparation.unmet.merge(result.unmet) { $1 }
        if let refusal = result.refusal { throw refusal }
    }

    /// Whether a backend is ready as it is needed.
    private func isReady(
        _ tag: String, _ needs: ChangeNeeds, _ preparation: ChangePreparation
    ) -> Bool {
        guard let need = needs.backends[tag] else { return false }
        if preparation.unmet[tag]?.isSame(as: need) == true { return true }
        guard let target = preparation.targets[tag], target.need.isSame(as: need) else {
            return false
        }
        return need.isNew || backends[tag] === target.prepared.backend
    }

    private func missing(_ tag: String, _ need: ChangeNeeds.Need) async -> ControlError {
        let error = await plugins?.noSuchPlugin(need.record.plugin)
        let subject = need.endpoint.map { "endpoint \($0): backend \(tag)" } ?? "backend \(tag)"
        return ControlError(
            .noSuchPlugin, "\(subject): \(error?.message ?? "the host is shutting down")")
    }

    /// Meets the needs of a round: those of one plugin one after the other, those of different plugins at once.
    private func meet(_ round: ChangeRound) async {
        await withTaskGroup(of: Void.self) { group in
            for (plugin, items) in Dictionary(grouping: round.items, by: \.need.record.plugin) {
                group.addTask { await self.meet(items, of: plugin, in: round) }
            }
        }
    }

    private func meet(_ items: [ChangeRound.Item], of plugin: String, in round: ChangeRound) async {
        for item in items {
            guard round.goesOn else { return }
            guard let deployment = await plugins?.deployment(serving: plugin) else {
                return round.refuse(item, "the plugin \(plugin) has gone")
            }
            do throws(PluginError) {
                let prepared = try await deployment.prepare(
                    BackendTarget(backend: item.backend, item.need.record),
                    for: .change(mayStayUnserved: item.need.isUpdate))
                round.met(
                    item,
                    ChangePreparation.Target(
                        need: item.need, deployment: deployment, prepared: prepared))
            } catch {
                round.refuse(item, error.message, cause: error)
            }
        }
    }

    // MARK: Taking effect

    /// - Returns: false when what is ready is not what is needed now.
    private func commit(
        _ change: Change, _ preparation: inout ChangePreparation
    ) async throws(ControlError) -> Bool {
        let made = preparation.made
        var turns: [DeploymentTurn] = []
        // Everybody takes them in this order, so nobody waits for somebody who waits.
        for (_, targets) in Dictionary(grouping: made, by: { $0.deployment.name })
            .sorted(by: { $0.key < $1.key })
        {
            turns.append(await targets[0].deployment.takeTurn())
        }
        defer { for turn in turns { turn.giveBack() } }
        var fits = true
        for target in made {
            if await target.deployment.fits(target.prepared) { continue }
            preparation.targets[target.prepared.tag] = nil
            // Not now: it may wait for the turn that is taken here.
            Task { await discard([target]) }
            fits = false
        }
        guard fits else { return false }
        var ahead: [ChangePreparation.Target] = []
        do throws(ControlError) {
            for target in made {
                try await goAhead(target)
                ahead.append(target)
            }
            let (ready, adopted) = try await inOrder { [preparation] plane in
                await plane.write(change, preparation)
            }.get()
            for tag in adopted { preparation.targets[tag] = nil }
            if !ready { await goBack(ahead) }
            return ready
        } catch {
            await goBack(ahead)
            throw error
        }
    }

    private func goAhead(_ target: ChangePreparation.Target) async throws(ControlError) {
        do throws(PluginError) {
            try await target.deployment.goAhead(target.prepared)
        } catch {
            throw ControlError(
                .notServed,
                "backend \(target.prepared.tag) does not take the change: \(error.message); "
                    + "nothing has changed", cause: error)
        }
    }

    private func goBack(_ targets: [ChangePreparation.Target]) async {
        for target in targets.reversed() { await target.deployment.goBack(target.prepared) }
    }

    /// The last step, in the order of changes.
    ///
    /// - Returns: whether it was made, and the tags of the backends that have taken their places.
    private func write(
        _ change: Change, _ preparation: ChangePreparation
    ) async -> Result<(Bool, [String]), ControlError> {
        do throws(ControlError) {
            let last = state
            let next = try proposal(of: change)
            let needs = needs(of: next, change)
            let manifests = middleware(after: change)
            guard
                Set(needs.backends.keys).union(preparation.targets.keys)
                    .allSatisfy({ isReady($0, needs, preparation) }),
                let nextChains = assembled(next, manifests, preparation.stages), let store
            else { return .success((false, [])) }
            try await store.change { $0 = next }
            let lastChains = chains
            (state, chains, manifestMiddleware) = (next, nextChains, manifests)
            if let plugin = change.plugin {
                manifestEndpoints[plugin] = change.manifest?.endpoint
            }
            noteRouteObjections()
            for target in preparation.targets.values {
                await target.deployment.adopt(target.prepared)
            }
            tell(last.changes(to: next), change)
            if next != last || !nextChains.isSame(as: lastChains) {
                try publish(
                    next, replacing: last, with: preparation.targets.mapValues(\.prepared.backend))
            }
            return .success((true, Array(preparation.targets.keys)))
        } catch {
            return .failure(error)
        }
    }

    private func noteRouteObjections() {
        let now = state.routeObjections(manifestEndpoints)
        let before = routeObjections.withLockedValue { objections in
            defer { objections = now }
            return objections
        }
        for (plugin, objection) in now.sorted(by: { $0.key < $1.key })
        where before[plugin] != objection {
            logger.warning("\(objection)", metadata: ["plugin": "\(plugin)"])
        }
    }

    /// Of an operator's change the log has all, for whoever looks for what has happened; of a plugin's own nothing new.
    private func tell(_ changes: [ControlState.Change], _ change: Change) {
        guard change.asksPlugins, !changes.isEmpty else { return }
        logger.notice(
            "the configuration has changed",
            metadata: ["changes": "\(changes.map(\.description).joined(separator: "; "))"])
    }

    private func discard(_ targets: some Sequence<ChangePreparation.Target>) async {
        for target in targets { await target.deployment.discard(target.prepared) }
    }
}
