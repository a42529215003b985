import HostConfigurationFiles
import HostCore
import HostState
import Testing

/// What comes of it when a configuration file is applied.
@Suite struct DeclarationTests {
    private func options(replicas: Int) -> BackendOptions {
        var options = BackendOptions()
        options.numReplicas = replicas
        return options
    }

    private func declaration(
        backends: [String: BackendRecord] = [:], endpoints: [String: EndpointRecord] = [:]
    ) throws -> ControlState {
        try ControlState.declaration(backends: backends, endpoints: endpoints)
    }

    /// Applies, and again, which must change nothing; the changes must be those between the states.
    private func apply(
        _ declared: ControlState, to state: inout ControlState,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String] {
        let (next, changes) = try state.applying(declared)
        let (again, none) = try next.applying(declared)
        #expect(again == next, sourceLocation: sourceLocation)
        #expect(none == [], sourceLocation: sourceLocation)
        #expect(state.changes(to: next) == changes, sourceLocation: sourceLocation)
        state = next
        return changes.map(\.description)
    }

    @Test("what is declared replaces what earlier files declared, and nothing else")
    func replaces() throws {
        var state = ControlState()
        state.addPlugin("echo")
        try state.createBackend("mine", plugin: "counter")
        try state.createEndpoint("mine", backend: "mine", route: "/mine")
        let others = state

        let first = try declaration(
            backends: [
                "v1": BackendRecord(plugin: "counter", options: options(replicas: 2)),
                "v2": BackendRecord(plugin: "counter"),
            ],
            endpoints: [
                "api": EndpointRecord(
                    route: "/api", traffic: ["v1": 0.9, "v2": 0.1], shadows: ["echo": 0.5]),
                "old": EndpointRecord(traffic: ["mine": 1]),
            ])
        #expect(
            try apply(first, to: &state) == [
                "backend v1: created, plugin counter, num_replicas 2",
                "backend v2: created, plugin counter",
                "endpoint api: created, route /api, methods GET POST, traffic v1 0.9, v2 0.1, shadows echo 0.5",
                "endpoint old: created, route none, methods GET POST, traffic mine 1",
            ])
        #expect(state.backends["v1"]?.origin == .file)
        #expect(state.endpoints["api"]?.origin == .file)

