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

    @Option(
        help: ArgumentHelp(
            "In place of the socket: where the host serves the admin API over TCP.",
            discussion: "Such as http://127.0.0.1:9000. It wants the host's token.",
            valueName: "url"))
    var adminUrl: String?

    @Option(
        help: ArgumentHelp(
            "For --admin-url: a file with the host's token, of mode 0600.",
            discussion: "Default: the token itself in $BACKPLANE_ADMIN_TOKEN.",
            valueName: "path"))
    var adminTokenFile: String?

    @Option(help: ArgumentHelp("The host's plugins directory.", valueName: "directory"))
    var pluginsDir = "plugins.d"

    func validate() throws {
        if adminSocket != nil, adminUrl != nil {
            throw ValidationError("--admin-socket and --admin-url name two hosts; leave one out")
        }
        if adminTokenFile != nil, adminUrl == nil {
            throw ValidationError(
                "--admin-token-file is for --admin-url; a socket wants no token")
        }
    }

    var client: AdminClient {
        get throws {
            guard let adminUrl else {
                return AdminClient(
                    socket: adminSocket
                        ?? AdminSocket.defaultPath(pluginsDirectory: pluginsDir))
            }
            let token =
                try adminTokenFile.map { try AdminToken.text(of: $0) }
                ?? AdminToken.textOfEnvironment()
            return try AdminClient(url: adminUrl, token: token)
        }
    }
}
