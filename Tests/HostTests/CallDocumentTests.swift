import Foundation
import HostDeployment
import HostForms
import HostRouting
import TestSupport
import Testing

/// What programs can find out of typed methods: the OpenAPI document of the data plane, and `list --methods`.
@Suite("The typed methods' description") struct CallDocumentTests {
    private static let manifests = [
        "libm": """
        library: libm.so.6
        methods:
          pow: {signature: '(base: f64, exponent: f64) -> f64', description: Raises to a power.}
          __call__: sqrt(x: f64) -> f64
        """,
        "read": """
        library: libm.so.6
        endpoint: {route: /read/*, methods: [GET]}
        methods: {hypot: '(x: f64, y: f64) -> f64', sum: 'hypot(f64, f64) -> f64'}
        """,
    ]

    private func members(_ value: JSONValue?) throws -> [String: JSONValue] {
        guard case .object(let members)? = value else {
            throw Tool.Failure(description: "no object: \(value.debugDescription)")
        }
        return members
    }

    private func document(_ host: TestHost) async throws -> [String: JSONValue] {
        let answer = try await host.http.send("GET", "/-/openapi.json")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/json")
        return try members(JSONDecoder().decode(JSONValue.self, from: Data(answer.body)))
    }

    @Test(
        "The document has an operation for each typed method, and only for those that can be called"
    )
    func operations() async throws {
        let plugins = ["libecho.so": Repository.product("libecho.so")]
        try await TestHost.run(plugins: plugins, manifests: Self.manifests) { host in
            for name in ["libm", "read", "echo"] {
                _ = try await host.wait(for: name) { $0.state == .serving }
            }
            let document = try await document(host)
            #expect(document["openapi"] == "3.1.0")
            let paths = try members(document["paths"])
            // What has no name can't be in a query.
            #expect(Set(paths.keys) == ["/libm", "/libm#pow", "/read#hypot"])
            let pow = try members(members(paths["/libm#pow"])["post"])
            #expect(pow["operationId"] == "libm_pow")
            #expect(
                pow["description"] == "Raises to a power.\n\n(base: f64, exponent: f64) -> f64")
            try FileManager.default.removeItem(atPath: "\(host.pluginsDirectory)/libm.yaml")
            try await host.waitUntilForgotten("libm")
            #expect(
                try await members(self.document(host)["paths"]).keys.sorted() == ["/read#hypot"])
        }
    }

    /// As a generated client does it: path, header and body are the document's, and the fragment isn't sent.
    @Test("A call that is made of the document alone is answered as the document says")
    func call() async throws {
        try await TestHost.run(manifests: Self.manifests) { host in
            _ = try await host.wait(for: "libm") { $0.state == .serving }
            _ = try await host.wait(for: "read") { $0.state == .serving }
            for (path, item) in try members(await document(host)["paths"]) {
                for (httpMethod, operation) in try members(item) {
                    let answer = try await perform(
                        httpMethod, path, try members(operation), host.http)
                    let expected = [
                        "/libm": "3", "/libm#pow": "387420489", "/read#hypot": "\(sqrt(162.0))",
                    ]
                    #expect(answer.text == expected[path], "\(path)")
                    let schema = try #require(
                        DocumentedAPI.member(
                            operation, "responses", "200", "content", "application/json", "schema"))
                    var validator = SchemaValidator()
                    let value = try JSONDecoder().decode(JSONValue.self, from: Data(answer.body))
                    let isAsSaid = validator.isValid(value, schema)
                    #expect(isAsSaid)
                }
            }
        }
    }

    private func perform(
        _ httpMethod: String, _ path: String, _ operation: [String: JSONValue],
        _ http: HTTPTestClient
    ) async throws -> HTTPTestClient.Response {
        var headers: [String: String] = [:]
        var query: [String] = []
        if case .array(let parameters)? = operation["parameters"] {
            for parameter in parameters {
                guard case .string(let name)? = DocumentedAPI.member(parameter, "name") else {
                    continue
                }
                if DocumentedAPI.member(parameter, "in") == "header",
                    case .string(let value)? = DocumentedAPI.member(parameter, "schema", "default")
                {
                    headers[name] = value
                } else {
                    query.append("\(name)=9")
                }
            }
        }
        var body: [String: JSONValue] = [:]
        if let schema = DocumentedAPI.member(
            .object(operation), "requestBody", "content", "application/json", "schema")
        {
            for name in try members(DocumentedAPI.member(schema, "properties")).keys {
                body[name] = 9
            }
            headers["content-type"] = "application/json"
        }
        let target =
            path.prefix { $0 != "#" } + (query.isEmpty ? "" : "?\(query.joined(separator: "&"))")
        return try await http.send(
            httpMethod.uppercased(), String(target), headers: headers,
            body: body.isEmpty ? "" : JSONValue.object(body).text)
    }

    @Test("list --methods prints signatures, and schemas for programs")
    func list() async throws {
        let host = try await HostProcess(plugins: ["libecho.so": Repository.product("libecho.so")])
        for (name, yaml) in Self.manifests {
            try yaml.write(
                toFile: host.path(of: "\(name).yaml"), atomically: true, encoding: .utf8)
            try await host.wait(for: name) { $0.state == .serving }
        }
        let table = try await host.run("list", "libm", "--methods")
        #expect(
            table.output == """
                METHOD    SIGNATURE                          DESCRIPTION
                pow       (base: f64, exponent: f64) -> f64  Raises to a power.
                __call__  (x: f64) -> f64

                """)
        let json = try await host.run("list", "libm", "--methods", "--json")
        let methods = try JSONDecoder().decode(
            [MethodInterface].self, from: Data(json.output.utf8))
        #expect(methods.map(\.name) == ["pow", "__call__"])
        #expect(methods[1].answer == ["type": "number", "format": "double"])
        var validator = SchemaValidator()
        let arguments = try #require(methods[0].arguments)
        let isTaken = validator.isValid(["exponent": 1, "base": 2], arguments)
        #expect(isTaken)

        let echo = try await host.run("list", "echo", "--methods")
        #expect(echo.output.contains("\nupper     -          "))
        let none = try await host.run("list", "nothing", "--methods")
        #expect(none.status == 1)
        #expect(none.errors.contains("no plugin nothing in "))
        let one = try await host.run("list", "libm")
        #expect(one.status == 0 && one.output.contains("libm.so.6"))
        #expect(try await host.run("list", "--methods").status == 64)
    }
}
