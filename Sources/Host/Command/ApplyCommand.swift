internal import ArgumentParser
internal import Foundation
internal import HostAdmin
internal import HostControl

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Brings a running host in line with a file, and waits until it serves that.",
        discussion: """
            All of the file takes effect, or nothing. What operators created by hand stays, unless the file declares it.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("The file; '-' for input.", valueName: "path"))
    var file = "backplane.yaml"

    @OptionGroup var wait: WaitOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let changes = try await admin.client.applyConfiguration(
            try ConfigurationInput.read(file), file: file, isDryRun: false)
        _ = try await wait.untilServed(changes.backends, by: admin.client)
        try output.print(changes) {
            changes.changes.isEmpty ? "nothing differs" : changes.changes.joined(separator: "\n")
        }
    }
}

struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Shows what `apply` would change, and changes nothing.")

    @Option(name: .shortAndLong, help: ArgumentHelp("The file; '-' for input.", valueName: "path"))
    var file = "backplane.yaml"

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let changes = try await admin.client.applyConfiguration(
            try ConfigurationInput.read(file), file: file, isDryRun: true)
        try output.print(changes) {
            changes.changes.isEmpty ? "nothing differs" : changes.changes.joined(separator: "\n")
        }
    }
}

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Prints the running state as a file for `apply`.")

    @OptionGroup var admin: AdminOptions

    func run() async throws {
        print(try await admin.client.exportConfiguration(), terminator: "")
    }
}

/// The file that a command is given.
enum ConfigurationInput {
    static func read(_ path: String) throws -> String {
        let data: Data
        do {
            data =
                path == "-"
                ? try FileHandle.standardInput.readToEnd() ?? Data()
                : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw ValidationError("\(path) can't be read: \(error.localizedDescription)")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
