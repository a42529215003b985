internal import ArgumentParser

/// `backplane`: serves plugins, and talks to a host that does.
@main
struct BackplaneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backplane",
        abstract: "Serves shared libraries over HTTP.",
        discussion: """
            Drop lib<name>.so into the plugins directory and call it at /<name>.
            `backplane serve` runs the host; the other commands talk to it through its admin socket.
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, ListCommand.self, ReloadCommand.self, RestartCommand.self,
            CallCommand.self, StatusCommand.self, RoutesCommand.self, PluginsCommand.self,
            BackendsCommand.self, EndpointsCommand.self, TrafficCommand.self, ApplyCommand.self,
            DiffCommand.self, ExportCommand.self, SchemaCommand.self, InspectCommand.self,
        ])
}
