package import HostConfigurationFiles
package import HostCore
internal import HostForms
package import HostPipeline
package import HostState

/// An operation on the configured state, as a value: for tests that draw many and try them here and there.
package enum StateOperation: Sendable {
    case createBackend(String, plugin: String, BackendOptions)
    case updateBackend(String, BackendOptions)
    case deleteBackend(String, force: Bool)
    case createEndpoint(String, backend: String, route: String?, methods: [String])
    case deleteEndpoint(String)
    case setTraffic(String, [String: Double])
    case shadowTraffic(String, backend: String, share: Double)
    case addPlugin(String)
    case removePlugin(String)
    case setPlugins(Set<String>)
    case apply(
        backends: [String: BackendRecord], endpoints: [String: EndpointRecord],
        middleware: [MiddlewareEntry])

    package func perform(on state: inout ControlState) throws(ControlError) {
        switch self {
        case .createBackend(let tag, let plugin, let options):
            try state.createBackend(tag, plugin: plugin, options: options)
        case .updateBackend(let tag, let options):
            try state.updateBackend(tag, options)
        case .deleteBackend(let tag, let force):
            try state.deleteBackend(tag, force: force)
        case .createEndpoint(let name, let backend, let route, let methods):
            try state.createEndpoint(name, backend: backend, route: route, methods: methods)
        case .deleteEndpoint(let name):
            try state.deleteEndpoint(name)
        case .setTraffic(let name, let weights):
            try state.setTraffic(name, weights)
        case .shadowTraffic(let name, let backend, let share):
            try state.shadowTraffic(name, backend: backend, share: share)
        case .addPlugin(let name):
            state.addPlugin(name)
        case .removePlugin(let name):
            state.removePlugin(name)
        case .setPlugins(let names):
            state.setPlugins(names)
        case .apply(let backends, let endpoints, let middleware):
            let declared = try ControlState.declaration(
                backends: backends, endpoints: endpoints, middleware: middleware)
            state = try state.applying(declared).state
        }
    }
}

extension StateOperation {
    // Few of each, so that they meet: plugins, tags and names share some, as defaults do.
    private static let plugins = ["echo", "counter", "words"]
    private static let tags = plugins + ["v1", "v2", "v3"]
    private static let names = plugins + ["api", "inner"]
    private static let routes = ["/echo", "/counter", "/api", "/api/*", "/"]
    private static let stages = [
        MiddlewareEntry(name: "request-id"),
        MiddlewareEntry(name: "timeout", options: ["after": "1s"]),
        MiddlewareEntry(name: "timeout", options: ["after": "2s"]),
    ]
    private static let methods = [["GET", "POST"], ["put", "GET"], ["DELETE"], ["no method"], []]

    /// Does not look at a state: many are refused, each for some reason of its own.
    package static func random(using numbers: inout SeededNumbers) -> StateOperation {
        switch Int.random(in: 0..<100, using: &numbers) {
        case 0..<20:
            return .createBackend(
                tags.pick(&numbers), plugin: plugins.pick(&numbers), options(&numbers))
        case 20..<28: return .updateBackend(tags.pick(&numbers), options(&numbers))
        case 28..<38:
            return .deleteBackend(tags.pick(&numbers), force: Bool.random(using: &numbers))
        case 38..<52:
            return .createEndpoint(
                names.pick(&numbers), backend: tags.pick(&numbers), route: route(&numbers),
                methods: methods.pick(&numbers))
        case 52..<57: return .deleteEndpoint(names.pick(&numbers))
        case 57..<71: return .setTraffic(names.pick(&numbers), weights(&numbers))
        case 71..<81:
            return .shadowTraffic(
                names.pick(&numbers), backend: tags.pick(&numbers),
                share: [0, 0.25, 1, 1.5].pick(&numbers))
        case 81..<86: return .addPlugin(plugins.pick(&numbers))
        case 86..<89: return .removePlugin(plugins.pick(&numbers))
        case 89..<91: return .setPlugins(Set(subset(of: plugins, &numbers)))
        default: return declaration(&numbers)
        }
    }

    private static func declaration(_ numbers: inout SeededNumbers) -> StateOperation {
        var backends: [String: BackendRecord] = [:]
        for tag in subset(of: tags, &numbers) {
            backends[tag] = BackendRecord(
                plugin: plugins.pick(&numbers), options: options(&numbers))
        }
        // Mostly such backends as the file has, or a file with endpoints would hardly ever be accepted.
        let known = backends.isEmpty ? tags : backends.keys.sorted()
        var endpoints: [String: EndpointRecord] = [:]
        for name in subset(of: names, &numbers) where Bool.random(using: &numbers) {
            let isStrange = Int.random(in: 0..<10, using: &numbers) == 0
            endpoints[name] = EndpointRecord(
                route: route(&numbers), traffic: [(isStrange ? tags : known).pick(&numbers): 1],
                shadows: Bool.random(using: &numbers) ? [known.pick(&numbers): 0.5] : [:])
        }
        return .apply(
            backends: backends, endpoints: endpoints,
            middleware: subset(of: stages, &numbers).shuffled(using: &numbers))
    }

    private static func options(_ numbers: inout SeededNumbers) -> BackendOptions {
        var options = BackendOptions()
        if Bool.random(using: &numbers) {
            options.numReplicas = Int.random(in: 1...4, using: &numbers)
        }
        if Bool.random(using: &numbers) {
            options.maxBatchSize = Int.random(in: 1...4, using: &numbers)
        }
        if Int.random(in: 0..<4, using: &numbers) == 0 {
            options.middleware = subset(of: stages, &numbers)
        }
        return options
    }

    private static func route(_ numbers: inout SeededNumbers) -> String? {
        switch Int.random(in: 0..<10, using: &numbers) {
        case 0..<3: nil
        case 3: "api"
        default: routes.pick(&numbers)
        }
    }

    private static func weights(_ numbers: inout SeededNumbers) -> [String: Double] {
        let (one, other) = (tags.pick(&numbers), tags.pick(&numbers))
        if one == other { return [one: 1] }
        let weight = [0, 0.1, 0.5, 1].pick(&numbers)
        return [one: weight, other: [1 - weight, 1 - weight, 1 - weight, 0.7].pick(&numbers)]
    }

    private static func subset<Element>(
        of all: [Element], _ numbers: inout SeededNumbers
    ) -> [Element] {
        all.filter { _ in Bool.random(using: &numbers) }
    }
}

extension Array {
    fileprivate func pick(_ numbers: inout SeededNumbers) -> Element {
        self[Int.random(in: indices, using: &numbers)]
    }
}
