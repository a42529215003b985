package import HostCore
internal import HostDispatch
internal import HostLoader
internal import HostPlugins
internal import HostWorkers

/// The way back to one of the last versions of a library.
extension PluginCatalog {
    /// The versions of a plugin's library that are kept, the newest first.
    ///
    /// - Throws: ``ControlError``: no such plugin.
    package func versions(
        of name: String
    ) async throws(ControlError) -> [LibraryVersions.Version] {
        guard await deployment(serving: name) != nil else { throw noSuchPlugin(name) }
        let versions = versions
        return await PluginThread.value(name: "bp-versions") { versions.versions(of: name) }
    }

    /// Goes back to a version of a plugin's library, as a reload would: the new generation first, and what served
    /// before serves on if it can't be. Another file in the plugins directory ends it.
    ///
    /// - Parameter number: the version's; nil: the one before the one that serves.
    /// - Returns: the plugin's status afterwards.
    /// - Throws: ``ControlError``: no such plugin; no such version (`contradiction`); it could not be loaded.
    package func rollBack(
        _ name: String, to number: Int?
    ) async throws(ControlError) -> PluginStatus {
        guard let deployment = await deployment(serving: name) else { throw noSuchPlugin(name) }
        let versions = versions
        let kept = await PluginThread.value(name: "bp-versions") { versions.versions(of: name) }
        // One that can't be kept has none before it that is in its place in the list: the newest is the one before.
        let serving = await deployment.generation.flatMap { generation in
            kept.first { $0.holds(generation.fingerprint) }
        }
        let current = serving?.number ?? .max
        let wanted =
            number.map { number in kept.first { $0.number == number } }
            ?? kept.first { $0.number < current }
        guard let wanted else {
            let numbers = kept.map { "\($0.number)" }.joined(separator: ", ")
            throw ControlError(
                .contradiction,
                (number.map { "there is no version \($0) of \(name)" }
                    ?? "there is no version of \(name) before the one that serves")
                    + (kept.isEmpty ? "; none is kept" : "; kept are: \(numbers)"))
        }
        do throws(PluginError) {
            try await deployment.rollBack(to: wanted)
        } catch {
            throw ControlError(
                .loadFailed,
                error.servesAllTheSame
                    ? "\(name) was rolled back and serves, but \(error.message)"
                    : "\(name) was not rolled back: \(error.message); what served before serves on",
                cause: error)
        }
        return await deployment.status
    }
}

extension PluginDeployment {
    func rollBack(to version: LibraryVersions.Version) async throws(PluginError) {
        let (versions, store, path, name) = (environment.versions, environment.store, path, name)
        let limit = environment.settings.backendDefaults.lifecycleTimeout
        try await versions.undoing(of: name) { () throws(PluginError) in
            try await PluginThread.run(
                name: name, what: "reading the file", timeout: limit
            ) { () throws(PluginError) in
                let copy = try store.copy(path, name: name)
                defer { store.discard(copy) }
                try versions.rollBack(name, to: version, over: copy.fingerprint)
            }
            try await self.load(.operatorRequest)
        }
    }
}
