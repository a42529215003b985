import HostCore
import HostState
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

/// The Fetch standard's CORS protocol, as requests and the headers that they are answered with.
@Suite struct CORSStageTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var options: String
        var method: String
        var headers: [(String, String)]
        var status: Int
        var answer: [String]

        init(
            _ name: String, _ options: String, _ method: String, _ headers: [(String, String)],
            _ status: Int, _ answer: [String]
        ) {
            self.name = name
            self.options = options
            self.method = method
            self.headers = headers
            self.status = status
            self.answer = answer
        }

        var testDescription: String { name }
    }

    private static let any = #"allow_origins: ["*"]"#
    private static let anything = #"allow_origins: ["*"], allow_methods: ["*"]"#
    private static let listed = #"allow_origins: ["https://a.example", "http://localhost:3000"]"#
    private static let page = ("Origin", "https://a.example")
    private static let stranger = ("Origin", "https://b.example")

    // MARK: Actual requests

    static let requests = [
        Case(
            "any origin: the same for all", any, "POST", [page], 200,
            ["access-control-allow-origin: *"]),
        Case(
            "any origin, and a request without one: a cache may keep the answer", any, "GET", [],
            200, ["access-control-allow-origin: *"]),
        Case(
            "a listed origin is named", listed, "POST", [page], 200,
            ["access-control-allow-origin: https://a.example", "vary: Origin"]),
        Case(
            "the other listed origin, with its port", listed, "POST",
            [("Origin", "http://localhost:3000")], 200,
            ["access-control-allow-origin: http://localhost:3000", "vary: Origin"]),
        Case(
            "an origin that is not listed is answered, and can't read it", listed, "POST",
            [stranger], 200, ["vary: Origin"]),
        Case(
            "no origin: the answer depends on it all the same", listed, "GET", [], 200,
            ["vary: Origin"]),
        Case(
            "another scheme is another origin", listed, "GET", [("Origin", "http://a.example")],
            200, ["vary: Origin"]),
        Case(
            "another port is another origin", listed, "GET",
            [("Origin", "https://a.example:8443")], 200, ["vary: Origin"]),
        Case(
            "a longer name is another origin", listed, "GET",
            [("Origin", "https://a.example.evil")], 200, ["vary: Origin"]),
        Case(
            "an origin is compared byte by byte", listed, "GET",
            [("Origin", "https://A.example")], 200, ["vary: Origin"]),
        Case("two origins are none", listed, "GET", [page, page], 200, ["vary: Origin"]),
        Case(
            "null is none that is listed", listed, "GET", [("Origin", "null")], 200,
            ["vary: Origin"]),
        Case(
            "null can be listed", #"allow_origins: ["null"]"#, "GET", [("Origin", "null")], 200,
            ["access-control-allow-origin: null", "vary: Origin"]),
        Case(
            "credentials: the origin in place of *", any + ", allow_credentials: true", "GET",
            [page], 200,
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://a.example", "vary: Origin",
            ]),
        Case(
            "credentials and null", any + ", allow_credentials: true", "GET",
            [("Origin", "null")], 200,
            [
                "access-control-allow-credentials: true", "access-control-allow-origin: null",
                "vary: Origin",
            ]),
        Case(
            "credentials, and what is no origin is not sent back",
            any + ", allow_credentials: true", "GET", [("Origin", "https://a.example/<script>")],
            200, ["vary: Origin"]),
        Case(
            "credentials, and no origin", any + ", allow_credentials: true", "GET", [], 200,
            ["vary: Origin"]),
        Case(
            "credentials for a listed origin", listed + ", allow_credentials: true", "GET", [page],
            200,
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://a.example", "vary: Origin",
            ]),
        Case(
            "credentials for a stranger: not a word", listed + ", allow_credentials: true", "GET",
            [stranger], 200, ["vary: Origin"]),
        Case(
            "exposed headers", any + ", expose_headers: [X-Request-Id, ETag]", "GET", [page], 200,
            [
                "access-control-allow-origin: *",
                "access-control-expose-headers: X-Request-Id, ETag",
            ]),
        Case(
            "all headers exposed", any + #", expose_headers: ["*"]"#, "GET", [page], 200,
            ["access-control-allow-origin: *", "access-control-expose-headers: *"]),
        Case(
            "a regular expression", #"allow_origin_regex: 'https://.*\.example\.org'"#, "GET",
            [("Origin", "https://one.example.org")], 200,
            ["access-control-allow-origin: https://one.example.org", "vary: Origin"]),
        Case(
            "a regular expression matches from end to end",
            #"allow_origin_regex: 'https://.*\.example\.org'"#, "GET",
            [("Origin", "https://one.example.org.evil")], 200, ["vary: Origin"]),
        Case(
            "a regular expression beside a list",
            listed + #", allow_origin_regex: 'https://.*\.example\.org'"#, "GET", [page], 200,
            ["access-control-allow-origin: https://a.example", "vary: Origin"]),
        Case(
            "a regular expression gets nothing that is no origin", "allow_origin_regex: '.*'",
            "GET", [("Origin", "https://a b")], 200, ["vary: Origin"]),
        Case(
            "a regular expression gets null", "allow_origin_regex: '.*'", "GET",
            [("Origin", "null")], 200, ["access-control-allow-origin: null", "vary: Origin"]),
        Case(
            "OPTIONS without a method asked for is no preflight", any, "OPTIONS", [page], 200,
            ["access-control-allow-origin: *"]),
        Case(
            "OPTIONS without an origin is no preflight", listed, "OPTIONS",
            [("Access-Control-Request-Method", "PUT")], 200, ["vary: Origin"]),
    ]

    @Test("a request is answered as ever, and its headers say who may read it", arguments: requests)
    func request(_ test: Case) throws {
        let trial = try StageTrial("- cors: {\(test.options)}")
        let answer = trial.send(.make(test.method, test.headers))
        #expect(answer.status == test.status)
        #expect(answer.headers == test.answer)
    }

    @Test("an error has the same headers, or no page could read why", arguments: requests)
    func error(_ test: Case) throws {
        let trial = try StageTrial("- cors: {\(test.options)}")
        let answer = trial.send(.make(test.method, test.headers)) { _, sink in
            sink.receive(.failure(DispatchError(.queueFull, "full")))
        }
        #expect(answer.status == 503)
        #expect(answer.headers == test.answer)
    }

    // MARK: Preflights

    private static func asking(
        _ method: String, _ headers: String? = nil, for origin: (String, String) = page
    ) -> [(String, String)] {
        [origin, ("Access-Control-Request-Method", method)]
            + (headers.map { [("Access-Control-Request-Headers", $0)] } ?? [])
    }

    private static let free = "accept, accept-language, content-language, content-type"

    static let preflights = [
        Case(
            "any origin, any method", anything, "OPTIONS", asking("PUT"), 204,
            [
                "access-control-allow-headers: \(free)", "access-control-allow-methods: *",
                "access-control-allow-origin: *", "access-control-max-age: 600",
            ]),
        Case(
            "listed origin, initial methods", listed, "OPTIONS", asking("POST", "content-type"),
            204,
            [
                "access-control-allow-headers: \(free)",
                "access-control-allow-methods: GET, HEAD, POST",
                "access-control-allow-origin: https://a.example", "access-control-max-age: 600",
                "vary: Origin",
            ]),
        Case(
            "listed methods and headers", any + ", allow_methods: [PUT], allow_headers: [X-Key]",
            "OPTIONS", asking("PUT", "content-type,x-key"), 204,
            [
                "access-control-allow-headers: \(free), x-key",
                "access-control-allow-methods: PUT", "access-control-allow-origin: *",
                "access-control-max-age: 600",
            ]),
        Case(
            "any header: those asked for, since * is not for authorization",
            any + #", allow_headers: ["*"]"#, "OPTIONS", asking("GET", "authorization, x-key"),
            204,
            [
                "access-control-allow-headers: authorization, x-key",
                "access-control-allow-methods: GET, HEAD, POST", "access-control-allow-origin: *",
                "access-control-max-age: 600", "vary: Access-Control-Request-Headers",
            ]),
        Case(
            "any header, and none asked for", any + #", allow_headers: ["*"]"#, "OPTIONS",
            asking("GET"), 204,
            [
                "access-control-allow-methods: GET, HEAD, POST", "access-control-allow-origin: *",
                "access-control-max-age: 600", "vary: Access-Control-Request-Headers",
            ]),
        Case(
            "anything with credentials: never *",
            anything + #", allow_headers: ["*"], allow_credentials: true"#, "OPTIONS",
            asking("PURGE", "x-key"), 204,
            [
                "access-control-allow-credentials: true", "access-control-allow-headers: x-key",
                "access-control-allow-methods: PURGE",
                "access-control-allow-origin: https://a.example", "access-control-max-age: 600",
                "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
            ]),
        Case(
            "max_age in whole seconds", any + ", max_age: 1h", "OPTIONS", asking("GET"), 204,
            [
                "access-control-allow-headers: \(free)",
                "access-control-allow-methods: GET, HEAD, POST", "access-control-allow-origin: *",
                "access-control-max-age: 3600",
            ]),
        Case(
            "a private network", any + ", allow_private_network: true", "OPTIONS",
            asking("GET") + [("Access-Control-Request-Private-Network", "true")], 204,
            [
                "access-control-allow-headers: \(free)",
                "access-control-allow-methods: GET, HEAD, POST", "access-control-allow-origin: *",
                "access-control-allow-private-network: true", "access-control-max-age: 600",
            ]),
        Case(
            "a private network that nobody asks for", any + ", allow_private_network: true",
            "OPTIONS", asking("GET"), 204,
            [
                "access-control-allow-headers: \(free)",
                "access-control-allow-methods: GET, HEAD, POST", "access-control-allow-origin: *",
                "access-control-max-age: 600",
            ]),
        // Refused: no success, and a stranger's has no Access-Control-Allow-Origin.
        Case(
            "a stranger", listed, "OPTIONS", asking("GET", for: stranger), 403, ["vary: Origin"]),
        Case(
            "null", listed, "OPTIONS", asking("GET", for: ("Origin", "null")), 403,
            ["vary: Origin"]),
        Case(
            "a method that is not listed", any, "OPTIONS", asking("DELETE"), 403,
            ["access-control-allow-origin: *"]),
        Case(
            "methods differ in case", any, "OPTIONS", asking("get"), 403,
            ["access-control-allow-origin: *"]),
        Case(
            "no method at all", anything, "OPTIONS", asking("PUT DELETE"), 403,
            ["access-control-allow-origin: *"]),
        Case(
            "a header that is not listed", any, "OPTIONS", asking("GET", "x-key"), 403,
            ["access-control-allow-origin: *"]),
        Case(
            "one of several headers that is not listed", any + ", allow_headers: [x-key]",
            "OPTIONS", asking("GET", "x-key, x-other"), 403, ["access-control-allow-origin: *"]),
        Case(
            "what is no header's name is not sent back", any + #", allow_headers: ["*"]"#,
            "OPTIONS", asking("GET", "x-key, x y"), 403,
            ["access-control-allow-origin: *", "vary: Access-Control-Request-Headers"]),
        Case(
            "a private network that is not allowed", any, "OPTIONS",
            asking("GET") + [("Access-Control-Request-Private-Network", "true")], 403,
            ["access-control-allow-origin: *"]),
        Case(
            "a refused one with credentials can be read by the page's tools",
            listed + ", allow_credentials: true", "OPTIONS", asking("DELETE"), 403,
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://a.example", "vary: Origin",
            ]),
    ]

    @Test("a preflight is answered, and goes no further", arguments: preflights)
    func preflight(_ test: Case) throws {
        let trial = try StageTrial("- cors: {\(test.options)}")
        let answer = trial.send(.make(test.method, test.headers)) { _, _ in
            Issue.record("the preflight came through")
        }
        #expect(answer.status == test.status)
        #expect(answer.headers == test.answer)
        #expect(answer.results.count == 1)
    }

    // MARK: Others

    @Test("what a plugin says of the matter is replaced, and its own Vary stays")
    func plugin() throws {
        let trial = try StageTrial("- cors: {\(Self.listed)}")
        for (origin, expected) in [
            (Self.page, ["access-control-allow-origin: https://a.example"]), (Self.stranger, []),
        ] {
            let answer = trial.send(.make([origin])) { _, sink in
                sink.answer(
                    "",
                    headers: [
                        ("Access-Control-Allow-Origin", "*"),
                        ("Access-Control-Allow-Credentials", "true"), ("Vary", "Accept, origin"),
                    ])
            }
            #expect(answer.headers == ["Vary: Accept, origin"] + expected)
        }
    }

    @Test("a handle's call is none of its business")
    func handle() throws {
        let trial = try StageTrial("- cors: {\(Self.listed)}")
        let answer = trial.send(
            .make("OPTIONS", "/echo", Self.asking("DELETE", for: Self.stranger), origin: .handle))
        #expect(answer.status == 200)
        #expect(answer.headers == [])
    }

    @Test(
        "options that make no sense are refused with their place",
        arguments: [
            ("- cors", "[0].cors is null: it must be"),
            ("- cors: {}", "1:9: [0].cors.allow_origins is missing"),
            ("- cors: {allow_origins: [https://a.example/]}", "1:26: [0].cors.allow_origins[0] is"),
            ("- cors: {allow_origins: [a.example]}", "such as https://example.com"),
            ("- cors: {allow_origins: [https://A.example]}", "such as https://example.com"),
            ("- cors: {allow_origins: ['https://a.example:443']}", "such as https://example.com"),
            ("- cors: {allow_origins: '*'}", "it must be a list"),
            ("- cors: {allow_origin_regex: '['}", "allow_origin_regex has a [ without a ]"),
            (#"- cors: {allow_origin_regex: '(a)\1'}"#, #"has \1, which is not supported"#),
            (#"- cors: {allow_origins: ["*"], allow_methods: [a b]}"#, "an HTTP method, or *"),
            (#"- cors: {allow_origins: ["*"], allow_headers: ["x:"]}"#, "the name of a header"),
            (#"- cors: {allow_origins: ["*"], allow_credentials: 1}"#, "true or false"),
            (#"- cors: {allow_origins: ["*"], max_age: 10}"#, "a duration with a unit"),
            (
                #"- cors: {allow_origins: ["*"], allow_credentials: true, expose_headers: ["*"]}"#,
                "1:73: [0].cors.expose_headers is *"
            ), (#"- cors: {allow_origin: ["*"]}"#, "did you mean allow_origins?"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}

extension Request {
    static func make(_ method: String, _ headers: [(String, String)]) -> Request {
        make(method, "/echo", headers)
    }

    static func make(_ headers: [(String, String)]) -> Request {
        make("POST", "/echo", headers)
    }
}
