import Backplane
import Foundation
import HostDeployment
import NIOCore
import TestSupport
import Testing

/// What works in the host's process works in another one.
@Suite struct ProcessTests {
    @Test(
        "bodies of every size arrive whole, both ways",
        arguments: [0, 1, 4_000, 65_000, 65_472, 65_600, 131_000, 1 << 20, (5 << 20) + 7])
    func sizes(size: Int) async throws {
        try await TestHost.run(
            plugins: ["libecho.so": Repository.product("libecho.so")],
            manifests: ["echo": "isolation: process"]
        ) { host in
            let body = String((0..<size).lazy.map { Character(UnicodeScalar(UInt8(97 + $0 % 23))) })
            for method in [nil, "upper"] {
                let answer = try await host.http.call("echo", method, body)
                #expect(answer.status == 200)
                #expect(answer.text == (method == nil ? body : body.uppercased()))
            }
        }
    }

    @Test("state is handed over from process to process, and into the host's and back")
    func state() async throws {
        try await TestHost.run(
            plugins: ["libcounting.so": try Fixture.library("counting")],
            manifests: ["counting": "isolation: process"]
        ) { host in
            for count in 1...3 { #expect(try await host.http.call("counting").text == "\(count)") }
            _ = try await host.operations.reload("counting")
            #expect(try await host.http.call("counting").text == "4")
            for (isolation, count) in [("none", 5), ("process", 6)] {
                try host.writeManifest("counting", "isolation: \(isolation)")
                _ = try await host.wait(for: "counting") {
                    $0.state == .serving && $0.isolation == (isolation == "none" ? nil : isolation)
                }
                #expect(try await host.http.call("counting").text == "\(count)")
            }
        }
    }

    @Test("a reload leaves no process and no retired generation")
    func reloads() async throws {
        try await TestHost.run(
            plugins: ["libcounter.so": Repository.product("libcounter.so")],
            manifests: ["counter": "isolation: process"]
        ) { host in
            _ = try await host.operations.reload("counter")
            for _ in 0..<20 { _ = try await host.operations.reload("counter") }
            let status = try await host.wait(for: "counter") {
                $0.drainingGenerations.isEmpty && $0.processes.count == 1
            }
            #expect(status.retiredGenerations == [])
        }
    }

    @Test("what can't be in another process is refused with the remedy")
    func refused() async throws {
        try await TestHost.run(
            plugins: ["libstage.so": try Fixture.library("stage", defines: ["METHODS"])],
            manifests: ["stage": "isolation: process"]
        ) { host in
            let status = try await host.wait(for: "stage") { $0.state == .failed }
            #expect(status.reason?.contains("write isolation: none into its manifest") == true)
        }
    }

    @Test(
        "without the worker's program the plugin is refused, and the reason says where it is to be")
    func missing() async throws {
        try await TestHost.run(
            plugins: ["libecho.so": Repository.product("libecho.so")],
            manifests: ["echo": "isolation: process"],
            configure: { $0.workerPath = "/nowhere/backplane-worker" }
        ) { host in
            let status = try await host.wait(for: "echo") { $0.state == .failed }
            #expect(status.reason?.contains("/nowhere/backplane-worker: No such file") == true)
        }
    }
}
