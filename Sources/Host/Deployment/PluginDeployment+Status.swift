internal import HostCore
internal import HostDispatch
internal import HostPluginStages
internal import HostPlugins
internal import HostWorkers

/// What there is to be seen of a deployment.
extension PluginDeployment {
    var status: PluginStatus {
        var status = PluginStatus(name: name, path: path, state: state)
        let services = services.values.sorted { $0.tag < $1.tag }
        let backendFailure =
            failures.sorted { $0.key < $1.key }.first?.value
            ?? services.lazy.compactMap { $0.failure ?? $0.autoscaling?.failure }.first
        status.reason =
            (failure ?? backendFailure)?.message ?? absenceFromChains
            ?? environment.directory.routeObjection(of: name)
        status.middlewareOf = environment.stages.places(of: name)
        status.autoscaling =
            (self.services[name] ?? services.first)?.autoscaling
            .map { PluginStatus.Autoscaling($0) }
        status.drainingGenerations = draining
        status.retiredGenerations = retired
        status.replacedReplicas = losses.count
        status.lastReplacement = losses.lastReason
        guard let generation else { return status }
        let descriptor = generation.descriptor
        status.version = descriptor.version
        status.description = descriptor.description.isEmpty ? nil : descriptor.description
        status.generation = generation.number
        status.isolation = generation.isolation == .none ? nil : generation.isolation.rawValue
        status.processes = generation.processIDs
        status.rolledBackTo = rolledBackTo
        status.route = environment.directory.route(of: name)
        status.methods = descriptor.methods.map(\.name)
        status.backends = services.map(\.tag)
        for service in services {
            let backend = service.backend.status
            status.replicas += backend.replicas
            for method in backend.demotedMethods where !status.demotedMethods.contains(method) {
                status.demotedMethods.append(method)
            }
            status.calls.waiting += backend.waiting
            status.calls.running += backend.running
            status.calls.lateFinishes += backend.lateFinishes
        }
        status.calls.misuses = generation.misuses
        return status
    }

    /// What there is to be seen of a backend; nil when the plugin does not serve it, and has no reason for that.
    func backendStatus(_ tag: String) -> BackendStatus.Serving {
        var serving = BackendStatus.Serving()
        serving.reason = (failures[tag] ?? failure)?.message
        guard let service = services[tag] else { return serving }
        let status = service.backend.status
        serving.generation = service.generation.number
        serving.replicas = status.replicas
        serving.targetReplicas = service.target
        serving.waiting = status.waiting
        serving.running = status.running
        serving.reason =
            (service.failure ?? service.autoscaling?.failure ?? failures[tag])?.message
        return serving
    }
}
