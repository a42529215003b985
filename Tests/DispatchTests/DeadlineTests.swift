import Foundation
import HostCore
import HostDeployment
import NIOCore
import TestSupport
import Testing

/// Deadlines and cancellation with real plugins.
@Suite struct DeadlineTests {
    @Test("an expired call that waits never reaches the plugin")
    func expiresInQueue() async throws {
        try await TestHost.run(
            plugins: ["libblocks.so": Fixture.library("blocks")],
            manifests: ["blocks": "hang_grace: 10s"]
        ) { host in
            let marker = host.directory.file("reached")
            async let slow = host.http.call("blocks", "sleep", "800")
            _ = try await host.wait(for: "blocks") { $0.calls.running == 1 }
            // It would create the marker as soon as it ran, because it would be cancelled already.
            let expired = try await host.http.call(
                "blocks", "until_cancelled", marker, headers: ["X-Request-Timeout-Seconds": "0.1"])
            #expect(expired.status == 504)
            #expect(try await slow.text == "slept")
            #expect(try await host.http.call("blocks", "echo", "after").text == "after")
            #expect(!FileManager.default.fileExists(atPath: marker))
        }
    }

    @Test(
        "a running call whose deadline passes sees that it is cancelled; its late finish is counted"
    )
    func lateFinish() async throws {
        try await TestHost.run(
            plugins: ["libblocks.so": Fixture.library("blocks")],
            manifests: ["blocks": "request_timeout: 200ms\nhang_grace: 10s"]
        ) { host in
            let marker = host.directory.file("cancelled")
            #expect(try await host.http.call("blocks", "until_cancelled", marker).status == 504)
            let status = try await host.wait(for: "blocks") { $0.calls.lateFinishes == 1 }
            #expect(FileManager.default.fileExists(atPath: marker))
            #expect(status.calls.misuses == 0, "it is no misuse")
            #expect(try await host.http.call("blocks", "echo", "on").text == "on")
        }
    }

    @Test("a handle's timeout shortens the backend's and can't extend it")
    func handleTimeout() async throws {
        try await TestHost.run(
            plugins: ["libblocks.so": Fixture.library("blocks")],
            manifests: [
                "blocks":
                    "request_timeout: 300ms\nnum_replicas: 2\nhang_grace: 30s\ndrain_timeout: 10s"
            ]
        ) { host in
            for seconds in [0.05, 60] {
                let start = ContinuousClock.now
                await #expect(throws: DispatchError.self) {
                    _ = try await host.operations.call(
                        "blocks", method: "sleep", body: ByteBuffer(string: "20000"),
                        timeout: Duration.seconds(seconds))
                }
                let took = ContinuousClock.now - start
                #expect(took < .seconds(19), "\(seconds) s took \(took)")
            }
        }
    }
}
