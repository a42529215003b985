import Foundation
import HostAdmin
import HostConfigurationFiles
import HostDeployment
import HostForms
import HostState
import TestSupport
import Testing

/// A change waits for what it needs, and nobody waits for it; what it takes away goes last.
@Suite("Make before break") struct MakeBeforeBreakTests {
    private static let file = """
        backends:
          v1: {plugin: p, user_config: old}
        endpoints:
          m: {route: /m, traffic: {v1: 1}}

        """

    private func withHost(
        _ file: String? = Self.file, _ body: (TestHost) async throws -> Void
    ) async throws {
        try await TestHost.run(plugins: ["libp.so": Fixture.library("starts_as_told")]) { host in
            if let file { _ = try await host.apply(file) }
            try await body(host)
        }
    }

    private func options(_ config: String) -> BackendOptions {
        var options = BackendOptions()
        options.userConfig = .string(config)
        return options
    }

    @Test("while a change waits for a plugin, others are made, and it is made on top of them")
    func others() async throws {
        try await withHost { host in
            let gate = host.directory.file("gate")
            async let slow = host.apply(
                Self.file.replacing("v1", with: "v2").replacing("old", with: "wait \(gate)"))
            _ = try await host.admin.createBackend("other", plugin: "p", config: nil)
            _ = try await host.admin.createEndpoint(
                "other", backend: "other", route: "/other", methods: nil)
            _ = try await host.admin.shadowTraffic("m", backend: "other", share: 0.5)
            #expect(try await host.http.call("m").text == "v1 old")
            try Data().write(to: URL(fileURLWithPath: gate))
            _ = try await slow
            #expect(try await host.http.call("m").text.hasPrefix("v2 wait"))
            #expect(try await host.http.send("POST", "/other").text == "other null")
        }
    }

    @Test("of two changes that want one name, one is made and the other is refused")
    func sameName() async throws {
        try await withHost { host in
            let gate = host.directory.file("gate")
            let config = options("wait \(gate)")
            let first = Task {
                try await host.admin.createBackend("new", plugin: "p", config: config)
            }
            _ = try await host.admin.createBackend("new", plugin: "p", config: nil)
            try Data().write(to: URL(fileURLWithPath: gate))
            let error = await #expect(throws: AdminError.self) { try await first.value }
            #expect(error?.message.contains("there is a backend new already") == true)
            #expect(try await host.admin.backends().count == 2)
        }
    }

    @Test("a request whose body is still arriving is answered by the backend that it was sent to")
    func upload() async throws {
        try await withHost { host in
            let socket = try RawSocket(port: host.port)
            try socket.send("POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            // Its head has been read when another request that came later has been answered.
            #expect(try await host.http.call("m").text == "v1 old")
            _ = try await host.apply(Self.file.replacing("v1", with: "v2"))
            #expect(try await host.http.call("m").text == "v2 old")
            try socket.send("cd")
            let answer = socket.receive { $0.hasSuffix("v1 old") }
            #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
        }
    }

    @Test("what is being started for a reload in between is started again, of the new generation")
    func reload() async throws {
        try await withHost { host in
            let gate = host.directory.file("gate")
            async let slow = host.apply(
                Self.file.replacing("v1", with: "v2").replacing("old", with: "wait \(gate)"))
            let before = try await host.status(of: "p")?.generation ?? 0
            let after = try await host.admin.reload("p").generation ?? 0
            #expect(after > before)
            try Data().write(to: URL(fileURLWithPath: gate))
            _ = try await slow
            #expect(try await host.http.call("m").text.hasPrefix("v2 wait"))
            #expect(try await host.admin.backends().first?.serving.generation == after)
        }
    }

    @Test("a plugin may go while a change has made it ready: neither waits for the other")
    func goes() async throws {
        try await withHost { host in
            let gate = host.directory.file("gate")
            let slow = Task {
                try await host.apply(
                    Self.file.replacing("v1", with: "v2").replacing("old", with: "wait \(gate)"))
            }
            // It waits in `create` by now, or is about to.
            try FileManager.default.removeItem(atPath: "\(host.pluginsDirectory)/libp.so")
            _ = try await host.wait(for: "p") { $0.state == .draining || $0.state == .retired }
            try Data().write(to: URL(fileURLWithPath: gate))
            await #expect(throws: (any Error).self) { try await slow.value }
            // Neither waits for the other.
            try Fixture.place(
                try Fixture.library("starts_as_told"), as: "libp.so", in: host.pluginsDirectory)
            _ = try await host.wait(for: "p") { $0.state == .serving }
            #expect(try await host.http.call("m").text == "v1 old")
        }
    }

    @Test("a plugin that needs a configuration is served when a backend comes that has one")
    func needsConfiguration() async throws {
        try await TestHost.run(
            plugins: ["libp.so": Fixture.library("starts_as_told")],
            manifests: ["p": "user_config: refuse"]
        ) { host in
            _ = try await host.wait(for: "p") { $0.state == .failed }
            let reason = try await host.status(of: "p")?.reason
            await #expect(throws: AdminError.self) {
                try await host.admin.createBackend("bad", plugin: "p", config: nil)
            }
            #expect(try await host.status(of: "p")?.reason == reason)
            _ = try await host.admin.createBackend(
                "good", plugin: "p", config: options("fine"))
            _ = try await host.admin.createEndpoint(
                "good", backend: "good", route: "/good", methods: nil)
            #expect(try await host.http.send("POST", "/good").text == "good fine")
        }
    }

