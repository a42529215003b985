import HostCore
import HostDispatch
import HostPipeline
import NIOCore
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostHTTP
@testable import HostRouting
@testable import HostState

@Suite struct RouterTests {
    private let router = Router()
    private let rules = RequestRules(maxBodySize: 100)
    private let routes = RouteTable()

    init() throws {
        try add("echo")
    }

    private func add(
        _ name: String, route: String? = nil, httpMethods: [String] = ["GET", "POST"]
    ) throws {
        let backend = Backend(
            tag: name, settings: BackendSettings(),
            timer: MultiThreadedEventLoopGroup.singleton.next(), logger: TestLog().quiet)
        routes.insert(
            Endpoint(
                name: name, route: try RoutePattern(route ?? "/\(name)"), httpMethods: httpMethods,
                traffic: TrafficPolicy(backend: name), backends: [name: BackendPipeline(backend)]))
    }

    private func resolve(
        _ method: HTTPMethod = .GET, _ target: String, _ headers: HTTPHeaders = ["Host": "test"],
        version: HTTPVersion = .http1_1
    ) -> Result<Router.Resolution, Problem> {
        let request = RequestHead(
            HTTPRequestHead(version: version, method: method, uri: target, headers: headers))
        if let problem = rules.malformation(of: request) ?? rules.refusal(of: request) {
            return .failure(problem)
        }
        let resolution = router.resolve(request, in: routes.snapshot)
        if case .refused(let error) = resolution { return .failure(Problem(error)) }
        return .success(resolution)
    }

    private func problem(_ result: Result<Router.Resolution, Problem>) -> Problem? {
        if case .failure(let problem) = result { problem } else { nil }
    }

    private func text(_ result: Result<Router.Resolution, Problem>) -> String? {
        switch result {
        case .success(.answer(let response)): String(buffer: response.body)
        case .success(.document(let kind)): HostDocuments.text(kind, routes.snapshot)
        case .success, .failure: nil
        }
    }

    @Test(
        "a known route with a method it takes is a call", arguments: [HTTPMethod.GET, .POST, .HEAD])
    func call(method: HTTPMethod) throws {
        guard case .success(.call(let endpoint, let timeout)) = resolve(method, "/echo?a=1") else {
            Issue.record("no call")
            return
        }
        #expect(endpoint.name == "echo")
        #expect(timeout == nil)
    }

