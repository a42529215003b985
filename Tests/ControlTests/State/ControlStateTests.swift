import HostConfigurationFiles
import HostCore
import HostForms
import HostState
import Testing

/// What each operation refuses, word for word, and that a refusal changes nothing.
@Suite struct ControlStateTests {
    /// The backends v1 and v2, and the endpoint api at /api, which v1 answers.
    private func example() throws -> ControlState {
        var state = ControlState()
        try state.createBackend("v1", plugin: "counter")
        try state.createBackend("v2", plugin: "counter")
        try state.createEndpoint("api", backend: "v1", route: "/api")
        return state
    }

    private func expect(
        _ code: ControlError.Code, _ message: String, from state: ControlState? = nil,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ operation: (inout ControlState) throws -> Void
    ) throws {
        let before = try state ?? example()
        var after = before
        let error = #expect(throws: ControlError.self, sourceLocation: sourceLocation) {
            try operation(&after)
        }
        #expect(error?.code == code, sourceLocation: sourceLocation)
        #expect(error?.message == message, sourceLocation: sourceLocation)
        #expect(after == before, "a refusal changes nothing", sourceLocation: sourceLocation)
    }

    // MARK: Backends

    @Test("a tag that is taken is refused")
    func duplicateTag() throws {
        try expect(
            .alreadyExists,
            "there is a backend v1 already: update it, delete it first, or choose another tag"
        ) { try $0.createBackend("v1", plugin: "echo") }
    }

    @Test(
        "a tag that can't be is refused",
        arguments: [
            "", ".", "..", "a\nb", "\t", "\u{7F}", "a\u{2028}", String(repeating: "ä", count: 256),
        ])
    func invalidTags(tag: String) throws {
        let rule =
            "use 1 to 255 characters of one line that can be seen, in Unicode's composed form, but not . or .. alone"
        try expect(.invalid, "\(tag.debugDescription) can't be the tag of a backend: \(rule)") {
            try $0.createBackend(tag, plugin: "echo")
        }
    }

    @Test(
        "a tag may be any other text",
        arguments: ["-v1", "a b", "a/b", "ä", "...", "😀=%2F", String(repeating: "ä", count: 255)])
    func anyTag(tag: String) throws {
        var state = try example()
        try state.createBackend(tag, plugin: "echo")
        try state.setTraffic("api", [tag: 1])
        #expect(state.endpoints["api"]?.traffic == [tag: 1])
    }

    @Test(
        "a name that can't be is refused",
        arguments: ["", "-v1", "a b", "a/b", "ä", "a\n", String(repeating: "a", count: 256)])
    func invalidNames(name: String) throws {
        let rule = "use letters, digits and - _ . : @ +, a letter or digit first, and 255 at most"
        try expect(.invalid, "\(name.debugDescription) can't be the name of an endpoint: \(rule)") {
            try $0.createEndpoint(name, backend: "v1")
        }
    }

    @Test("Ray Serve's tags can be", arguments: ["lr:v1", "my_backend", "a.b-c@2+x", "0"])
    func validNames(name: String) throws {
        var state = try example()
        try state.createBackend(name, plugin: "echo")
        try state.createEndpoint(name, backend: name)
        #expect(state.endpoints[name]?.traffic == [name: 1])
    }

    @Test("what is no plugin's name is refused")
    func invalidPlugin() throws {
        try expect(
            .invalid,
            #"backend v3: "../x" is no name of a plugin: use that of its library, echo for libecho.so"#
        ) { try $0.createBackend("v3", plugin: "../x") }
    }

    @Test("a configuration that can't be stored is refused")
    func unstorable() throws {
        var options = BackendOptions()
        options.userConfig = .number(.nan)
        let error = #expect(throws: ControlError.self) {
            var state = ControlState()
            try state.createBackend("v1", plugin: "echo", options: options)
        }
        #expect(error?.code == .invalid)
        #expect(
            error?.message.hasPrefix("backend v1: its configuration can't be written as JSON")
                == true)
    }

    @Test("an update of a backend that isn't there names those that are, the first twenty of many")
    func unknownBackend() throws {
        try expect(.noSuchBackend, "no backend v3; did you mean v1?") {
            try $0.updateBackend("v3", BackendOptions())
        }
        try expect(.noSuchBackend, "no backend v3; there are none", from: ControlState()) {
            try $0.updateBackend("v3", BackendOptions())
        }
        var many = ControlState()
        for index in 0..<23 { try many.createBackend("b\(10 + index)", plugin: "echo") }
        let shown = (10..<30).map { "b\($0)" }.joined(separator: ", ")
        try expect(.noSuchBackend, "no backend v3; there are: \(shown) and 3 more", from: many) {
            try $0.updateBackend("v3", BackendOptions())
        }
    }

    @Test("a backend in use is not deleted; the error names the endpoints, one or several")
    func backendInUse() throws {
        let rest = "take it out of the traffic and the shadows first, or delete it with --force"
        try expect(.backendInUse, "backend v1 is in use by the endpoint api: \(rest)") {
            try $0.deleteBackend("v1")
        }
        var state = try example()
        try state.createEndpoint("zoo", backend: "v2")
        try state.shadowTraffic("zoo", backend: "v1", share: 0.1)
        try state.createEndpoint("idle", backend: "v2")
        try state.setTraffic("idle", ["v1": 0, "v2": 1])
        try expect(
            .backendInUse, "backend v1 is in use by the endpoints api, idle, zoo: \(rest)",
            from: state
        ) { try $0.deleteBackend("v1") }
    }

    @Test(
        "a forced deletion takes the backend out of every policy, and endpoints that have no other")
    func force() throws {
        var state = try example()
        try state.createBackend("v3", plugin: "counter")
        try state.createEndpoint("shared", backend: "v1", route: "/shared")
        try state.setTraffic("shared", ["v1": 0.2, "v2": 0.2, "v3": 0.6])
        try state.createEndpoint("shadowed", backend: "v2")
        try state.shadowTraffic("shadowed", backend: "v1", share: 0.5)
        try state.shadowTraffic("shadowed", backend: "v3", share: 0.1)
        try state.createEndpoint("idle", backend: "v1")
        try state.setTraffic("idle", ["v1": 1, "v2": 0])
        try state.createEndpoint("other", backend: "v2")
        let other = state.endpoints["other"]

        try state.deleteBackend("v1", force: true)

        #expect(state.backends.keys.sorted() == ["v2", "v3"])
        #expect(state.endpoints.keys.sorted() == ["other", "shadowed", "shared"])
        let traffic = try #require(state.endpoints["shared"]?.traffic)
        #expect(traffic.keys.sorted() == ["v2", "v3"])
        #expect(abs((traffic["v2"] ?? 0) - 0.25) < 1e-12)
        #expect(abs((traffic["v3"] ?? 0) - 0.75) < 1e-12)
        #expect(state.endpoints["shared"]?.route == "/shared")
        #expect(state.endpoints["shadowed"]?.traffic == ["v2": 1])
        #expect(state.endpoints["shadowed"]?.shadows == ["v3": 0.1])
        #expect(state.endpoints["other"] == other)
        #expect(state.endpoints(using: "v1") == [])
    }

    // MARK: Endpoints

    @Test("an endpoint whose backend, name or route can't be is refused")
    func refusedEndpoints() throws {
        try expect(.noSuchBackend, "no backend v3; did you mean v1?") {
            try $0.createEndpoint("new", backend: "v3")
        }
        try expect(
            .alreadyExists,
            "there is an endpoint api already: delete it first, or choose another name"
        ) { try $0.createEndpoint("api", backend: "v2") }
        try expect(
            .alreadyExists,
            "endpoint new: the route /api is that of the endpoint api: choose another, "
                + "or delete api first"
        ) { try $0.createEndpoint("new", backend: "v2", route: "/api") }
    }

    @Test(
        "a route that can't be is refused, and says why",
        arguments: [
            ("", "it must begin with /"), ("api", "it must begin with /"),
            ("/-", "/-/ is the host's own"), ("/-/routes", "/-/ is the host's own"),
            ("/-/*", "/-/ is the host's own"),
            ("/a*", "a * may only be the whole last part, as in /name/*"),
            ("/*/a", "a * may only be the whole last part, as in /name/*"),
            ("/a/*/*", "a * may only be the whole last part, as in /name/*"),
            (
                "/a b",
                "write what is no visible ASCII, ? or # as % and two hexadecimal digits, as clients send it"
            ),
            (
                "/a?b",
                "write what is no visible ASCII, ? or # as % and two hexadecimal digits, as clients send it"
            ),
        ])
    func invalidRoute(route: String, reason: String) throws {
        try expect(
            .invalid, "endpoint new: \(route.debugDescription) can't be a route: \(reason)"
        ) {
            try $0.createEndpoint("new", backend: "v1", route: route)
        }
    }

    @Test(
        "exact routes and prefixes can be, also beside each other",
        arguments: ["/", "/*", "/api/*", "/api/", "/-x", "/a%20b", "/a.b/c~d"])
    func validRoute(route: String) throws {
        var state = try example()
        try state.createEndpoint("new", backend: "v1", route: route)
        #expect(state.endpoints["new"]?.route == route)
    }

    @Test("methods are those that a file may say, stored in capitals, sorted, each once")
    func methods() throws {
        var state = try example()
        #expect(state.endpoints["api"]?.methods == ["GET", "POST"])
        try state.createEndpoint("new", backend: "v1", methods: ["put", "GET", "Put", "OPTIONS"])
        #expect(state.endpoints["new"]?.methods == ["GET", "OPTIONS", "PUT"])
        for method in ["", "GET POST", "FOO", "M-SEARCH", "É"] {
            try expect(
                .invalid,
                "endpoint e: it can't take the HTTP method \(method.debugDescription): there are "
                    + "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
            ) {
                try $0.createEndpoint("e", backend: "v1", methods: ["GET", method])
            }
        }
        try expect(
            .invalid, "endpoint e: it must take one HTTP method at least, such as GET"
        ) { try $0.createEndpoint("e", backend: "v1", methods: []) }
    }

    // MARK: Policies

    @Test("weights that can't be are refused")
    func weights() throws {
        try expect(.noSuchEndpoint, "no endpoint new; there are: api") {
            try $0.setTraffic("new", ["v1": 1])
        }
        try expect(.noSuchBackend, "no backend v3; did you mean v1?") {
            try $0.setTraffic("api", ["v1": 0.5, "v3": 0.5])
        }
        for sum in [[:], ["v1": 0.9], ["v1": 1, "v2": 2e-8]] as [[String: Double]] {
            let shown = sum.values.sorted().reduce(0, +)
            try expect(
                .contradiction, "endpoint api: the weights sum to \(shown): they must sum to 1"
            ) { try $0.setTraffic("api", sum) }
        }
        for weight in [-0.1, .nan, .infinity] {
            try expect(
                .invalid,
                "endpoint api: the weight of v2 is \(weight): it must be a number, 0 or more"
            ) { try $0.setTraffic("api", ["v1": 1.1, "v2": weight]) }
        }
        var state = try example()
        try state.setTraffic("api", ["v1": 0.5, "v2": 0.5 + 5e-9])
        #expect(state.endpoints["api"]?.traffic == ["v1": 0.5, "v2": 0.5 + 5e-9])
    }

    @Test("shares that can't be are refused")
    func shares() throws {
        try expect(.noSuchEndpoint, "no endpoint new; there are: api") {
            try $0.shadowTraffic("new", backend: "v1", share: 1)
        }
        for share in [0, 0.5] {
            try expect(.noSuchBackend, "no backend v3; did you mean v1?") {
                try $0.shadowTraffic("api", backend: "v3", share: share)
            }
        }
        for share in [-0.1, 1.1, .nan, .infinity] {
            try expect(
                .invalid,
                "endpoint api: the share of v2 in the shadow traffic is \(share): it must be a number from 0 to 1"
            ) { try $0.shadowTraffic("api", backend: "v2", share: share) }
        }
    }

    // MARK: Parts

    @Test("a state is not made of parts that break a rule")
    func parts() throws {
        let state = try example()
        let whole = try ControlState(
            backends: state.backends, endpoints: state.endpoints, plugins: ["echo"])
        #expect(whole.endpoints == state.endpoints)
        #expect(whole.plugins == ["echo"])
        #expect(throws: ControlError.self) {
            try ControlState(backends: [:], endpoints: state.endpoints, plugins: [])
        }
        var half = try #require(state.endpoints["api"])
        half.traffic = ["v1": 0.5]
        #expect(throws: ControlError.self) {
            try ControlState(backends: state.backends, endpoints: ["api": half], plugins: [])
        }
        half.traffic = ["v1": 1]
        half.shadows = ["v2": 0]
        #expect(throws: ControlError.self) {
            try ControlState(backends: state.backends, endpoints: ["api": half], plugins: [])
        }
    }
}
