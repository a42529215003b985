import HostDispatch
import HostPipeline
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

@Suite struct RouteTableTests {
    private let routes = RouteTable()
    private let backend = Backend(
        tag: "test", settings: BackendSettings(),
        timer: MultiThreadedEventLoopGroup.singleton.next(), logger: TestLog().quiet)

    private func endpoint(_ name: String, _ route: String?) throws -> Endpoint {
        Endpoint(
            name: name, route: try route.map { try RoutePattern($0) },
            traffic: TrafficPolicy(backend: "test"), backends: ["test": BackendPipeline(backend)])
    }

    /// Adds endpoints that are named as their routes.
    private func add(_ patterns: String...) throws {
        for pattern in patterns {
            #expect(routes.insert(try endpoint(pattern, pattern)) == nil)
        }
    }

    private func name(at path: String) -> String? {
        routes.endpoint(path: path[...])?.name
    }

    // MARK: Which one answers

    @Test(
        "the exact route answers, or else the longest prefix",
        arguments: [
            ("/echo", "/echo"), ("/echo/", "/echo/*"), ("/echo/a", "/echo/*"),
            ("/echo/a/", "/echo/*"), ("/echo/a/b", "/echo/a/b/*"), ("/echo/a/b/", "/echo/a/b/*"),
            ("/echo/a/b/c/d", "/echo/a/b/*"), ("/echo/a/bc", "/echo/*"),
            ("/echo/exact", "/echo/exact"),
            ("/echo/exact/", "/echo/*"), ("/only", "/only/*"), ("/only/", "/only/*"),
            ("/onlyone", nil), ("/slash/", "/slash/"), ("/slash", nil), ("/slash/x", nil),
            ("/Echo", nil), ("/ech", nil), ("/", nil), ("", nil), ("*", nil), ("echo", nil),
            ("x/echo/a", nil),
        ])
    func longest(path: String, expected: String?) throws {
        try add("/echo", "/echo/*", "/echo/a/b/*", "/echo/exact", "/only/*", "/slash/")
        #expect(name(at: path) == expected)
    }

    @Test(
        "the prefix of everything takes what is left",
        arguments: [
            ("/", "/*"), ("/x", "/*"), ("/x/y", "/*"), ("//", "/*"), ("/echo", "/echo/*"),
            ("/echoes", "/*"), ("/-", "/*"), ("*", nil), ("", nil),
        ])
    func everything(path: String, expected: String?) throws {
        try add("/*", "/echo/*")
        #expect(name(at: path) == expected)
    }

    @Test(
        "a path is compared byte by byte, as it was sent",
        arguments: [
            ("/a%2Fb", nil), ("/%61/b", nil), ("/a/%2e%2e/a/b", "/a/*"), ("/a/../b", "/a/*"),
            ("/a//b", "/a/*"), ("//a/b", nil), ("/caf%C3%A9", "/caf%C3%A9"), ("/caf%c3%a9", nil),
            // The kelvin sign, which Unicode holds for a K.
            ("/K", "/K"), ("/\u{212A}", nil), ("/a/\u{E9}", "/a/*"),
        ])
    func bytes(path: String, expected: String?) throws {
        try add("/a/*", "/caf%C3%A9", "/K")
        #expect(name(at: path) == expected)
    }

    @Test("one of thousands is found, and none where there is none")
    func thousands() throws {
        for number in 0..<5_000 {
            try add("/exact/\(number)", "/prefix/\(number)/*")
        }
        for number in stride(from: 0, to: 5_000, by: 7) {
            #expect(name(at: "/exact/\(number)") == "/exact/\(number)")
            #expect(name(at: "/prefix/\(number)/x") == "/prefix/\(number)/*")
            #expect(name(at: "/exact/\(number)/x") == nil)
        }
        #expect(name(at: "/prefix/5000/x") == nil)
    }

