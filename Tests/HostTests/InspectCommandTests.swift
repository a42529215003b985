import Foundation
import HostDeployment
import TestSupport
import Testing

@Suite("backplane inspect") struct InspectCommandTests {
    private func inspect(
        _ arguments: String..., environment: [String: String?] = [:]
    ) async throws -> Tool.Result {
        try await Program.run(
            HostProcess.executable, ["inspect"] + arguments, environment: environment)
    }

    @Test("Without types it lists what is exported, and says how to get a draft")
    func list() async throws {
        let result = try await inspect("libz.so.1")
        let lines = result.output.split(separator: "\n")
        #expect(lines.first?.contains("libz.so.1: ") == true)
        #expect(lines.first?.hasSuffix(" functions, soname libz.so.1") == true)
        #expect(lines.contains { $0.wholeMatch(of: /compressBound +ZLIB_1\.2\.0/) != nil })
        #expect(lines.last?.contains("give --header") == true)
        let alone = try await inspect(
            "--list", "libz.so.1", "--header", "zlib.h")
        #expect(alone.output.contains("\ncompressBound "))
    }

    @Test("The draft of a library, served as it is, answers")
    func serve() async throws {
        let draft = try await inspect("libm.so.6", "--header", "math.h")
        #expect(draft.status == 0, "\(draft.errors)")
        try await TestHost.run(manifests: ["libm": draft.output]) { host in
            let status = try await host.wait(for: "libm") { $0.state != .loading }
            #expect(status.state == .serving, "\(status.reason ?? "")")
            #expect(status.methods.count > 100)
            #expect(try await host.http.call("libm", "pow", #"{"x": 2, "y": 10}"#).text == "1024")
        }
    }

    @Test("A library beside, with debug information, is drafted by its path")
    func debugInformation() async throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.copyItem(
            atPath: Fixture.library("unaware"), toPath: directory.file("libmine.so"))
        let result = try await Program.run(
            HostProcess.executable, ["inspect", "./libmine.so"], in: directory.path)
        #expect(result.output.contains("\nlibrary: '\(directory.path)/libmine.so'\n"))
        #expect(result.output.contains("\n  title: '() -> string?'\n"))
    }

    @Test("A plugin needs no manifest: its methods are listed")
    func plugin() async throws {
        let path = Repository.product("libecho.so")
        let result = try await inspect(path)
        #expect(result.output.hasPrefix("\(path) is a Backplane plugin: echo 1.0.0, ABI 1."))
        #expect(result.output.contains("\nupper "))
    }

    @Test("What can't be looked at is told in one line, with what to do")
    func errors() async throws {
        for (arguments, reason) in [
            (["libnothing.so.1"], "cannot find libnothing.so.1: "),
            (["./nothing.so"], "cannot read ./nothing.so: No such file"),
            ([Repository.path("README.md")], "README.md: not a shared library: "),
            (["libz.so.1", "--header", "nothing.h"], "clang failed: "),
        ] {
            let result = try await Program.run(
                HostProcess.executable, ["inspect"] + arguments)
            #expect(result.status == 1)
            #expect(result.errors.contains(reason), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
        let noClang = try await inspect(
            "libz.so.1", "--header", "zlib.h", environment: ["PATH": "/nowhere"])
        #expect(noClang.errors.contains("no clang found on the PATH: install clang"))
        let noReadelf = try await inspect(
            Fixture.library("unaware"), environment: ["PATH": "/nowhere"])
        #expect(noReadelf.errors.contains("no readelf found on the PATH: install binutils"))
    }
}
