import Foundation
import HostConfigurationFiles
import HostDeployment
import HostForms
import TestSupport
import Testing

/// What the documents promise: their plugins serve, their links lead somewhere, their tables are complete.
@Suite struct DocumentationTests {
    private let readme = MarkdownDocument.at("README.md")
    private let tutorial = MarkdownDocument.at("docs/writing-a-plugin.md")

    // MARK: Plugins

    @Test("the documents have plugins, each with a name of its own")
    func examples() {
        let names = PluginExample.all.map(\.name)
        #expect(Set(names).isSuperset(of: ["shout", "hello", "later", "keeper", "words"]))
        #expect(Set(names).count == names.count)
        // A whole file that does not say its name would not be looked at.
        let unnamed = MarkdownDocument.all.flatMap(\.blocks).filter { block in
            ["c", "cpp"].contains(block.language)
                && block.lines.first?.hasPrefix(PluginExample.mark) != true
        }
        #expect(unnamed.map(\.text) == [])
    }

    @Test("a plugin in a document compiles without a warning", arguments: PluginExample.all)
    func compiles(example: PluginExample) throws {
        let directory = try TemporaryDirectory()
        for compiler in example.compilers {
            _ = try example.compile(in: directory, compiler: compiler)
        }
    }

    @Test("the plugins in the documents serve, and answer as the documents say")
    func serve() async throws {
        let directory = try TemporaryDirectory()
        // HeaderTests holds that this fixture is the example in the header.
        var libraries = ["header_example": try Fixture.library("shout")]
        for example in PluginExample.all where example.canBeLoaded {
            libraries[example.name] = try example.compile(in: directory)
        }
        let files = Dictionary(
            uniqueKeysWithValues: libraries.map { ("lib\($0.key).so", $0.value) })
        try await TestHost.run(plugins: files, manifests: ["multiples": "user_config: 3"]) { host in
            for name in libraries.keys.sorted() {
                let status = try await host.wait(for: name) { $0.state != .loading }
                #expect(status.state == .serving, "\(name): \(status.reason ?? "no reason")")
            }
            for (name, method, body, answer) in answers where libraries[name] != nil {
                #expect(try await host.http.call(name, method, body).text == answer, "\(name)")
            }
        }
    }

    @Test("the middleware in the documents stands in a chain as they say")
    func middleware() async throws {
        let directory = try TemporaryDirectory()
        let gate = try #require(PluginExample.all.first { $0.name == "gate" })
        try await TestHost.run(
            plugins: [
                "libgate.so": try gate.compile(in: directory),
                "libshout.so": try Fixture.library("shout"),
            ], manifests: ["shout": "middleware: [gate: x-ticket]"]
        ) { host in
            _ = try await host.wait(for: "gate") { $0.middlewareOf == ["backend shout"] }
            let refusal = try await host.http.call("shout")
            #expect(refusal.status == 401 && refusal.text.contains("no header, no answer"))
            let answer = try await host.http.call("shout", headers: ["X-Ticket": "1"])
            #expect((answer.text, answer.headers["x-passed"]) == ("HELLO", "1"))
        }
    }