    @Test(
        "a path of thousands of segments costs as many lookups as a prefix is deep",
        .timeLimit(.minutes(1)))
    func longPath() throws {
        try add("/*", "/a/b/*")
        let path = String(repeating: "/a", count: 16 << 10)
        for _ in 0..<2_000 { #expect(name(at: path) == "/*") }
    }

    // MARK: Changes

    @Test("an endpoint without a route has a name alone")
    func noRoute() throws {
        routes.insert(try endpoint("hidden", nil))
        try add("/b", "/a/*")
        #expect(routes.endpoint(named: "hidden") != nil)
        #expect(name(at: "/hidden") == nil)
        #expect(routes.all.map(\.name) == ["/a/*", "/b", "hidden"])
        #expect(routes.routed.map(\.route) == ["/a/*", "/b"])
    }

    @Test("an endpoint that is removed leaves its name and its route, and nothing else goes")
    func removal() throws {
        try add("/a", "/a/*", "/a/b/*", "/a/b/c/d/*")
        routes.remove(named: "/a/b/*")
        #expect(routes.endpoint(named: "/a/b/*") == nil)
        #expect(name(at: "/a/b/c") == "/a/*")
        #expect(name(at: "/a/b/c/d/e") == "/a/b/c/d/*")
        routes.remove(named: "/a/b/c/d/*")
        #expect(name(at: "/a/b/c/d/e") == "/a/*")
        routes.remove(named: "/a")
        #expect(name(at: "/a") == "/a/*")
        routes.remove(named: "/a/*")
        routes.remove(named: "/a/*")
        #expect(name(at: "/a") == nil)
        #expect(routes.all.isEmpty)
        try add("/a")
        #expect(name(at: "/a") == "/a")
    }

    @Test(
        "an endpoint takes the place of the one of its name, with another route or none",
        arguments: ["/one", "/two", "/one/*", nil])
    func replacement(route: String?) throws {
        routes.insert(try endpoint("same", "/one"))
        let new = try endpoint("same", route)
        #expect(routes.insert(new) == nil)
        #expect(routes.endpoint(named: "same") === new)
        for path in ["/one", "/two"] {
            let isThere = route.map { $0 == path || $0 == "\(path)/*" } ?? false
            #expect((routes.endpoint(path: path[...]) === new) == isThere)
            #expect((routes.endpoint(path: path[...]) == nil) == !isThere)
        }
        #expect(routes.all.count == 1)
    }

    @Test("a route that another endpoint has is not taken from it", arguments: ["/one", "/one/*"])
    func takenRoute(route: String) throws {
        let first = try endpoint("first", route)
        routes.insert(first)
        routes.insert(try endpoint("second", "/two"))
        #expect(routes.insert(try endpoint("second", route)) === first)
        #expect(routes.endpoint(path: "/one") === first)
        #expect(routes.endpoint(named: "second")?.route == "/two")
        #expect(name(at: "/two") == "second")
        // The exact route and the prefix are two.
        #expect(routes.insert(try endpoint("third", route == "/one" ? "/one/*" : "/one")) == nil)
    }

    @Test("who looks while an endpoint is replaced finds the old one or the new one")
    func replacedWhileRead() async throws {
        let endpoints = [try endpoint("same", "/a/*"), try endpoint("same", "/a/*")]
        routes.insert(endpoints[0])
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for round in 0..<5_000 { routes.insert(endpoints[round % 2]) }
            }
            group.addTask {
                for _ in 0..<5_000 {
                    #expect(routes.endpoint(path: "/a/b") != nil)
                    #expect(routes.endpoint(named: "same") != nil)
                }
            }
        }
    }

    @Test("who waits for a name gets an endpoint without a route too")
    func waiter() throws {
        let found = NIOLockedValueBox<Endpoint?>(nil)
        routes.whenThere("late", limit: nil) { endpoint in found.withLockedValue { $0 = endpoint } }
        let late = try endpoint("late", nil)
        routes.insert(late)
        #expect(found.withLockedValue { $0 } === late)
    }
}
