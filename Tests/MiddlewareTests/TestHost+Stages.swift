import Backplane
import HostDeployment
import TestSupport

extension TestHost {
    /// Applies a configuration file.
    func apply(_ yaml: String) async throws {
        try await operations.apply(yaml)
    }

    /// Runs a host in whose own chain a plugin's stage stands, beside the plugins `echo` and `metadata`.
    ///
    /// - Parameters:
    ///   - fixture: becomes the plugin `stage`.
    ///   - options: YAML.
    static func run<Value: Sendable>(
        stage fixture: String, defines: [String] = [], options: String = "{}",
        configure: (inout HostConfiguration) -> Void = { _ in },
        _ body: (TestHost) async throws -> Value
    ) async throws -> Value {
        try await run(
            plugins: [
                "libstage.so": try Fixture.library(fixture, defines: defines),
                "libecho.so": Repository.product("libecho.so"),
                "libmetadata.so": try Fixture.library("metadata"),
            ],
            configure: configure
        ) { host in
            try await host.apply("middleware: [{stage: \(options)}]")
            return try await body(host)
        }
    }

    /// Puts a version of the fixture `stage` in the place of what is there, and waits until it serves.
    func placeStage(version: String, defines: [String] = []) async throws {
        let defines = ["VERSION=\"\(version)\""] + defines
        try Fixture.place(
            try Fixture.library("stage", defines: defines), as: "libstage.so", in: pluginsDirectory)
        _ = try await wait(for: "stage") { $0.version == version && $0.state == .serving }
    }
}
