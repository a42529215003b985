import Foundation
import HostDeployment
import TestSupport
import Testing

/// Files that can't be served: the reason stands in `list` and once in the log, nothing else suffers, and the next good
/// version of the file comes in by itself.
@Suite("A file that can't be served", .serialized)
struct BrokenPluginTests {
    struct Broken: CustomTestStringConvertible, Sendable {
        var fixture: String
        var reason: String
        var testDescription: String { fixture }

        init(_ fixture: String, _ reason: String) {
            self.fixture = fixture
            self.reason = reason
        }
    }

    static let fixtures = [
        Broken("bad_magic", "the descriptor does not begin with BACKPLANE_MAGIC"),
        Broken("bad_signature", "method __call__: signature, column 10: there is no type i46"),
        Broken("create_fails", "create failed: no model at /models/none (FAILED_PRECONDITION)"),
        Broken("duplicate_method", "two methods are named again"),
        Broken("hangs_in_create", "create did not return within 0.5 seconds"),
        Broken("health_fails", "health check failed: sick (UNAVAILABLE)"),
        Broken("load_fails", "load failed: licence server unreachable (UNAVAILABLE)"),
        Broken("methodless_entry", "method nothing has no invoke"),
        Broken(
            "no_entry", "not a Backplane plugin: it does not export backplane_plugin_entry()"),
        Broken("no_methods", "the method table is empty: give the plugin a method named __call__"),
        Broken(
            "null_entry",
            "backplane_plugin_entry() returned NULL: the plugin declines to be served here"),
        Broken("null_name", "name is NULL"),
        Broken(
            "small_struct",
            "struct_size is 16, a descriptor of ABI 1.0 has 104 bytes: "
                + "begin it with BACKPLANE_PLUGIN_HEADER"),
        Broken("warmup_fails", "warm_up failed: cold (UNAVAILABLE)"),
        Broken(
            "wrong_major",
            "built for ABI 2.0, this host has 1.0: rebuild it with this host's backplane_plugin.h"),
    ]

    private func startHost() async throws -> HostProcess {
        try await HostProcess(
            plugins: ["libecho.so": Repository.product("libecho.so")],
            arguments: ["--lifecycle-timeout", "500ms"])
    }

    private func version(_ number: Int) throws -> String {
        try Fixture.library("generation", defines: ["VERSION=\"\(number)\""])
    }

    /// Waits until a file that never was served is shown as `list` should show it.
    ///
    /// - Returns: the reason, which begins as it should, and goes on with what to do.
    @discardableResult
    private func expectRefused(
        _ name: String, _ beginning: String, by host: HostProcess
    ) async throws -> String {
        let status = try await host.wait(for: name) { $0.reason != nil }
        let reason = try #require(status.reason)
        #expect(reason.hasPrefix(beginning))
        #expect(!reason.contains("\n"))
        #expect(status.state == .failed)
        #expect(status.generation == nil)
        #expect(status.route == nil)
        #expect(status.methods == [])
        #expect(try await host.http.call(name).status == 404)
        #expect(try await host.http.call("echo", nil, "still").text == "still")
        #expect(host.logCount(of: " error ", "plugin=\(name)", "not served: \(reason)") == 1)
        return reason
    }

