import Foundation
import HostPluginStages
import TestSupport
import Testing

/// The arrows between the modules of the host.
@Suite struct ModuleTests {
    /// The modules' folders and names, top first. Arrows run down only.
    private static let modules = [
        ("Command", "backplane"), ("Backplane", "Backplane"), ("Admin", "HostAdmin"),
        ("HTTP", "HostHTTP"), ("Deployment", "HostDeployment"), ("State", "HostState"),
        ("Configuration", "HostConfigurationFiles"), ("Stages", "HostStages"),
        ("PluginStages", "HostPluginStages"), ("Routing", "HostRouting"),
        ("Pipeline", "HostPipeline"), ("Tokens", "HostTokens"), ("Workers", "HostWorkers"),
        ("Dispatch", "HostDispatch"), ("Inspection", "HostInspection"),
        ("Transport", "HostTransport"),
        ("Plugins", "HostPlugins"), ("Loader", "HostLoader"), ("Forms", "HostForms"),
        ("TypedCalls", "HostTypedCalls"), ("Core", "HostCore"), ("Logging", "HostLogging"),
    ]

    @Test("each folder of the host has a place in the order of the modules")
    func everyModule() {
        let folders = SourceTree.files(under: ["Sources/Host"], endings: ["swift"])
            .map { String($0.path.split(separator: "/")[2]) }
        #expect(Set(folders) == Set(Self.modules.map(\.0)))
    }

    @Test("a module imports modules below it only")
    func imports() {
        var upward: [String] = []
        for (position, module) in Self.modules.enumerated() {
            let forbidden = Set(Self.modules[...position].map(\.1))
            for file in SourceTree.files(under: ["Sources/Host/\(module.0)"], endings: ["swift"]) {
                for name in importedModules(of: file) where forbidden.contains(name) {
                    upward.append("\(file.path) imports \(name)")
                }
            }
        }
        #expect(upward == [])
    }

    @Test("a module's target depends on modules below it only")
    func dependencies() throws {
        var upward: [String] = []
        for (name, dependencies) in try declared() {
            let position = try #require(Self.modules.firstIndex { $0.1 == name })
            for (_, module) in Self.modules[...position] where dependencies.contains(module) {
                upward.append("\(name) depends on \(module)")
            }
        }
        #expect(upward == [])
    }

    @Test("a module imports each module that its target depends on")
    func unused() throws {
        var unused: [String] = []
        for (folder, name) in Self.modules {
            let imported = SourceTree.files(under: ["Sources/Host/\(folder)"], endings: ["swift"])
                .reduce(into: Set<String>()) { $0.formUnion(importedModules(of: $1)) }
            for module in try declared()[name, default: []].subtracting(imported) {
                unused.append("\(name) does not import \(module)")
            }
        }
        #expect(unused.sorted() == [])
    }

    /// The modules of the host, and those that each depends on, as `Package.swift` has them.
    private func declared() throws -> [String: Set<String>] {
        let manifest = try #require(SourceTree.files.first { $0.path == "Package.swift" }).text
        let targets = manifest.matches(
            of:
                #/
                name:\ "(\w+)",\s+dependencies:\ \[([^\]]*)\](?:\ \+\ unlessSlim\(([^)]*)\))?,
                \s+path:\ "Sources/Host/(\w+)"
                /#)
        #expect(targets.count == Self.modules.count)
        let names = Set(Self.modules.map(\.1))
        return Dictionary(
            uniqueKeysWithValues: targets.map { target in
                let texts = "\(target.2) \(target.3 ?? "")".matches(of: /"(\w+)"/).map {
                    String($0.1)
                }
                return (String(target.1), Set(texts).intersection(names))
            })
    }

    /// `BACKPLANE_WRITE_DOCS=1 make test TEST_FLAGS="--filter ModuleTests"` draws it anew.
    @Test("the graph of the modules in ARCHITECTURE is that of Package.swift")
    func graph() throws {
        let declared = try declared()
        func reachable(from module: String) -> Set<String> {
            declared[module, default: []].reduce(into: []) {
                $0.formUnion([$1])
                $0.formUnion(reachable(from: $1))
            }
        }
        var lines = ["```mermaid", "graph TD"]
        for (folder, name) in Self.modules {
            let direct = declared[name, default: []]
            let implied = direct.reduce(into: Set<String>()) { $0.formUnion(reachable(from: $1)) }
            for (below, module) in Self.modules where direct.subtracting(implied).contains(module) {
                lines.append("    \(folder) --> \(below)")
            }
        }
        let drawn = (lines + ["```"]).joined(separator: "\n")
        let path = "docs/ARCHITECTURE.md"
        let text = try #require(SourceTree.files.first { $0.path == path }).text
        let (before, after) = ("<!-- modules -->\n", "\n<!-- /modules -->")
        let start = try #require(text.range(of: before)).upperBound
        let end = try #require(text.range(of: after)).lowerBound
        guard start > end || String(text[start..<end]) != drawn else { return }
        if ProcessInfo.processInfo.environment["BACKPLANE_WRITE_DOCS"] == "1" {
            let new = text[..<start] + drawn + text[text.range(of: after)!.lowerBound...]
            try String(new).write(
                toFile: "\(Repository.root.path)/\(path)", atomically: true, encoding: .utf8)
        } else {
            Issue.record("\(path) has another graph; draw it with BACKPLANE_WRITE_DOCS=1")
        }
    }

    @Test("only the plugin module and the example plugins see the C header")
    func header() {
        let allowed = ["Sources/Host/Plugins/", "Sources/Plugins/"]
        let others = SourceTree.files(under: ["Sources", "Tests"], endings: ["swift"])
            .filter { file in !allowed.contains { file.path.hasPrefix($0) } }
            .filter { importedModules(of: $0).contains("PluginABI") }
        #expect(others.map(\.path) == [])
    }

    @Test(
        "only the HTTP/1.1 face and the admin API know NIO's types of HTTP/1.1, only the state the database"
    )
    func framing() {
        let owners = [
            "NIOHTTP1": ["HTTP", "Admin"],
            "GRDB": ["State"],
        ]
        for (module, folders) in owners {
            let others = SourceTree.files(under: ["Sources/Host"], endings: ["swift"])
                .filter { file in !folders.contains { file.path.hasPrefix("Sources/Host/\($0)/") } }
                .filter { importedModules(of: $0).contains(module) }
            #expect(others.map(\.path) == [])
        }
    }

    private func importedModules(of file: SourceTree.File) -> [String] {
        // The look for the word spares most lines the expression, which is made anew for each.
        file.lines.filter { $0.contains("import ") }.compactMap { line in
            line.firstMatch(
                of: /^\s*(?:@\w+ )?(?:\w+ )?import (?:(?:class|struct|enum|func) )?(\w+)/
            )
            .map { String($0.1) }
        }
    }
}
