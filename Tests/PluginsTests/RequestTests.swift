import Foundation
import HostCore
import NIOCore
import TestSupport
import Testing

/// What a plugin is told of a call.
@Suite struct RequestTests {
    @Test("a request tells its method, its content type and its deadline")
    func request() throws {
        let plugin = try LoadedPlugin(fixture: "request")
        let deadline = NIODeadline.uptimeNanoseconds(123_456_789_012_345)
        let call = TestCall(contentType: "application/json", deadline: deadline)
        #expect(
            try plugin.run(call, "second").text == "48 1 123456789012345 application/json")
    }

    @Test("a request without a deadline and a content type says so")
    func plainRequest() throws {
        #expect(try LoadedPlugin(fixture: "request").call().text == "48 0 0 ")
    }

    @Test("a request after one with a long content type has its own")
    func contentTypes() throws {
        let plugin = try LoadedPlugin(fixture: "request")
        for size in [0, 64, 65, 200, 3, 130, 0] {
            let contentType = String(repeating: "t", count: size)
            let call = try plugin.run(TestCall(contentType: contentType))
            #expect(call.text == "48 0 0 \(contentType)")
        }
    }

    @Test("the deadline is on the clock that the header names")
    func clock() throws {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let nanoseconds = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        let deadline = NIODeadline.now().uptimeNanoseconds
        #expect(deadline >= nanoseconds)
        #expect(deadline - nanoseconds < 60_000_000_000)
    }

    @Test("every byte of a body reaches the plugin and comes back")
    func bytes() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let call = TestCall(bytes)
        #expect(try LoadedPlugin(Repository.product("libecho.so")).run(call).bytes == bytes)
    }

    // MARK: Metadata

    @Test("metadata has all that is known of an HTTP call, its headers in order")
    func metadata() throws {
        let metadata = CallMetadata(
            origin: .http, httpMethod: "POST", path: "/a%20b", query: "a=1&b=%32",
            requestID: "id-1", shardKey: "käse",
            headers: [("x-fruit", "apple"), ("x-empty", ""), ("x-fruit", "pear")])
        let call = TestCall(metadata: metadata)
        #expect(
            try LoadedPlugin(fixture: "metadata").run(call).text == """
                origin=http
                http_method=POST
                path=/a%20b
                query=a=1&b=%32
                request_id=id-1
                shard_key=käse
                x-fruit=apple
                x-empty=
                x-fruit=pear

                """)
    }

    @Test("metadata of a call through a handle has empty members where nothing is known")
    func handleMetadata() throws {
        let call = TestCall(metadata: CallMetadata(origin: .handle, requestID: "id-2"))
        #expect(
            try LoadedPlugin(fixture: "metadata").run(call).text == """
                origin=handle
                http_method=
                path=
                query=
                request_id=id-2
                shard_key=

                """)
    }

    @Test("metadata has who the client is")
    func client() throws {
        let plugin = try LoadedPlugin(fixture: "metadata")
        let metadata = CallMetadata(
            origin: .http, requestID: "id-3", remoteAddress: "2001:db8::1", scheme: "http",
            subject: "ann")
        #expect(try plugin.run(TestCall(metadata: metadata), "who").text == "2001:db8::1 http ann")
        #expect(try plugin.call("who").text == "  ")
    }

    @Test("metadata is made once for a plugin that asks twice, and not for one that doesn't ask")
    func laziness() throws {
        let plugin = try LoadedPlugin(fixture: "metadata")
        let asking = try plugin.call("twice")
        #expect(asking.text == "same")
        #expect(asking.metadataRequests == 1)
        #expect(try plugin.call("none").metadataRequests == 0)
    }

    // MARK: Cancellation

    @Test("a plugin that asks sees that the caller has gone")
    func cancelled() async throws {
        let directory = try TemporaryDirectory()
        let plugin = try LoadedPlugin(fixture: "blocks")
        let call = TestCall(directory.file("cancelled"))
        PluginThread.start(name: "test") { _ = try? plugin.run(call, "until_cancelled") }
        call.abandon()
        try await call.finished()
        #expect(call.failure?.status == .cancelled)
    }
}
