internal import ArgumentParser
internal import HostAdmin
internal import HostDeployment

struct RestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Makes a plugin's replicas anew, with fresh state, without losing a call.",
        discussion: "The library stays the same; `reload` takes the file's present content.")

    @Argument(help: "The plugin's name.")
    var plugin: String

    @Option(help: ArgumentHelp("Only the replica with this index.", valueName: "index"))
    var replica: Int?

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let status = try await admin.client.restart(plugin, replica: replica)
        try output.print(status) {
            "\(status.name): \(status.replicas) replicas, \(status.state.rawValue)"
        }
    }
}
