internal import ArgumentParser
internal import Foundation
internal import HostAdmin
internal import HostDeployment
internal import HostState

struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract:
            "Goes back to one of the last configurations, or to an earlier version of a library.",
        discussion: """
            Ten configurations are kept, and three versions of each library, beside those that serve. What is gone back
            to is started first; if it can't be, nothing has changed. A configuration that was gone back to becomes the
            newest, so that this can be undone. A changed file in the plugins directory ends the rollback of a library.
            """)

    @Argument(help: "The number that --list shows; the one before by default.")
    var number: Int?

    @Flag(help: "Show what can be gone back to.")
    var list = false

    @Option(help: ArgumentHelp("Go back to a version of this plugin's library.", valueName: "name"))
    var plugin: String?

    @OptionGroup var wait: EarlyOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard number == nil || !list else {
            throw ValidationError("--list shows all of them: leave the number out")
        }
        if let number, !(1...Int(Int32.max)).contains(number) {
            throw ValidationError("\(number) is no number that --list shows")
        }
    }

    func run() async throws {
        let client = try admin.client
        switch (plugin, list) {
        case (nil, true):
            let revisions = try await client.configurations()
            try output.print(revisions) { Self.table(revisions) }
        case (nil, false):
            let changes = try await client.rollBack(to: number, wait.limits)
            try output.print(changes) { changes.text }
        case (let plugin?, true):
            let versions = try await client.versions(of: plugin)
            try output.print(versions) { Self.table(versions) }
        case (let plugin?, false):
            let status = try await client.rollBack(plugin: plugin, to: number)
            try output.print([status]) { PluginTable([status]).text }
        }
    }

    private static func table(_ revisions: [ConfigurationRevision]) -> String {
        guard !revisions.isEmpty else {
            return "none is kept yet: nothing has been configured by a file or by hand"
        }
        let rows = revisions.enumerated().map { index, revision in
            [
                "\(revision.number)", text(of: revision.time), index == 0 ? "present" : "",
                (revision.changes.first ?? "")
                    + (revision.changes.count > 1
                        ? " (and \(revision.changes.count - 1) more)" : ""),
            ]
        }
        return TextTable(header: ["NUMBER", "SINCE", "", "CHANGES"], rows).text
    }

    private static func table(_ versions: [LibraryVersions.Version]) -> String {
        guard !versions.isEmpty else { return "none is kept" }
        let rows = versions.map {
            ["\($0.number)", $0.version, text(of: $0.time), "\($0.size)", $0.fingerprint]
        }
        return TextTable(header: ["NUMBER", "VERSION", "SINCE", "BYTES", "FINGERPRINT"], rows).text
    }

    private static func text(of time: Double) -> String {
        Date(timeIntervalSince1970: time).formatted(.iso8601)
    }
}
