internal import ArgumentParser
internal import HostAdmin
internal import HostDeployment

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows all that a running host serves, and from whom it is.",
        discussion:
            "FROM: plugin, the default of a dropped library; file, the configuration file; hand.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    private struct Status: Encodable {
        let plugins: [PluginStatus]
        let backends: [BackendStatus]
        let endpoints: [EndpointStatus]
    }

    func run() async throws {
        let client = try admin.client
        let status = Status(
            plugins: try await client.list().plugins, backends: try await client.backends(),
            endpoints: try await client.endpoints())
        try output.print(status) {
            [
                PluginTable(status.plugins).text, BackendTable(status.backends).text,
                EndpointTable(status.endpoints).text,
            ].joined(separator: "\n\n")
        }
    }
}

struct RoutesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes", abstract: "Shows which paths a running host answers.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let endpoints = try await admin.client.endpoints().filter { $0.route != nil }
            .sorted { ($0.route ?? "") < ($1.route ?? "") }
        let routes = Dictionary(
            uniqueKeysWithValues: endpoints.map { ($0.route ?? "", $0.name) })
        try output.print(routes) {
            TextTable(
                header: ["ROUTE", "METHODS", "ENDPOINT"],
                endpoints.map {
                    [$0.route ?? "", $0.methods.joined(separator: ","), $0.name]
                }
            ).text
        }
    }
}
