import Foundation
import TestSupport
import Testing

/// A host that can't start says in one sentence which file or address it is, and why.
@Suite("Why a host can't start")
struct StartErrorTests {
    /// What a start says that fails.
    private func errors(
        _ arguments: [String], in directory: TemporaryDirectory, through launcher: [String] = []
    ) async throws -> String {
        let command = launcher + [HostProcess.executable, "serve"] + arguments
        let result = try await Program.run(
            command[0], Array(command.dropFirst()),
            environment: ["TMPDIR": directory.path], in: directory.path)
        #expect(result.status != 0)
        return result.errors
    }

    /// One sentence, and nothing of what programmers read.
    private func expectSentence(_ text: String) {
        #expect(text.hasPrefix("Error: "))
        #expect(text.split(separator: "\n").count == 1)
        for fragment in ["errno", "Domain=", "NSU", "Error(", "descriptor:", "Code="] {
            #expect(!text.contains(fragment), "\(text)")
        }
    }

    @Test("An address that can't be listened on")
    func address() async throws {
        let directory = try TemporaryDirectory()
        _ = try directory.makeDirectory("plugins.d")
        let other = try await HostProcess()
        let taken = try await errors(["--port", "\(other.port)"], in: directory)
        expectSentence(taken)
        #expect(taken.contains("cannot listen on 127.0.0.1:\(other.port): Address already in use"))
        let foreign = try await errors(["--host", "192.0.2.1", "--port", "0"], in: directory)
        expectSentence(foreign)
        #expect(foreign.contains("Cannot assign requested address; --host and --port"))
        let unknown = try await errors(
            ["--host", "no.such.host.invalid", "--port", "0"], in: directory)
        expectSentence(unknown)
        #expect(unknown.contains("no address is known for no.such.host.invalid"))
    }

    @Test("Places for the socket that can't be")
    func socket() async throws {
        let directory = try TemporaryDirectory()
        _ = try directory.makeDirectory("plugins.d")
        let long = directory.file(String(repeating: "x", count: 120))
        let tooLong = try await errors(["--port", "0", "--admin-socket", long], in: directory)
        expectSentence(tooLong)
        #expect(tooLong.contains("too long for a Unix socket"))
        let missing = try await errors(
            ["--port", "0", "--admin-socket", directory.file("no/a.sock")], in: directory)
        expectSentence(missing)
        #expect(missing.contains("No such file or directory"))
        let file = directory.file("file")
        try Data().write(to: URL(fileURLWithPath: file))
        let under = try await errors(
            ["--port", "0", "--admin-socket", "\(file)/a.sock"], in: directory)
        expectSentence(under)
        #expect(under.contains("Not a directory"))
    }

    @Test("A folder that can only be read, for each of the files that a host writes")
    func readOnly() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        let writable = try TemporaryDirectory()
        let launcher = [
            "unshare", "-Urm", "sh", "-c",
            "mount --bind . . && mount -o remount,ro,bind . && cd . && exec \"$@\"", "sh",
        ]
        let probe = try await Program.run(
            launcher[0], Array(launcher.dropFirst()) + ["true"], in: directory.path)
        // No user namespaces here: nothing to be tested.
        guard probe.status == 0 else { return }
        let common = ["--port", "0", "--plugins-dir", plugins]
        let places = [
            ("--admin-socket", directory.file("a.sock")),
            ("--state-file", directory.file("state")),
            ("--ready-file", directory.file("ready")),
        ]
        for (option, path) in places {
            var arguments = common
            for (other, _) in places where other != "--ready-file" && other != option {
                arguments += [other, writable.file(other)]
            }
            let text = try await errors(
                arguments + [option, path], in: directory, through: launcher)
            expectSentence(text)
            #expect(text.contains(path), "\(option): \(text)")
            #expect(text.contains("Read-only file system"), "\(option): \(text)")
        }
    }
}
