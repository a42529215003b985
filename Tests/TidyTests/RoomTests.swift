import Foundation
import TestSupport
import Testing

/// The arrows between the rooms of the host.
@Suite struct RoomTests {
    /// The rooms' folders and modules, top first. Arrows run down only.
    private static let rooms = [
        ("Command", "backplane"), ("Backplane", "Backplane"), ("Admin", "HostAdmin"),
        ("Ingress", "HostIngress"), ("Control", "HostControl"), ("Middleware", "HostMiddleware"),
        ("Tokens", "HostTokens"), ("Dispatch", "HostDispatch"),
        ("Forms", "HostForms"), ("Plugins", "HostPlugins"),
    ]

    @Test("each folder of the host has a place in the order of the rooms")
    func everyRoom() {
        let folders = SourceTree.files(under: ["Sources/Host"], endings: ["swift"])
            .map { String($0.path.split(separator: "/")[2]) }
        #expect(Set(folders) == Set(Self.rooms.map(\.0)))
    }

    @Test("a room imports rooms below it only")
    func imports() {
        var upward: [String] = []
        for (position, room) in Self.rooms.enumerated() {
            let forbidden = Set(Self.rooms[...position].map(\.1))
            for file in SourceTree.files(under: ["Sources/Host/\(room.0)"], endings: ["swift"]) {
                for module in importedModules(of: file) where forbidden.contains(module) {
                    upward.append("\(file.path) imports \(module)")
                }
            }
        }
        #expect(upward == [])
    }

    @Test("a room's target depends on rooms below it only")
    func dependencies() throws {
        let manifest = try #require(SourceTree.files.first { $0.path == "Package.swift" }).text
        let targets = manifest.matches(
            of: /name: "(\w+)",\s+dependencies: \[([^\]]*)\],\s+path: "Sources\/Host\/(\w+)"/)
        #expect(targets.count == Self.rooms.count)
        var upward: [String] = []
        for target in targets {
            let (name, dependencies, folder) = (
                String(target.1), String(target.2), String(target.3)
            )
            let position = try #require(Self.rooms.firstIndex { $0 == (folder, name) })
            for (_, module) in Self.rooms[...position] where dependencies.contains("\"\(module)\"")
            {
                upward.append("\(name) depends on \(module)")
            }
        }
        #expect(upward == [])
    }

    @Test("only the plugin room and the example plugins see the C header")
    func header() {
        let allowed = ["Sources/Host/Plugins/", "Sources/Plugins/"]
        let others = SourceTree.files(under: ["Sources", "Tests"], endings: ["swift"])
            .filter { file in !allowed.contains { file.path.hasPrefix($0) } }
            .filter { importedModules(of: $0).contains("PluginABI") }
        #expect(others.map(\.path) == [])
    }

    private func importedModules(of file: SourceTree.File) -> [String] {
        file.lines.compactMap { line in
            line.firstMatch(
                of: /^\s*(?:@\w+ )?(?:\w+ )?import (?:(?:class|struct|enum|func) )?(\w+)/
            )
            .map { String($0.1) }
        }
    }
}
