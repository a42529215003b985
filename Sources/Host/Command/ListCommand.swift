internal import ArgumentParser
internal import HostAdmin
internal import HostControl

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Shows the plugins of a running host, or the methods of one.")

    @Argument(help: "The plugin whose methods are shown, with --methods.")
    var plugin: String?

    @Flag(help: "The methods of a plugin, with their signatures.")
    var methods = false

    @Flag(help: "The same for programs; of methods with JSON Schemas.")
    var json = false

    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard methods == (plugin != nil) else {
            throw ValidationError(
                methods
                    ? "--methods is of one plugin: name it" : "a plugin is named with --methods")
        }
    }

    func run() async throws {
        if let plugin {
            let (methods, text) = try await admin.client.methods(of: plugin)
            print(json ? text : MethodTable(methods, of: plugin).text)
        } else {
            let (plugins, text) = try await admin.client.list()
            print(json ? text : PluginTable(plugins).text)
        }
    }
}
