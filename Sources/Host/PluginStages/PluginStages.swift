internal import Dispatch
package import HostCore
internal import HostForms
package import HostPipeline
package import HostPlugins
internal import Logging
internal import NIOConcurrencyHelpers

/// The plugins that chains may name, and the places where they stand. Any thread.
///
/// A place is made when a configuration names a plugin, be it loaded or not; the plugin's deployment fills it, and puts
/// the next generation's stages there in a reload.
package final class PluginStages: Sendable {
    fileprivate enum Offer {
        case stages(PluginGeneration)
        /// The plugin serves, and is no middleware.
        case nothing
        /// It does not serve, with the reason.
        case absent(String)
    }

    fileprivate struct State {
        /// Of the plugins that were seen.
        var offers: [String: Offer] = [:]
        var slots: [String: [WeakSlot]] = [:]
    }

    fileprivate struct WeakSlot {
        weak var slot: PluginStageSlot?
    }

    private let state = NIOLockedValueBox(State())
    private let decisionLimit: Duration?
    private let lifecycleTimeout: Duration
    private let libraries: @Sendable () -> [String]

    /// - Parameters:
    ///   - decisionLimit: how long a request may wait for a stage's decision; nil: for ever.
    ///   - lifecycleTimeout: how long the making of a stage may take.
    ///   - libraries: the names of the plugins whose libraries are there, loaded or not.
    package init(
        decisionLimit: Duration?, lifecycleTimeout: Duration,
        libraries: @escaping @Sendable () -> [String]
    ) {
        self.decisionLimit = decisionLimit
        self.lifecycleTimeout = lifecycleTimeout
        self.libraries = libraries
    }

    // MARK: The configuration

    /// The kind of stage that a plugin offers; nil when there is no such plugin, or it is no middleware.
    package func kind(named name: String) -> MiddlewareKind? {
        switch state.withLockedValue({ $0.offers[name] }) {
        case .stages: awaitedKind(named: name)
        case .nothing: nil
        case .absent, nil: libraries().contains(name) ? awaitedKind(named: name) : nil
        }
    }

    /// The kind of stage of a plugin that may never come: what was configured when its library was there.
    package func awaitedKind(named name: String) -> MiddlewareKind {
        MiddlewareKind(name, "A plugin's.", .json, initial: .null) {
            [self] (options, place) throws(ConfigurationError) in
            do throws(PluginError) {
                return try makeSlot(name, options, place)
            } catch {
                throw ConfigurationError(.wrongValue, error.message)
            }
        }
    }

    /// The names of the plugins that are middleware, or may be.
    package var names: [String] {
        let offers = state.withLockedValue { $0.offers }
        return libraries().filter { name in
            if case .nothing = offers[name] { false } else { true }
        }.sorted()
    }

    /// Blocks while the plugin makes its stage.
    private func makeSlot(
        _ name: String, _ options: JSONValue, _ place: MiddlewarePlace
    ) throws(PluginError) -> PluginStageSlot {
        while true {
            var generation: PluginGeneration?
            var made = PluginStageSlot.Occupant.nobody("its library is not loaded")
            switch state.withLockedValue({ $0.offers[name] }) {
            case .stages(let serving):
                generation = serving
                made = .stage(try makeStage(of: serving, options, place))
            case .nothing: made = .nobody(Self.noMiddleware)
            case .absent(let reason): made = .nobody(reason)
            case nil: break
            }
            let slot = PluginStageSlot(
                name, options: options, at: place, decisionLimit: decisionLimit, made)
            let isCurrent = state.withLockedValue { state in
                // A reload may have come in between.
                guard state.generation(of: name) === generation else { return false }
                state.slots[name, default: []].removeAll { $0.slot == nil }
                state.slots[name, default: []].append(WeakSlot(slot: slot))
                return true
            }
            if isCurrent { return slot }
        }
    }

    private func makeStage(
        of generation: PluginGeneration, _ options: JSONValue, _ place: MiddlewarePlace
    ) throws(PluginError) -> PluginStage {
        let (text, timeout) = (options.text, lifecycleTimeout)
        let made = NIOLockedValueBox<Result<PluginStage, PluginError>?>(nil)
        let arrived = DispatchSemaphore(value: 0)
        Task {
            let result: Result<PluginStage, PluginError>
            do throws(PluginError) {
                result = .success(
                    try await generation.makeStage(
                        backend: place.backend ?? "", options: text, within: timeout))
            } catch {
                result = .failure(error)
            }
            made.withLockedValue { $0 = result }
            arrived.signal()
        }
        arrived.wait()
        return try made.withLockedValue { $0.take()! }.get()
    }

    // MARK: The deployments

    /// The stages of a generation that is to come, for all places that name its plugin.
    package struct Prepared: Sendable {
        /// nil: it makes no stages here.
        fileprivate let generation: PluginGeneration?
        fileprivate var stages: [(slot: PluginStageSlot, stage: PluginStage)] = []
    }

    /// Makes the stages of a generation, which is nil where its library is not mapped here. They are destroyed if they
    /// are not put in place.
    ///
    /// - Throws: ``PluginError`` when one can't be made, or chains name the plugin and it is no middleware any more.
    package func prepare(
        _ plugin: String, _ generation: PluginGeneration?
    ) async throws(PluginError) -> Prepared {
        let generation = generation?.offersMiddleware == true ? generation : nil
        var prepared = Prepared(generation: generation)
        let slots = slots(of: plugin)
        guard let generation else {
            guard slots.isEmpty || state.withLockedValue({ $0.generation(of: plugin) }) == nil
            else {
                throw PluginError(
                    .invalidDescriptor,
                    "this version is no middleware any more, and \(Self.chains(slots)): "
                        + "take \(plugin) out of them first")
            }
            return prepared
        }
        for slot in slots {
            prepared.stages.append((slot, try await makeStage(of: generation, for: slot)))
        }
        return prepared
    }

    /// Puts the stages of a generation in place of those of the one before.
    package func install(_ plugin: String, _ prepared: Prepared) async {
        let generation = prepared.generation
        let slots = state.withLockedValue { state in
            state.offers[plugin] = generation.map { .stages($0) } ?? .nothing
            return state.liveSlots(of: plugin)
        }
        for slot in slots {
            guard let generation else {
                _ = slot.put(.nobody(Self.noMiddleware))
                continue
            }
            if let stage = prepared.stages.first(where: { $0.slot === slot })?.stage {
                _ = slot.put(.stage(stage))
                continue
            }
            // Named while the others were made.
            do throws(PluginError) {
                _ = slot.put(.stage(try await makeStage(of: generation, for: slot)))
            } catch {
                _ = slot.put(.nobody(error.message))
            }
        }
    }

    /// Takes the stages of a plugin out of their places, or says anew why there are none.
    ///
    /// - Returns: a clause that names the chains, for the log and the plugin's status; nil: none names the plugin.
    @discardableResult
    package func remove(_ plugin: String, because reason: String) -> String? {
        let slots = state.withLockedValue { state in
            state.offers[plugin] = .absent(reason)
            return state.liveSlots(of: plugin)
        }
        for slot in slots { _ = slot.put(.nobody(reason)) }
        return slots.isEmpty ? nil : Self.chains(slots)
    }

    /// Lets go of what is known of a plugin that no chain names.
    package func forget(_ plugin: String) {
        state.withLockedValue { state in
            guard state.liveSlots(of: plugin).isEmpty else { return }
            state.offers[plugin] = nil
            state.slots[plugin] = nil
        }
    }

    /// Whose chains name a plugin: `the host`, `backend echo`.
    package func places(of plugin: String) -> [String] {
        slots(of: plugin).map(\.place.owner)
    }

    private func makeStage(
        of generation: PluginGeneration, for slot: PluginStageSlot
    ) async throws(PluginError) -> PluginStage {
        do throws(PluginError) {
            return try await generation.makeStage(
                backend: slot.place.backend ?? "", options: slot.options, within: lifecycleTimeout)
        } catch {
            throw PluginError(
                error.code, "as middleware of \(slot.place.owner): \(error.message)", cause: error)
        }
    }

    private func slots(of plugin: String) -> [PluginStageSlot] {
        state.withLockedValue { $0.liveSlots(of: plugin) }
    }

    private static let noMiddleware = "the plugin of that name is no middleware"

    /// "the chain of the host names it", for one and for several.
    private static func chains(_ slots: [PluginStageSlot]) -> String {
        let owners = slots.map(\.place.owner)
        return owners.count == 1
            ? "the chain of \(owners[0]) names it"
            : "the chains of \(owners.joined(separator: ", ")) name it"
    }
}

extension PluginStages.State {
    fileprivate func generation(of plugin: String) -> PluginGeneration? {
        if case .stages(let generation) = offers[plugin] { generation } else { nil }
    }

    fileprivate func liveSlots(of plugin: String) -> [PluginStageSlot] {
        (slots[plugin] ?? []).compactMap(\.slot)
    }
}
