internal import ArgumentParser
internal import HostCore

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
            DiffCommand.self, RollbackCommand.self, ExportCommand.self, SchemaCommand.self,
            InspectCommand.self,
        ])
}

extension BackplaneCommand {
    /// As the argument parser has it, but what SwiftNIO and Foundation throw becomes a sentence.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: SystemError.reasonOfForeign(error).map { ForeignError($0) } ?? error)
        }
    }

    private struct ForeignError: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }
}
