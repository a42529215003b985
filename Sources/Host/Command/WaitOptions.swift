internal import ArgumentParser
internal import HostAdmin

/// How long a command waits for what its change needs, and whether that may come later.
struct WaitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long plugins may take to start what the change needs.",
            discussion: "What takes longer is refused, and nothing has changed.",
            valueName: "duration"), transform: DurationArgument.read)
    var timeout = DurationArgument(.seconds(60))

    var limits: AdminClient.Limits { AdminClient.Limits(timeout: timeout.duration) }
}

/// The same, for what may name plugins that are not there yet.
struct EarlyOptions: ParsableArguments {
    @OptionGroup var wait: WaitOptions

    @Flag(
        help:
            "Let backends name plugins whose libraries are not there yet: they are served when those come."
    )
    var allowMissing = false

    var limits: AdminClient.Limits {
        AdminClient.Limits(timeout: wait.timeout.duration, allowsMissing: allowMissing)
    }
}
