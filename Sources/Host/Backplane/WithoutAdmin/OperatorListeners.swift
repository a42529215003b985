internal import HostDeployment
internal import HostRouting
internal import Logging

/// Stands in for `Admin/OperatorListeners.swift` in the slim package: no operator can connect, and the tests that run
/// there ask the control plane itself.
final class OperatorListeners: Sendable {
    let socket: String

    init(_ configuration: HostConfiguration) {
        socket = configuration.adminSocket ?? ""
    }

    func requireToken() throws {}

    func readToken() throws {}

    func make(
        catalog: PluginCatalog, control: ControlPlane, handles: HandleCalls, logger: Logger
    ) -> Listening {
        Listening()
    }

    struct Listening: Sendable {
        var parts: [HostPart] { [] }

        func begun() async throws -> Int? { nil }

        func removeSocket() {}
    }
}
