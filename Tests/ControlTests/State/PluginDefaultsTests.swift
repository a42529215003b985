import HostConfigurationFiles
import HostState
import Testing

/// What a dropped library gets without any configuration, and what becomes of that.
@Suite struct PluginDefaultsTests {
    @Test("a dropped library gets a backend and an endpoint of its name; both go with it")
    func defaults() throws {
        var state = ControlState()
        state.addPlugin("echo")
        #expect(state.backends == ["echo": BackendRecord(plugin: "echo", origin: .plugin)])
        #expect(
            state.endpoints == [
                "echo": EndpointRecord(route: "/echo", traffic: ["echo": 1], origin: .plugin)
            ])
        let before = state
        state.addPlugin("echo")
        #expect(state == before)
        state.removePlugin("echo")
        #expect(state == ControlState())
    }

    @Test("a default that an operator has deleted is back only when the library is dropped anew")
    func deleted() throws {
        var state = ControlState()
        state.setPlugins(["echo", "counter"])
        try state.deleteEndpoint("echo")
        try state.deleteBackend("echo")
        // As after a restart: the library is there.
        state.setPlugins(["echo", "counter"])
        state.addPlugin("echo")
        #expect(state.backends.keys.sorted() == ["counter"])
        #expect(state.endpoints.keys.sorted() == ["counter"])
        state.removePlugin("echo")
        state.addPlugin("echo")
        #expect(state.endpoints["echo"]?.route == "/echo")
    }

    @Test("a default that an operator has changed is the operator's, and outlives the library")
    func changed() throws {
        var state = ControlState()
        state.setPlugins(["echo", "counter"])
        var options = BackendOptions()
        options.numReplicas = 2
        try state.updateBackend("echo", options)
        try state.shadowTraffic("counter", backend: "echo", share: 0.5)
        #expect(state.backends["echo"]?.origin == .hand)
        #expect(state.endpoints["counter"]?.origin == .hand)
        #expect(state.endpoints["echo"]?.origin == .plugin)
        state.setPlugins([])
        #expect(state.backends["echo"]?.options.numReplicas == 2)
        #expect(state.endpoints["counter"]?.shadows == ["echo": 0.5])
        #expect(state.endpoints["echo"] == nil)
        // The operator's endpoint still needs it: it answers 503 until the library is back.
        #expect(state.backends["counter"]?.origin == .plugin)
    }

    @Test("what is configured already is left alone")
    func occupied() throws {
        var state = ControlState()
        try state.createBackend("echo", plugin: "counter")
        try state.createEndpoint("mine", backend: "echo", route: "/counter")
        state.setPlugins(["echo", "counter"])
        // The tag is another plugin's, so /echo would call that one.
        #expect(state.backends["echo"]?.plugin == "counter")
        #expect(state.endpoints["echo"] == nil)
        // The route is taken.
        #expect(state.endpoints["counter"]?.route == nil)
        #expect(state.endpoints["counter"]?.origin == .plugin)
        #expect(state.endpoints["mine"]?.route == "/counter")
    }

    @Test("the file's backends of a plugin stand in place of its default, whatever came first")
    func declared() throws {
        let declared = try ControlState.declaration(
            backends: ["v1": BackendRecord(plugin: "echo")],
            endpoints: ["echo": EndpointRecord(route: "/echo", traffic: ["v1": 1])])
        let empty = try ControlState.declaration(backends: [:], endpoints: [:])
        var libraryFirst = ControlState()
        libraryFirst.addPlugin("echo")
        libraryFirst = try libraryFirst.applying(declared).state
        var fileFirst = try ControlState().applying(declared).state
        fileFirst.addPlugin("echo")
        #expect(libraryFirst == fileFirst)
        #expect(libraryFirst.backends.keys.sorted() == ["v1"])
        var defaults = ControlState()
        defaults.addPlugin("echo")
        #expect(try libraryFirst.applying(empty).state == defaults)
        // An operator's backends take nothing away: what serves goes on.
        try defaults.createBackend("v2", plugin: "echo")
        #expect(defaults.backends.keys.sorted() == ["echo", "v2"])
        var early = ControlState()
        try early.createBackend("v2", plugin: "echo")
        early.addPlugin("echo")
        #expect(early == defaults)
    }

    @Test("a name that can't stand in a route gets nothing")
    func invalidName() {
        var state = ControlState()
        state.addPlugin("a b")
        #expect(state == ControlState())
    }
}
