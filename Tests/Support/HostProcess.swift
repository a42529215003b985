import Foundation

/// The `backplane` program as a process of its own, as an operator starts it.
package final class HostProcess: @unchecked Sendable {
    // Sendable: `Process` is only asked for its state and sent signals, which it allows from any thread.
    package let directory: TemporaryDirectory
    package private(set) var port = 0
    package let adminSocket: String
    private let process = Process()
    private let errorFile: String
    private let outputFile: String

    package static let executable = Repository.product("backplane")

    package var pluginsDirectory: String { directory.file("plugins.d") }
    package var http: HTTPTestClient { HTTPTestClient(port: port) }
    package var pid: Int32 { process.processIdentifier }
    package var log: String { (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? "" }
    package var output: String { (try? String(contentsOfFile: outputFile, encoding: .utf8)) ?? "" }

    private struct Ready: Decodable {
        struct HTTP: Decodable { let port: Int }
        let http: HTTP
    }

    /// Starts a host and waits until it listens.
    ///
    /// - Parameters:
    ///   - plugins: file names in the plugins directory, and the libraries they are copies of.
    ///   - environment: added to the tests' own. The host's copies of libraries go into ``directory`` as well.
    package init(
        plugins: [String: String] = [:], arguments: [String] = [],
        environment: [String: String] = [:]
    ) async throws {
        directory = try TemporaryDirectory()
        adminSocket = directory.file("admin.sock")
        errorFile = directory.file("stderr")
        outputFile = directory.file("stdout")
        let pluginsDirectory = try directory.makeDirectory("plugins.d")
        for (name, library) in plugins {
            try Fixture.place(library, as: name, in: pluginsDirectory)
        }
        let ready = directory.file("ready.json")
        _ = FileManager.default.createFile(atPath: errorFile, contents: nil)
        _ = FileManager.default.createFile(atPath: outputFile, contents: nil)
        process.executableURL = URL(fileURLWithPath: Self.executable)
        process.arguments =
            [
                "serve", "--plugins-dir", pluginsDirectory, "--port", "0", "--admin-socket",
                adminSocket, "--ready-file", ready,
            ] + arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(["TMPDIR": directory.path]) { $1 }.merging(environment) { $1 }
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errorFile))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: outputFile))
        process.standardInput = FileHandle.nullDevice
        try process.run()
        port = try await Eventually.value(within: .seconds(60)) { [process] in
            guard process.isRunning else {
                throw Tool.Failure(description: "the host ended: \(self.log)")
            }
            guard let data = FileManager.default.contents(atPath: ready) else { return nil }
            return try JSONDecoder().decode(Ready.self, from: data).http.port
        }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    package var isRunning: Bool { process.isRunning }

    package func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    /// Waits for the process to end.
    ///
    /// - Returns: its exit status; for one that a signal ended, 128 and the signal's number.
    package func waitForExit(within timeout: Duration = .seconds(30)) async throws -> Int32 {
        try await Eventually.true(within: timeout) { !self.process.isRunning }
        return process.terminationReason == .uncaughtSignal
            ? 128 + process.terminationStatus : process.terminationStatus
    }

    /// Runs another command of `backplane` against this host.
    package func command(_ arguments: String...) throws -> Tool.Result {
        try Tool.result(
            of: Self.executable,
            [arguments[0], "--admin-socket", adminSocket] + arguments.dropFirst())
    }
}
