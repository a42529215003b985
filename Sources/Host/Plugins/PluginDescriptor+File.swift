extension PluginDescriptor {
    /// Reads the descriptor of a plugin for somebody who only looks: the file is mapped where it is, its constructors
    /// and its entry function run, and it stays mapped. [main]
    ///
    /// - Throws: ``PluginError`` that says why a host would refuse it.
    package static func ofPlugin(at path: String) throws(PluginError) -> PluginDescriptor {
        // Without a slash the linker would look elsewhere.
        let path = path.contains("/") ? path : "./\(path)"
        return try PluginLibrary(opening: LibraryStore.Copy(path: path, fingerprint: 0)).descriptor
    }
}
