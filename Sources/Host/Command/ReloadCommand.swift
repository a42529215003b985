internal import ArgumentParser
internal import HostAdmin
internal import HostDeployment

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Makes a new generation of a plugin from its file, without losing a call.",
        discussion:
            "If the file can't be served, the present generation serves on and the reason is printed."
    )

    @Argument(help: "The plugin's name.")
    var plugin: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let status = try await admin.client.reload(plugin)
        try output.print(status) {
            "\(status.name): generation \(status.generation.map(String.init) ?? "-"), "
                + "version \(status.version ?? "-"), \(status.state.rawValue)"
        }
    }
}
