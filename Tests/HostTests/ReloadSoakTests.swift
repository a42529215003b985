import Foundation
import HostDeployment
import NIOConcurrencyHelpers
import Synchronization
import TestSupport
import Testing

/// Calls without a pause across reloads of real rebuilds; with `BACKPLANE_SOAK=1` ten times as many.
@Suite("Soak")
struct ReloadSoakTests {
    private static let isLong = ProcessInfo.processInfo.environment["BACKPLANE_SOAK"] == "1"
    private static let totalCalls = isLong ? 200_000 : 20_000
    /// Of each plugin.
    private static let reloads = isLong ? 20 : 6
    private static let connections = 64

    @Test("No call fails and none is counted twice across reloads of both example plugins")
    func reloads() async throws {
        let build = try ExampleBuild()
        let host = try await HostProcess(
            plugins: ["libecho.so": build.echo[0], "libcounter.so": build.counter[0]])
        for name in ["echo", "counter"] {
            try await host.wait(for: name) { $0.state == .serving }
        }
        let load = Load()
        let start = ContinuousClock.now
        for connection in 0..<Self.connections {
            load.addThread { try Self.callers(connection, port: host.port, load: load) }
        }
        do {
            for reload in 1...Self.reloads {
                // Spread over the run: it makes no sense to reload what nobody calls.
                let due = Self.totalCalls * reload / (Self.reloads + 1)
                try await load.reach(calls: due)
                let next = reload % 2
                try await Self.reload("echo", on: host, with: build.echo[next], reload: reload)
                try await Self.reload(
                    "counter", on: host, with: build.counter[next], reload: reload)
            }
            try await load.reach(calls: Self.totalCalls)
        } catch {
            load.end()
            #expect(load.failures == [])
            #expect(host.isRunning, "the host's log: \(host.log)")
            throw error
        }
        load.end()
        try await load.waitForThreads()
        let time = ContinuousClock.now - start

        #expect(load.failures == [])
        let counted = load.counterCalls
        #expect(try await host.http.call("counter").text == "{\"current\":\(1 + counted)}")
        for name in ["counter", "echo"] {
            let plugin = try await host.wait(for: name) { $0.drainingGenerations.isEmpty }
            #expect(plugin.state == .serving)
            #expect(plugin.reason == nil)
            #expect(plugin.calls.misuses == 0)
            #expect(plugin.calls.lateFinishes == 0)
            #expect(plugin.retiredGenerations.count == Self.reloads)
        }
        #expect(host.logCount(of: " error ") + host.logCount(of: " warning ") == 0)
        print(
            "soak: \(load.calls) calls over \(Self.connections) connections, \(counted) of them "
                + "counted, across \(2 * Self.reloads) reloads in \(time): "
                + "\(Int(Double(load.calls) / (time / .seconds(1)))) calls/s, 0 failed")
    }

    /// Every second time the file is renamed over the old one, else it is copied over it.
    private static func reload(
        _ plugin: String, on host: HostProcess, with library: String, reload: Int
    ) async throws {
        let before = try await host.generation(of: plugin)
        if reload / 2 % 2 == 0 {
            try host.place(library, as: "lib\(plugin).so")
        } else {
            try await host.copy(library, as: "lib\(plugin).so")
        }
        let status = try await host.wait(for: plugin, within: .seconds(60)) {
            $0.generation != before && $0.state == .serving
        }
        #expect(status.version == (reload % 2 == 0 ? "1.0.0" : "1.1.0"))
    }

    /// One connection's calls, to the two plugins in turn. Each answer of echo is one of its own.
    private static func callers(_ connection: Int, port: Int, load: Load) throws {
        let client = try KeepAliveClient(port: port)
        let add = KeepAliveClient.request("counter", "other_method", "1")
        let added = Array("true".utf8)
        var number = 0
        while !load.isOver {
            let text = "connection \(connection), call \(number)"
            number += 1
            try client.call(
                KeepAliveClient.request("echo", "__call__", text), expecting: Array(text.utf8))
            try client.call(add, expecting: added)
            load.add(calls: 2, counted: 1)
        }
    }
}

/// Threads that call until they are told to stop, and what came of it.
private final class Load: Sendable {
    private let over = Flag()
    private let answered = Atomic<Int>(0)
    private let counted = Atomic<Int>(0)
    private let state = NIOLockedValueBox<(running: Int, failures: [String])>((0, []))

    var calls: Int { answered.load(ordering: .relaxed) }
    /// The calls that the counter counted.
    var counterCalls: Int { counted.load(ordering: .relaxed) }
    var failures: [String] { state.withLockedValue { $0.failures } }
    var isOver: Bool { over.isSet }

    func addThread(_ body: @escaping @Sendable () throws -> Void) {
        state.withLockedValue { $0.running += 1 }
        Thread {
            do {
                try body()
            } catch {
                self.state.withLockedValue { $0.failures.append("\(error)") }
            }
            self.state.withLockedValue { $0.running -= 1 }
        }.start()
    }

    func add(calls: Int, counted: Int) {
        answered.add(calls, ordering: .relaxed)
        self.counted.add(counted, ordering: .relaxed)
    }

    /// Waits until so many calls were answered. A thread that fails ends the wait.
    func reach(calls: Int) async throws {
        try await Eventually.true(within: .seconds(600)) {
            guard failures.isEmpty else { throw Tool.Failure(description: "\(failures)") }
            return self.calls >= calls
        }
    }

    func end() {
        over.set()
    }

    func waitForThreads() async throws {
        try await Eventually.true(within: .seconds(90)) {
            state.withLockedValue { $0.running == 0 }
        }
    }
}
