internal import ArgumentParser
internal import HostAdmin

/// Which host a command talks to.
struct AdminOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The host's admin socket.",
            discussion: "Default: $XDG_RUNTIME_DIR/backplane.sock, or else <plugins-dir>.sock.",
            valueName: "path"))
    var adminSocket: String?

    @Option(help: ArgumentHelp("The host's plugins directory.", valueName: "directory"))
    var pluginsDir = "plugins.d"

    var socket: String {
        adminSocket ?? AdminSocket.defaultPath(pluginsDirectory: pluginsDir)
    }

    var client: AdminClient { AdminClient(socket: socket) }
}
