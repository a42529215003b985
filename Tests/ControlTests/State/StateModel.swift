import HostConfigurationFiles
import HostCore
import HostDispatch
import HostPipeline
import HostRouting
import HostState
import TestSupport

/// The rules of the configured state once more, in the plainest way: lists of rows, looked through from end to end.
struct StateModel {
    struct Backend: Equatable {
        var tag: String
        var plugin: String
        var replicas: Int?
        var batch: Int?
        var middleware: [MiddlewareEntry]?
        var origin: Origin
    }

    struct Endpoint: Equatable {
        var name: String
        var route: String?
        var methods: [String]
        var origin: Origin
    }

    struct Share: Equatable {
        var endpoint: String
        var tag: String
        var value: Double
        var isShadow: Bool
    }

    var backends: [Backend] = []
    var endpoints: [Endpoint] = []
    var shares: [Share] = []
    var plugins: [String] = []
    /// Of plugins, whose defaults an operator has deleted.
    var deletedBackends: [String] = []
    var deletedEndpoints: [String] = []
    var middleware: [MiddlewareEntry] = []

    init() {}

    /// - Returns: why the operation is refused; nil: it is done.
    mutating func perform(_ operation: StateOperation) -> ControlError.Code? {
        let before = self
        let refusal = attempt(operation)
        if refusal != nil { self = before } else if operation.mayMoveDefaults { settle() }
        return refusal
    }

    /// May leave something half done when it refuses.
    private mutating func attempt(_ operation: StateOperation) -> ControlError.Code? {
        switch operation {
        case .createBackend(let tag, let plugin, let options):
            if has(tag) { return .alreadyExists }
            deletedBackends.removeAll { $0 == tag }
            backends.append(
                Backend(
                    tag: tag, plugin: plugin, replicas: options.numReplicas,
                    batch: options.maxBatchSize, middleware: options.middleware, origin: .hand))
        case .updateBackend(let tag, let options):
            guard let index = backends.firstIndex(where: { $0.tag == tag }) else {
                return .noSuchBackend
            }
            if let replicas = options.numReplicas { backends[index].replicas = replicas }
            if let batch = options.maxBatchSize { backends[index].batch = batch }
            if let chain = options.middleware { backends[index].middleware = chain }
            if backends[index].origin == .plugin { backends[index].origin = .hand }
        case .deleteBackend(let tag, let force):
            if !has(tag) { return .noSuchBackend }
            if !force, shares.contains(where: { $0.tag == tag }) { return .backendInUse }
            remove(tag)
            if plugins.contains(tag) { deletedBackends.append(tag) }
        case .createEndpoint(let name, let backend, let route, let methods):
            return createEndpoint(name, backend, route, methods)
        case .deleteEndpoint(let name):
            if !endpoints.contains(where: { $0.name == name }) { return .noSuchEndpoint }
            deleteEndpoint(name)
            if plugins.contains(name) { deletedEndpoints.append(name) }
        case .setTraffic(let name, let weights):
            guard endpoints.contains(where: { $0.name == name }) else { return .noSuchEndpoint }
            guard weights.keys.allSatisfy(has) else { return .noSuchBackend }
            guard abs(weights.values.reduce(0, +) - 1) < 1e-6 else { return .contradiction }
            shares.removeAll { $0.endpoint == name && !$0.isShadow }
            for (tag, weight) in weights {
                shares.append(Share(endpoint: name, tag: tag, value: weight, isShadow: false))
            }
            touch(name)
        case .shadowTraffic(let name, let backend, let share):
            guard endpoints.contains(where: { $0.name == name }) else { return .noSuchEndpoint }
            guard has(backend) else { return .noSuchBackend }
            guard share <= 1 else { return .invalid }
            shares.removeAll { $0.endpoint == name && $0.tag == backend && $0.isShadow }
            if share > 0 {
                shares.append(Share(endpoint: name, tag: backend, value: share, isShadow: true))
            }
            touch(name)
        case .addPlugin(let name): addPlugin(name)
        case .removePlugin(let name): removePlugin(name)
        case .setPlugins(let names):
            for name in plugins where !names.contains(name) { removePlugin(name) }
            for name in names { addPlugin(name) }
        case .apply(let backends, let endpoints, let chain):
            middleware = chain
            return apply(backends, endpoints)
        }
        return nil
    }

