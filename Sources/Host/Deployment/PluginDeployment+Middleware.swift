internal import HostConfigurationFiles
internal import HostCore
internal import HostDispatch
internal import HostPluginStages
internal import HostPlugins
internal import HostWorkers
internal import Logging

/// A plugin as middleware: its stages in the chains that name it, and what is different if that is all it is.
extension PluginDeployment {
    /// The backends that a generation is to serve; one without methods gets none by default.
    func targets(of generation: any PluginSource) async -> [BackendTarget] {
        var targets = await environment.directory.targets(of: name)
        targets += extraTargets.filter { extra in
            !targets.contains { $0.backend.tag == extra.backend.tag }
        }
        return generation.isMiddlewareOnly ? targets.filter(\.isConfigured) : targets
    }

    /// Tells that a generation serves.
    func announce(
        _ generation: any PluginSource, _ manifest: PluginManifest
    ) async throws(PluginError) {
        if generation.isMiddlewareOnly {
            // What it may have had by default when it had methods.
            await environment.directory.gone(name)
        } else {
            try await environment.directory.serves(name, manifest)
        }
    }

    /// - Throws: ``PluginError`` when a backend can't be made of a generation.
    func checkMethods(of generation: any PluginSource) throws(PluginError) {
        guard generation.isMiddlewareOnly else { return }
        throw PluginError(
            .invalidManifest,
            "\(name) has no methods: it is middleware, and a backend can't be made of it")
    }

    /// Takes the plugin out of the chains that name it.
    ///
    /// - Parameter isGone: whether its file is; otherwise the host ends, or the file never had the name.
    func leaveChains(isGone: Bool) {
        guard isGone else {
            if generation != nil {
                environment.stages.remove(name, because: "the host is shutting down")
            }
            return
        }
        if let chains = environment.stages.remove(name, because: "its library was removed") {
            logger.error("its library was removed, and \(chains) as middleware: 503 there now")
        }
    }

    /// Says in the chains that name the plugin why it is not in them.
    func explainAbsence(_ error: PluginError) {
        // Whoever has the name is in them.
        guard generation == nil, error.code != .duplicateName else { return }
        environment.stages.remove(name, because: "it is not served: \(error.message)")
    }

    /// Why nothing stands where chains name a plugin whose library has gone; nil: none names it.
    var absenceFromChains: String? {
        let places = environment.stages.places(of: name)
        guard state == .retired, !places.isEmpty else { return nil }
        return "its library was removed, and as middleware of \(places.joined(separator: ", ")) "
            + "it is missed: requests there are answered 503 until it is back"
    }

    /// Waits until the last request that came to a stage of a generation is over.
    ///
    /// - Returns: whether that was in time; otherwise the library must stay as it is.
    func stagesAreGone(of generation: any PluginSource) async -> Bool {
        guard let mapped = generation.mapped else { return true }
        do throws(PluginError) {
            try await mapped.stagesAreGone(
                within: environment.settings.backendDefaults.drainTimeout)
            return true
        } catch {
            logger.error(
                "\(error.message); the library stays mapped",
                metadata: ["generation": "\(generation.number)"])
            return false
        }
    }
}

extension PluginSource {
    /// Whether the plugin has no methods, and so no backends.
    var isMiddlewareOnly: Bool { descriptor.methods.isEmpty }
}
