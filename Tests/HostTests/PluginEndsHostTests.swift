import Foundation
import HostDeployment
import TestSupport
import Testing

/// A plugin that ends the host's process: nobody takes that for an orderly end, nothing of the host stays, and the
/// log's last line says who it was.
@Suite("A plugin that ends the host", .serialized, .disabled(if: Sanitizer.current != nil))
struct PluginEndsHostTests {
    private func startHost(
        defines: [String] = [], environment: [String: String] = [:]
    ) async throws -> HostProcess {
        try await HostProcess(
            plugins: ["ends.so": try Fixture.library("ends", defines: defines)],
            environment: environment)
    }

    /// Calls a method, which nobody will answer, and waits for the end.
    private func end(
        _ host: HostProcess, _ method: String? = nil, by way: String
    ) async throws -> (status: Int32, last: String) {
        try await host.wait(for: "ends") { $0.state == .serving }
        let http = host.http
        let call = Task { try? await http.call("ends", method, way) }
        defer { call.cancel() }
        let status = try await host.waitForExit(within: .seconds(20))
        // The address is free at once.
        #expect((try? RawSocket(port: host.port)) == nil)
        return (status, host.log.split(separator: "\n").last.map(String.init) ?? "")
    }

    // MARK: Signals

    @Test(
        "A crash ends the process by its signal, and the last line says where and in whose code",
        arguments: [
            ("segv", SIGSEGV, "SIGSEGV"), ("bus", SIGBUS, "SIGBUS"), ("fpe", SIGFPE, "SIGFPE"),
            ("ill", SIGILL, "SIGILL"), ("trap", SIGTRAP, "SIGTRAP"), ("abort", SIGABRT, "SIGABRT"),
            ("free", SIGABRT, "SIGABRT"), ("overflow", SIGSEGV, "SIGSEGV"),
        ])
    func crash(way: String, signal: Int32, name: String) async throws {
        let host = try await startHost()
        let (status, last) = try await end(host, by: way)
        #expect(status == 128 + signal)
        let parts = ["critical backplane: backend=ends plugin=ends", "signal=\(name)"]
        for part in parts + ["/backplane-libraries-", "thread=ends", "the host ends: "] {
            #expect(last.contains(part), "\(last)")
        }
        #expect(last.contains("a stack overflow") == (way == "overflow"), "\(last)")
    }

    @Test("A crash in an INLINE method names the plugin too, stack overflows included")
    func inline() async throws {
        for way in ["segv", "overflow"] {
            let host = try await startHost()
            let (status, last) = try await end(host, "inline", by: way)
            #expect(status == 128 + SIGSEGV)
            #expect(last.contains("backend=ends plugin=ends signal=SIGSEGV"), "\(last)")
        }
    }

    @Test("A crash on a thread of the plugin's own names the library")
    func ownThread() async throws {
        let host = try await startHost()
        let (status, last) = try await end(host, "thread", by: "segv")
        #expect(status == 128 + SIGSEGV)
        #expect(
            last.contains("critical backplane: signal=SIGSEGV address=0x10 library="), "\(last)")
        #expect(last.contains("/backplane-libraries-"), "\(last)")
    }

    @Test("A crash while a library is loaded names the plugin, and the process ends")
    func whileLoaded() async throws {
        let host = try await startHost()
        let library = try Fixture.library("ends", defines: ["WHEN_LOADED=\"segv\""])
        try host.place(library, as: "crashes.so")
        #expect(try await host.waitForExit() == 128 + SIGSEGV)
        let last = host.log.split(separator: "\n").last ?? ""
        #expect(last.contains("plugin=crashes signal=SIGSEGV"), "\(last)")
    }

    @Test("A signal that nobody handles ends it, too, and others' are told as such")
    func sent() async throws {
        let alarmed = try await startHost()
        let (status, line) = try await end(alarmed, by: "alarm")
        #expect(status == 128 + SIGALRM)
        #expect(line.contains("signal=SIGALRM"), "\(line)")

        let host = try await startHost()
        host.signal(SIGUSR1)
        #expect(try await host.waitForExit() == 128 + SIGUSR1)
        let last = host.log.split(separator: "\n").last ?? ""
        #expect(last.contains("signal=SIGUSR1 sender=\(getpid())"), "\(last)")
    }

    // MARK: Exits

    @Test(
        "A plugin that calls exit or its like ends the host with status 70, and the last line says so",
        arguments: ["exit", "quick_exit", "_exit", "_Exit", "err", "found_exit"])
    func exit(way: String) async throws {
        let host = try await startHost()
        let (status, last) = try await end(host, by: way)
        #expect(status == 70)
        let function = way == "err" || way == "found_exit" ? "exit" : way
        #expect(last.contains("plugin=ends function=\(function) status=0 library="), "\(last)")
        #expect(last.contains("/backplane-libraries-"), "\(last)")
        #expect(last.contains("called \(function)(); the exit status is 70"), "\(last)")
    }

    @Test("Whatever status it asks for, from whatever thread, while it is loaded as well")
    func otherExits() async throws {
        let host = try await startHost(defines: ["STATUS=-3"])
        let (status, last) = try await end(host, "thread", by: "exit")
        #expect(status == 70)
        #expect(last.contains("critical backplane: function=exit status=-3 library="), "\(last)")

        let other = try await startHost()
        let library = try Fixture.library("ends", defines: ["WHEN_LOADED=\"_exit\""])
        try other.place(library, as: "leaves.so")
        #expect(try await other.waitForExit() == 70)
        let said = other.log.split(separator: "\n").last ?? ""
        #expect(said.contains("plugin=leaves function=_exit status=0"), "\(said)")
    }

    @Test("Children of a plugin end as they like")
    func children() async throws {
        let host = try await startHost()
        try await host.wait(for: "ends") { $0.state == .serving }
        #expect(try await host.http.call("ends", nil, "children").text == "still here")
        #expect(host.logCount(of: "critical") == 0)
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
    }

    @Test("What the program exports in place of the C library is not in other programs")
    func thisProcess() {
        let library = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD)
        #expect(dlsym(library, "exit") == dlsym(nil, "exit"))
        #expect(dlsym(library, "socket") == dlsym(nil, "socket"))
    }
}
