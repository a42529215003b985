internal import HTTPTypes

/// What can be asked of the admin API: the one table of its routes, which the server answers and the document tells.
package enum AdminOperation: String, CaseIterable, Sendable {
    case listPlugins, listMethods, reloadPlugin, restartPlugin, listVersions, rollBackPlugin
    case listBackends, createBackend, showBackend, updateBackend, deleteBackend
    case listEndpoints, createEndpoint, showEndpoint, deleteEndpoint
    case setTraffic, shadowTraffic, callEndpoint
    case listMiddleware
    case exportConfiguration, applyConfiguration, listConfigurations, rollBackConfiguration
    case showDocument

    /// The HTTP method, in capitals.
    package var methodName: String { method.rawValue }

    var method: HTTPRequest.Method {
        switch self {
        case .listPlugins, .listMethods, .listBackends, .showBackend, .listEndpoints, .showEndpoint,
            .listMiddleware, .exportConfiguration, .listConfigurations, .listVersions,
            .showDocument:
            .get
        case .reloadPlugin, .restartPlugin, .rollBackPlugin, .rollBackConfiguration,
            .createBackend, .createEndpoint, .callEndpoint:
            .post
        case .updateBackend: .patch
        case .setTraffic, .shadowTraffic, .applyConfiguration: .put
        case .deleteBackend, .deleteEndpoint: .delete
        }
    }

    /// The path, with parameters in braces.
    package var path: String {
        switch self {
        case .listPlugins: AdminAPI.plugins
        case .listMethods: AdminAPI.plugins + "/{name}/methods"
        case .reloadPlugin: AdminAPI.plugins + "/{name}/reload"
        case .restartPlugin: AdminAPI.plugins + "/{name}/restart"
        case .listVersions: AdminAPI.plugins + "/{name}/versions"
        case .rollBackPlugin: AdminAPI.plugins + "/{name}/rollback"
        case .listBackends, .createBackend: AdminAPI.backends
        case .showBackend, .updateBackend, .deleteBackend: AdminAPI.backends + "/{tag}"
        case .listEndpoints, .createEndpoint: AdminAPI.endpoints
        case .showEndpoint, .deleteEndpoint: AdminAPI.endpoints + "/{name}"
        case .setTraffic: AdminAPI.endpoints + "/{name}/traffic"
        case .shadowTraffic: AdminAPI.endpoints + "/{name}/shadows/{tag}"
        case .callEndpoint: AdminAPI.endpoints + "/{name}/call"
        case .listMiddleware: AdminAPI.middleware
        case .exportConfiguration, .applyConfiguration: AdminAPI.configuration
        case .listConfigurations: AdminAPI.configurations
        case .rollBackConfiguration: AdminAPI.rollback
        case .showDocument: AdminAPI.document
        }
    }

    /// The methods that a path takes, as `Allow` lists them; none: there is no such path.
    static func methods(at path: String) -> [String] {
        let segments = path.split(separator: "/")
        let found = allCases.filter { $0.matches(segments) }.map(\.method)
        // The router answers HEAD wherever it answers GET.
        return Set(found.map(\.rawValue) + (found.contains(.get) ? ["HEAD"] : [])).sorted()
    }

    private func matches(_ segments: [Substring]) -> Bool {
        let own = path.split(separator: "/")
        return own.count == segments.count
            && zip(own, segments).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
    }
}
