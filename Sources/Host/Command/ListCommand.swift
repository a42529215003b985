internal import ArgumentParser
internal import HostAdmin
internal import HostControl

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the plugins of a running host, or its middleware.")

    @Flag(help: "Show the chains of middleware, and what their stages have done.")
    var middleware = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        if middleware {
            let chains = try await admin.client.middleware()
            return try output.print(chains) { ChainsTable(chains).text }
        }
        let (plugins, text) = try await admin.client.list()
        print(output.json ? text : PluginTable(plugins).text)
    }
}