    /// Endpoint, method, body and answer of the calls in the documents.
    private let answers: [(name: String, method: String?, body: String, answer: String)] = [
        ("shout", nil, "", "HELLO"),
        ("header_example", nil, "", "HELLO"),
        ("hello", nil, "", "hello\n"),
        ("add", nil, "2 3", #"{"sum":5}"#),
        ("tally", nil, "", #"{"current":0}"#),
        ("tally", "increment", "", "true"),
        ("tally", nil, "", #"{"current":1}"#),
        ("later", nil, "abcdef", "fedcba"),
        ("scores", nil, "small:abc", #"{"score":3,"batch":1}"#),
        ("shouter", nil, "", "HELLO\n"),
        ("ticks", nil, "", "tick 1\ntick 2\ntick 3\ndone\n"),
        ("keeper", "set", "remember me", "true"),
        ("keeper", nil, "", "remember me"),
        ("visits", nil, "", "1\n"),
        ("multiples", nil, "A", "195"),
        ("words", nil, "to be or not to be", "4"),
        ("clicks", "other_method", #"{"inc": 2}"#, "true"),
        ("clicks", nil, "", #"{"current":3}"#),
        ("powers", nil, "[2, 10]", "1024"),
        ("powers", nil, #"{"exponent": 0.5, "base": 2}"#, "1.4142135623730951"),
    ]

    @Test("the Swift in the tutorial is the counter's")
    func swiftExcerpts() throws {
        let counter = try #require(
            SourceTree.files.first {
                $0.path == "Sources/Plugins/CounterBackend/CounterBackend.swift"
            })
        let excerpts = tutorial.blocks.filter { $0.language == "swift" }
        #expect(!excerpts.isEmpty)
        for excerpt in excerpts {
            #expect(counter.text.contains(excerpt.text), "\(excerpt.text)")
        }
    }

    @Test("the Swift in what is told of middleware is the example's")
    func middlewareExcerpts() throws {
        let example = try #require(
            SourceTree.files.first { $0.path == "Examples/OwnMiddleware/OwnMiddleware.swift" })
        let excerpts = MarkdownDocument.at("docs/middleware.md").blocks
            .filter { $0.language == "swift" }
        #expect(excerpts.count == 3)
        for excerpt in excerpts {
            #expect(example.text.contains(excerpt.text), "\(excerpt.text)")
        }
    }

    // MARK: Paths

    @Test("each link to a file leads to one")
    func links() {
        var dead: [String] = []
        for document in MarkdownDocument.all {
            let folder = URL(fileURLWithPath: Repository.path(document.path))
                .deletingLastPathComponent()
            for target in document.linkTargets {
                let path = folder.appendingPathComponent(target).standardizedFileURL.path
                guard !FileManager.default.fileExists(atPath: path) else { continue }
                dead.append("\(document.path): \(target)")
            }
        }
        #expect(dead == [])
        #expect(readme.linkTargets.contains("docs/ARCHITECTURE.md"))
    }

    @Test("each file and folder that a document names is there")
    func paths() {
        let missing = MarkdownDocument.all.flatMap { document in
            document.namedPaths
                .filter { !FileManager.default.fileExists(atPath: Repository.path($0)) }
                .map { "\(document.path): \($0)" }
        }
        #expect(missing == [])
        #expect(readme.namedPaths.contains("Sources/Host/HTTP/"))
    }

    @Test("the architecture fits on 300 lines")
    func architecture() throws {
        let path = "docs/ARCHITECTURE.md"
        let file = try #require(SourceTree.files.first { $0.path == path })
        #expect(file.lines.count <= 300)
    }

    // MARK: Tables

    @Test("the README's table of the manifest has the keys that the host reads")
    func manifestKeys() {
        let keys = keys(of: PluginManifest.schema)
        let rows = readme.section("The manifest")
            .compactMap { $0.firstMatch(of: /^\| `([\w.]+)` \|/)?.1 }
        #expect(keys.contains("num_replicas") && keys.contains("autoscaling.max_replicas"))
        #expect(rows.map(String.init).sorted() == keys.sorted())
    }

    /// The keys that a JSON Schema has, with those below them.
    private func keys(of schema: JSONValue) -> [String] {
        guard case .object(let keywords) = schema,
            case .object(let properties) = keywords["properties"]
        else { return [] }
        return properties.flatMap { name, schema in
            [name] + keys(of: schema).map { "\(name).\($0)" }
        }
    }

    @Test("the README's table of options has those of serve")
    func serveOptions() throws {
        let help = try Tool.run(HostProcess.executable, ["serve", "--help"])
        let cells = readme.section("The command line").filter { $0.hasPrefix("| `--") }
            .compactMap { $0.split(separator: "|").first }
        let ofEveryCommand: Set = ["--help", "--version"]
        #expect(options(in: cells.joined()) == options(in: help).subtracting(ofEveryCommand))
    }

    private func options(in text: String) -> Set<String> {
        Set(text.matches(of: /--[a-z][a-z-]+/).map { String($0.output) })
    }
}