    @Test("the caller's timeout goes with the call")
    func timeout() {
        let headers: HTTPHeaders = ["Host": "test", "X-Request-Timeout-Seconds": "3"]
        guard case .success(.call(_, .seconds(3))) = resolve(.POST, "/echo", headers) else {
            Issue.record("no call with that timeout")
            return
        }
        #expect(
            problem(resolve(.POST, "/echo", ["Host": "t", "X-Request-Timeout-Seconds": "x"]))?
                .status
                == .badRequest)
    }

    @Test(
        "a route that is not there is 404 and names the list",
        arguments: ["/", "/other", "/echo/", "/echo/more", "/Echo", "//echo", "*", "/-/", "/-/x"])
    func notFound(target: String) {
        let problem = problem(resolve(.GET, target))
        #expect(problem?.status == .notFound)
        #expect(problem?.detail.contains("no endpoint at \(target)") ?? false)
        #expect(problem?.detail.contains("/-/routes") ?? false)
    }

    @Test(
        "a method that the endpoint doesn't take is 405 and names those it takes",
        arguments: [HTTPMethod.PUT, .DELETE, .OPTIONS, .PATCH, .TRACE])
    func notAllowed(method: HTTPMethod) {
        let problem = problem(resolve(method, "/echo"))
        #expect(problem?.status == .methodNotAllowed)
        #expect(problem?.headers.map(\.name) == ["allow"])
        #expect(problem?.headers.map(\.value) == ["GET, HEAD, POST"])
    }

    @Test(
        "an endpoint takes the methods it was given, and HEAD wherever GET is",
        arguments: [
            (["GET"], ["GET", "HEAD"]), (["PUT", "DELETE"], ["PUT", "DELETE"]),
            (["HEAD"], ["HEAD"]), (["HEAD", "GET"], ["GET", "HEAD"]), (["PURGE"], ["PURGE"]),
        ])
    func ownMethods(httpMethods: [String], allowed: [String]) throws {
        try add("own", httpMethods: httpMethods)
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PURGE"] {
            let resolution = resolve(HTTPMethod(rawValue: method), "/own")
            if case .success(.call) = resolution {
                #expect(allowed.contains(method))
            } else {
                #expect(!allowed.contains(method))
                #expect(problem(resolution)?.status == .methodNotAllowed)
                #expect(
                    problem(resolution)?.headers.map(\.value)
                        == [allowed.joined(separator: ", ")])
            }
        }
    }

    @Test(
        "a prefix takes what is below it, and nothing of the host's own",
        arguments: [
            ("/x", "all"), ("/", "all"), ("/deep", "deep"), ("/deep/", "deep"),
            ("/deep/a/b?c=/echo", "deep"), ("/deep/echo", "deep"), ("/echo", "echo"),
            ("/echo?a", "echo"), ("/echo/", "all"), ("http://host/deep/a", "deep"),
            ("/-/nothing", nil), ("/-/", nil), ("*", nil),
        ])
    func prefix(target: String, name: String?) throws {
        try add("all", route: "/*")
        try add("deep", route: "/deep/*")
        let resolution = resolve(.GET, target)
        if case .success(.call(let endpoint, _)) = resolution {
            #expect(endpoint.name == name)
        } else {
            #expect(name == nil)
            #expect(problem(resolution)?.status == .notFound)
        }
        #expect(text(resolve(.GET, "/-/healthz")) == "success")
    }

    @Test("the list has prefixes as they are written")
    func listOfPrefixes() throws {
        try add("deep", route: "/deep/*", httpMethods: ["PUT"])
        #expect(
            text(resolve(.GET, "/-/routes"))
                == #"{"/deep/*":["deep",["PUT"]],"/echo":["echo",["GET","POST"]]}"#)
    }

    @Test("a reserved route can only be read", arguments: ["/-/routes", "/-/healthz"])
    func reservedMethods(target: String) {
        #expect(text(resolve(.GET, target)) != nil)
        #expect(text(resolve(.HEAD, target)) != nil)
        let problem = problem(resolve(.POST, target))
        #expect(problem?.status == .methodNotAllowed)
        #expect(problem?.headers.map(\.value) == ["GET, HEAD"])
    }

    @Test("the list of routes is a JSON object, in order")
    func list() throws {
        try add("alpha")
        #expect(
            text(resolve(.GET, "/-/routes"))
                == #"{"/alpha":["alpha",["GET","POST"]],"/echo":["echo",["GET","POST"]]}"#)
    }

    @Test("a host that is shutting down is not healthy")
    func health() {
        #expect(text(resolve(.GET, "/-/healthz")) == "success")
        router.beginDraining()
        #expect(problem(resolve(.GET, "/-/healthz"))?.status == .serviceUnavailable)
    }

    @Test("HTTP/1.1 needs one Host, HTTP/1.0 none")
    func host() {
        let missing = problem(resolve(.GET, "/echo", [:]))
        #expect(missing?.status == .badRequest)
        #expect(missing?.closesConnection ?? false)
        #expect(problem(resolve(.GET, "/echo", [:], version: .http1_0)) == nil)
        #expect(problem(resolve(.GET, "/echo", ["Host": ""])) == nil)
    }

    // RFC 9112, section 3.2.
    @Test("two Hosts are refused, and the connection is closed")
    func twoHosts() {
        let problem = problem(resolve(.GET, "/echo", HTTPHeaders([("Host", "a"), ("Host", "a")])))
        #expect(problem?.status == .badRequest)
        #expect(problem?.closesConnection ?? false)
    }

    @Test(
        "a header that says one thing stands there once, whatever it says",
        arguments: [
            "X-SERVE-CALL-METHOD", "X-Serve-Shard-Key", "X-Request-Timeout-Seconds", "Content-Type",
        ], ["1", "2"])
    func repeatedHeaders(name: String, second: String) {
        let headers = HTTPHeaders([("Host", "test"), (name, "1"), (name.lowercased(), second)])
        let problem = problem(resolve(.POST, "/echo", headers))
        #expect(problem?.status == .badRequest)
        #expect(problem?.detail.lowercased().contains(name.lowercased()) ?? false)
        #expect(problem?.closesConnection == false)
    }

    @Test("an expectation that nobody can fulfil is refused, but not in HTTP/1.0")
    func expectations() {
        let headers: HTTPHeaders = ["Host": "test", "Expect": "100-continue, miracles"]
        #expect(problem(resolve(.POST, "/echo", headers))?.status == .expectationFailed)
        #expect(problem(resolve(.POST, "/echo", headers, version: .http1_0)) == nil)
        #expect(problem(resolve(.POST, "/echo", ["Host": "a", "Expect": "100-Continue"])) == nil)
    }

    @Test("a body over the limit is refused by its Content-Length, one at the limit is not")
    func bodyLimit() {
        let headers: (Int) -> HTTPHeaders = { ["Host": "test", "Content-Length": "\($0)"] }
        #expect(problem(resolve(.POST, "/echo", headers(100))) == nil)
        let problem = problem(resolve(.POST, "/echo", headers(101)))
        #expect(problem?.status == .payloadTooLarge)
        #expect(problem?.closesConnection ?? false)
        #expect(problem?.detail.contains("100 bytes") ?? false)
        let endless = resolve(
            .POST, "/echo", ["Host": "a", "Content-Length": "9223372036854775808"])
        #expect(self.problem(endless)?.status == .payloadTooLarge)
    }
}
