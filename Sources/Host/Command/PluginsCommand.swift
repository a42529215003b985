internal import ArgumentParser

struct PluginsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugins",
        abstract: "Lists, reloads and restarts plugins: the same as the commands of these names.",
        subcommands: [ListCommand.self, ReloadCommand.self, RestartCommand.self],
        defaultSubcommand: ListCommand.self)
}
