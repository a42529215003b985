import Foundation
import HostAdmin
import HostDeployment
import TestSupport

/// What an operator does with a host: commands, and files in its plugins directory.
extension HostProcess {
    /// Runs another command of `backplane` against this host.
    func run(_ arguments: String..., input: String = "") async throws -> Tool.Result {
        try await Program.run(
            Self.executable, arguments + ["--admin-socket", adminSocket], input: input)
    }

    /// What `backplane list --json` shows, all of it.
    func list() async throws -> [PluginStatus] {
        try await AdminClient(socket: adminSocket).list().plugins
    }

    func status(of plugin: String) async throws -> PluginStatus? {
        try await list().first { $0.name == plugin }
    }

    /// The number of the generation that serves.
    func generation(of plugin: String) async throws -> Int? {
        try await status(of: plugin)?.generation
    }

    /// Waits until what the host says of a plugin satisfies a condition.
    @discardableResult
    func wait(
        for plugin: String, within timeout: Duration = .seconds(20),
        until condition: (PluginStatus) -> Bool
    ) async throws -> PluginStatus {
        try await Eventually.value(within: timeout) {
            try await self.list().first { $0.name == plugin && condition($0) }
        }
    }

    /// Waits until `list` doesn't show a plugin any more.
    func waitUntilForgotten(_ plugin: String) async throws {
        try await Eventually.true { try await self.status(of: plugin) == nil }
    }

    /// How many lines of the log have all of these parts.
    func logCount(of parts: String...) -> Int {
        log.split(separator: "\n").filter { line in parts.allSatisfy { line.contains($0) } }.count
    }

    // MARK: The plugins directory

    func path(of file: String) -> String { "\(pluginsDirectory)/\(file)" }

    /// `cp library plugins.d/file`: an existing file is overwritten where it stands.
    func copy(_ library: String, as file: String) async throws {
        let result = try await Program.run("cp", [library, path(of: file)])
        guard result.status == 0 else { throw Tool.Failure(description: result.errors) }
    }

    /// Puts a library in place by rename.
    func place(_ library: String, as file: String) throws {
        try Fixture.place(library, as: file, in: pluginsDirectory)
    }

    func remove(_ file: String) throws {
        try FileManager.default.removeItem(atPath: path(of: file))
    }

    /// Waits until the host has noticed what was done to the plugins directory before: it reports changes in order, so
    /// it drops a plugin of its own and waits until that one serves.
    func noticeChanges() async throws {
        let name = "marker\(UInt32.random(in: 0 ... .max))"
        try place(try Fixture.library("shout"), as: "\(name).so")
        try await wait(for: name) { $0.state == .serving }
        try remove("\(name).so")
        try await wait(for: name) { $0.state == .retired }
    }
}
