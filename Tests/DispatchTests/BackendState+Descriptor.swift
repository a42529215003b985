import HostCore
import HostPlugins
import HostWorkers

@testable import HostDispatch

extension BackendState {
    /// Puts replicas of a real plugin into service.
    mutating func install(
        _ replicas: [ReplicaID], of descriptor: PluginDescriptor
    ) -> [(Call, DispatchError)] {
        install(
            replicas, methods: descriptor.methods.map(\.traits),
            isReentrant: descriptor.isReentrant)
    }
}