    private func has(_ tag: String) -> Bool { backends.contains { $0.tag == tag } }
    private func isTaken(_ route: String?) -> Bool {
        route != nil && endpoints.contains { $0.route == route }
    }

    private mutating func touch(_ name: String) {
        for index in endpoints.indices
        where endpoints[index].name == name && endpoints[index].origin == .plugin {
            endpoints[index].origin = .hand
        }
    }

    private mutating func createEndpoint(
        _ name: String, _ tag: String, _ route: String?, _ methods: [String]
    ) -> ControlError.Code? {
        if !has(tag) { return .noSuchBackend }
        if endpoints.contains(where: { $0.name == name }) { return .alreadyExists }
        if methods.isEmpty || methods.contains("no method") { return .invalid }
        if route == "api" { return .invalid }
        if isTaken(route) { return .alreadyExists }
        deletedEndpoints.removeAll { $0 == name }
        endpoints.append(
            Endpoint(
                name: name, route: route, methods: methods.map { $0.uppercased() }.sorted(),
                origin: .hand))
        shares.append(Share(endpoint: name, tag: tag, value: 1, isShadow: false))
        return nil
    }

    private mutating func deleteEndpoint(_ name: String) {
        endpoints.removeAll { $0.name == name }
        shares.removeAll { $0.endpoint == name }
    }

    private mutating func remove(_ tag: String) {
        backends.removeAll { $0.tag == tag }
        let touched = shares.filter { $0.tag == tag }
        shares.removeAll { $0.tag == tag }
        for name in Set(touched.map(\.endpoint)) {
            touch(name)
            let sum = shares.filter { $0.endpoint == name && !$0.isShadow }.map(\.value)
                .reduce(0, +)
            if sum == 0 {
                deleteEndpoint(name)
                if plugins.contains(name) { deletedEndpoints.append(name) }
            } else if touched.contains(where: { $0.endpoint == name && !$0.isShadow }) {
                for index in shares.indices
                where shares[index].endpoint == name && !shares[index].isShadow {
                    shares[index].value /= sum
                }
            }
        }
    }

    // MARK: Plugins

    private mutating func addPlugin(_ name: String) {
        if !plugins.contains(name) { plugins.append(name) }
    }

    private func isDeclared(_ plugin: String) -> Bool {
        backends.contains { $0.plugin == plugin && $0.origin == .file }
    }

    /// The defaults, as they follow from all else.
    private mutating func settle() {
        for name in plugins.sorted() {
            if isDeclared(name) {
                removeDefaults(name)
            } else {
                if !deletedBackends.contains(name) { addDefaultBackend(name) }
                if !deletedEndpoints.contains(name) { addDefaultEndpoint(name) }
            }
            for index in endpoints.indices
            where endpoints[index].name == name && endpoints[index].origin == .plugin
                && endpoints[index].route == nil && !isTaken("/\(name)")
            {
                endpoints[index].route = "/\(name)"
            }
        }
    }

    private mutating func removeDefaults(_ name: String) {
        if endpoints.contains(where: { $0.name == name && $0.origin == .plugin }) {
            deleteEndpoint(name)
        }
        backends.removeAll { backend in
            backend.tag == name && backend.origin == .plugin
                && !shares.contains { $0.tag == name }
        }
    }

    private mutating func addDefaultBackend(_ name: String) {
        if has(name) { return }
        backends.append(Backend(tag: name, plugin: name, origin: .plugin))
    }

    private mutating func addDefaultEndpoint(_ name: String) {
        if endpoints.contains(where: { $0.name == name }) { return }
        if !backends.contains(where: { $0.tag == name && $0.plugin == name }) { return }
        endpoints.append(
            Endpoint(
                name: name, route: isTaken("/\(name)") ? nil : "/\(name)",
                methods: ["GET", "POST"], origin: .plugin))
        shares.append(Share(endpoint: name, tag: name, value: 1, isShadow: false))
    }

    private mutating func removePlugin(_ name: String) {
        if !plugins.contains(name) { return }
        plugins.removeAll { $0 == name }
        deletedBackends.removeAll { $0 == name }
        deletedEndpoints.removeAll { $0 == name }
        removeDefaults(name)
    }