    @Test("a manifest that one backend refuses changes none, and its error goes with it")
    func manifest() async throws {
        try await withHost(
            Self.file.replacing("endpoints:", with: "  v2: {plugin: p}\nendpoints:")
        ) { host in
            let manifest = "\(host.pluginsDirectory)/p.yaml"
            func write(_ yaml: String) throws {
                try yaml.write(toFile: manifest, atomically: true, encoding: .utf8)
            }
            // v1 has a user_config of its own; v2 has the manifest's.
            try write("user_config: refuse\nnum_replicas: 3\n")
            _ = try await host.wait(for: "p") { $0.reason?.contains("told to refuse") == true }
            #expect(try await host.admin.backends().map(\.serving.replicas) == [1, 1])
            try write("user_config: fine\nnum_replicas: 3\n")
            _ = try await host.wait(for: "p") { $0.reason == nil && $0.replicas == 6 }
        }
    }

    @Test("a library has its default whenever the file has no backend of it")
    func defaults() async throws {
        try await withHost { host in
            #expect(try await host.http.send("POST", "/p").status == 404)
            _ = try await host.apply("{}")
            #expect(try await host.http.send("POST", "/p").text == "p null")
            _ = try await host.apply(Self.file)
            #expect(try await host.http.send("POST", "/p").status == 404)
        }
    }

    @Test(
        "a file that says nothing is refused: whoever was to write it may have failed",
        arguments: ["", "# nothing\n\n---\n"])
    func blank(file: String) async throws {
        try await withHost { host in
            do {
                _ = try await host.apply(file)
                Issue.record("it was applied")
            } catch let error as AdminError {
                #expect(error.message.contains("f.yaml says nothing"))
            }
            #expect(try await host.http.send("POST", "/m").text == "v1 old")
        }
    }

