internal import Crypto
internal import Foundation
internal import HostConfigurationFiles
package import HostCore
internal import HostDispatch
internal import HostForms
internal import HostRouting
internal import HostStages
internal import HostState
internal import Logging
internal import NIOConcurrencyHelpers

/// The file that declares backends and endpoints.
extension ControlPlane {
    /// What applying a file comes to.
    package struct Application: Sendable {
        /// A line for each difference.
        package var changes: [String] = []
        /// A line for each setting of the host itself that the file wants otherwise: they are read when a host starts.
        package var restart: [String] = []
        /// The tags of the backends that the file declares.
        package var backends: [String] = []
    }

    /// Brings the state in line with a file: all of it, once it is ready to serve, or nothing.
    ///
    /// - Parameters:
    ///   - file: the file's name, for errors.
    ///   - isDryRun: whether the differences are told and nothing changes.
    /// - Throws: ``ControlError``, as ``change(_:_:)``; with the code `invalid`, and the place in the file, when that
    ///   can't be used.
    package func apply(
        yaml: String, file: String, isDryRun: Bool, _ limits: ChangeLimits = ChangeLimits()
    ) async throws(ControlError) -> Application {
        let (parsed, declared) = try Self.declaration(yaml: yaml, file: file, catalog)
        var application = Application()
        application.backends = declared.backends.keys.sorted()
        application.restart = hostSettings.differences(from: parsed)
        guard !isDryRun else {
            application.changes = try state.applying(declared).changes.map(\.description)
            return application
        }
        let made = NIOLockedValueBox<[ControlState.Change]>([])
        try refuseBlank(yaml, file)
        try await change(limits, Self.applying(declared, digestToKeep(of: yaml), made))
        application.changes = made.withLockedValue { $0.map(\.description) }
        return application
    }

    /// What tells at the next start that the host's own file has been applied: not what another file says, or else that
    /// would be undone then.
    ///
    /// - Returns: nil when it is another one.
    private func digestToKeep(of yaml: String) -> String? {
        let digest = Self.digest(yaml)
        guard let startFile else { return digest }
        let own = (try? Self.text(of: startFile)).map(Self.digest)
        return own == digest ? digest : nil
    }

    /// A file that says nothing removes all that was declared, authentication among it. More likely whoever was to
    /// write it has failed.
    private func refuseBlank(_ yaml: String, _ file: String) throws(ControlError) {
        let isBlank = yaml.split(whereSeparator: \.isNewline).allSatisfy { line in
            let text = line.drop(while: \.isWhitespace)
            return text.isEmpty || text.hasPrefix("#") || text.hasPrefix("---")
        }
        let declares =
            !state.middleware.isEmpty || state.backends.values.contains { $0.origin == .file }
            || state.endpoints.values.contains { $0.origin == .file }
        guard isBlank, declares else { return }
        throw ControlError(
            .invalid,
            "\(file) says nothing, which would remove all that a file has declared here: "
                + "write {} if that is what it is to say")
    }

    /// From the state as it is when the change's turn comes.
    ///
    /// - Parameter digest: nil: the last one stays.
    private static func applying(
        _ declared: ControlState, _ digest: String?,
        _ made: NIOLockedValueBox<[ControlState.Change]>
    ) -> Operation {
        { state throws(ControlError) in
            let (next, changes) = try state.applying(declared)
            state = next
            if let digest { state.appliedFile = digest }
            made.withLockedValue { $0 = changes }
        }
    }

    /// Applies a file when a host starts, unless it was the last one that was applied: what operators have changed
    /// since is the last word then. Nothing serves yet, so that nothing can break: what can start starts, and what
    /// can't is told as the plugins come.
    ///
    /// - Throws: ``ControlError``, as ``apply(yaml:file:isDryRun:_:)``, but for what has yet to start.
    package func applyAtStart(_ path: String) async throws(ControlError) {
        startFile = path
        let yaml = try Self.text(of: path)
        guard state.appliedFile != Self.digest(yaml) else { return }
        let (_, declared) = try Self.declaration(yaml: yaml, file: path, catalog)
        try refuseBlank(yaml, path)
        try await record(
            operation: Self.applying(declared, Self.digest(yaml), NIOLockedValueBox([])))
        for (tag, record) in declared.backends.sorted(by: { $0.key < $1.key }) {
            guard let plugins, await !plugins.hasLibrary(record.plugin) else { continue }
            let reason = await plugins.noSuchPlugin(record.plugin).message
            logger.warning("backend \(tag) waits for its plugin: \(reason)")
        }
    }

    /// Applies a file.
    ///
    /// - Throws: ``ControlError``, as ``apply(yaml:file:isDryRun:_:)``.
    package func applyFile(_ path: String) async throws(ControlError) -> Application {
        try await apply(yaml: try Self.text(of: path), file: path, isDryRun: false)
    }

    /// The running state as a file that declares it, with the host's listener, directory of plugins and limits, and
    /// without secrets.
    package func exported() -> String {
        var file = HostFile()
        file.listen = hostSettings.running.listen
        file.pluginsDirectory = hostSettings.running.pluginsDirectory
        file.limits = hostSettings.running.limits
        for (tag, record) in state.backends {
            var backend = HostFile.Backend(plugin: record.plugin)
            backend.options = record.options.withoutSecrets
            file.backends[tag] = backend
        }
        for (name, record) in state.endpoints {
            var endpoint = HostFile.Endpoint(traffic: record.traffic)
            endpoint.route = record.route
            endpoint.methods = record.methods
            endpoint.shadow = record.shadows
            file.endpoints[name] = endpoint
        }
        file.middleware = state.middleware.map(\.withoutSecrets)
        let yaml = file.yaml
        return yaml.contains(Secrets.placeholder)
            ? "# Without its secrets: put them where it says \(Secrets.placeholder).\n" + yaml
            : yaml
    }

    private static func text(of path: String) throws(ControlError) -> String {
        let text: String?
        do throws(ConfigurationError) {
            text = try ConfigurationText.read(path)
        } catch {
            throw ControlError(.invalid, error.description, cause: error)
        }
        guard let text else {
            throw ControlError(.invalid, "there is no configuration file \(path)")
        }
        return text
    }

    private static func declaration(
        yaml: String, file: String, _ catalog: MiddlewareCatalog
    ) throws(ControlError) -> (HostFile, ControlState) {
        let parsed: HostFile
        do throws(ConfigurationError) {
            parsed = try HostFile(yaml: yaml, file: file, middleware: catalog)
        } catch {
            throw ControlError(error)
        }
        do throws(ControlError) {
            let state = try ControlState.declaration(
                backends: parsed.backends.mapValues {
                    BackendRecord(plugin: $0.plugin, options: $0.options, origin: .file)
                },
                endpoints: parsed.endpoints.mapValues { endpoint in
                    EndpointRecord(
                        route: endpoint.route, methods: endpoint.methods,
                        traffic: endpoint.traffic,
                        shadows: endpoint.shadow.filter { $0.value > 0 }, origin: .file)
                }, middleware: parsed.middleware)
            return (parsed, state)
        } catch {
            // The file has the form that it must have: what can't be is what it says.
            let code = error.code == .invalid ? .contradiction : error.code
            throw ControlError(code, "\(file): \(error.message)", cause: error)
        }
    }

    private static func digest(_ text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0\(hex)" : hex
        }.joined()
    }
}
