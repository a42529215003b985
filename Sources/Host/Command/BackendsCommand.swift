internal import ArgumentParser
internal import HostAdmin
internal import HostConfigurationFiles

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
        commandName: "create", abstract: "Starts a backend, and creates it when it serves.",
        discussion: "If it can't be started, there is none.")

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

    @OptionGroup var wait: EarlyOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let created = try await admin.client.createBackend(
            tag, plugin: plugin, config: config, wait.limits)
        try output.print([created]) { BackendTable([created]).text }
    }
}

struct UpdateBackendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Changes the settings that are named.",
        discussion: """
            Replicas that it takes are started first. If one can't be, or refuses the settings, nothing has changed.
            """)

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
        let updated = try await admin.client.updateBackend(tag, config, wait.limits)
        try output.print([updated]) { BackendTable([updated]).text }
    }
}

struct DeleteBackendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes a backend that no endpoint uses.",
        discussion: "Calls that were admitted are finished.")

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
