import Foundation
import HostCore
import HostDeployment
import NIOCore
import TestSupport
import Testing

/// Batches as a real plugin sees them.
@Suite struct BatchingTests {
    /// Calls a method once for each body, at once, and returns the responses in the order of the bodies.
    private func callAll(
        _ host: TestHost, _ endpoint: String, _ method: String? = nil, _ bodies: [String]
    ) async throws -> [HTTPTestClient.Response] {
        try await withThrowingTaskGroup { group in
            for (index, body) in bodies.enumerated() {
                group.addTask { (index, try await host.http.call(endpoint, method, body)) }
            }
            var answers: [Int: HTTPTestClient.Response] = [:]
            for try await (index, answer) in group { answers[index] = answer }
            return bodies.indices.map { answers[$0]! }
        }
    }

    private func seen(_ host: TestHost) async throws -> [Int] {
        let answer = try await host.http.call("batches", "seen")
        return try JSONDecoder().decode([Int].self, from: Data(answer.body))
    }

    @Test("calls that arrive within the wait share a batch; the answers find their callers")
    func waits() async throws {
        try await TestHost.run(
            plugins: ["libbatches.so": Fixture.library("batches")],
            manifests: ["batches": "max_batch_size: 8\nbatch_wait_timeout: 10s"]
        ) { host in
            let bodies = (0..<16).map { "body \($0)" }
            let answers = try await callAll(host, "batches", nil, bodies)
            #expect(answers.map(\.text) == bodies)
            // Only full batches: the wait is longer than the test would take.
            #expect(try await seen(host) == [8, 8])
        }
    }

    @Test("a batch that is not full begins when its first call has waited")
    func timesOut() async throws {
        try await TestHost.run(
            plugins: ["libbatches.so": Fixture.library("batches")],
            manifests: ["batches": "max_batch_size: 8\nbatch_wait_timeout: 300ms"]
        ) { host in
            let answers = try await callAll(host, "batches", nil, ["a", "b", "c"])
            #expect(answers.map(\.text) == ["a", "b", "c"])
            #expect(try await seen(host).reduce(0, +) == 3)
        }
    }

    @Test("one failed item fails alone")
    func oneFails() async throws {
        try await TestHost.run(
            plugins: ["libbatches.so": Fixture.library("batches")],
            manifests: ["batches": "max_batch_size: 4\nbatch_wait_timeout: 10s"]
        ) { host in
            let answers = try await callAll(host, "batches", "third_fails", ["a", "b", "c", "d"])
            #expect(answers.map(\.status).sorted() == [200, 200, 200, 400])
            let failed = try #require(answers.first { $0.status == 400 })
            #expect(failed.text.contains("third"))
            #expect(
                zip(answers, ["a", "b", "c", "d"]).allSatisfy { $0.status == 400 || $0.text == $1 })
        }
    }

    @Test("HTTP calls and handle calls join the same batch")
    func sameBatch() async throws {
        try await TestHost.run(
            plugins: ["libbatch_keys.so": Fixture.library("batch_keys")],
            manifests: ["batch_keys": "max_batch_size: 2\nbatch_wait_timeout: 10s"]
        ) { host in
            async let http = host.http.call("batch_keys", nil, "-http")
            async let handle = host.operations.call(
                "batch_keys", body: ByteBuffer(string: "-handle"))
            let answers = try await [http.text, String(buffer: handle.body)]
            #expect(answers[0] == answers[1])
            #expect(Set(answers[0].split(separator: "|")) == ["-http", "-handle"])
        }
    }

    @Test("calls with different keys don't share a batch; those of one method and key do")
    func keys() async throws {
        try await TestHost.run(
            plugins: ["libbatch_keys.so": Fixture.library("batch_keys")],
            manifests: ["batch_keys": "max_batch_size: 3\nbatch_wait_timeout: 10s"]
        ) { host in
            let bodies = ["a1", "b1", "a2", "b2", "a3", "b3"]
            let answers = try await callAll(host, "batch_keys", nil, bodies)
            for (body, answer) in zip(bodies, answers) {
                let batch = answer.text.split(separator: "|")
                #expect(batch.count == 3)
                #expect(batch.allSatisfy { $0.first == body.first }, "\(answer.text)")
            }
        }
    }

    @Test("the plugin's preferred size begins a batch before it is full")
    func preferred() async throws {
        try await TestHost.run(
            plugins: ["libbatch_keys.so": Fixture.library("batch_keys")],
            manifests: ["batch_keys": "max_batch_size: 64\nbatch_wait_timeout: 10s"]
        ) { host in
            let answers = try await callAll(
                host, "batch_keys", "preferred", ["-1", "-2", "-3", "-4"])
            #expect(answers.allSatisfy { $0.text.split(separator: "|").count == 4 })
        }
    }

    @Test("several batches run at once when several replicas are free")
    func parallelBatches() async throws {
        try await TestHost.run(
            plugins: ["libslow.so": Fixture.library("slow", defines: ["SLEEP_MS=3000"])],
            manifests: ["slow": "num_replicas: 4\nmax_batch_size: 2\nbatch_wait_timeout: 10s"]
        ) { host in
            let most = Task {
                try await Eventually.true { try await host.status(of: "slow")?.calls.running == 4 }
            }
            let answers = try await callAll(host, "slow", nil, (0..<8).map(String.init))
            #expect(answers.map(\.text) == (0..<8).map(String.init))
            try await most.value
        }
    }

    @Test("a batch size for a plugin that takes no batches is refused, and the list says why")
    func notBatchable() async throws {
        try await TestHost.run(
            plugins: ["libcounting.so": Fixture.library("counting")],
            manifests: ["counting": "max_batch_size: 2"]
        ) { host in
            let status = try #require(try await host.status(of: "counting"))
            #expect(status.state == .failed)
            #expect(status.reason?.contains("max_batch_size is 2") == true)
            try host.writeManifest("counting", "max_batch_size: 1")
            _ = try await host.wait(for: "counting") { $0.state == .serving && $0.reason == nil }
        }
    }
}
