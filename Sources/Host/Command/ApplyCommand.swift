internal import ArgumentParser
internal import Foundation
internal import HostAdmin
internal import HostCore
internal import HostPlugins

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Brings a running host in line with a file.",
        discussion: """
            What is new is started first, beside what serves; then all of the file takes effect at once. If something
            can't be started, nothing has changed. What operators created by hand stays, unless the file declares it.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("The file; '-' for input.", valueName: "path"))
    var file = "backplane.yaml"

    @OptionGroup var wait: EarlyOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let changes = try await admin.client.applyConfiguration(
            try ConfigurationInput.read(file), file: file, isDryRun: false, wait.limits)
        try output.print(changes) { changes.text }
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
        try output.print(changes) { changes.text }
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

extension AdminChanges {
    /// A line for each difference.
    var text: String {
        let lines = changes + needsRestart
        return lines.isEmpty ? "nothing differs" : lines.joined(separator: "\n")
    }
}

/// The file that a command is given.
enum ConfigurationInput {
    /// Why it can't be read, in a line for people.
    struct Unreadable: Error, CustomStringConvertible {
        let description: String

        init(_ path: String, _ reason: String) {
            description =
                "\(path) can't be read: \(reason); --file names another one, '-' is the input"
        }
    }

    /// - Throws: ``Unreadable``.
    static func read(_ path: String) throws -> String {
        let file = path == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: path)
        guard let file else { throw Unreadable(path, SystemError.current) }
        do {
            return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
        } catch {
            throw Unreadable(path, SystemError.reason(of: error))
        }
    }
}
