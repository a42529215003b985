internal import ArgumentParser
internal import HostAdmin

struct TrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traffic", abstract: "Says which backends get an endpoint's calls.",
        subcommands: [SetTrafficCommand.self, ShadowTrafficCommand.self])
}

struct SetTrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Splits the calls of an endpoint: TAG=0.9 TAG=0.1.",
        discussion: """
            The weights sum to 1. Shadows stay as they are. Calls move only to backends that serve: one that doesn't is
            started first, and if it can't be, nothing has changed.
            """)

    @Argument(help: "The endpoint's name.")
    var endpoint: String

    @Argument(
        help: ArgumentHelp("Which part each backend answers.", valueName: "tag=weight"),
        transform: ShareArgument.read)
    var weights: [ShareArgument]

    @OptionGroup var wait: WaitOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func validate() throws {
        let tags = weights.map(\.tag)
        guard Set(tags).count == tags.count else {
            throw ValidationError("a tag stands there twice; name each backend once")
        }
    }

    func run() async throws {
        let changed = try await admin.client.setTraffic(
            endpoint, Dictionary(uniqueKeysWithValues: weights.map { ($0.tag, $0.share) }),
            wait.limits)
        try output.print(changed) { EndpointTable([changed]).text }
    }
}

struct ShadowTrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shadow",
        abstract: "Sends copies of an endpoint's calls to a backend: TAG=0.05; TAG=0 ends it.",
        discussion: "The copies' answers are thrown away; they never delay or fail the caller.")

    @Argument(help: "The endpoint's name.")
    var endpoint: String

    @Argument(
        help: ArgumentHelp("Which part is copied to whom.", valueName: "tag=share"),
        transform: ShareArgument.read)
    var shadow: ShareArgument

    @OptionGroup var output: OutputOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        let changed = try await admin.client.shadowTraffic(
            endpoint, backend: shadow.tag, share: shadow.share)
        try output.print(changed) { EndpointTable([changed]).text }
    }
}

/// `TAG=0.9`. A tag may have `=` in it: the last one counts.
struct ShareArgument {
    let tag: String
    let share: Double

    /// - Throws: `ValidationError`, which says how it is written.
    static func read(_ text: String) throws -> ShareArgument {
        guard let equals = text.lastIndex(of: "="), equals > text.startIndex,
            let share = Double(text[text.index(after: equals)...]), share.isFinite
        else {
            throw ValidationError(
                "'\(text)' is no backend with its part: write the tag, '=' and a number, such as echo=0.9"
            )
        }
        return ShareArgument(tag: String(text[..<equals]), share: share)
    }
}
