internal import ArgumentParser
internal import Foundation
internal import HostAdmin
internal import NIOCore
internal import NIOFoundationCompat

struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Calls a method of an endpoint and prints the response.",
        discussion: "The call takes the same path as an HTTP call: same queue, same limits.")

    @Argument(help: "The endpoint's name.")
    var endpoint: String

    @Option(help: ArgumentHelp("The method.", valueName: "name"))
    var methodName = "__call__"

    @Option(
        help: ArgumentHelp(
            "The request's body; '-' reads it from standard input.", valueName: "text"))
    var data: String?

    @Option(help: ArgumentHelp("The body's content type.", valueName: "type"))
    var contentType: String?

    @Option(help: ArgumentHelp("Shortens the backend's own timeout.", valueName: "seconds"))
    var timeout: Double?

    @OptionGroup var admin: AdminOptions

    func validate() throws {
        guard let timeout else { return }
        guard timeout > 0, timeout < 1e9 else {
            throw ValidationError(
                "--timeout is \(timeout); it must be a positive number of seconds")
        }
    }

    func run() async throws {
        let response = try await admin.client.call(
            endpoint, method: methodName, body: try body(), contentType: contentType,
            timeoutSeconds: timeout)
        try FileHandle.standardOutput.write(contentsOf: Data(buffer: response.body))
        // A person's prompt goes on a line of its own; a pipe gets the bytes and no more.
        if isatty(STDOUT_FILENO) != 0 { print() }
    }

    private func body() throws -> ByteBuffer {
        guard data == "-" else { return ByteBuffer(string: data ?? "") }
        return ByteBuffer(data: try FileHandle.standardInput.readToEnd() ?? Data())
    }
}
