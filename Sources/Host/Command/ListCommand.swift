internal import ArgumentParser
internal import HostAdmin
internal import HostControl

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Shows the plugins of a running host, the methods of one, or the middleware.")

    @Argument(help: "The plugin whose methods are shown, with --methods.")
    var plugin: String?

    @Flag(help: "The methods of a plugin, with their signatures; with --json their JSON Schemas.")
    var methods = false

    @Flag(help: "The chains of middleware, and what their stages have done.")
    var middleware = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard !(methods && middleware) else {
            throw ValidationError("--methods and --middleware are two lists: ask for one")
        }
        guard methods == (plugin != nil) else {
            throw ValidationError(
                methods
                    ? "--methods is of one plugin: name it" : "a plugin is named with --methods")
        }
    }

    func run() async throws {
        if middleware {
            let chains = try await admin.client.middleware()
            return try output.print(chains) { ChainsTable(chains).text }
        }
        if let plugin {
            let (methods, text) = try await admin.client.methods(of: plugin)
            return print(output.json ? text : MethodTable(methods, of: plugin).text)
        }
        let (plugins, text) = try await admin.client.list()
        print(output.json ? text : PluginTable(plugins).text)
    }
}
