internal import ArgumentParser
internal import HostAdmin
internal import HostDeployment
internal import HostForms

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract:
            "Shows the plugins of a running host, one in detail, its methods, or the middleware.")

    @Argument(help: "The plugin that is shown in detail; with --methods, its methods.")
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
        guard !methods || plugin != nil else {
            throw ValidationError("--methods is of one plugin: name it")
        }
        guard !middleware || plugin == nil else {
            throw ValidationError("--middleware shows all chains: leave the plugin out")
        }
    }

    func run() async throws {
        if middleware {
            let chains = try await admin.client.middleware()
            return try output.print(chains) { ChainsTable(chains).text }
        }
        if let plugin, methods {
            let (methods, text) = try await admin.client.methods(of: plugin)
            return print(output.json ? text : MethodTable(methods, of: plugin).text)
        }
        let (plugins, text) = try await admin.client.list()
        if let plugin {
            // Bytes: what Unicode calls equal is another name.
            guard let status = plugins.first(where: { $0.name.utf8.elementsEqual(plugin.utf8) })
            else {
                throw NoSuchPlugin(
                    description: "no plugin \(plugin)"
                        + NearestName.hint(for: plugin, among: plugins.map(\.name)))
            }
            let methods = try await admin.client.methods(of: plugin).methods
            return try output.print(status) { PluginDetails(status, methods).text }
        }
        print(output.json ? text : PluginTable(plugins).text)
    }
}

private struct NoSuchPlugin: Error, CustomStringConvertible {
    let description: String
}
