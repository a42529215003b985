internal import HostDispatch
internal import HostPlugins
package import Logging
package import NIOCore

/// Which backends and endpoints there are.
package actor ControlPlane {
    private let routes: RouteTable
    private let timer: any EventLoop
    private let logger: Logger
    private var backends: [String: Backend] = [:]

    package init(
        settings: ControlSettings, routes: RouteTable, timer: any EventLoop, logger: Logger
    ) {
        self.routes = routes
        self.timer = timer
        self.logger = logger
    }
}

extension ControlPlane: BackendDirectory {
    func targets(of plugin: String) async -> [BackendTarget] {
        let backend =
            backends[plugin]
            ?? Backend(tag: plugin, settings: BackendSettings(), timer: timer, logger: logger)
        backends[plugin] = backend
        return [BackendTarget(backend: backend, settings: { $0 })]
    }

    func serves(_ plugin: String, _ manifest: PluginManifest) async throws(PluginError) {
        guard let backend = backends[plugin], routes.endpoint(named: plugin) == nil else { return }
        routes.insert(Endpoint(servingPlugin: plugin, backend: backend))
    }

    nonisolated func route(of plugin: String) -> String? {
        routes.endpoint(named: plugin)?.route
    }

    func gone(_ plugin: String) async {
        if let endpoint = routes.endpoint(named: plugin) { routes.remove(endpoint) }
        backends[plugin] = nil
    }
}
