import Foundation
import HostAdmin
import HostCore
import HostDeployment
import HostForms
import TestSupport
import Testing

/// The admin API is as its document says.
@Suite("The admin API's document") struct AdminDocumentTests {
    private static let examples = [
        "libecho.so": Repository.product("libecho.so"),
        "libcounter.so": Repository.product("libcounter.so"),
    ]

    private func members(_ value: JSONValue?) throws -> [String: JSONValue] {
        guard case .object(let members)? = value else {
            throw Tool.Failure(description: "no object: \(value.debugDescription)")
        }
        return members
    }

    @Test("has each route of the server, and no other")
    func routes() throws {
        var documented: Set<String> = []
        for (path, methods) in try members(DocumentedAPI.member(AdminDocument.json, "paths")) {
            for method in try members(methods).keys {
                documented.insert("\(method.uppercased()) \(path)")
            }
        }
        // Of the router, which passes over what is added twice: so the table is looked at as well.
        #expect(AdminRouter.routes.sorted() == documented.sorted())
        #expect(AdminRouter.routes.count == AdminOperation.allCases.count)
    }

    @Test("is what the host serves, and its paths take the methods that it says")
    func served() async throws {
        let host = try await HostProcess()
        let http = HTTPTestClient(socket: host.adminSocket)
        let answer = try await http.send("GET", "/v1/openapi.json")
        let document = try JSONDecoder().decode(JSONValue.self, from: Data(answer.body))
        #expect(answer.status == 200 && document == AdminDocument.json)

        for (path, documented) in try members(DocumentedAPI.member(document, "paths")) {
            let methods = try members(documented).keys.map { $0.uppercased() }
            let refused = try await http.send(
                "OPTIONS", path.replacing("{name}", with: "a").replacing("{tag}", with: "b"))
            let allowed = methods + (methods.contains("GET") ? ["HEAD"] : [])
            #expect(refused.status == 405)
            #expect(refused.headers["allow"] == allowed.sorted().joined(separator: ", "))
            #expect(refused.headers["content-type"] == "application/problem+json")
        }
    }

