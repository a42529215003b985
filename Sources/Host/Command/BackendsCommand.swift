internal import ArgumentParser
internal import HostAdmin
internal import HostControl

struct BackendsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backends",
        abstract: "Creates, changes, deletes and lists backends: plugins as they are run.",
        subcommands: [
            ListBackendsCommand.self, CreateBackendCommand.self, UpdateBackendCommand.self,
            DeleteBackendCommand.self,
        ], defaultSubcommand: ListBackendsCommand.self)
}

struct ListBackendsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the backends of a running host.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let backends = try await admin.client.backends()
        try output.print(backends) { BackendTable(backends).text }
    }
}

struct CreateBackendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Creates a backend and waits until it is served.")

    @Argument(help: "The backend's tag: any text.")
    var tag: String

    @Option(help: ArgumentHelp("The plugin that it runs.", valueName: "name"))
    var plugin: String

    @Option(
        help: ArgumentHelp(
            "How it is run, as JSON.",
            discussion: #"The keys are the manifest's: '{"num_replicas": 2}'."#, valueName: "json"),
        transform: BackendOptionsArgument.parse)
    var config: BackendOptions?

    @OptionGroup var wait: WaitOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        _ = try await admin.client.createBackend(tag, plugin: plugin, config: config)
        let ready = try await wait.untilServed([tag], by: admin.client)
        try output.print(ready) { BackendTable(ready).text }
    }
}

struct UpdateBackendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Changes the settings that are named, and waits until they are in effect.")

    @Argument(help: "The backend's tag.")
    var tag: String

    @Option(
        help: ArgumentHelp("What changes, as JSON.", valueName: "json"),
        transform: BackendOptionsArgument.parse)
    var config: BackendOptions

    @OptionGroup var wait: WaitOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        _ = try await admin.client.updateBackend(tag, config)
        let ready = try await wait.untilServed([tag], by: admin.client)
        try output.print(ready) { BackendTable(ready).text }
    }
}

struct DeleteBackendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes a backend that no endpoint uses.",
        discussion: "One that isn't there is no error. Calls that were admitted are finished.")

    @Argument(help: "The backend's tag.")
    var tag: String

    @Flag(
        help: ArgumentHelp(
            "Delete it also when endpoints use it.",
            discussion: """
                It leaves their traffic and shadows, and what the others had of the traffic is scaled to sum to 1; an
                endpoint that has nobody left goes as well.
                """))
    var force = false

    @OptionGroup var admin: AdminOptions

    func run() async throws {
        try await admin.client.deleteBackend(tag, force: force)
    }
}
