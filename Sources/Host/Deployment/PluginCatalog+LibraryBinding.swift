internal import HostConfigurationFiles
internal import HostCore
internal import HostDispatch
internal import HostLoader
internal import HostPlugins

/// Manifests that adopt a library: they are plugins without a library file of their name.
extension PluginCatalog {
    func manifestFile(of name: String) -> String { "\(name).yaml" }

    /// The manifests of a directory that adopt a library and have no library file of their name.
    func adoptingManifests(among files: [String]) async -> [AdoptingManifest] {
        let libraries = Set(files.compactMap { PluginName.from(file: $0) })
        var manifests: [AdoptingManifest] = []
        for file in files {
            guard let name = PluginName.from(manifest: file), !libraries.contains(name),
                let library = await adoptedLibrary(of: name)
            else { continue }
            manifests.append(AdoptingManifest(name: name, file: file, library: library))
        }
        return manifests
    }

    /// Whether a file is a plugin's library, and not one that a manifest of another name adopts.
    func isPluginFile(_ file: String, _ manifests: [AdoptingManifest]) -> Bool {
        PluginName.from(file: file) != nil && !manifests.contains { $0.library == file }
    }

    /// Takes up a library that a manifest of another name adopts, or whose place its manifest has taken.
    ///
    /// - Returns: whether it is one.
    func isAdopted(_ file: String) async -> Bool {
        for (name, owner) in owners where owner == manifestFile(of: name) {
            guard await adoptedLibrary(of: name) == file else { continue }
            try? await deployments[owner]?.load(.file)
            return true
        }
        return false
    }

    /// The library that a plugin's manifest adopts, as the manifest names it; nil when it adopts none.
    func adoptedLibrary(of name: String) async -> String? {
        let path = "\(settings.pluginsDirectory)/\(manifestFile(of: name))"
        return try? await PluginThread.run(
            name: name, what: "reading the manifest",
            timeout: settings.backendDefaults.lifecycleTimeout
        ) { () throws(PluginError) in PluginManifest.adoptedLibrary(path) }
    }
}

/// A manifest that is a plugin by itself.
struct AdoptingManifest {
    let name: String
    let file: String
    /// As the manifest names it.
    let library: String
}
