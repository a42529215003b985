internal import ArgumentParser
internal import HostAdmin

struct EndpointsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoints",
        abstract: "Creates, deletes and lists endpoints: names and routes that callers use.",
        subcommands: [
            ListEndpointsCommand.self, CreateEndpointCommand.self, DeleteEndpointCommand.self,
        ], defaultSubcommand: ListEndpointsCommand.self)
}

struct ListEndpointsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the endpoints of a running host.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let endpoints = try await admin.client.endpoints()
        try output.print(endpoints) { EndpointTable(endpoints).text }
    }
}

struct CreateEndpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Creates an endpoint whose calls go to one backend.")

    @Argument(help: "The endpoint's name.")
    var name: String

    @Option(help: ArgumentHelp("The backend that answers.", valueName: "tag"))
    var backend: String

    @Option(
        help: ArgumentHelp(
            "Where HTTP callers find it: /x, or /x/* for all below it.",
            discussion: "Without a route it is reachable by handle alone.", valueName: "path"))
    var route: String?

    @Option(
        help: ArgumentHelp(
            "The HTTP methods it takes, such as GET,POST.",
            discussion: "Default: GET,POST. HEAD is taken wherever GET is.", valueName: "list"))
    var methods: String?

    @OptionGroup var wait: EarlyOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let endpoint = try await admin.client.createEndpoint(
            name, backend: backend, route: route,
            methods: methods.map { $0.split(separator: ",").map(String.init) }, wait.limits)
        try output.print(endpoint) { EndpointTable([endpoint]).text }
    }
}

struct DeleteEndpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes an endpoint; its callers get 404, and its backends stay.")

    @Argument(help: "The endpoint's name.")
    var name: String

    @OptionGroup var admin: AdminOptions

    func run() async throws {
        try await admin.client.deleteEndpoint(name)
    }
}
