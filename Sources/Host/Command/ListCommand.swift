internal import ArgumentParser
internal import HostAdmin
internal import HostControl

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the plugins of a running host.")

    @Flag(help: "The same for programs.")
    var json = false

    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let (plugins, text) = try await admin.client.list()
        print(json ? text : PluginTable(plugins).text)
    }
}
