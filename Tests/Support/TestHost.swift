package import Backplane
import Foundation
package import HostDeployment
import Logging
import NIOCore

/// A host in the tests' own process, with a real listener on a free port and real plugins.
package final class TestHost: Sendable {
    package let host: BackplaneHost
    package let directory: TemporaryDirectory
    package let port: Int
    package let adminSocket: String
    package let adminPort: Int?
    package let log: TestLog

    package var pluginsDirectory: String { directory.file("plugins.d") }

    private init(
        _ host: BackplaneHost, directory: TemporaryDirectory, addresses: BackplaneHost.Addresses,
        log: TestLog
    ) {
        self.host = host
        self.directory = directory
        port = addresses.port
        adminSocket = addresses.adminSocket
        adminPort = addresses.adminPort
        self.log = log
    }

    /// Runs a host with these plugins for as long as `body` runs, then shuts it down.
    ///
    /// - Parameters:
    ///   - plugins: file names in the plugins directory, and the libraries they are copies of.
    ///   - manifests: names of plugins, and the YAML that stands beside them.
    package static func run<Value: Sendable>(
        plugins: [String: String] = [:],
        manifests: [String: String] = [:],
        configure: (inout HostConfiguration) -> Void = { _ in },
        _ body: (TestHost) async throws -> Value
    ) async throws -> Value {
        await Turns.hosts.take()
        defer { Turns.hosts.giveBack() }
        let directory = try TemporaryDirectory()
        let pluginsDirectory = try directory.makeDirectory("plugins.d")
        for (name, library) in plugins {
            try Fixture.place(library, as: name, in: pluginsDirectory)
        }
        for (name, yaml) in manifests {
            try yaml.write(
                toFile: "\(pluginsDirectory)/\(name).yaml", atomically: true, encoding: .utf8)
        }
        var configuration = HostConfiguration()
        configuration.pluginsDirectory = pluginsDirectory
        configuration.adminSocket = directory.file("admin.sock")
        configuration.port = 0
        configuration.shutdownTimeout = .seconds(5)
        // The tests compile fixtures meanwhile, on threads that the host would need.
        configuration.startTimeout = .seconds(60)
        // Any suite may run with its plugins in processes of their own.
        if ProcessInfo.processInfo.environment["BACKPLANE_ISOLATION"] == "process" {
            configuration.isolation = .process
        }
        configure(&configuration)

        let log = TestLog()
        let host = BackplaneHost(configuration: configuration, logger: log.logger)
        return try await host.run { addresses in
            try await body(TestHost(host, directory: directory, addresses: addresses, log: log))
        }
    }

    /// What the host says of a plugin.
    package func status(of plugin: String) async throws -> PluginStatus? {
        await operations.list().first { $0.name == plugin }
    }

    /// Waits until the host doesn't list a plugin any more.
    package func waitUntilForgotten(_ plugin: String) async throws {
        try await Eventually.true { try await self.status(of: plugin) == nil }
    }

    /// Waits until what the host says of a plugin satisfies a condition.
    package func wait(
        for plugin: String, timeout: Duration = .seconds(20),
        until condition: (PluginStatus) -> Bool
    ) async throws -> PluginStatus {
        try await Eventually.value(within: timeout) {
            guard let status = try await self.status(of: plugin), condition(status) else {
                return nil
            }
            return status
        }
    }
}
