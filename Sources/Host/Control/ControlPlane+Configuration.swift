internal import Crypto
internal import Foundation
internal import HostForms
internal import HostMiddleware
internal import NIOConcurrencyHelpers

/// The file that declares backends and endpoints.
extension ControlPlane {
    /// Brings the state in line with a file: all of it, or nothing.
    ///
    /// - Parameters:
    ///   - file: the file's name, for errors.
    ///   - isDryRun: whether the differences are told and nothing changes.
    /// - Returns: a line for each difference, and the tags of the backends that the file declares.
    /// - Throws: ``ControlError``; with the code `invalid`, and the place in the file, when that can't be used.
    package func apply(
        yaml: String, file: String, isDryRun: Bool
    ) async throws(ControlError) -> (changes: [String], backends: [String]) {
        let declared = try Self.declaration(yaml: yaml, file: file, catalog)
        let tags = declared.backends.keys.sorted()
        if isDryRun {
            return (try state.applying(declared).changes.map(\.description), tags)
        }
        let digest = Self.digest(yaml)
        let made = NIOLockedValueBox<[ControlState.Change]>([])
        try await change { state throws(ControlError) in
            // From the state as it is when this change's turn comes.
            let (next, changes) = try state.applying(declared)
            state = next
            state.appliedFile = digest
            made.withLockedValue { $0 = changes }
        }
        return (made.withLockedValue { $0.map(\.description) }, tags)
    }

    /// Applies a file when a host starts, unless it was the last one that was applied: what operators have changed
    /// since is the last word then.
    ///
    /// - Throws: ``ControlError``, as ``apply(yaml:file:isDryRun:)``.
    package func applyAtStart(_ path: String) async throws(ControlError) {
        let yaml = try Self.text(of: path)
        guard state.appliedFile != Self.digest(yaml) else { return }
        _ = try await apply(yaml: yaml, file: path, isDryRun: false)
    }

    /// Applies a file.
    ///
    /// - Returns: a line for each difference.
    /// - Throws: ``ControlError``, as ``apply(yaml:file:isDryRun:)``.
    package func applyFile(_ path: String) async throws(ControlError) -> [String] {
        try await apply(yaml: try Self.text(of: path), file: path, isDryRun: false).changes
    }

    /// The running state as a file that declares it.
    package func exported() -> String {
        var file = HostFile()
        for (tag, record) in state.backends {
            var backend = HostFile.Backend(plugin: record.plugin)
            backend.options = record.options
            file.backends[tag] = backend
        }
        for (name, record) in state.endpoints {
            var endpoint = HostFile.Endpoint(traffic: record.traffic)
            endpoint.route = record.route
            endpoint.methods = record.methods
            endpoint.shadow = record.shadows
            file.endpoints[name] = endpoint
        }
        file.middleware = state.middleware
        return file.yaml
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
    ) throws(ControlError) -> ControlState {
        let parsed: HostFile
        do throws(ConfigurationError) {
            parsed = try HostFile(yaml: yaml, file: file, middleware: catalog)
        } catch {
            throw ControlError(error)
        }
        do throws(ControlError) {
            return try ControlState.declaration(
                backends: parsed.backends.mapValues {
                    BackendRecord(plugin: $0.plugin, options: $0.options, origin: .file)
                },
                endpoints: parsed.endpoints.mapValues { endpoint in
                    EndpointRecord(
                        route: endpoint.route, methods: endpoint.methods,
                        traffic: endpoint.traffic,
                        shadows: endpoint.shadow.filter { $0.value > 0 }, origin: .file)
                }, middleware: parsed.middleware)
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