    @Test("plugins answer as it says")
    func plugins() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let api = DocumentedAPI(host)
        try Data("no library".utf8).write(to: URL(fileURLWithPath: host.path(of: "libbad.so")))
        try await host.wait(for: "bad") { $0.state == .failed }
        try await api.ask(.listPlugins, gives: 200)
        try await api.ask(.reloadPlugin, "echo", gives: 200)
        try await api.ask(.reloadPlugin, "nope", gives: 404)
        try await api.ask(.reloadPlugin, "bad", gives: 422)
        try await api.ask(.restartPlugin, "echo", query: "?replica=0", gives: 200)
        try await api.ask(.restartPlugin, "echo", query: "?replica=first", gives: 400)
        try await api.ask(.restartPlugin, "echo", query: "?replica=99", gives: 404)
        try await api.ask(.restartPlugin, "bad", gives: 422)
        try await api.ask(.callEndpoint, "echo", body: "hi", gives: 200)
        try await api.ask(
            .callEndpoint, "echo", headers: ["X-Request-Timeout-Seconds": "soon"], gives: 400)
        try await api.ask(.callEndpoint, "nope", gives: 404)
        try await api.ask(
            .callEndpoint, "echo", headers: ["X-SERVE-CALL-METHOD": "nope"], gives: 404)
    }

    @Test(
        "what a plugin fails with is answered as it says",
        // The statuses of the ABI, which are gRPC's, and the HTTP statuses that they become.
        arguments: [
            (1, 499), (2, 500), (3, 400), (4, 504), (5, 404), (6, 409), (7, 403), (8, 429),
            (12, 501), (14, 503), (16, 401),
        ])
    func pluginErrors(code: Int, status: Int) async throws {
        let host = try await HostProcess(plugins: ["statuses.so": try Fixture.library("statuses")])
        try await DocumentedAPI(host).ask(.callEndpoint, "statuses", body: "\(code)", gives: status)
    }

    @Test("backends answer as it says")
    func backends() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let api = DocumentedAPI(host)
        let body = #"{"tag": "a", "plugin": "echo", "config": {"num_replicas": 2}}"#
        try await api.ask(.createBackend, body: body, gives: 201)
        try await api.ask(.createBackend, body: body, gives: 409)
        let early = #"{"tag": "b", "plugin": "e", "config": null}"#
        try await api.ask(.createBackend, body: early, gives: 422)
        try await api.ask(.createBackend, query: "?allow_missing=true", body: early, gives: 201)
        try await api.ask(.createBackend, query: "?timeout=soon", body: early, gives: 400)
        for wrong in [
            "[]", "7", "null", "{}", #"{"tag": 1, "plugin": "echo"}"#,
            #"{"tag": "..", "plugin": "echo"}"#, #"{"tag": "c", "plugin": "echo", "confg": {}}"#,
            #"{"tag": "c", "plugin": "echo", "config": {"num_replica": 1}}"#,
            #"{"tag": "c", "plugin": "echo", "config": {"num_replicas": "1"}}"#,
        ] {
            try await api.ask(.createBackend, body: wrong, gives: 400)
        }
        // What the schema tells is 400; what it can't tell is 422.
        try await api.ask(
            .createBackend,
            body: """
                {"tag": "c", "plugin": "echo",
                "config": {"autoscaling": {"max_replicas": 1, "min_replicas": 2}}}
                """, gives: 422)
        for wrong in ["", "{", "\u{0}", "{\"tag\": \"c\","] {
            try await api.ask(.createBackend, body: wrong, isJSON: false, gives: 400)
        }
        try await api.ask(.listBackends, gives: 200)
        try await api.ask(.showBackend, "a", gives: 200)
        try await api.ask(.showBackend, "nope", gives: 404)
        try await api.ask(
            .updateBackend, "a", body: #"{"user_config": [1, {"b": null}], "hang_grace": "2s"}"#,
            gives: 200)
        try await api.ask(.updateBackend, "nope", body: "{}", gives: 404)
        try await api.ask(.updateBackend, "a", body: #"{"max_batch_size": 0}"#, gives: 400)
        try await api.ask(.deleteBackend, "echo", gives: 409)
        try await api.ask(.deleteBackend, "echo", query: "?force=1", gives: 400)
        try await api.ask(.deleteBackend, "a", gives: 204)
        try await api.ask(.deleteBackend, "a", query: "?force=true", gives: 404)
    }

    @Test("the ways back answer as it says")
    func rollback() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let api = DocumentedAPI(host)
        try await api.ask(.listConfigurations, gives: 200)
        try await api.ask(.rollBackConfiguration, body: "{}", gives: 422)
        try await api.ask(
            .createBackend, body: #"{"tag": "a", "plugin": "echo"}"#, gives: 201)
        try await api.ask(.listConfigurations, gives: 200)
        try await api.ask(.rollBackConfiguration, body: #"{"to": 9}"#, gives: 422)
        try await api.ask(.rollBackConfiguration, body: #"{"to": 0}"#, gives: 400)
        try await api.ask(.rollBackConfiguration, body: #"{"to": null}"#, gives: 200)
        try await api.ask(.showBackend, "a", gives: 404)
        try await api.ask(.listVersions, "echo", gives: 200)
        try await api.ask(.listVersions, "nope", gives: 404)
        try await api.ask(.rollBackPlugin, "echo", body: "{}", gives: 422)
        try await api.ask(.rollBackPlugin, "nope", body: "{}", gives: 404)
    }

    @Test("endpoints and the file answer as it says")
    func endpoints() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let api = DocumentedAPI(host)
        let body = #"{"name": "e", "backend": "echo", "route": "/e/*", "methods": ["GET"]}"#
        try await api.ask(.createEndpoint, body: body, gives: 201)
        try await api.ask(.createEndpoint, body: body, gives: 409)
        try await api.ask(.createEndpoint, body: #"{"name": "f", "backend": "nope"}"#, gives: 422)
        try await api.ask(
            .createEndpoint, body: #"{"name": "f", "backend": "echo", "route": null}"#, gives: 201)
        try await api.ask(
            .createEndpoint, body: #"{"name": "g", "backend": "echo", "route": "g"}"#, gives: 400)
        // No file may say these, and what is exported must be what can be applied.
        try await api.ask(
            .createEndpoint, body: #"{"name": "g", "backend": "echo", "route": "/<"}"#, gives: 400)
        try await api.ask(
            .createEndpoint, body: #"{"name": "g", "backend": "echo", "methods": ["0"]}"#,
            gives: 400)
        try await api.ask(.listEndpoints, gives: 200)
        try await api.ask(.showEndpoint, "e", gives: 200)
        try await api.ask(.showEndpoint, "nope", gives: 404)
        try await api.ask(.setTraffic, "e", body: #"{"echo": 0.5, "counter": 0.5}"#, gives: 200)
        try await api.ask(.setTraffic, "e", body: #"{"echo": 0.5}"#, gives: 422)
        try await api.ask(.setTraffic, "e", body: #"{"nope": 1}"#, gives: 422)
        try await api.ask(.setTraffic, "e", body: #"{"echo": true}"#, gives: 400)
        try await api.ask(.setTraffic, "nope", body: #"{"echo": 1}"#, gives: 404)
        try await api.ask(.shadowTraffic, "e", "counter", body: #"{"share": 0.25}"#, gives: 200)
        try await api.ask(.shadowTraffic, "e", "counter", body: #"{"share": 2}"#, gives: 400)
        try await api.ask(.shadowTraffic, "e", "nope", body: #"{"share": 1}"#, gives: 404)
        try await api.ask(.deleteEndpoint, "f", gives: 204)
        try await api.ask(.deleteEndpoint, "f", gives: 404)

        let file = try await api.ask(.exportConfiguration, gives: 200).text
        try await api.ask(.applyConfiguration, query: "?dry_run=true", body: file, gives: 200)
        try await api.ask(.applyConfiguration, body: file, gives: 200)
        try await api.ask(.applyConfiguration, query: "?dry_run=1", body: file, gives: 400)
        try await api.ask(.applyConfiguration, query: "?file=a.yaml", body: "lisen: 1", gives: 400)
        try await api.ask(.applyConfiguration, body: "", gives: 400)
        try await api.ask(.applyConfiguration, body: "{}", gives: 200)
        for contradiction in [
            "endpoints: {e: {traffic: {echo: 0.5}}}", "endpoints: {e: {traffic: {nope: 1}}}",
            "backends: {b: {plugin: echo, num_replicas: 1, autoscaling: {max_replicas: 2}}}",
        ] {
            try await api.ask(.applyConfiguration, body: contradiction, gives: 422)
        }
    }

    @Test("a path that isn't there, a method and a body that it doesn't take are problems")
    func problems() async throws {
        let host = try await HostProcess()
        let http = HTTPTestClient(socket: host.adminSocket)
        for (method, path, status) in [
            ("GET", "/", 404), ("GET", "/v1", 404), ("POST", "/v1/backends/a/b", 404),
            ("PROPFIND", "/v1/coffee", 404), ("PROPFIND", "/v1/plugins", 405),
            ("TRACE", "/v1/backends/a", 405),
        ] {
            let answer = try await http.send(method, path)
            #expect(answer.status == status, "\(method) \(path)")
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(answer.text.contains(#""status":\#(status)"#), "\(answer.text)")
        }
        let head = try await http.send("HEAD", "/v1/plugins")
        #expect(head.status == 200 && head.body.isEmpty)

        let tooLong = try await Program.run(
            "curl",
            [
                "-sS", "--unix-socket", host.adminSocket, "-w", " %{http_code} %{content_type}",
                "-X", "POST", "-H", "Content-Length: \(64 << 20 | 1)", "-d", "{",
                "http://localhost/v1/backends",
            ])
        #expect(tooLong.output.hasSuffix(" 413 application/problem+json"), "\(tooLong.output)")
    }
}
