import Foundation
import HostDispatch
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostForms
@testable import HostRouting
@testable import HostState

@Suite struct ConfigurationSchemaTests {
    private func isValid(_ yaml: String, _ schema: JSONValue) throws -> Bool {
        var validator = SchemaValidator()
        // An editor sees what YAML 1.2 makes of the file.
        let isValid = validator.isValid(try YAMLDocument.parse(yaml).value, schema)
        #expect(validator.unknownKeywords == [])
        return isValid
    }

    /// The schema of a key, the names joined by dots; `*` is any name.
    private func schema(_ path: String, in schema: JSONValue) throws -> [String: JSONValue] {
        var schema = schema
        for name in path.split(separator: ".") {
            guard case .object(let keywords) = schema else { break }
            if name == "*" {
                schema = try #require(keywords["additionalProperties"])
            } else if case .object(let properties) = keywords["properties"] {
                schema = try #require(properties[String(name)])
            }
        }
        guard case .object(let keywords) = schema else { return [:] }
        return keywords
    }

    private func properties(_ path: String, in schema: JSONValue) throws -> Set<String> {
        guard case .object(let properties) = try self.schema(path, in: schema)["properties"]
        else { return [] }
        return Set(properties.keys)
    }

    @Test("a schema has the keys that are read, each with a description")
    func keys() throws {
        let file = HostFile.schema
        #expect(try properties("", in: file) == Set(HostFile.keys.map(\.name)))
        #expect(try properties("limits", in: file) == Set(HostFile.Limits.keys.map(\.name)))
        #expect(try properties("backends.*", in: file) == Set(HostFile.Backend.keys.map(\.name)))
        #expect(try properties("endpoints.*", in: file) == Set(HostFile.Endpoint.keys.map(\.name)))
        let scaling = Set(BackendOptions.Autoscaling.keys.map(\.name))
        #expect(try properties("backends.*.autoscaling", in: file) == scaling)
        let manifest = PluginManifest.schema
        #expect(try properties("", in: manifest) == Set(PluginManifest.keys.map(\.name)))
        #expect(
            try properties("endpoint", in: manifest)
                == Set(PluginManifest.EndpointDefaults.keys.map(\.name)))
        #expect(HostFile.Limits.keys.count == 12 && BackendOptions.keys.count == 15)

        for path in ["", "limits", "backends.*", "backends.*.autoscaling", "endpoints.*"] {
            for name in try properties(path, in: file) {
                let keywords = try schema("\(path).\(name)", in: file)
                guard case .string(let about) = keywords["description"] else {
                    Issue.record("\(path).\(name) has no description")
                    continue
                }
                #expect(about.count > 10 && about.hasSuffix("."), "\(path).\(name)")
            }
        }
    }

    @Test("the example passes, and so do files that the host writes", arguments: 0..<10)
    func valid(seed: UInt64) throws {
        #expect(try isValid(HostFileTests.example, HostFile.schema))
        #expect(try isValid("", HostFile.schema))
        var random = RandomConfiguration(seed: seed)
        for _ in 0..<10 {
            let file = random.hostFile()
            var validator = SchemaValidator()
            let isValidFile = validator.isValid(file.json, HostFile.schema)
            #expect(isValidFile, "\(file.yaml)")
            let options = random.options()
            let isValidManifest = validator.isValid(options.json, PluginManifest.schema)
            #expect(isValidManifest, "\(options.yaml)")
        }
    }

    @Test(
        "a broken file fails, as it does when it is read",
        arguments: [
            "lisen: a:1", "listen: 8000", "listen: ':1'", "plugins_dir: [a]", "plugins_dir: ''",
            "middleware: cors", "middleware: [[]]", "limits: {io_threads: 0}",
            "limits: {idle_timeout: 60}",
            "limits: {idle_timeout: 60 s}", "limits: {max_connections: 1.5}", "backends: [a]",
            "backends: {a: {}}", "backends: {a: {plugin: ../a}}", "backends: {'': {plugin: a}}",
            "backends: {a: {plugin: a, num_replicas: '1'}}",
            "backends: {a: {plugin: a, num_replicas: 1, autoscaling: {max_replicas: 2}}}",
            "backends: {a: {plugin: a, autoscaling: {}}}",
            "backends: {a: {plugin: a, health_check_period: 0}}",
            "backends: {a: {plugin: a, hang_grace: none}}",
            "backends: {a: {plugin: a}}\nendpoints: {a: {route: /a}}",
            "backends: {a: {plugin: a}}\nendpoints: {a: {traffic: {a: -1}}}",
            "backends: {a: {plugin: a}}\nendpoints: {a: {traffic: {a: 1}, shadow: {a: 1.5}}}",
            "backends: {a: {plugin: a}}\nendpoints: {a: {traffic: {a: 1}, methods: []}}",
            "backends: {a: {plugin: a}}\nendpoints: {a: {traffic: {a: 1}, methods: [get]}}",
            "backends: {a: {plugin: a}}\nendpoints: {a: {traffic: {a: 1}, methods: [PUT, PUT]}}",
        ])
    func invalid(yaml: String) throws {
        #expect(try !isValid(yaml, HostFile.schema))
        #expect(throws: ConfigurationError.self) { try HostFile(yaml: yaml) }
    }

    @Test(
        "schema and reader agree about routes",
        arguments: [
            ("/", true), ("/*", true), ("/a", true), ("/a/*", true), ("/a/b.c/~d", true),
            ("/a%20b", true), ("/-a", true), ("/a/-/b", true), ("/a/", true), ("//", true),
            ("", false), ("a", false), ("/a*", false), ("/*/a", false), ("/a/**", false),
            ("/a b", false), ("/a?b", false), ("/a#b", false), ("/ä", false), ("/-", false),
            ("/-/", false), ("/-/routes", false), ("/-/*", false), ("*", false),
        ])
    func routes(route: String, isRoute: Bool) throws {
        let yaml = "endpoint: {route: '\(route)'}"
        #expect(try isValid(yaml, PluginManifest.schema) == isRoute)
        #expect(((try? PluginManifest(yaml: yaml)) != nil) == isRoute)
    }

    @Test(
        "schema and reader agree about durations",
        arguments: [
            ("2ms", true), ("1.5s", true), (".5us", true), ("0", true), ("10m", true),
            ("1h", true), ("2", false), ("'0'", false), ("-1s", false), ("1.s", false),
            ("1 s", false), ("1d", false), ("s", false), ("none", false), ("true", false),
        ])
    func durations(duration: String, isDuration: Bool) throws {
        let yaml = "hang_grace: \(duration)"
        #expect(try isValid(yaml, PluginManifest.schema) == isDuration)
        #expect(((try? PluginManifest(yaml: yaml)) != nil) == isDuration)
    }

    @Test("a schema says which draft it follows, and is JSON")
    func document() throws {
        for schema in [HostFile.schema, PluginManifest.schema] {
            let text = Data(schema.prettyText.utf8)
            #expect(try JSONDecoder().decode(JSONValue.self, from: text) == schema)
            guard case .object(let keywords) = schema else {
                Issue.record("a schema is an object")
                return
            }
            #expect(keywords["$schema"] == "https://json-schema.org/draft/2020-12/schema")
        }
    }
}
