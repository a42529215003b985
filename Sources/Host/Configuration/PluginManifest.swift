package import HostCore
package import HostDispatch
package import HostForms
package import HostPlugins
package import HostWorkers

/// What stands beside a plugin in `plugins.d/<name>.yaml`: how its backend runs it, and where its endpoint answers.
///
/// ```yaml
/// num_replicas: 2             # or: autoscaling: {max_replicas: 8}
/// max_batch_size: 32
/// batch_wait_timeout: 2ms
/// request_timeout: 10s        # or: none
/// user_config: {model: small} # anything; the plugin gets it as JSON
/// endpoint: {route: /v1/*, methods: [POST]}
/// ```
///
/// With `library` and `methods` it serves a library that knows nothing of Backplane: ``LibraryBindingText`` has its
/// keys.
///
/// Every key is optional, and one that the host doesn't know is an error: a misspelt limit must not pass for one.
package struct PluginManifest: Sendable, Equatable {
    /// What the plugin's endpoint gets that no configuration file says.
    package struct EndpointDefaults: Sendable, Equatable {
        /// `/x`, matched exactly, or `/x/*`, for all below `/x`; nil: the plugin's name.
        package var route: String?
        /// nil: GET and POST.
        package var methods: [String]?

        package init() {}
    }

    package var options = BackendOptions()
    package var endpoint = EndpointDefaults()
    /// Where its replicas run; nil: where the host has those that don't say.
    package var isolation: Isolation?
    /// Of replicas that have processes of their own.
    package var process = ProcessOptions()
    /// The library that is served as the plugin, if it isn't one by itself.
    package var adoption: LibraryBinding?
    private var adoptionText = LibraryBindingText()

    /// The manifest of a plugin that has none.
    package init() {}

    /// - Parameter file: as errors name it.
    /// - Throws: ``ConfigurationError`` with the place at fault.
    package init(yaml: String, file: String? = nil) throws(ConfigurationError) {
        do {
            let node = try YAMLDocument.parse(SignatureQuotes.added(to: yaml))
            self = try Self.form.read(node, .root)
        } catch {
            throw error.locating(in: yaml).naming(file: file)
        }
    }

    /// Reads the manifest beside a library, if there is one. Blocks on the disk.
    ///
    /// - Throws: ``PluginError`` when it is there and can't be read or used.
    package static func read(_ path: String) throws(PluginError) -> PluginManifest {
        do {
            guard let text = try ConfigurationText.read(path) else { return PluginManifest() }
            return try PluginManifest(yaml: text, file: path)
        } catch {
            throw PluginError(.invalidManifest, error.description, cause: error)
        }
    }

    /// The library that a manifest names, also one that can't be used: then that is the plugin's error. Blocks on the
    /// disk.
    package static func adoptedLibrary(_ path: String) -> String? {
        guard let text = try? ConfigurationText.read(path) else { return nil }
        do throws(ConfigurationError) {
            return try PluginManifest(yaml: text).adoption?.library
        } catch {
            let line = text.split(separator: "\n").first { $0.hasPrefix("library:") }
            return line.map { String($0.dropFirst(8).filter { !"'\" \r".contains($0) }) }
        }
    }

    /// The defaults with what the manifest says.
    ///
    /// - Throws: ``PluginError`` when a program made the manifest, and set what can't be.
    package func settings(
        over defaults: BackendSettings
    ) throws(PluginError) -> BackendSettings {
        do {
            return try options.settings(over: defaults)
        } catch {
            throw PluginError(.invalidManifest, error.description, cause: error)
        }
    }
}

extension PluginManifest {
    static let keys: [ConfigurationKey<PluginManifest>] =
        BackendOptions.keys.map { $0.lifted(to: \.options) } + [
            .defaulted(
                "endpoint", \.endpoint, EndpointDefaults.form, unless: EndpointDefaults(),
                "What the plugin's endpoint gets that no configuration file says."),
            .optional("isolation", \.isolation, .isolation, Isolation.about),
        ] + ProcessOptions.keys.map { $0.lifted(to: \.process) }
        + LibraryBindingText.keys.map { $0.lifted(to: \.adoptionText) }

    /// A manifest whose lines are all commented out is one that says nothing.
    static let form = ConfigurationForm<PluginManifest>
        .mapping(
            keys, from: PluginManifest(), such: "num_replicas: 2", rules: BackendOptions.rules
        )
        .checked { (manifest, node, path) throws(ConfigurationError) in
            try manifest.options.check(node, path)
        }
        .completed { (manifest, path) throws(ConfigurationError) in
            manifest.adoption = try manifest.adoptionText.adoption(path)
        }
        .orEmpty(PluginManifest())
}

extension Isolation {
    static let about =
        "Where the plugin runs: process, in processes of its own, so that a crash ends nobody else; none, in the host's."
}

extension ConfigurationForm where Value == Isolation {
    static var isolation: Self {
        let names = ConfigurationForm<String>.name(of: Isolation.allCases.map(\.rawValue))
        return Self(
            schema: names.schema,
            read: { (node, path) throws(ConfigurationError) in
                Isolation(rawValue: try names.read(node, path))!
            },
            write: { names.write($0.rawValue) })
    }
}

extension PluginManifest.EndpointDefaults {
    static let keys: [ConfigurationKey<Self>] = [
        .optional("route", \.route, EndpointForms.route, EndpointForms.aboutRoute),
        .optional("methods", \.methods, EndpointForms.methods, EndpointForms.aboutMethods),
    ]

    static let form = ConfigurationForm<Self>
        .mapping(keys, from: Self(), such: "{route: /x/*, methods: [GET]}")
}

extension BackendSettings {
    /// - Throws: ``PluginError`` when the plugin can't be run like this.
    package func check(against descriptor: PluginDescriptor) throws(PluginError) {
        guard maxBatchSize == 1 || descriptor.methods.contains(where: \.isBatchable) else {
            throw PluginError(
                .invalidManifest,
                "max_batch_size is \(maxBatchSize), but no method of the plugin takes several calls: "
                    + "set it to 1, or mark a method BACKPLANE_METHOD_BATCHABLE")
        }
    }
}