    @Test(
        "It is refused with its reason, and good versions come in by cp and by rename",
        arguments: fixtures)
    func fixture(broken: Broken) async throws {
        let host = try await startHost()
        try await host.copy(try Fixture.library(broken.fixture), as: "libx.so")
        let reason = try await expectRefused("x", broken.reason, by: host)

        try await host.copy(try version(1), as: "libx.so")
        let first = try await host.wait(for: "x") { $0.state == .serving }
        #expect(first.reason == nil)
        #expect(try await host.http.call("x").text == "1")

        // As a new version of one that serves, it changes nothing but the reason.
        try await host.copy(try Fixture.library(broken.fixture), as: "libx.so")
        let kept = try await host.wait(for: "x") { $0.reason != nil && $0.state == .serving }
        #expect(kept.reason == reason)
        #expect(kept.generation == first.generation)
        #expect(kept.version == "1")
        #expect(try await host.http.call("x").text == "1")
        #expect(host.logCount(of: " error ", "not served: \(reason)") == 2)
        #expect(
            host.logCount(
                of: "not served: \(reason)",
                "serving_generation=\(try #require(first.generation))") == 1)
        #expect(
            try await host.run("list").output.contains(
                "\n\(host.path(of: "libx.so")): \(reason)\n"))

        try host.place(try version(2), as: "libx.so")
        let second = try await host.wait(for: "x") { $0.version == "2" }
        #expect(second.reason == nil)
        #expect(try await host.http.call("x").text == "2")
        #expect(try await host.http.call("echo", nil, "still").text == "still")
    }

    @Test(
        "A file that is no library for this machine is refused without being mapped",
        arguments: [
            ("empty", "the file is empty; copy the library again"),
            ("text", "not a shared library: the file does not begin with an ELF header"),
            (
                "half",
                "half a library: the file has 8000 bytes and its headers promise SIZE; "
                    + "it is loaded when it has been written to the end"
            ),
            (
                "beginning",
                "half a library: the file ends after 100 bytes, within its headers; "
                    + "it is loaded when it has been written to the end"
            ),
            ("program", "an ELF file but not a shared library: link it with -shared"),
            (
                "machine",
                "a library for another machine (ELF machine 243): rebuild it for this one (MACHINE)"
            ),
        ])
    func noLibrary(kind: String, reason: String) async throws {
        let host = try await startHost()
        let library = try Data(contentsOf: URL(fileURLWithPath: try version(1)))
        var content: Data
        switch kind {
        case "empty": content = Data()
        case "text": content = Data("#!/bin/sh\nexit 0\n".utf8)
        case "half": content = library.prefix(8_000)
        case "beginning": content = library.prefix(100)
        case "program":
            content = library
            content[16] = 2
        default:
            content = library
            content[18] = 243
        }
        let reason =
            reason
            .replacingOccurrences(of: "SIZE", with: "\(library.count)")
            .replacingOccurrences(of: "MACHINE", with: "\(library[18])")
        try content.write(to: URL(fileURLWithPath: host.path(of: "libx.so")))
        try await expectRefused("x", reason, by: host)
        try await host.copy(try version(1), as: "libx.so")
        try await Eventually.true { try await host.http.call("x").text == "1" }
    }

    @Test("A library that needs a symbol nobody has is refused with the symbol's name")
    func missingSymbol() async throws {
        let host = try await startHost()
        let source = host.directory.file("needy.c")
        try """
        int nobody_has_this(void);
        const void *backplane_plugin_entry(void) { return nobody_has_this() ? "" : 0; }

        """.write(toFile: source, atomically: true, encoding: .utf8)
        let library = host.directory.file("needy.so")
        try Fixture.compile(
            source: source, to: library,
            options: ["-Wno-missing-prototypes", "-fvisibility=default"])
        try host.place(library, as: "libx.so")
        let status = try await host.wait(for: "x") { $0.reason != nil }
        #expect(
            status.reason?.hasPrefix(
                "the dynamic linker refused it: undefined symbol: nobody_has_this") == true)
        #expect(try await host.http.call("echo", nil, "still").text == "still")
    }

    @Test("What isn't a file is refused", arguments: ["directory", "fifo", "dangling link"])
    func noFile(kind: String) async throws {
        let host = try await startHost()
        let made = host.directory.file("made")
        switch kind {
        case "directory": _ = try host.directory.makeDirectory("made")
        case "fifo": #expect(mkfifo(made, 0o600) == 0)
        default:
            try FileManager.default.createSymbolicLink(
                atPath: made, withDestinationPath: "/nonexistent.so")
        }
        // By rename, so that it is noticed.
        #expect(rename(made, host.path(of: "libx.so")) == 0)
        let reason =
            kind == "dangling link"
            ? "cannot read \(host.path(of: "libx.so")): No such file or directory"
            : "it is a \(kind == "fifo" ? "FIFO" : kind), not a regular file: "
                + "put the library itself here"
        try await expectRefused("x", reason, by: host)
    }

    @Test("A host that finds only broken files at its start serves the next good one")
    func brokenFromTheStart() async throws {
        let host = try await HostProcess(
            plugins: [
                "liba.so": try Fixture.library("no_entry"),
                "libb.so": try Fixture.library("create_fails"),
                "libc.so": try Fixture.library("wrong_major"),
            ])
        #expect(try await host.list().map(\.state) == [.failed, .failed, .failed])
        #expect(host.output.contains("no plugins yet"))
        #expect(try await host.http.send("GET", "/-/healthz").status == 200)
        try await host.copy(try version(1), as: "liba.so")
        try await Eventually.true { try await host.http.call("a").text == "1" }
        #expect(try await host.list().map(\.state) == [.serving, .failed, .failed])
    }

    @Test("A plugin that hangs in create does not keep the host from listening")
    func hangsAtTheStart() async throws {
        let host = try await HostProcess(
            plugins: [
                "libhangs.so": try Fixture.library("hangs_in_create"),
                "libecho.so": Repository.product("libecho.so"),
            ])
        // The default lifecycle timeout is 30 s, the host waits for 5 s at most.
        #expect(try await host.status(of: "hangs")?.state == .loading)
        #expect(try await host.http.call("echo", nil, "hi").text == "hi")
        #expect(try await host.http.call("hangs").status == 404)
    }

    @Test("The same broken content again is no new line in the log, and a reload prints it")
    func sameAgain() async throws {
        let host = try await startHost()
        let broken = try Fixture.library("create_fails")
        let reason = "create failed: no model at /models/none (FAILED_PRECONDITION)"
        try host.place(broken, as: "libx.so")
        try await expectRefused("x", reason, by: host)
        for _ in 0..<3 {
            try host.place(broken, as: "libx.so")
            try await host.noticeChanges()
        }
        let reload = try await host.run("reload", "x")
        #expect(reload.status == 1)
        #expect(reload.errors == "Error: x was not reloaded: \(reason)\n")
        #expect(host.logCount(of: "plugin=x", "not served") == 1)
    }

    @Test("Removed, it is forgotten: nothing of it was ever served")
    func removed() async throws {
        let host = try await startHost()
        try host.place(try Fixture.library("no_entry"), as: "libx.so")
        try await host.wait(for: "x") { $0.state == .failed }
        try host.remove("libx.so")
        try await host.waitUntilForgotten("x")
    }
}