    @Test("of two manifests that want one route the first by name has it, and the other is told so")
    func sharedRoute() async throws {
        let library = try Fixture.library("starts_as_told")
        try await TestHost.run(
            plugins: ["libbb.so": library, "libzz.so": library],
            manifests: [
                "bb": "endpoint: {route: /shared}", "aa": "endpoint: {route: /shared}",
                "zz": "endpoint: {route: /aa}",
            ]
        ) { host in
            for name in ["bb", "zz"] { _ = try await host.wait(for: name) { $0.state == .serving } }
            #expect(try await host.http.send("POST", "/shared").text == "bb null")
            #expect(try await host.http.send("POST", "/aa").text == "zz null")
            try Fixture.place(library, as: "libaa.so", in: host.pluginsDirectory)
            _ = try await host.wait(for: "aa") { $0.state == .serving }
            let loser = try await host.wait(for: "bb") { $0.reason != nil }
            #expect(loser.state == .serving)
            #expect(
                loser.reason?.hasPrefix(
                    "the route /shared is that of the endpoint aa, and it has /bb") == true)
            #expect(try await host.http.send("POST", "/shared").text == "aa null")
            #expect(try await host.http.send("POST", "/bb").text == "bb null")
        }
    }

    @Test("what the file says of the host itself is told as needing a restart; export has it")
    func restart() async throws {
        try await withHost { host in
            let file = "listen: 127.0.0.1:9\nlimits: {max_body_size: 10}\n" + Self.file
            let told = try await host.apply(file)
            #expect(told.changes == [])
            #expect(
                told.needsRestart == [
                    "limits.max_body_size: 16777216 -> 10, needs a restart",
                    "listen: 127.0.0.1:0 -> 127.0.0.1:9, needs a restart",
                ])
            let exported = try await host.admin.exportConfiguration()
            #expect(exported.contains(#"listen: "127.0.0.1:0""#), "\(exported)")
            #expect(exported.contains("max_body_size: 16777216"))
            #expect(try await host.apply(exported).needsRestart == [])
        }
    }

    // MARK: Going back

    @Test("rollback goes back to one of the last configurations, and can be undone")
    func rollback() async throws {
        try await withHost { host in
            _ = try await host.apply(Self.file.replacing("old", with: "new"))
            #expect(try await host.http.call("m").text == "v1 new")
            let changes = try await host.admin.rollBack(to: nil).changes
            #expect(changes == [#"backend v1: user_config "new" -> "old""#])
            #expect(try await host.http.call("m").text == "v1 old")
            _ = try await host.admin.rollBack(to: nil)
            #expect(try await host.http.call("m").text == "v1 new")
            // To the first one: the default, without a file.
            let first = try #require(try await host.admin.configurations().last)
            _ = try await host.admin.rollBack(to: first.number)
            #expect(try await host.http.send("POST", "/p").text == "p null")
            #expect(try await host.http.call("m").status == 404)
            let error = await #expect(throws: AdminError.self) {
                try await host.admin.rollBack(to: 77)
            }
            #expect(error?.message.contains("there is no configuration 77") == true)
        }
    }

    @Test("a rollback to what can't be started changes nothing")
    func refusedRollback() async throws {
        try await withHost { host in
            let gate = host.directory.file("gate")
            _ = try await host.apply(Self.file.replacing("old", with: "not \(gate)"))
            _ = try await host.apply(Self.file.replacing("old", with: "newest"))
            try Data().write(to: URL(fileURLWithPath: gate))
            let before = try await host.admin.configurations()
            let error = await #expect(throws: AdminError.self) {
                try await host.admin.rollBack(to: nil)
            }
            #expect(error?.message.contains("backend v1") == true)
            #expect(try await host.http.call("m").text == "v1 newest")
            #expect(try await host.admin.configurations() == before)
        }
    }

    @Test("rollback of a library goes back to a version of it, until the file changes")
    func library() async throws {
        let versions = try (1...5).map {
            try Fixture.library("generation", defines: ["VERSION=\"\($0)\""])
        }
        try await TestHost.run(plugins: ["libp.so": versions[0]]) { host in
            func place(_ index: Int) async throws {
                try Fixture.place(versions[index], as: "libp.so", in: host.pluginsDirectory)
                _ = try await host.wait(for: "p") { $0.version == "\(index + 1)" }
            }
            for index in 1...4 { try await place(index) }
            // Kept when it serves by now.
            let kept = try await Eventually.value {
                let kept = try await host.admin.versions(of: "p")
                return kept.first?.version == "5" ? kept : nil
            }
            #expect(kept.map(\.version) == ["5", "4", "3", "2"])
            #expect(kept.map(\.number) == [5, 4, 3, 2])
            #expect(try await host.admin.rollBack(plugin: "p", to: nil).version == "4")
            let status = try await host.admin.rollBack(plugin: "p", to: 2)
            #expect(status.version == "2" && status.rolledBackTo == 2)
            // A reload is none of its ends.
            #expect(try await host.admin.reload("p").version == "2")
            let error = await #expect(throws: AdminError.self) {
                try await host.admin.rollBack(plugin: "p", to: 1)
            }
            #expect(error?.message.contains("kept are: 5, 4, 3, 2") == true)
            try await place(2)
            _ = try await host.wait(for: "p") { $0.rolledBackTo == nil }
            let files = try FileManager.default.contentsOfDirectory(
                atPath: host.directory.file("plugins.d.state.libraries/p"))
            #expect(files.filter { $0.hasSuffix(".so") }.count == 4)
        }
    }

    @Test("a library that was rolled back is so after a kill -9")
    func libraryAfterKill() async throws {
        let directory = try TemporaryDirectory()
        let state = ["--state-file", directory.file("state")]
        let versions = try (1...2).map {
            try Fixture.library("generation", defines: ["VERSION=\"\($0)\""])
        }
        let first = try await HostProcess(plugins: ["libp.so": versions[0]], arguments: state)
        try first.place(versions[1], as: "libp.so")
        try await first.wait(for: "p") { $0.version == "2" && $0.state == .serving }
        let rolledBack = try await first.run("rollback", "--plugin", "p")
        #expect(rolledBack.status == 0, "\(rolledBack.errors)")
        first.signal(SIGKILL)
        _ = try await first.waitForExit()
        let second = try await HostProcess(plugins: ["libp.so": versions[1]], arguments: state)
        let status = try await second.wait(for: "p") { $0.state == .serving }
        #expect(status.version == "1" && status.rolledBackTo == 1)
        let listed = try await second.run("list", "p")
        #expect(listed.output.contains("rolled back to  version 1"), "\(listed.output)")
    }
}

extension TestHost {
    @discardableResult
    fileprivate func apply(_ file: String) async throws -> AdminChanges {
        try await admin.applyConfiguration(file, file: "f.yaml", isDryRun: false)
    }
}
