import Backplane
import Foundation
import HostAdmin
import TestSupport
import Testing

/// Where a plugin finds its library, and keeps its data.
@Suite struct LibraryPlaceTests {
    @Test("a plugin is told where its library, its directory and its manifest are")
    func place() async throws {
        let plugins = ["libplace.so": try Fixture.library("place")]
        try await TestHost.run(plugins: plugins) { host in
            let directory = host.pluginsDirectory
            let answer = try await host.http.call("place")
            #expect(answer.text == "\(directory)/libplace.so \(directory) ")
        }
        try await TestHost.run(plugins: plugins, manifests: ["place": "num_replicas: 1"]) { host in
            let directory = host.pluginsDirectory
            let answer = try await host.http.call("place")
            #expect(
                answer.text == "\(directory)/libplace.so \(directory) \(directory)/place.yaml")
        }
    }

    @Test("a plugin's data stays where it is over a reload, in a directory for its owner alone")
    func data() async throws {
        let plugins = ["libplace.so": try Fixture.library("place")]
        try await TestHost.run(plugins: plugins) { host in
            let path = "\(host.directory.file("plugins.d.data"))/place"
            #expect(!FileManager.default.fileExists(atPath: path))
            #expect(try await host.http.call("place", "data").text == path)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
            #expect(mode as? Int == 0o700)
            #expect(try await host.http.call("place", "keep", "something").text == "kept")
            _ = try await host.admin.reload("place")
            #expect(try await host.http.call("place", "kept").text == "something")
        }
    }

    @Test(
        "the data directory is where the configuration says, and an error says why it can't be made"
    )
    func configured() async throws {
        let plugins = ["libplace.so": try Fixture.library("place")]
        let directory = try TemporaryDirectory()
        try await TestHost.run(
            plugins: plugins, configure: { $0.dataDirectory = directory.file("a/b") }
        ) { host in
            let path = directory.file("a/b/place")
            let answer = try await host.http.call("place", "data")
            #expect(answer.text == path)
        }
        try Data().write(to: URL(fileURLWithPath: directory.file("file")))
        try await TestHost.run(
            plugins: plugins, configure: { $0.dataDirectory = directory.file("file") }
        ) { host in
            let answer = try await host.http.call("place", "data")
            #expect(answer.status == 400 && answer.text.contains("Not a directory"))
        }
    }
}
