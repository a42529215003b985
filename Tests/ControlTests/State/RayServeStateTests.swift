import Foundation
import HostConfigurationFiles
import HostCore
import HostState
import Testing

/// The rows of Ray Serve 1.2's semantics that the configured state keeps, a test for each, named after the row.
@Suite struct RayServeStateTests {
    private func options(_ json: String) throws -> BackendOptions {
        try JSONDecoder().decode(BackendOptions.self, from: Data(json.utf8))
    }

    @Test("create_backend(tag, class, *init_args, config): a duplicate tag is an error")
    func createBackend() throws {
        var state = ControlState()
        try state.createBackend(
            "counter:v1", plugin: "counter", options: options(#"{"num_replicas": 2}"#))
        #expect(
            state.backends == [
                "counter:v1": BackendRecord(
                    plugin: "counter", options: try options(#"{"num_replicas": 2}"#), origin: .hand)
            ])
        let error = #expect(throws: ControlError.self) {
            try state.createBackend("counter:v1", plugin: "counter")
        }
        #expect(error?.code == .alreadyExists)
        #expect(state.backends["counter:v1"]?.options.numReplicas == 2)
        // One plugin, several backends.
        try state.createBackend("counter:v2", plugin: "counter")
        #expect(state.backends["counter:v2"]?.options == BackendOptions())
    }

    @Test("update_backend_config: merges only the keys that are set; an unknown tag is an error")
    func updateBackendConfig() throws {
        var state = ControlState()
        try state.createBackend(
            "v1", plugin: "counter",
            options: options(
                #"{"num_replicas": 2, "max_batch_size": 8, "batch_wait_timeout": "2ms"}"#))
        try state.updateBackend(
            "v1", options(#"{"max_batch_size": 16, "user_config": {"model": "small"}}"#))
        #expect(
            state.backends["v1"]?.options
                == (try options(
                    #"""
                    {"num_replicas": 2, "max_batch_size": 16, "batch_wait_timeout": "2ms",
                     "user_config": {"model": "small"}}
                    """#)))
        #expect(state.backends["v1"]?.plugin == "counter")
        let error = #expect(throws: ControlError.self) {
            try state.updateBackend("v2", BackendOptions())
        }
        #expect(error?.code == .noSuchBackend)
    }

    @Test(
        "delete_backend(tag, force): still in a traffic or shadow policy, or missing: error; the tag can be used again"
    )
    func deleteBackend() throws {
        var state = ControlState()
        for tag in ["v1", "v2", "v3"] { try state.createBackend(tag, plugin: "counter") }
        try state.createEndpoint("api", backend: "v1")
        try state.shadowTraffic("api", backend: "v2", share: 0.5)
        let before = state
        for tag in ["v1", "v2"] {
            let error = #expect(throws: ControlError.self) { try state.deleteBackend(tag) }
            #expect(error?.code == .backendInUse)
            #expect(error?.message.contains("the endpoint api:") == true)
        }
        // Ray Serve says nothing of one that is missing; a slip of the finger must not pass for a deletion.
        for force in [false, true] {
            let error = #expect(throws: ControlError.self) {
                try state.deleteBackend("v", force: force)
            }
            #expect(error?.code == .noSuchBackend)
        }
        #expect(state == before)
        try state.deleteBackend("v3")
        #expect(state.backends.keys.sorted() == ["v1", "v2"])
        try state.createBackend("v3", plugin: "echo")
        #expect(state.backends["v3"]?.plugin == "echo")

        try state.setTraffic("api", ["v1": 0.5, "v3": 0.5])
        try state.deleteBackend("v2", force: true)
        try state.deleteBackend("v1", force: true)
        #expect(state.endpoints["api"]?.traffic == ["v3": 1])
        #expect(state.endpoints["api"]?.shadows == [:])
    }

    @Test(
        "create_endpoint(name, backend, route, methods): unknown backend, duplicate name or route: error; no route: reachable by handle alone"
    )
    func createEndpoint() throws {
        var state = ControlState()
        try state.createBackend("v1", plugin: "counter")
        try state.createEndpoint("api", backend: "v1", route: "/api")
        try state.createEndpoint("prefix", backend: "v1", route: "/api/*", methods: ["get"])
        try state.createEndpoint("inner", backend: "v1")
        #expect(
            state.endpoints["api"]
                == EndpointRecord(route: "/api", methods: ["GET", "POST"], traffic: ["v1": 1]))
        #expect(state.endpoints["prefix"]?.route == "/api/*")
        #expect(state.endpoints["prefix"]?.methods == ["GET"])
        #expect(state.endpoints["inner"]?.route == nil)
        let before = state
        let refusals: [(ControlError.Code, (inout ControlState) throws -> Void)] = [
            (.noSuchBackend, { try $0.createEndpoint("new", backend: "v2") }),
            (.alreadyExists, { try $0.createEndpoint("api", backend: "v1") }),
            (.alreadyExists, { try $0.createEndpoint("new", backend: "v1", route: "/api") }),
            (.alreadyExists, { try $0.createEndpoint("new", backend: "v1", route: "/api/*") }),
            (.invalid, { try $0.createEndpoint("new", backend: "v1", route: "new") }),
        ]
        for (code, operation) in refusals {
            let error = #expect(throws: ControlError.self) { try operation(&state) }
            #expect(error?.code == code)
        }
        #expect(state == before)
    }

    @Test(
        "delete_endpoint: missing: error; its backends stay; the name can be used again")
    func deleteEndpoint() throws {
        var state = ControlState()
        try state.createBackend("v1", plugin: "counter")
        let before = state
        try state.createEndpoint("api", backend: "v1", route: "/api")
        let error = #expect(throws: ControlError.self) { try state.deleteEndpoint("apy") }
        #expect(error?.message == "no endpoint apy; did you mean api?")
        #expect(state.endpoints.count == 1)
        try state.deleteEndpoint("api")
        #expect(state == before)
        try state.createEndpoint("api", backend: "v1", route: "/api")
        #expect(state.endpoints["api"]?.traffic == ["v1": 1])
    }

    @Test(
        "list_backends, list_endpoints: tag to config; name to route, methods, traffic, shadows")
    func list() throws {
        var state = ControlState()
        try state.createBackend(
            "v1", plugin: "counter", options: options(#"{"max_batch_size": 2}"#))
        try state.createBackend("v2", plugin: "counter")
        try state.createEndpoint("api", backend: "v1", route: "/api", methods: ["PUT"])
        try state.setTraffic("api", ["v1": 0.75, "v2": 0.25])
        try state.shadowTraffic("api", backend: "v2", share: 0.5)
        #expect(state.backends.mapValues(\.options.maxBatchSize) == ["v1": 2, "v2": nil])
        #expect(
            state.endpoints == [
                "api": EndpointRecord(
                    route: "/api", methods: ["PUT"], traffic: ["v1": 0.75, "v2": 0.25],
                    shadows: ["v2": 0.5], origin: .hand)
            ])
        // As the admin API sends it.
        let sent = try JSONEncoder().encode(state)
        #expect(try JSONDecoder().decode(ControlState.self, from: sent) == state)
    }

    @Test(
        "set_traffic: weights at least 0, sum 1 within 1e-8; unknown: error; keeps shadows")
    func setTraffic() throws {
        var state = ControlState()
        for tag in ["v1", "v2"] { try state.createBackend(tag, plugin: "counter") }
        try state.createEndpoint("api", backend: "v1", route: "/api")
        try state.shadowTraffic("api", backend: "v2", share: 0.5)
        for weights in [
            ["v1": 0, "v2": 1], ["v1": 0.3, "v2": 0.7], ["v1": 0.5, "v2": 0.500000009],
        ] {
            try state.setTraffic("api", weights)
            #expect(state.endpoints["api"]?.traffic == weights)
            #expect(state.endpoints["api"]?.shadows == ["v2": 0.5])
        }
        let before = state
        let refusals: [(String, [String: Double], ControlError.Code)] = [
            ("api", ["v1": 0.5, "v2": 0.50000002], .contradiction),
            ("api", ["v1": 0.5], .contradiction), ("api", [:], .contradiction),
            ("api", ["v1": 1.5, "v2": -0.5], .invalid),
            ("api", ["v3": 1], .noSuchBackend), ("new", ["v1": 1], .noSuchEndpoint),
        ]
        for (name, weights, code) in refusals {
            let error = #expect(throws: ControlError.self) { try state.setTraffic(name, weights) }
            #expect(error?.code == code)
        }
        #expect(state == before)
    }

    @Test("shadow_traffic(endpoint, backend, share): 0 to 1; 0 removes")
    func shadowTraffic() throws {
        var state = ControlState()
        for tag in ["v1", "v2"] { try state.createBackend(tag, plugin: "counter") }
        try state.createEndpoint("api", backend: "v1")
        let before = state
        try state.shadowTraffic("api", backend: "v2", share: 1)
        try state.shadowTraffic("api", backend: "v1", share: 0.25)
        #expect(state.endpoints["api"]?.shadows == ["v1": 0.25, "v2": 1])
        #expect(state.endpoints["api"]?.traffic == ["v1": 1])
        for share in [-0.01, 1.01] {
            let error = #expect(throws: ControlError.self) {
                try state.shadowTraffic("api", backend: "v2", share: share)
            }
            #expect(error?.code == .invalid)
        }
        try state.shadowTraffic("api", backend: "v2", share: 0)
        try state.shadowTraffic("api", backend: "v1", share: 0)
        #expect(state == before)
        try state.shadowTraffic("api", backend: "v1", share: 0)
        #expect(state == before)
    }
}
