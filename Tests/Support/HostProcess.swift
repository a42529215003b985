import Foundation

/// The `backplane` program as a process of its own, as an operator starts it.
package final class HostProcess: Sendable {
    package let directory: TemporaryDirectory
    package let port: Int
    package let adminSocket: String
    /// The port of the admin API over TCP, where it is served.
    package let adminPort: Int?
    private let program: Program

    package static let executable = Repository.product("backplane")

    package var pluginsDirectory: String { directory.file("plugins.d") }
    package var http: HTTPTestClient { HTTPTestClient(port: port) }
    package var pid: Int32 { program.pid }
    package var log: String { program.errors }
    package var output: String { program.output }

    private struct Ready: Decodable {
        struct HTTP: Decodable { let port: Int }
        let http: HTTP
        let admin: HTTP?
    }

    /// Starts a host and waits until it listens.
    ///
    /// - Parameters:
    ///   - plugins: file names in the plugins directory, and the libraries they are copies of.
    ///   - manifests: names of plugins, and the YAML that stands beside them.
    ///   - launcher: the beginning of a command that runs the host as its last arguments; it must become the host's
    ///     process.
    ///   - environment: added to the tests' own. The host's copies of libraries go into ``directory`` as well.
    package init(
        plugins: [String: String] = [:], manifests: [String: String] = [:],
        arguments: [String] = [], through launcher: [String] = [],
        environment: [String: String] = [:]
    ) async throws {
        directory = try TemporaryDirectory()
        adminSocket = directory.file("admin.sock")
        let pluginsDirectory = try directory.makeDirectory("plugins.d")
        for (name, library) in plugins {
            try Fixture.place(library, as: name, in: pluginsDirectory)
        }
        for (name, yaml) in manifests {
            try yaml.write(
                toFile: "\(pluginsDirectory)/\(name).yaml", atomically: true, encoding: .utf8)
        }
        let ready = directory.file("ready.json")
        let command =
            launcher + [
                Self.executable, "serve", "--plugins-dir", pluginsDirectory, "--port", "0",
                "--admin-socket", adminSocket, "--ready-file", ready,
            ] + arguments
        program = try Program(
            command[0], Array(command.dropFirst()),
            environment: ["TMPDIR": directory.path].merging(environment) { $1 })
        let told = try await Eventually.value(within: .seconds(60)) { [program] () -> Ready? in
            guard program.isRunning else {
                throw Tool.Failure(description: "the host ended: \(program.errors)")
            }
            guard let data = FileManager.default.contents(atPath: ready) else { return nil }
            return try JSONDecoder().decode(Ready.self, from: data)
        }
        port = told.http.port
        adminPort = told.admin?.port
    }

    package var isRunning: Bool { program.isRunning }

    package func signal(_ number: Int32) {
        program.signal(number)
    }

    /// Waits for the process to end.
    ///
    /// - Returns: its exit status; for one that a signal ended, 128 and the signal's number.
    package func waitForExit(within timeout: Duration = .seconds(30)) async throws -> Int32 {
        try await program.waitForExit(within: timeout)
    }

    /// Runs another command of `backplane` against this host.
    package func command(_ arguments: String...) throws -> Tool.Result {
        try Tool.result(
            of: Self.executable,
            [arguments[0], "--admin-socket", adminSocket] + arguments.dropFirst())
    }
}