    // MARK: A file

    private mutating func apply(
        _ declaredBackends: [String: BackendRecord], _ declaredEndpoints: [String: EndpointRecord]
    ) -> ControlError.Code? {
        var routes: [String] = []
        for name in declaredEndpoints.keys.sorted() {
            guard let route = declaredEndpoints[name]?.route else { continue }
            if route == "api" { return .invalid }
            if routes.contains(route) { return .alreadyExists }
            routes.append(route)
        }
        let before = self
        deletedBackends.removeAll { declaredBackends[$0] != nil }
        deletedEndpoints.removeAll { declaredEndpoints[$0] != nil }

        for endpoint in endpoints
        where endpoint.origin == .file || declaredEndpoints[endpoint.name] != nil {
            deleteEndpoint(endpoint.name)
        }
        for index in endpoints.indices
        where routes.contains(where: { $0 == endpoints[index].route }) {
            endpoints[index].route = nil
        }
        // What remains of the endpoints is not the file's: what these use stays.
        let used = shares.map(\.tag)
        backends.removeAll { $0.origin == .file || declaredBackends[$0.tag] != nil }
        for backend in before.backends
        where backend.origin == .file && declaredBackends[backend.tag] == nil {
            let hasDefault =
                plugins.contains(backend.tag) && !deletedBackends.contains(backend.tag)
                && !declaredBackends.values.contains { $0.plugin == backend.tag }
            if !hasDefault, used.contains(backend.tag) {
                var kept = backend
                kept.origin = .hand
                backends.append(kept)
            }
        }
        for (tag, record) in declaredBackends {
            backends.append(
                Backend(
                    tag: tag, plugin: record.plugin, replicas: record.options.numReplicas,
                    batch: record.options.maxBatchSize,
                    middleware: record.options.middleware, origin: .file))
        }
        for (name, record) in declaredEndpoints {
            endpoints.append(
                Endpoint(
                    name: name, route: record.route, methods: record.methods, origin: .file))
            for (tag, value) in record.traffic {
                shares.append(Share(endpoint: name, tag: tag, value: value, isShadow: false))
            }
            for (tag, value) in record.shadows {
                shares.append(Share(endpoint: name, tag: tag, value: value, isShadow: true))
            }
        }
        settle()
        if !shares.allSatisfy({ has($0.tag) }) { return .noSuchBackend }
        return nil
    }
}

extension StateModel {
    /// The rows of a state, in an order of their own.
    init(_ state: ControlState) {
        for (tag, record) in state.backends {
            backends.append(
                Backend(
                    tag: tag, plugin: record.plugin, replicas: record.options.numReplicas,
                    batch: record.options.maxBatchSize,
                    middleware: record.options.middleware, origin: record.origin))
        }
        for (name, record) in state.endpoints {
            endpoints.append(
                Endpoint(
                    name: name, route: record.route, methods: record.methods,
                    origin: record.origin))
            for (tag, value) in record.traffic {
                shares.append(Share(endpoint: name, tag: tag, value: value, isShadow: false))
            }
            for (tag, value) in record.shadows {
                shares.append(Share(endpoint: name, tag: tag, value: value, isShadow: true))
            }
        }
        plugins = Array(state.plugins)
        deletedBackends = Array(state.withdrawnBackends)
        deletedEndpoints = Array(state.withdrawnEndpoints)
        middleware = state.middleware
    }

    /// A line for each row, in order; shares to nine digits, because their sums may be taken in different orders.
    var lines: [String] {
        let shown = { (share: Double) in Int((share * 1e9).rounded()) }
        return
            (backends.map { "backend \($0.tag) \($0)" } + endpoints.map { "endpoint \($0)" }
            + shares.map { "share \($0.endpoint) \($0.tag) \($0.isShadow) \(shown($0.value))" }
            + plugins.map { "plugin \($0)" }
            + Set(deletedBackends).map { "no backend \($0)" }
            + Set(deletedEndpoints).map { "no endpoint \($0)" } + ["middleware \(middleware)"])
            .sorted()
    }
}

extension StateOperation {
    /// Only the options of a backend say nothing of who is where.
    fileprivate var mayMoveDefaults: Bool {
        if case .updateBackend = self { false } else { true }
    }
}