        let second = try declaration(
            backends: ["v1": BackendRecord(plugin: "echo", options: options(replicas: 4))],
            endpoints: [
                "api": EndpointRecord(route: "/api/*", methods: ["get"], traffic: ["v1": 1])
            ])
        // The file has a backend of echo now, so that echo has none by default.
        #expect(
            try apply(second, to: &state) == [
                "backend v1: plugin counter -> echo, num_replicas 2 -> 4",
                "endpoint echo: deleted",
                "endpoint old: deleted",
                "endpoint api: route /api -> /api/*, methods GET POST -> GET",
                "endpoint api: traffic v1 0.9, v2 0.1 -> v1 1",
                "endpoint api: shadows echo 0.5 -> none",
                "backend echo: deleted",
                "backend v2: deleted",
            ])
        #expect(
            try apply(declaration(), to: &state) == [
                "backend echo: created, plugin echo",
                "endpoint api: deleted",
                "endpoint echo: created, route /echo, methods GET POST, traffic echo 1",
                "backend v1: deleted",
            ])
        #expect(state == others)
    }

    @Test("the file takes over a name that an operator or a plugin has, with what it says alone")
    func takesOver() throws {
        var state = ControlState()
        state.addPlugin("echo")
        try state.createBackend("mine", plugin: "counter", options: options(replicas: 3))
        let declared = try declaration(
            backends: [
                "mine": BackendRecord(plugin: "counter"),
                "echo": BackendRecord(plugin: "echo", options: options(replicas: 2)),
            ])
        #expect(
            try apply(declared, to: &state) == [
                "backend echo: num_replicas 2, is the file's now, was a plugin's default",
                "backend mine: num_replicas 3 -> default, is the file's now, was an operator's",
                "endpoint echo: deleted",
            ])
        // Let go of, the one goes, the other is a default again.
        #expect(
            try apply(declaration(), to: &state) == [
                "backend echo: num_replicas 2 -> default, is a plugin's default now, was the file's",
                "endpoint echo: created, route /echo, methods GET POST, traffic echo 1",
                "backend mine: deleted",
            ])
    }

    @Test(
        "the file takes over a route: who had it is reachable by handle, a default until it is free"
    )
    func takesRoute() throws {
        var state = ControlState()
        state.addPlugin("echo")
        try state.createEndpoint("mine", backend: "echo", route: "/mine")
        let before = state
        let declared = try declaration(
            endpoints: [
                "a": EndpointRecord(route: "/echo", traffic: ["echo": 1]),
                "b": EndpointRecord(route: "/mine", traffic: ["echo": 1]),
            ])
        #expect(
            try apply(declared, to: &state) == [
                "endpoint echo: route /echo -> none",
                "endpoint mine: route /mine -> none",
                "endpoint a: created, route /echo, methods GET POST, traffic echo 1",
                "endpoint b: created, route /mine, methods GET POST, traffic echo 1",
            ])
        #expect(
            try apply(declaration(), to: &state) == [
                "endpoint a: deleted", "endpoint b: deleted", "endpoint echo: route none -> /echo",
            ])
        #expect(state.endpoints["echo"] == before.endpoints["echo"])
        #expect(state.endpoints["mine"]?.route == nil)
    }

    @Test(
        "a backend that an operator's endpoint uses stays, as the operator's, when it is let go of")
    func keepsWhatIsUsed() throws {
        var state = ControlState()
        let declared = try declaration(backends: ["v1": BackendRecord(plugin: "counter")])
        _ = try apply(declared, to: &state)
        try state.createEndpoint("mine", backend: "v1")
        #expect(
            try apply(declaration(), to: &state) == [
                "backend v1: is an operator's now, was the file's"
            ])
        #expect(state.backends["v1"]?.origin == .hand)
    }

    @Test("what an operator changed of the file's is set back; what was deleted is there again")
    func setsBack() throws {
        var state = ControlState()
        let declared = try declaration(
            backends: ["v1": BackendRecord(plugin: "counter", options: options(replicas: 2))],
            endpoints: ["api": EndpointRecord(route: "/api", traffic: ["v1": 1])])
        _ = try apply(declared, to: &state)
        let applied = state
        try state.updateBackend("v1", options(replicas: 5))
        #expect(state.backends["v1"]?.origin == .file)
        try state.deleteEndpoint("api")
        #expect(
            try apply(declared, to: &state) == [
                "backend v1: num_replicas 5 -> 2",
                "endpoint api: created, route /api, methods GET POST, traffic v1 1",
            ])
        #expect(state == applied)
    }

    @Test("an endpoint of the file with a backend that nobody has is an error that names both")
    func unknownBackend() throws {
        var state = ControlState()
        state.addPlugin("echo")
        let declared = try declaration(
            endpoints: ["api": EndpointRecord(route: "/api", traffic: ["ecoh": 1])])
        let error = #expect(throws: ControlError.self) { try state.applying(declared) }
        #expect(error?.code == .noSuchBackend)
        #expect(error?.message == "endpoint api: no backend ecoh; did you mean echo?")
        // Nor may it use what only an earlier file declared: a new host would refuse the same file.
        let earlier = try declaration(backends: ["ecoh": BackendRecord(plugin: "echo")])
        _ = try apply(earlier, to: &state)
        #expect(throws: ControlError.self) { try state.applying(declared) }
    }

    @Test("a declaration that breaks a rule is none")
    func invalidDeclaration() throws {
        #expect(throws: ControlError.self) {
            try declaration(endpoints: ["a": EndpointRecord(traffic: ["v1": 0.5])])
        }
        #expect(throws: ControlError.self) {
            try declaration(endpoints: [
                "a": EndpointRecord(route: "/x", traffic: ["v1": 1]),
                "b": EndpointRecord(route: "/x", traffic: ["v1": 1]),
            ])
        }
    }

    @Test("500 backends and 500 endpoints are applied in no time that grows with their square")
    func many() throws {
        var backends: [String: BackendRecord] = [:]
        var endpoints: [String: EndpointRecord] = [:]
        for index in 0..<500 {
            backends["b\(index)"] = BackendRecord(plugin: "echo", options: options(replicas: 2))
            endpoints["e\(index)"] = EndpointRecord(
                route: "/e\(index)", traffic: ["b\(index)": 1])
        }
        let clock = ContinuousClock()
        var state = ControlState()
        let first = try clock.measure {
            let declared = try declaration(backends: backends, endpoints: endpoints)
            state = try state.applying(declared).state
        }
        #expect(state.endpoints.count == 500)
        let second = try clock.measure {
            let declared = try declaration(backends: backends, endpoints: endpoints)
            #expect(try state.applying(declared).changes == [])
        }
        // Well under a second alone, in a debug build.
        #expect(first < .seconds(10) && second < .seconds(10), "\(first), \(second)")
    }
}
